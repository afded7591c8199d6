//! Proofs as the rest of the node sees them: who verifies, who seals and proves.
//!
//! Synchronous on purpose: every call is CPU work of milliseconds ([`Verifier`]) to hours
//! ([`Prover`] at 32 GiB). Callers run them on a blocking pool, never on an async worker.
//!
//! # Invariants
//! - A verifier's `Ok(false)` and its [`ProofError::is_bad_input`] errors blame the proof; all
//!   other errors blame this node and must never mark a block, a message or a sector as bad.
//! - Randomness goes in as drawn. Clearing the two top bits that a field element cannot hold is
//!   the implementation's job.
//!
//! # Lotus parity
//! [`Verifier`] is `storiface.Verifier`; [`Prover`] covers `storiface.Prover` and what
//! `ffiwrapper.Sealer` does to files. Phase 1 outputs are opaque JSON, the same that Lotus passes
//! between miner and workers.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use lotus_types::{
    ActorId, Cid, PieceInfo, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorId,
    SectorInfo, SectorNumber,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};

/// Seal tickets, interactive seeds and PoSt challenge seeds, as drawn from the chain.
pub type Randomness = [u8; 32];

/// Why a proof call gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// What was passed in cannot be right: a malformed proof, commitment, size or phase output.
    #[error("invalid proof input: {0}")]
    Invalid(String),
    /// A proof type or sector size that this build does not have.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A Groth16 parameter or verifying key file is not in the cache.
    #[error(
        "proof parameter file {} is missing: run `lotus fetch-params {sector_size}`",
        file.display()
    )]
    MissingParameters {
        /// The file that was looked for.
        file: PathBuf,
        /// The sector size, in bytes, to fetch parameters for.
        sector_size: u64,
    },
    /// A parameter file is there but is not what it should be.
    #[error("proof parameter file {} is unusable: {reason}", file.display())]
    BadParameters {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing a sector's files failed (disk full, file missing, no permission).
    #[error("{action} {}", path.display())]
    Storage {
        /// What was tried, as in "writing".
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The proof library failed for a reason of its own.
    #[error("{call} failed: {reason}")]
    Failed {
        /// The library's function.
        call: &'static str,
        /// Its chain of reasons, or its panic message.
        reason: String,
    },
}

impl ProofError {
    /// True when the input is to blame, not this node.
    pub const fn is_bad_input(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::Unsupported(_))
    }
}

/// A seal to verify: the claim that `proof` binds `sealed` to `unsealed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealVerifyInfo {
    /// How the sector was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Which sector.
    pub sector: SectorId,
    /// The ticket that the replica was encoded with.
    pub ticket: Randomness,
    /// The interactive seed that chose the challenges.
    pub seed: Randomness,
    /// The SNARK, 192 bytes per partition.
    pub proof: Vec<u8>,
    /// CommR.
    pub sealed: Cid,
    /// CommD.
    pub unsealed: Cid,
}

/// Many seals of one miner under one aggregate proof (FIP-0013).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateSealVerifyInfo {
    /// How all the sectors were sealed.
    pub seal_proof: RegisteredSealProof,
    /// The aggregation: 0 is SnarkPack version 1, 1 is version 2.
    pub aggregate_proof: i64,
    /// The miner of all the sectors.
    pub miner: ActorId,
    /// The aggregate.
    pub proof: Vec<u8>,
    /// The sectors, in the order in which they were aggregated.
    pub infos: Vec<AggregatedSeal>,
}

/// One sector under an aggregate proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregatedSeal {
    /// Which sector of the miner.
    pub number: SectorNumber,
    /// The ticket that the replica was encoded with.
    pub ticket: Randomness,
    /// The interactive seed that chose the challenges.
    pub seed: Randomness,
    /// CommR.
    pub sealed: Cid,
    /// CommD.
    pub unsealed: Cid,
}

/// A snap deal to verify: the claim that an empty sector's replica now holds `new_unsealed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaUpdateInfo {
    /// The update proof's type: 0 is 2 KiB, in the order of sector sizes.
    pub update_proof: i64,
    /// CommR before.
    pub old_sealed: Cid,
    /// CommR after.
    pub new_sealed: Cid,
    /// CommD after.
    pub new_unsealed: Cid,
    /// The SNARK.
    pub proof: Vec<u8>,
}

/// A WinningPoSt or WindowPoSt to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoStVerifyInfo {
    /// The challenge seed, as drawn.
    pub randomness: Randomness,
    /// The proofs.
    pub proofs: Vec<PoStProof>,
    /// The sectors that are proven, in the order in which the chain lists them.
    pub sectors: Vec<SectorInfo>,
    /// The miner.
    pub prover: ActorId,
}

/// Verifies proofs. Calls take milliseconds; the first of each kind loads a verifying key.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// Does the proof show that the sector was sealed?
    ///
    /// # Errors
    /// See [`ProofError`]; a merely wrong proof is `Ok(false)`.
    fn verify_seal(&self, info: &SealVerifyInfo) -> Result<bool, ProofError>;

    /// Does the aggregate show that all the sectors were sealed?
    ///
    /// # Errors
    /// See [`ProofError`]; a merely wrong proof is `Ok(false)`.
    fn verify_aggregate_seals(&self, info: &AggregateSealVerifyInfo) -> Result<bool, ProofError>;

    /// Does the proof show that the replica now holds the new data?
    ///
    /// # Errors
    /// See [`ProofError`]; a merely wrong proof is `Ok(false)`.
    fn verify_replica_update(&self, info: &ReplicaUpdateInfo) -> Result<bool, ProofError>;

    /// Does the block's WinningPoSt hold?
    ///
    /// # Errors
    /// See [`ProofError`]; a merely wrong proof is `Ok(false)`.
    fn verify_winning_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError>;

    /// Does the WindowPoSt of a partition hold?
    ///
    /// # Errors
    /// See [`ProofError`]; a merely wrong proof is `Ok(false)`.
    fn verify_window_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError>;

    /// Which of `eligible` sectors a WinningPoSt must prove: indices below `eligible`.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] when `eligible` is zero or the type is no WinningPoSt.
    fn generate_winning_post_sector_challenge(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        eligible: u64,
    ) -> Result<Vec<u64>, ProofError>;
}

/// Where the files of one sector are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorPaths {
    /// The file with the fr32-padded data.
    pub unsealed: PathBuf,
    /// The replica.
    pub sealed: PathBuf,
    /// The directory of trees, labels and `p_aux`/`t_aux`.
    pub cache: PathBuf,
}

/// A sector to prove, and where its replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// What the chain knows of it.
    pub info: SectorInfo,
    /// The replica file (for an upgraded sector the updated one).
    pub sealed: PathBuf,
    /// Its cache directory (for an upgraded sector the update cache).
    pub cache: PathBuf,
}

/// What became of a WindowPoSt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPoSt {
    /// The proofs over all the sectors; empty when `skipped` is not.
    pub proofs: Vec<PoStProof>,
    /// Sectors that could not be read or proven. The caller asks again without them.
    pub skipped: Vec<SectorNumber>,
}

/// A part of an unsealed sector to restore from its replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsealRange {
    /// First byte, in unpadded bytes from the sector's start.
    pub offset: u64,
    /// How much, in unpadded bytes.
    pub size: UnpaddedPieceSize,
}

/// Seals sectors and proves them. Calls take milliseconds to hours, and block.
pub trait Prover: fmt::Debug + Send + Sync {
    /// Writes one piece, fr32-padded, to `staged` (which stands at the piece's place in the
    /// unsealed file) and computes its commitment on the way.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] when `size` is no piece size of that sector or `data` ends early.
    fn add_piece(
        &self,
        seal_proof: RegisteredSealProof,
        size: UnpaddedPieceSize,
        data: &mut dyn Read,
        staged: &mut dyn Write,
    ) -> Result<PieceInfo, ProofError>;

    /// CommD of a sector that holds `pieces` in this order.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] when they do not fit the sector, or a size or CID is not a piece's.
    fn data_commitment(
        &self,
        seal_proof: RegisteredSealProof,
        pieces: &[PieceInfo],
    ) -> Result<Cid, ProofError>;

    /// PreCommit1: labels the graph. Reads `unsealed`, starts `sealed` and fills `cache`.
    /// The result is opaque JSON for [`Prover::seal_pre_commit2`].
    ///
    /// # Errors
    /// See [`ProofError`].
    fn seal_pre_commit1(
        &self,
        sector: &SectorRef,
        ticket: &Randomness,
        pieces: &[PieceInfo],
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError>;

    /// PreCommit2: encodes the replica and builds its trees.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn seal_pre_commit2(
        &self,
        sector: &SectorRef,
        phase1: &[u8],
        paths: &SectorPaths,
    ) -> Result<SectorCids, ProofError>;

    /// Commit1: the Merkle proofs for the challenges that `seed` draws. The result is opaque JSON
    /// for [`Prover::seal_commit2`].
    ///
    /// # Errors
    /// See [`ProofError`].
    fn seal_commit1(
        &self,
        sector: &SectorRef,
        ticket: &Randomness,
        seed: &Randomness,
        pieces: &[PieceInfo],
        cids: &SectorCids,
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError>;

    /// Commit2: the SNARK. Needs no files but the parameters.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn seal_commit2(&self, sector: &SectorRef, phase1: &[u8]) -> Result<Vec<u8>, ProofError>;

    /// Aggregates seal proofs of one miner. `info.proof` is ignored; `proofs[i]` belongs to
    /// `info.infos[i]`.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn aggregate_seal_proofs(
        &self,
        info: &AggregateSealVerifyInfo,
        proofs: &[Vec<u8>],
    ) -> Result<Vec<u8>, ProofError>;

    /// Restores data from a replica: unpadded bytes, as they were added.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn unseal_range(
        &self,
        sector: &SectorRef,
        paths: &SectorPaths,
        unsealed: &Cid,
        ticket: &Randomness,
        range: UnsealRange,
        out: &mut dyn Write,
    ) -> Result<(), ProofError>;

    /// Removes from a sector's cache what only sealing needed; what PoSt and unsealing need stays.
    ///
    /// # Errors
    /// [`ProofError::Storage`].
    fn clear_cache(&self, sector: &SectorRef, cache: &Path) -> Result<(), ProofError>;

    /// The leaves that a PoSt must open, per sector.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn post_challenges(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        sectors: &[SectorNumber],
    ) -> Result<BTreeMap<SectorNumber, Vec<u64>>, ProofError>;

    /// The Merkle proofs of one sector for a PoSt: what is read from disk, without a SNARK.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn vanilla_post(
        &self,
        proof: RegisteredPoStProof,
        replica: &Replica,
        challenges: &[u64],
    ) -> Result<Vec<u8>, ProofError>;

    /// The WinningPoSt over vanilla proofs.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn winning_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError>;

    /// The WindowPoSt over vanilla proofs.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn window_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError>;

    /// The WinningPoSt over the challenged sectors.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn generate_winning_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        replicas: &[Replica],
        randomness: &Randomness,
    ) -> Result<Vec<PoStProof>, ProofError> {
        let replicas = distinct(replicas);
        let (vanilla, failed) = self.vanilla_posts(proof, miner, &replicas, randomness)?;
        match failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None => self.winning_post_from_vanilla(proof, miner, randomness, &vanilla),
        }
    }

    /// The WindowPoSt over the sectors of some partitions. Sectors that cannot be read are
    /// reported instead of failing the whole.
    ///
    /// # Errors
    /// See [`ProofError`].
    fn generate_window_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        replicas: &[Replica],
        randomness: &Randomness,
    ) -> Result<WindowPoSt, ProofError> {
        let replicas = distinct(replicas);
        let (vanilla, failed) = self.vanilla_posts(proof, miner, &replicas, randomness)?;
        let skipped: Vec<_> = failed.into_iter().map(|(number, _)| number).collect();
        let proofs = if skipped.is_empty() {
            self.window_post_from_vanilla(proof, miner, randomness, &vanilla)?
        } else {
            Vec::new()
        };
        Ok(WindowPoSt { proofs, skipped })
    }

    /// The vanilla proofs of all `replicas`, and those that could not be proven with the reason.
    ///
    /// # Errors
    /// When no challenges can be drawn.
    fn vanilla_posts(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        replicas: &[&Replica],
        randomness: &Randomness,
    ) -> Result<VanillaPosts, ProofError> {
        let numbers: Vec<_> = replicas.iter().map(|r| r.info.sector_number).collect();
        let challenges = self.post_challenges(proof, miner, randomness, &numbers)?;
        let (mut vanilla, mut failed) = (Vec::new(), Vec::new());
        for replica in replicas {
            let number = replica.info.sector_number;
            let of_sector = challenges.get(&number).map_or(&[][..], Vec::as_slice);
            match self.vanilla_post(proof, replica, of_sector) {
                Ok(proof) => vanilla.push(proof),
                Err(error) => failed.push((number, error)),
            }
        }
        Ok((vanilla, failed))
    }
}

/// Vanilla proofs in the order of sector numbers, and the sectors that have none.
pub type VanillaPosts = (Vec<Vec<u8>>, Vec<(SectorNumber, ProofError)>);

/// A proof opens each sector once, in the order of numbers, however often the chain lists it (a
/// good sector stands in for every faulty one of its partition).
fn distinct(replicas: &[Replica]) -> Vec<&Replica> {
    let by_number: BTreeMap<_, _> = replicas.iter().map(|r| (r.info.sector_number, r)).collect();
    by_number.into_values().collect()
}
