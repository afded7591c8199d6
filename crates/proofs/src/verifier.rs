//! [`Verifier`] over filecoin-proofs: what decides whether blocks and messages are valid.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use filecoin_proofs_api as api;
use lotus_ports::proofs::{
    AggregateSealVerifyInfo, PoStVerifyInfo, ProofError, Randomness, ReplicaUpdateInfo,
    SealVerifyInfo, Verifier,
};
use lotus_types::{ActorId, RegisteredPoStProof, SectorInfo};

use crate::{
    convert::{
        aggregation, comm_d, comm_r, field_element, post_proof, prover_id, seal_proof, sector_id,
        update_proof, verify_call,
    },
    params::{Circuit, ParameterCache},
};

/// Seals under one aggregate, at most (FIP-0013).
const MAX_AGGREGATED: usize = 819;
/// Bytes of one Groth16 proof.
const GROTH_PROOF: usize = 192;

/// Verifies real proofs with the keys of this process' parameter cache
/// ([`crate::params::use_parameter_cache`]).
#[derive(Debug)]
pub struct FilecoinVerifier {
    cache: ParameterCache,
    /// Keys that were found to be usable; the library keeps them in memory from their first use.
    usable: Mutex<BTreeSet<(Circuit, u64)>>,
}

impl Default for FilecoinVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl FilecoinVerifier {
    /// A verifier; verifying keys are looked for when they are first needed.
    pub fn new() -> Self {
        Self {
            cache: ParameterCache::of_this_process(),
            usable: Mutex::default(),
        }
    }

    /// Makes sure that a key can be loaded, so that later failures are the proof's fault.
    fn need_key(&self, circuit: Circuit, sector_size: u64) -> Result<(), ProofError> {
        let key = (circuit, sector_size);
        let known = |set: &Mutex<BTreeSet<_>>| set.lock().is_ok_and(|s| s.contains(&key));
        if known(&self.usable) {
            return Ok(());
        }
        self.cache.check_key(circuit, sector_size)?;
        if let Ok(mut usable) = self.usable.lock() {
            usable.insert(key);
        }
        Ok(())
    }
}

impl Verifier for FilecoinVerifier {
    fn verify_seal(&self, info: &SealVerifyInfo) -> Result<bool, ProofError> {
        let proof_type = seal_proof(info.seal_proof)?;
        let (comm_r, comm_d) = (comm_r(&info.sealed)?, comm_d(&info.unsealed)?);
        if info.seal_proof.proof_size() != Some(info.proof.len()) {
            let text = format!("a seal proof of {} bytes", info.proof.len());
            return Err(ProofError::Invalid(text));
        }
        self.need_key(Circuit::PoRep, proof_type.sector_size().into())?;
        verify_call(|| {
            api::seal::verify_seal(
                proof_type,
                comm_r,
                comm_d,
                prover_id(info.sector.miner),
                sector_id(info.sector.number),
                info.ticket,
                info.seed,
                &info.proof,
            )
        })
    }

    fn verify_aggregate_seals(&self, info: &AggregateSealVerifyInfo) -> Result<bool, ProofError> {
        let proof_type = seal_proof(info.seal_proof)?;
        let aggregation = aggregation(info.aggregate_proof)?;
        if info.infos.is_empty() || info.infos.len() > MAX_AGGREGATED {
            let text = format!("an aggregate of {} seals", info.infos.len());
            return Err(ProofError::Invalid(text));
        }
        let sector_size = proof_type.sector_size().into();
        self.need_key(Circuit::PoRep, sector_size)?;
        self.cache.check_aggregation(sector_size)?;
        let mut comm_rs = Vec::with_capacity(info.infos.len());
        for seal in &info.infos {
            comm_rs.push(comm_r(&seal.sealed)?);
            comm_d(&seal.unsealed)?;
        }
        let seeds: Vec<_> = info.infos.iter().map(|s| s.seed).collect();
        verify_call(|| {
            let mut inputs = Vec::new();
            for (seal, comm_r) in info.infos.iter().zip(&comm_rs) {
                inputs.extend(api::seal::get_seal_inputs(
                    proof_type,
                    *comm_r,
                    comm_d(&seal.unsealed)?,
                    prover_id(info.miner),
                    sector_id(seal.number),
                    seal.ticket,
                    seal.seed,
                )?);
            }
            api::seal::verify_aggregate_seal_commit_proofs(
                proof_type,
                aggregation,
                info.proof.clone(),
                &comm_rs,
                &seeds,
                inputs,
            )
        })
    }

    fn verify_replica_update(&self, info: &ReplicaUpdateInfo) -> Result<bool, ProofError> {
        let proof_type = update_proof(info.update_proof)?;
        let old = comm_r(&info.old_sealed)?;
        let (new, data) = (comm_r(&info.new_sealed)?, comm_d(&info.new_unsealed)?);
        self.need_key(Circuit::EmptySectorUpdate, proof_type.sector_size().into())?;
        verify_call(|| {
            api::update::verify_empty_sector_update_proof(proof_type, &info.proof, old, new, data)
        })
    }

    fn verify_winning_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        let [proof] = &info.proofs[..] else {
            return Err(ProofError::Invalid(format!(
                "{} winning proofs",
                info.proofs.len()
            )));
        };
        let proof_type = of_kind(proof.post_proof, RegisteredPoStProof::is_winning)?;
        if proof.proof_bytes.len() != GROTH_PROOF {
            let text = format!("a winning proof of {} bytes", proof.proof_bytes.len());
            return Err(ProofError::Invalid(text));
        }
        let replicas = public_replicas(&info.sectors, proof.post_proof, proof_type)?;
        self.need_key(Circuit::WinningPoSt, proof_type.sector_size().into())?;
        let randomness = field_element(&info.randomness);
        verify_call(|| {
            let prover = prover_id(info.prover);
            api::post::verify_winning_post(&randomness, &proof.proof_bytes, &replicas, prover)
        })
    }

    fn verify_window_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        let first = info
            .proofs
            .first()
            .ok_or_else(|| ProofError::Invalid("a WindowPoSt without a proof".to_owned()))?;
        let proof_type = of_kind(first.post_proof, RegisteredPoStProof::is_window)?;
        let mut proofs = Vec::with_capacity(info.proofs.len());
        for proof in &info.proofs {
            let len = proof.proof_bytes.len();
            if proof.post_proof != first.post_proof || len == 0 || len % GROTH_PROOF != 0 {
                let text = format!("a window proof of {len} bytes, type {}", proof.post_proof);
                return Err(ProofError::Invalid(text));
            }
            proofs.push((proof_type, &proof.proof_bytes[..]));
        }
        let replicas = public_replicas(&info.sectors, first.post_proof, proof_type)?;
        self.need_key(Circuit::WindowPoSt, proof_type.sector_size().into())?;
        let randomness = field_element(&info.randomness);
        verify_call(|| {
            let prover = prover_id(info.prover);
            api::post::verify_window_post(&randomness, &proofs, &replicas, prover)
        })
    }

    fn generate_winning_post_sector_challenge(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        eligible: u64,
    ) -> Result<Vec<u64>, ProofError> {
        winning_challenge(proof, miner, randomness, eligible)
    }
}

/// Which of `eligible` sectors are challenged; shared with the prover.
pub(crate) fn winning_challenge(
    proof: RegisteredPoStProof,
    miner: ActorId,
    randomness: &Randomness,
    eligible: u64,
) -> Result<Vec<u64>, ProofError> {
    let proof_type = of_kind(proof, RegisteredPoStProof::is_winning)?;
    if eligible == 0 {
        return Err(ProofError::Invalid("no sector to challenge".to_owned()));
    }
    let randomness = field_element(randomness);
    api::post::generate_winning_post_sector_challenge(
        proof_type,
        &randomness,
        eligible,
        prover_id(miner),
    )
    .map_err(|e| ProofError::Invalid(format!("{e:#}")))
}

pub(crate) fn of_kind(
    proof: RegisteredPoStProof,
    is_kind: impl FnOnce(RegisteredPoStProof) -> bool,
) -> Result<api::RegisteredPoStProof, ProofError> {
    if is_kind(proof) {
        post_proof(proof)
    } else {
        Err(ProofError::Invalid(format!(
            "PoSt proof type {proof} is of another kind"
        )))
    }
}

/// The library proves each sector once, however often the chain lists it.
fn public_replicas(
    sectors: &[SectorInfo],
    proof: RegisteredPoStProof,
    proof_type: api::RegisteredPoStProof,
) -> Result<BTreeMap<api::SectorId, api::PublicReplicaInfo>, ProofError> {
    if sectors.is_empty() {
        return Err(ProofError::Invalid("a proof of no sectors".to_owned()));
    }
    let mut replicas = BTreeMap::new();
    for sector in sectors {
        if sector.seal_proof.sector_size() != proof.sector_size() {
            let number = sector.sector_number;
            let text = format!("sector {number} is not of the size that the proof is for");
            return Err(ProofError::Invalid(text));
        }
        let replica = api::PublicReplicaInfo::new(proof_type, comm_r(&sector.sealed_cid)?);
        replicas.insert(sector_id(sector.sector_number), replica);
    }
    Ok(replicas)
}
