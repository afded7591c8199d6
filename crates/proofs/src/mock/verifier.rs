//! The rules of mock proofs.

use lotus_ports::proofs::{
    AggregateSealVerifyInfo, AggregatedSeal, PoStVerifyInfo, ProofError, Randomness,
    ReplicaUpdateInfo, SealVerifyInfo, Verifier,
};
use lotus_types::{
    ActorId, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorId, SectorInfo, wire,
};
use sha2::{Digest, Sha256};

use super::VALID_WINNING_POST;
use crate::convert::{comm_d, comm_r, field_element};

/// Verifies what [`MockProver`] makes, and what the fake-proofs actors accept.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockVerifier;

impl Verifier for MockVerifier {
    fn verify_seal(&self, info: &SealVerifyInfo) -> Result<bool, ProofError> {
        let seal = AggregatedSeal {
            number: info.sector.number,
            ticket: info.ticket,
            seed: info.seed,
            sealed: info.sealed,
            unsealed: info.unsealed,
        };
        Ok(info.proof == seal_proof_bytes(info.seal_proof, info.sector.miner, &seal)?)
    }

    fn verify_aggregate_seals(&self, info: &AggregateSealVerifyInfo) -> Result<bool, ProofError> {
        Ok(info.proof == aggregate_bytes(info)?)
    }

    fn verify_replica_update(&self, info: &ReplicaUpdateInfo) -> Result<bool, ProofError> {
        comm_r(&info.old_sealed)?;
        comm_r(&info.new_sealed)?;
        comm_d(&info.new_unsealed)?;
        Ok(info.proof == update_bytes(info))
    }

    fn verify_winning_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        let valid =
            |p: &PoStProof| p.post_proof.is_winning() && *p.proof_bytes == *VALID_WINNING_POST;
        Ok(!info.proofs.is_empty() && !info.sectors.is_empty() && info.proofs.iter().all(valid))
    }

    fn verify_window_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        let [proof] = &info.proofs[..] else {
            return Err(ProofError::Invalid(format!("{} proofs", info.proofs.len())));
        };
        let expected = window_bytes(&info.randomness, &info.sectors);
        Ok(proof.post_proof.is_window() && *proof.proof_bytes == expected)
    }

    fn generate_winning_post_sector_challenge(
        &self,
        _proof: RegisteredPoStProof,
        _miner: ActorId,
        _randomness: &Randomness,
        eligible: u64,
    ) -> Result<Vec<u64>, ProofError> {
        if eligible == 0 {
            return Err(ProofError::Invalid("no sector to challenge".to_owned()));
        }
        Ok(vec![0])
    }
}

pub(super) fn window_bytes(randomness: &Randomness, sectors: &[SectorInfo]) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(field_element(randomness));
    for sector in sectors {
        hash.update(wire::to_cbor(sector));
    }
    hash.finalize().into()
}

pub(super) fn seal_proof_bytes(
    proof: RegisteredSealProof,
    miner: ActorId,
    seal: &AggregatedSeal,
) -> Result<Vec<u8>, ProofError> {
    let unknown = || ProofError::Unsupported(format!("seal proof type {proof}"));
    let len = proof.proof_size().ok_or_else(unknown)?;
    let digest = Sha256::new()
        .chain_update(b"mock seal")
        .chain_update(comm_r(&seal.sealed)?)
        .chain_update(comm_d(&seal.unsealed)?)
        .chain_update(wire::to_cbor(&SectorId {
            miner,
            number: seal.number,
        }))
        .chain_update(seal.ticket)
        .chain_update(seal.seed)
        .finalize();
    Ok(digest.iter().copied().cycle().take(len).collect())
}

pub(super) fn aggregate_bytes(info: &AggregateSealVerifyInfo) -> Result<Vec<u8>, ProofError> {
    let mut hash = Sha256::new().chain_update(b"mock aggregate");
    for seal in &info.infos {
        hash.update(seal_proof_bytes(info.seal_proof, info.miner, seal)?);
    }
    Ok(hash.finalize().to_vec())
}

fn update_bytes(info: &ReplicaUpdateInfo) -> Vec<u8> {
    let cids = [info.old_sealed, info.new_sealed, info.new_unsealed];
    let hash = Sha256::new().chain_update(b"mock update");
    cids.iter()
        .fold(hash, |hash, cid| hash.chain_update(cid.to_bytes()))
        .finalize()
        .to_vec()
}
