//! [`Prover`] over filecoin-proofs: sealing, unsealing and proving real sectors.
//!
//! # Lotus parity
//! - PreCommit1's and Commit1's results are the library's JSON; Lotus adds the ticket to the
//!   former as `_lotus_SealRandomness`, so that PreCommit2 can check the replica before gas is
//!   spent on it. So does this.
//! - PreCommit1 starts over: what an earlier attempt left in the cache is removed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use data_encoding::BASE64;
use filecoin_proofs_api as api;
use lotus_ports::proofs::{
    AggregateSealVerifyInfo, ProofError, Prover, Randomness, Replica, SectorPaths, UnsealRange,
};
use lotus_types::{
    ActorId, Cid, PieceInfo, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorNumber,
    sector::{PaddedPieceSize, SectorCids, SectorRef, UnpaddedPieceSize, sealed_cid, unsealed_cid},
};
use serde_json::Value;

use crate::{
    commp,
    convert::{
        aggregation, comm_d, comm_r, field_element, pieces as api_pieces, post_proof, prover_id,
        seal_proof, sector_id, sector_size, storage, work_call,
    },
    params::{Circuit, ParameterCache},
    verifier::of_kind,
};

mod inputs;
mod own;

use inputs::{TICKET_FIELD, need_file, need_full, parse, print, start_over, ticket_of};

/// Seals and proves with the parameters of this process' cache
/// ([`crate::params::use_parameter_cache`]).
///
/// Circuit proofs of 2 KiB sectors come from this crate's own Groth16 prover, which takes about
/// half the time of the library's; each is verified by the library before it is handed out. When
/// one does not hold, or there is none for whatever reason, a warning is logged and the library
/// proves. Other sectors' circuits are proven by the library.
#[derive(Debug)]
pub struct FilecoinProver {
    cache: ParameterCache,
    check_rounds: u32,
    own: bool,
    fallbacks: AtomicU64,
}

impl Default for FilecoinProver {
    fn default() -> Self {
        Self::new()
    }
}

impl FilecoinProver {
    /// A prover that checks every replica three times after PreCommit2, as Lotus does.
    pub fn new() -> Self {
        Self {
            cache: ParameterCache::of_this_process(),
            check_rounds: 3,
            own: true,
            fallbacks: AtomicU64::new(0),
        }
    }

    /// A prover that leaves every circuit proof to the library: what the own prover is measured
    /// against.
    pub fn reference() -> Self {
        Self {
            own: false,
            ..Self::new()
        }
    }

    /// How often PreCommit2 opens its replica at random challenges before it reports success.
    #[must_use]
    pub fn with_check_rounds(self, check_rounds: u32) -> Self {
        Self {
            check_rounds,
            ..self
        }
    }

    /// How many circuit proofs this prover left to the library because its own way gave none;
    /// each was logged with the reason.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }

    /// Finds broken replicas right after PreCommit2: Merkle proofs at made-up challenges must hold.
    fn check_replica(
        &self,
        sector: &SectorRef,
        ticket: &Randomness,
        cids: &SectorCids,
        paths: &SectorPaths,
    ) -> Result<(), ProofError> {
        let size = PaddedPieceSize(sector_size(sector.proof_type)?);
        let whole = [PieceInfo {
            size,
            piece_cid: cids.unsealed,
        }];
        for round in 0..self.check_rounds {
            let mut seed = *ticket;
            for (byte, change) in seed.iter_mut().zip(round.to_le_bytes()) {
                *byte ^= change.wrapping_add(1);
            }
            self.seal_commit1(sector, ticket, &seed, &whole, cids, paths)?;
        }
        Ok(())
    }
}

impl Prover for FilecoinProver {
    fn add_piece(
        &self,
        seal_proof: RegisteredSealProof,
        size: UnpaddedPieceSize,
        data: &mut dyn Read,
        staged: &mut dyn Write,
    ) -> Result<PieceInfo, ProofError> {
        let sector = sector_size(seal_proof)?;
        if size.padded().0 > sector {
            return Err(ProofError::Invalid(format!(
                "a piece of {size} in a sector of {sector}"
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
        let proof_type = seal_proof(sector.proof_type)?;
        let size = sector_size(sector.proof_type)?;
        need_full(size, pieces)?;
        let pieces = api_pieces(pieces)?;
        need_file(&paths.unsealed, size)?;
        start_over(paths)?;
        let output = work_call("seal_pre_commit_phase1", &paths.cache, || {
            api::seal::seal_pre_commit_phase1(
                proof_type,
                &paths.cache,
                &paths.unsealed,
                &paths.sealed,
                prover_id(sector.id.miner),
                sector_id(sector.id.number),
                *ticket,
                &pieces,
            )
        })?;
        let mut json = serde_json::to_value(&output).map_err(|e| ProofError::Failed {
            call: "seal_pre_commit_phase1",
            reason: e.to_string(),
        })?;
        if let Value::Object(fields) = &mut json {
            fields.insert(TICKET_FIELD.to_owned(), BASE64.encode(ticket).into());
        }
        print("seal_pre_commit_phase1", &json)
    }

    fn seal_pre_commit2(
        &self,
        sector: &SectorRef,
        phase1: &[u8],
        paths: &SectorPaths,
    ) -> Result<SectorCids, ProofError> {
        let proof_type = seal_proof(sector.proof_type)?;
        let json: Value = parse("PreCommit1", phase1)?;
        let ticket = ticket_of(&json)?;
        let phase1: api::seal::SealPreCommitPhase1Output = serde_json::from_value(json)
            .map_err(|e| ProofError::Invalid(format!("PreCommit1's output: {e}")))?;
        if phase1.registered_proof != proof_type {
            let text = format!("PreCommit1's output is for {:?}", phase1.registered_proof);
            return Err(ProofError::Invalid(text));
        }
        need_file(&paths.sealed, sector_size(sector.proof_type)?)?;
        let output = work_call("seal_pre_commit_phase2", &paths.cache, || {
            api::seal::seal_pre_commit_phase2(phase1, &paths.cache, &paths.sealed)
        })?;
        let cids = SectorCids {
            unsealed: unsealed_cid(&output.comm_d),
            sealed: sealed_cid(&output.comm_r),
        };
        if let Some(ticket) = ticket {
            self.check_replica(sector, &ticket, &cids, paths)?;
        }
        Ok(cids)
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
        let size = sector_size(sector.proof_type)?;
        need_full(size, pieces)?;
        let pre_commit = api::seal::SealPreCommitPhase2Output {
            registered_proof: seal_proof(sector.proof_type)?,
            comm_r: comm_r(&cids.sealed)?,
            comm_d: comm_d(&cids.unsealed)?,
        };
        let pieces = api_pieces(pieces)?;
        need_file(&paths.sealed, size)?;
        need_file(&paths.cache.join("p_aux"), 64)?;
        let output = work_call("seal_commit_phase1", &paths.cache, || {
            api::seal::seal_commit_phase1(
                &paths.cache,
                &paths.sealed,
                prover_id(sector.id.miner),
                sector_id(sector.id.number),
                *ticket,
                *seed,
                pre_commit,
                &pieces,
            )
        })?;
        print("seal_commit_phase1", &output)
    }

    fn seal_commit2(&self, sector: &SectorRef, phase1: &[u8]) -> Result<Vec<u8>, ProofError> {
        let proof_type = seal_proof(sector.proof_type)?;
        let phase1: api::seal::SealCommitPhase1Output = parse("Commit1", phase1)?;
        if phase1.registered_proof != proof_type {
            let text = format!("Commit1's output is for {:?}", phase1.registered_proof);
            return Err(ProofError::Invalid(text));
        }
        self.cache
            .check_params(Circuit::PoRep, sector_size(sector.proof_type)?)?;
        self.cache
            .check_key(Circuit::PoRep, sector_size(sector.proof_type)?)?;
        let (prover, number) = (prover_id(sector.id.miner), sector_id(sector.id.number));
        if let Some(proof) = self.own(Circuit::PoRep, sector_size(sector.proof_type)?, |params| {
            own::seal(params, &phase1, prover, number)
        }) {
            return Ok(proof);
        }
        let output = work_call("seal_commit_phase2", self.cache.dir(), || {
            api::seal::seal_commit_phase2(phase1, prover, number)
        })?;
        Ok(output.proof)
    }

    fn aggregate_seal_proofs(
        &self,
        info: &AggregateSealVerifyInfo,
        proofs: &[Vec<u8>],
    ) -> Result<Vec<u8>, ProofError> {
        let proof_type = seal_proof(info.seal_proof)?;
        let aggregation = aggregation(info.aggregate_proof)?;
        if proofs.is_empty() || proofs.len() != info.infos.len() {
            let text = format!("{} proofs for {} sectors", proofs.len(), info.infos.len());
            return Err(ProofError::Invalid(text));
        }
        let comm_rs = info
            .infos
            .iter()
            .map(|seal| comm_r(&seal.sealed))
            .collect::<Result<Vec<_>, _>>()?;
        let seeds: Vec<_> = info.infos.iter().map(|seal| seal.seed).collect();
        let outputs: Vec<_> = proofs
            .iter()
            .map(|proof| api::seal::SealCommitPhase2Output {
                proof: proof.clone(),
            })
            .collect();
        let size = sector_size(info.seal_proof)?;
        self.cache.check_params(Circuit::PoRep, size)?;
        self.cache.check_aggregation(size)?;
        work_call("aggregate_seal_commit_proofs", self.cache.dir(), || {
            api::seal::aggregate_seal_commit_proofs(
                proof_type,
                aggregation,
                &comm_rs,
                &seeds,
                &outputs,
            )
        })
    }

    fn unseal_range(
        &self,
        sector: &SectorRef,
        paths: &SectorPaths,
        unsealed: &Cid,
        ticket: &Randomness,
        range: UnsealRange,
        out: &mut dyn Write,
    ) -> Result<(), ProofError> {
        let proof_type = seal_proof(sector.proof_type)?;
        let size = sector_size(sector.proof_type)?;
        let data = PaddedPieceSize(size).unpadded().0;
        if range
            .offset
            .checked_add(range.size.0)
            .is_none_or(|end| end > data)
        {
            let text = format!(
                "no bytes {}+{} in a sector of {size}",
                range.offset, range.size
            );
            return Err(ProofError::Invalid(text));
        }
        let comm_d = comm_d(unsealed)?;
        need_file(&paths.sealed, size)?;
        let sealed = File::open(&paths.sealed).map_err(storage("opening", &paths.sealed))?;
        let written = work_call("unseal_range", &paths.cache, || {
            api::seal::unseal_range(
                proof_type,
                paths.cache.clone(),
                sealed,
                out,
                prover_id(sector.id.miner),
                sector_id(sector.id.number),
                comm_d,
                *ticket,
                api::UnpaddedByteIndex(range.offset),
                api::UnpaddedBytesAmount(range.size.0),
            )
        })?;
        if written.0 == range.size.0 {
            return Ok(());
        }
        let reason = format!("{} bytes instead of {}", written.0, range.size);
        Err(ProofError::Failed {
            call: "unseal_range",
            reason,
        })
    }

    fn clear_cache(&self, _sector: &SectorRef, cache: &Path) -> Result<(), ProofError> {
        fs::metadata(cache).map_err(storage("reading", cache))?;
        work_call("clear_cache", cache, || api::seal::clear_cache(cache))
    }

    fn post_challenges(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        sectors: &[SectorNumber],
    ) -> Result<BTreeMap<SectorNumber, Vec<u64>>, ProofError> {
        let proof_type = post_proof(proof)?;
        if sectors.is_empty() {
            return Err(ProofError::Invalid("no sectors to prove".to_owned()));
        }
        let ids: Vec<_> = sectors.iter().map(|number| sector_id(*number)).collect();
        let randomness = field_element(randomness);
        let challenges = api::post::generate_fallback_sector_challenges(
            proof_type,
            &randomness,
            &ids,
            prover_id(miner),
        )
        .map_err(|e| ProofError::Invalid(format!("{e:#}")))?;
        Ok(challenges
            .into_iter()
            .map(|(id, leaves)| (id.into(), leaves))
            .collect())
    }

    fn vanilla_post(
        &self,
        proof: RegisteredPoStProof,
        replica: &Replica,
        challenges: &[u64],
    ) -> Result<Vec<u8>, ProofError> {
        let proof_type = post_proof(proof)?;
        let size = sector_size(replica.info.seal_proof)?;
        if challenges.is_empty() || proof.sector_size() != Some(size) {
            return Err(ProofError::Invalid(
                "no challenges for a sector of that size".to_owned(),
            ));
        }
        need_file(&replica.sealed, size)?;
        need_file(&replica.cache.join("p_aux"), 64)?;
        let private = api::PrivateReplicaInfo::new(
            proof_type,
            comm_r(&replica.info.sealed_cid)?,
            replica.cache.clone(),
            replica.sealed.clone(),
        );
        work_call("generate_single_vanilla_proof", &replica.sealed, || {
            let id = sector_id(replica.info.sector_number);
            api::post::generate_single_vanilla_proof(proof_type, id, &private, challenges)
        })
    }

    fn winning_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        let proof_type = of_kind(proof, RegisteredPoStProof::is_winning)?;
        let size = proof_type.sector_size().into();
        self.cache.check_params(Circuit::WinningPoSt, size)?;
        let (randomness, prover) = (field_element(randomness), prover_id(miner));
        if let Some(bytes) = self.own(Circuit::WinningPoSt, size, |params| {
            own::post(params, proof_type, &randomness, prover, vanilla)
        }) {
            return Ok(post_proofs(proof, vec![(proof_type, bytes)]));
        }
        let call = "generate_winning_post_with_vanilla";
        let proofs = work_call(call, self.cache.dir(), || {
            api::post::generate_winning_post_with_vanilla(proof_type, &randomness, prover, vanilla)
        })?;
        Ok(post_proofs(proof, proofs))
    }

    fn window_post_from_vanilla(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        let proof_type = of_kind(proof, RegisteredPoStProof::is_window)?;
        let size = proof_type.sector_size().into();
        self.cache.check_params(Circuit::WindowPoSt, size)?;
        let (randomness, prover) = (field_element(randomness), prover_id(miner));
        if let Some(bytes) = self.own(Circuit::WindowPoSt, size, |params| {
            own::post(params, proof_type, &randomness, prover, vanilla)
        }) {
            return Ok(post_proofs(proof, vec![(proof_type, bytes)]));
        }
        let call = "generate_window_post_with_vanilla";
        let proofs = work_call(call, self.cache.dir(), || {
            api::post::generate_window_post_with_vanilla(proof_type, &randomness, prover, vanilla)
        })?;
        Ok(post_proofs(proof, proofs))
    }
}

fn post_proofs(
    proof: RegisteredPoStProof,
    proofs: Vec<(api::RegisteredPoStProof, Vec<u8>)>,
) -> Vec<PoStProof> {
    let ours = |(_, bytes): (_, Vec<u8>)| PoStProof {
        post_proof: proof,
        proof_bytes: bytes.into(),
    };
    proofs.into_iter().map(ours).collect()
}
