//! Mock proofs: nothing is proven, so sealing and block production take microseconds, or as long as
//! the network's description says ([`MockProofs`]).
//!
//! For ensembles that run whole networks in one process at block times of milliseconds, and for
//! devnets of processes, on the real FVM with the `testing-fake-proofs` actors. What those actors
//! accept decides the shapes: every seal, and a WindowPoSt that is the SHA-256 hash of the challenge
//! seed and the sectors.
//!
//! # Invariants
//! - Whoever chooses between this prover and the real one asks the network's actors
//!   (`Network::proofs`), nothing else.
//!
//! # Lotus parity
//! Proof bytes are those of Lotus' mock sealer (`storage/sealer/mock`): a WinningPoSt is the text
//! "valid proof". A mock replica is a copy of the data, so that it can be unsealed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use lotus_networks::MockProofs;
use lotus_ports::proofs::{
    AggregateSealVerifyInfo, AggregatedSeal, ProofError, Prover, Randomness, Replica, SectorPaths,
    UnsealRange, WindowPoSt,
};
use lotus_types::{
    ActorId, Cid, PieceInfo, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorId,
    SectorInfo, SectorNumber,
    sector::{PaddedPieceSize, SectorCids, SectorRef, UnpaddedPieceSize, sealed_cid},
    wire,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    commp,
    convert::{comm_d, sector_size, storage},
    fr32,
};

mod verifier;

pub use verifier::MockVerifier;
use verifier::{aggregate_bytes, seal_proof_bytes, window_bytes};

/// What a mock WinningPoSt consists of.
pub const VALID_WINNING_POST: &[u8] = b"valid proof";

/// Makes mock replicas and proofs. Clones share the set of faulty sectors.
#[derive(Debug, Clone, Default)]
pub struct MockProver {
    faulty: Arc<Mutex<BTreeSet<SectorId>>>,
    pace: MockProofs,
}

impl MockProver {
    /// A prover that can prove everything, at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A prover whose steps take their time.
    pub fn paced(pace: MockProofs) -> Self {
        Self {
            pace,
            ..Self::default()
        }
    }

    /// Lets a sector fail all further proofs, or work again: a test's broken disk.
    pub fn set_faulty(&self, sector: SectorId, faulty: bool) {
        let mut all = self.faulty();
        if faulty {
            all.insert(sector);
        } else {
            all.remove(&sector);
        }
    }

    fn faulty(&self) -> MutexGuard<'_, BTreeSet<SectorId>> {
        self.faulty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn need_working(&self, sector: SectorId) -> Result<(), ProofError> {
        if self.faulty().contains(&sector) {
            let reason = format!("sector {sector} is marked as faulty");
            return Err(ProofError::Failed {
                call: "mock proof",
                reason,
            });
        }
        Ok(())
    }
}

/// Takes so much time. Provers block their thread anyway.
fn take(milliseconds: u32) {
    thread::sleep(MockProofs::time(milliseconds));
}

/// PreCommit1's result.
#[derive(Serialize, Deserialize)]
struct MockPhase1 {
    sector: SectorRef,
    ticket: Randomness,
    unsealed: Cid,
}

/// Commit1's result.
#[derive(Serialize, Deserialize)]
struct MockVanilla {
    sector: SectorRef,
    ticket: Randomness,
    seed: Randomness,
    cids: SectorCids,
}

impl Prover for MockProver {
    fn add_piece(
        &self,
        seal_proof: RegisteredSealProof,
        size: UnpaddedPieceSize,
        data: &mut dyn Read,
        staged: &mut dyn Write,
    ) -> Result<PieceInfo, ProofError> {
        if size.padded().0 > sector_size(seal_proof)? {
            return Err(ProofError::Invalid(format!(
                "a piece of {size} is larger than a sector"
            )));
        }
        commp::copy_piece(size, data, staged)
    }

    fn data_commitment(
        &self,
        seal_proof: RegisteredSealProof,
        pieces: &[PieceInfo],
    ) -> Result<Cid, ProofError> {
        commp::data_commitment(PaddedPieceSize(sector_size(seal_proof)?), pieces)
    }

    fn seal_pre_commit1(
        &self,
        sector: &SectorRef,
        ticket: &Randomness,
        pieces: &[PieceInfo],
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError> {
        let size = sector_size(sector.proof_type)?;
        let unsealed = self.data_commitment(sector.proof_type, pieces)?;
        fs::create_dir_all(&paths.cache).map_err(storage("creating", &paths.cache))?;
        fs::copy(&paths.unsealed, &paths.sealed).map_err(storage("copying", &paths.unsealed))?;
        // In the middle, so that whoever is cut off leaves files of which some are missing.
        take(self.pace.pre_commit1_ms);
        // What is behind the sector's bytes in an unsealed file is not part of the sector.
        fs::File::options()
            .write(true)
            .open(&paths.sealed)
            .and_then(|file| file.set_len(size))
            .map_err(storage("writing", &paths.sealed))?;
        print(&MockPhase1 {
            sector: *sector,
            ticket: *ticket,
            unsealed,
        })
    }

    fn seal_pre_commit2(
        &self,
        sector: &SectorRef,
        phase1: &[u8],
        paths: &SectorPaths,
    ) -> Result<SectorCids, ProofError> {
        let phase1: MockPhase1 = parse(phase1)?;
        if phase1.sector != *sector {
            return Err(ProofError::Invalid(
                "another sector's PreCommit1 output".to_owned(),
            ));
        }
        let write = |name: &str| {
            let path = paths.cache.join(name);
            fs::write(&path, [0; 64]).map_err(storage("writing", &path))
        };
        write("p_aux")?;
        take(self.pace.pre_commit2_ms);
        write("t_aux")?;
        write("sc-02-data-tree-r-last.dat")?;
        let mut replica: [u8; 32] = Sha256::new()
            .chain_update(b"mock replica")
            .chain_update(comm_d(&phase1.unsealed)?)
            .chain_update(phase1.ticket)
            .chain_update(wire::to_cbor(&sector.id))
            .finalize()
            .into();
        replica[31] &= 0x3f;
        Ok(SectorCids {
            unsealed: phase1.unsealed,
            sealed: sealed_cid(&replica),
        })
    }

    fn seal_commit1(
        &self,
        sector: &SectorRef,
        ticket: &Randomness,
        seed: &Randomness,
        pieces: &[PieceInfo],
        cids: &SectorCids,
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError> {
        self.need_working(sector.id)?;
        if self.data_commitment(sector.proof_type, pieces)? != cids.unsealed {
            return Err(ProofError::Invalid(
                "pieces and CommD do not match".to_owned(),
            ));
        }
        fs::metadata(&paths.sealed).map_err(storage("reading", &paths.sealed))?;
        let (sector, ticket, seed) = (*sector, *ticket, *seed);
        print(&MockVanilla {
            sector,
            ticket,
            seed,
            cids: cids.clone(),
        })
    }

    fn seal_commit2(&self, sector: &SectorRef, phase1: &[u8]) -> Result<Vec<u8>, ProofError> {
        let phase1: MockVanilla = parse(phase1)?;
        if phase1.sector != *sector {
            return Err(ProofError::Invalid(
                "another sector's Commit1 output".to_owned(),
            ));
        }
        take(self.pace.commit2_ms);
        let seal = AggregatedSeal {
            number: sector.id.number,
            ticket: phase1.ticket,
            seed: phase1.seed,
            sealed: phase1.cids.sealed,
            unsealed: phase1.cids.unsealed,
        };
        seal_proof_bytes(sector.proof_type, sector.id.miner, &seal)
    }

    fn aggregate_seal_proofs(
        &self,
        info: &AggregateSealVerifyInfo,
        proofs: &[Vec<u8>],
    ) -> Result<Vec<u8>, ProofError> {
        let expected = info
            .infos
            .iter()
            .map(|seal| seal_proof_bytes(info.seal_proof, info.miner, seal))
            .collect::<Result<Vec<_>, _>>()?;
        if proofs.is_empty() || proofs != expected {
            return Err(ProofError::Invalid(
                "the proofs are not those of the sectors".to_owned(),
            ));
        }
        aggregate_bytes(info)
    }

    fn unseal_range(
        &self,
        sector: &SectorRef,
        paths: &SectorPaths,
        _unsealed: &Cid,
        _ticket: &Randomness,
        range: UnsealRange,
        out: &mut dyn Write,
    ) -> Result<(), ProofError> {
        let data = PaddedPieceSize(sector_size(sector.proof_type)?)
            .unpadded()
            .0;
        if range
            .offset
            .checked_add(range.size.0)
            .is_none_or(|end| end > data)
        {
            return Err(ProofError::Invalid(
                "the range is outside of the sector".to_owned(),
            ));
        }
        let quad = range.offset / fr32::UNPADDED as u64;
        let within = range.offset % fr32::UNPADDED as u64;
        let mut copy = || {
            let mut sealed = fs::File::open(&paths.sealed)?;
            sealed.seek(SeekFrom::Start(quad * fr32::PADDED as u64))?;
            let mut data = fr32::UnpadReader::new(sealed);
            io::copy(&mut data.by_ref().take(within), &mut io::sink())?;
            io::copy(&mut data.take(range.size.0), out).map(|_| ())
        };
        copy().map_err(storage("unsealing", &paths.sealed))
    }

    fn clear_cache(&self, _sector: &SectorRef, cache: &Path) -> Result<(), ProofError> {
        fs::metadata(cache)
            .map(|_| ())
            .map_err(storage("reading", cache))
    }

    fn post_challenges(
        &self,
        _proof: RegisteredPoStProof,
        _miner: ActorId,
        _randomness: &Randomness,
        sectors: &[SectorNumber],
    ) -> Result<BTreeMap<SectorNumber, Vec<u64>>, ProofError> {
        Ok(sectors.iter().map(|number| (*number, vec![0])).collect())
    }

    fn vanilla_post(
        &self,
        _proof: RegisteredPoStProof,
        replica: &Replica,
        _challenges: &[u64],
    ) -> Result<Vec<u8>, ProofError> {
        fs::metadata(&replica.sealed).map_err(storage("reading", &replica.sealed))?;
        print(&replica.info)
    }

    fn winning_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        _miner: ActorId,
        _randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        if !proof.is_winning() || vanilla.is_empty() {
            return Err(ProofError::Invalid(
                "no sectors, or no WinningPoSt type".to_owned(),
            ));
        }
        take(self.pace.winning_post_ms);
        Ok(vec![PoStProof {
            post_proof: proof,
            proof_bytes: VALID_WINNING_POST.into(),
        }])
    }

    fn window_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        _miner: ActorId,
        randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        let sectors = vanilla
            .iter()
            .map(|v| parse(v))
            .collect::<Result<Vec<SectorInfo>, _>>()?;
        take(self.pace.window_post_ms);
        window_proof(proof, randomness, &sectors)
    }

    fn generate_winning_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        replicas: &[Replica],
        randomness: &Randomness,
    ) -> Result<Vec<PoStProof>, ProofError> {
        for replica in replicas {
            self.need_working(SectorId {
                miner,
                number: replica.info.sector_number,
            })?;
        }
        let vanilla = replicas
            .iter()
            .map(|r| print(&r.info))
            .collect::<Result<Vec<_>, _>>()?;
        self.winning_post_from_vanilla(proof, miner, randomness, &vanilla)
    }

    /// Unlike the real one, hashes the sectors as listed, repetitions included: so do the actors.
    fn generate_window_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        replicas: &[Replica],
        randomness: &Randomness,
    ) -> Result<WindowPoSt, ProofError> {
        let mut skipped: Vec<_> = replicas
            .iter()
            .map(|replica| replica.info.sector_number)
            .filter(|number| {
                self.need_working(SectorId {
                    miner,
                    number: *number,
                })
                .is_err()
            })
            .collect();
        skipped.sort_unstable();
        skipped.dedup();
        let sectors: Vec<_> = replicas.iter().map(|r| r.info.clone()).collect();
        take(self.pace.window_post_ms);
        let proofs = match skipped[..] {
            [] => window_proof(proof, randomness, &sectors)?,
            _ => Vec::new(),
        };
        Ok(WindowPoSt { proofs, skipped })
    }
}

fn window_proof(
    proof: RegisteredPoStProof,
    randomness: &Randomness,
    sectors: &[SectorInfo],
) -> Result<Vec<PoStProof>, ProofError> {
    if !proof.is_window() || sectors.is_empty() {
        return Err(ProofError::Invalid(
            "no sectors, or no WindowPoSt type".to_owned(),
        ));
    }
    let proof_bytes = window_bytes(randomness, sectors).into();
    Ok(vec![PoStProof {
        post_proof: proof,
        proof_bytes,
    }])
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ProofError> {
    serde_json::from_slice(json).map_err(|e| ProofError::Invalid(e.to_string()))
}

fn print<T: Serialize>(value: &T) -> Result<Vec<u8>, ProofError> {
    let failed = |e: serde_json::Error| ProofError::Failed {
        call: "mock",
        reason: e.to_string(),
    };
    serde_json::to_vec(value).map_err(failed)
}

#[cfg(test)]
mod tests;
