//! Blank 2 KiB circuits: the shapes that parameters are generated for.

use std::io::Write;

use bellperson::groth16::VerifyingKey;
use blstrs::Bls12;
use filecoin_proofs::{
    constants::{
        DefaultPieceHasher, SectorShape2KiB, SectorShapeBase, SectorShapeSub8, SectorShapeTop2,
    },
    parameters::{public_params, window_post_public_params, winning_post_public_params},
};
use filecoin_proofs_api::{RegisteredPoStProof, RegisteredSealProof};
use storage_proofs_core::{compound_proof::CompoundProof, parameter_cache::CacheableParameters};
use storage_proofs_porep::stacked::{StackedCircuit, StackedCompound, StackedDrg};
use storage_proofs_post::fallback::{FallbackPoSt, FallbackPoStCircuit, FallbackPoStCompound};
use storage_proofs_update::{
    EmptySectorUpdate, PublicParams, circuit::EmptySectorUpdateCircuit,
    compound::EmptySectorUpdateCompound,
};

use super::{
    Circuit,
    generator::{GenerateError, Trapdoor, write_parameters},
};

pub(crate) type Tree = SectorShape2KiB;
pub(crate) type PoRep = StackedDrg<'static, Tree, DefaultPieceHasher>;
pub(crate) type PoRepCircuit = StackedCircuit<Tree, DefaultPieceHasher>;
pub(crate) type PoRepCompound = StackedCompound<Tree, DefaultPieceHasher>;
pub(crate) type PoSt = FallbackPoSt<'static, Tree>;
pub(crate) type PoStCircuit = FallbackPoStCircuit<Tree>;
pub(crate) type PoStCompound = FallbackPoStCompound<Tree>;
type Update = EmptySectorUpdate<Tree>;
type UpdateCircuit = EmptySectorUpdateCircuit<Tree>;
type UpdateCompound = EmptySectorUpdateCompound<Tree>;

/// The update circuit's identifier for a sector size that exists. (The proof types of the library's
/// front answer with the seal circuit's.)
pub(super) fn update_identifier(sector_size: u64) -> String {
    macro_rules! identifier {
        ($shape:ty) => {
            <EmptySectorUpdateCompound<$shape> as CacheableParameters<
                EmptySectorUpdateCircuit<$shape>,
                PublicParams,
            >>::cache_identifier(&PublicParams::from_sector_size(sector_size))
        };
    }
    match sector_size {
        0x8_0000_0000 => identifier!(SectorShapeSub8),
        0x10_0000_0000 => identifier!(SectorShapeTop2),
        _ => identifier!(SectorShapeBase),
    }
}

/// Writes the parameters of a 2 KiB circuit; see [`write_parameters`].
pub(super) fn write_2kib(
    circuit: Circuit,
    trapdoor: &Trapdoor,
    out: impl Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<VerifyingKey<Bls12>, GenerateError> {
    let setup = |e: anyhow::Error| GenerateError::Setup(format!("{e:#}"));
    match circuit {
        Circuit::PoRep => {
            let config = RegisteredSealProof::StackedDrg2KiBV1_1.as_v1_config();
            let params = public_params::<Tree>(&config).map_err(setup)?;
            let blank =
                || <PoRepCompound as CompoundProof<PoRep, PoRepCircuit>>::blank_circuit(&params);
            write_parameters(blank, trapdoor, out, progress)
        }
        Circuit::WinningPoSt => {
            let config = RegisteredPoStProof::StackedDrgWinning2KiBV1.as_v1_config();
            let params = winning_post_public_params::<Tree>(&config).map_err(setup)?;
            let blank =
                || <PoStCompound as CompoundProof<PoSt, PoStCircuit>>::blank_circuit(&params);
            write_parameters(blank, trapdoor, out, progress)
        }
        Circuit::WindowPoSt => {
            // Both versions of the type share one circuit; they differ in how challenges are drawn.
            let config = RegisteredPoStProof::StackedDrgWindow2KiBV1_2.as_v1_config();
            let params = window_post_public_params::<Tree>(&config).map_err(setup)?;
            let blank =
                || <PoStCompound as CompoundProof<PoSt, PoStCircuit>>::blank_circuit(&params);
            write_parameters(blank, trapdoor, out, progress)
        }
        Circuit::EmptySectorUpdate => {
            let params = PublicParams::from_sector_size(2048);
            let blank =
                || <UpdateCompound as CompoundProof<Update, UpdateCircuit>>::blank_circuit(&params);
            write_parameters(blank, trapdoor, out, progress)
        }
    }
}
