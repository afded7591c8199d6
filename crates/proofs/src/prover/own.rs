//! Circuit proofs of 2 KiB sectors by this crate's own Groth16 prover.
//!
//! Circuits, public inputs and the checks of vanilla proofs are the library's, put together in the
//! way that its own prover does it.
//!
//! # Invariants
//! - What is returned was verified: a PoSt by the verification of its compound proof with the key
//!   at the head of the parameters, a seal by `verify_seal`, for the sector that was asked for.

use std::{path::Path, sync::atomic::Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use bellperson::{Circuit, groth16::prepare_verifying_key};
use blstrs::Scalar as Fr;
use filecoin_proofs::{
    FallbackPoStSectorProof, PoStType, as_safe_commitment,
    constants::DefaultPieceDomain,
    get_num_partition_for_fallback_post,
    parameters::{public_params, window_post_setup_params, winning_post_setup_params},
    partition_vanilla_proofs,
};
use filecoin_proofs_api::{
    self as api, ProverId, RegisteredPoStProof, SectorId,
    seal::{SealCommitPhase1Output, VanillaSealProof},
};
use lotus_ports::proofs::Randomness;
use storage_proofs_core::{
    compound_proof::{CircuitComponent, CompoundProof, SetupParams},
    multi_proof::MultiProof,
    parameter_cache::ParameterSetMetadata,
    proof::ProofScheme,
};
use storage_proofs_porep::stacked;
use storage_proofs_post::fallback::{ChallengeRequirements, PublicInputs, PublicSector};

use tracing::warn;

use super::FilecoinProver;
use crate::{
    convert::work_call,
    groth16::{Parameters, prove},
    params::{
        self,
        circuits::{PoRep, PoRepCircuit, PoRepCompound, PoSt, PoStCircuit, PoStCompound, Tree},
    },
};

/// The only sectors whose circuits this was tested with.
const SECTOR_SIZE: u64 = 2048;

impl FilecoinProver {
    /// Asks the own prover, where it applies, for a proof with the parameters at the path that
    /// `prove` gets. With `None` the library is to prove; unless that was clear beforehand, it is
    /// counted and a warning says why.
    pub(super) fn own(
        &self,
        circuit: params::Circuit,
        sector_size: u64,
        prove: impl FnOnce(&Path) -> Result<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        if !self.own || sector_size != SECTOR_SIZE {
            return None;
        }
        // A panic becomes an error here.
        let proof = work_call("proving", self.cache.dir(), || {
            prove(&self.cache.params_path(circuit, sector_size)?)
        });
        let warn = |error| {
            self.fallbacks.fetch_add(1, Ordering::Relaxed);
            warn!(%circuit, %error, "no proof from the own prover; the library proves instead");
        };
        proof.map_err(warn).ok()
    }
}

/// The seal's proof from Commit1's output.
///
/// # Errors
/// When the output is of no use, or the proof does not hold for the sector.
pub(super) fn seal(
    params: &Path,
    phase1: &SealCommitPhase1Output,
    prover: ProverId,
    number: SectorId,
) -> Result<Vec<u8>> {
    let VanillaSealProof::StackedDrg2KiBV1(vanilla) = &phase1.vanilla_proofs else {
        bail!("Commit1's output is of another sector size");
    };
    let (comm_r, comm_d) = (phase1.comm_r, phase1.comm_d);
    let inputs = stacked::PublicInputs {
        replica_id: phase1.replica_id,
        tau: Some(stacked::Tau {
            comm_d: as_safe_commitment::<DefaultPieceDomain, _>(&comm_d, "comm_d")?,
            comm_r: as_safe_commitment(&comm_r, "comm_r")?,
        }),
        k: None,
        seed: Some(phase1.seed),
    };
    let public = public_params::<Tree>(&phase1.registered_proof.as_v1_config())?;
    let proof =
        circuit_proofs::<PoRep, PoRepCircuit, PoRepCompound>(params, &public, &inputs, vanilla)?;
    let holds = api::seal::verify_seal(
        phase1.registered_proof,
        comm_r,
        comm_d,
        prover,
        number,
        phase1.ticket,
        phase1.seed,
        &proof,
    )?;
    ensure!(holds, "the proof does not hold");
    Ok(proof)
}

/// A PoSt's proof, one after the other for every partition.
///
/// # Errors
/// When the vanilla proofs are of no use, or the proof does not hold.
pub(super) fn post(
    params: &Path,
    proof_type: RegisteredPoStProof,
    randomness: &Randomness,
    prover: ProverId,
    vanilla: &[Vec<u8>],
) -> Result<Vec<u8>> {
    let config = proof_type.as_v1_config();
    let vanilla = vanilla
        .iter()
        .map(|bytes| bincode::deserialize(bytes).context("a vanilla proof"))
        .collect::<Result<Vec<FallbackPoStSectorProof<Tree>>>>()?;
    let mut sectors: Vec<_> = vanilla
        .iter()
        .map(|proof| PublicSector {
            id: proof.sector_id,
            comm_r: proof.comm_r,
        })
        .collect();
    ensure!(!sectors.is_empty(), "no vanilla proofs");
    let (setup, partitions) = match config.typ {
        PoStType::Winning => {
            ensure!(
                sectors.len() == config.sector_count,
                "a WinningPoSt of several sectors"
            );
            let setup = winning_post_setup_params(&config)?;
            // The circuit sees a sector's challenges as sectors with one challenge each.
            sectors = vec![sectors; setup.sector_count].concat();
            (setup, 1)
        }
        PoStType::Window => (
            window_post_setup_params(&config),
            get_num_partition_for_fallback_post(&config, sectors.len()),
        ),
    };
    let public = <PoStCompound as CompoundProof<PoSt, PoStCircuit>>::setup(&SetupParams {
        vanilla_params: setup,
        partitions: Some(partitions),
        priority: false,
    })?;
    let inputs = PublicInputs {
        randomness: as_safe_commitment(randomness, "randomness")?,
        prover_id: as_safe_commitment(&prover, "prover_id")?,
        sectors,
        k: None,
    };
    let scheme = &public.vanilla_params;
    let vanilla = partition_vanilla_proofs(&config, scheme, &inputs, partitions, &vanilla)?;
    let proof =
        circuit_proofs::<PoSt, PoStCircuit, PoStCompound>(params, scheme, &inputs, &vanilla)?;

    let key = prepare_verifying_key(&Parameters::open(params)?.key);
    let proofs = MultiProof::new_from_bytes(Some(partitions), &proof, &key)?;
    let requirements = ChallengeRequirements {
        minimum_challenge_count: config.challenge_count * config.sector_count,
    };
    let holds = PoStCompound::verify(&public, &inputs, &proofs, &requirements)?;
    ensure!(holds, "the proof does not hold");
    Ok(proof)
}

/// The circuit proofs of all partitions, one behind the other; one partition in memory at a time.
fn circuit_proofs<S, C, P>(
    params: &Path,
    public: &S::PublicParams,
    inputs: &S::PublicInputs,
    vanilla: &[S::Proof],
) -> Result<Vec<u8>>
where
    S: ProofScheme<'static>,
    S::Proof: Sync + Send,
    S::PublicParams: ParameterSetMetadata + Sync + Send,
    S::PublicInputs: Clone + Sync,
    C: Circuit<Fr> + CircuitComponent + Send,
    P: CompoundProof<'static, S, C>,
{
    let mut proofs = Vec::new();
    for (partition, vanilla) in vanilla.iter().enumerate() {
        let private = C::ComponentPrivateInputs::default();
        let circuit = P::circuit(inputs, private, vanilla, public, Some(partition))?;
        prove(circuit, params)?.write(&mut proofs)?;
    }
    Ok(proofs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(prover: &FilecoinProver, size: u64, answer: fn() -> Result<Vec<u8>>) -> Option<Vec<u8>> {
        prover.own(params::Circuit::WindowPoSt, size, |path| {
            assert!(
                path.extension()
                    .is_some_and(|extension| extension == "params")
            );
            answer()
        })
    }

    #[test]
    fn errors_and_panics_leave_the_proof_to_the_library() {
        let prover = FilecoinProver::new();
        assert_eq!(ask(&prover, 2048, || bail!("it does not hold")), None);
        assert_eq!(ask(&prover, 2048, || panic!("index out of bounds")), None);
        assert_eq!(prover.fallbacks(), 2);
        assert_eq!(ask(&prover, 2048, || Ok(vec![7])), Some(vec![7]));
        assert_eq!(prover.fallbacks(), 2);
    }

    #[test]
    fn other_sectors_and_the_reference_do_not_come_here() {
        let answer = || Ok(vec![7]);
        for (prover, size) in [
            (FilecoinProver::new(), 8 << 20),
            (FilecoinProver::reference(), 2048),
        ] {
            assert_eq!(ask(&prover, size, answer), None);
            assert_eq!(prover.fallbacks(), 0);
        }
    }
}
