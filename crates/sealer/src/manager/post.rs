//! Proofs of spacetime, made in this process on the miner's own storage.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lotus_ports::proofs::{Prover, Randomness, Replica, WindowPoSt};
use lotus_rpc_api::types::storage::SectorFileType;
use lotus_types::{
    ActorId, ExtendedSectorInfo, PoStProof, RegisteredPoStProof, SectorId, SectorInfo, SectorNumber,
};

use super::Manager;
use crate::{PoStProver, SealError, store::Store};

/// The files that prove the sector, or what is wrong with them.
fn replica(store: &Store, miner: ActorId, info: &ExtendedSectorInfo) -> Result<Replica, String> {
    let name = SectorId {
        miner,
        number: info.sector_number,
    }
    .to_string();
    let (sealed, cache) = match info.sector_key {
        Some(_) => (SectorFileType::UPDATE, SectorFileType::UPDATE_CACHE),
        None => (SectorFileType::SEALED, SectorFileType::CACHE),
    };
    let find = |kind: SectorFileType| {
        store
            .lookup(&name, kind)
            .ok_or_else(|| format!("{kind} of {name} is not in the own storage"))
    };
    let replica = Replica {
        info: SectorInfo::from(info),
        sealed: find(sealed)?,
        cache: find(cache)?,
    };
    let expected = info.seal_proof.sector_size().unwrap_or(0);
    let length = std::fs::metadata(&replica.sealed)
        .map_err(|e| e.to_string())?
        .len();
    if length != expected {
        return Err(format!(
            "the sealed file has {length} bytes, not {expected}"
        ));
    }
    for file in ["p_aux", "t_aux"] {
        if !replica.cache.join(file).exists() {
            return Err(format!("{file} is missing in the cache"));
        }
    }
    Ok(replica)
}

type Found = (Vec<Replica>, BTreeMap<SectorNumber, String>);

fn replicas(store: &Store, miner: ActorId, sectors: &[ExtendedSectorInfo]) -> Found {
    let mut found = Found::default();
    for info in sectors {
        match replica(store, miner, info) {
            Ok(replica) => found.0.push(replica),
            Err(reason) => {
                found.1.insert(info.sector_number, reason);
            }
        }
    }
    found
}

impl Manager {
    async fn prove<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &dyn Prover) -> Result<T, SealError> + Send + 'static,
    ) -> Result<T, SealError> {
        let (store, prover) = (
            Arc::clone(&self.0.deps.store),
            Arc::clone(&self.0.deps.prover),
        );
        match tokio::task::spawn_blocking(move || work(&store, &*prover)).await {
            Ok(result) => result,
            Err(error) => Err(SealError::Temporary(format!(
                "a proving thread ended: {error}"
            ))),
        }
    }
}

#[async_trait]
impl PoStProver for Manager {
    async fn winning_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<Vec<PoStProof>, SealError> {
        self.prove(move |store, prover| {
            let (replicas, bad) = replicas(store, miner, &sectors);
            if let Some((number, reason)) = bad.into_iter().next() {
                return Err(SealError::Failed(format!("sector {number}: {reason}")));
            }
            Ok(prover.generate_winning_post(proof, miner, &replicas, &randomness)?)
        })
        .await
    }

    async fn window_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<WindowPoSt, SealError> {
        self.prove(move |store, prover| {
            let (replicas, bad) = replicas(store, miner, &sectors);
            if !bad.is_empty() {
                return Ok(WindowPoSt {
                    proofs: Vec::new(),
                    skipped: bad.into_keys().collect(),
                });
            }
            Ok(prover.generate_window_post(proof, miner, &replicas, &randomness)?)
        })
        .await
    }

    async fn check_provable(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
    ) -> Result<BTreeMap<SectorNumber, String>, SealError> {
        self.prove(move |store, prover| {
            let (replicas, mut bad) = replicas(store, miner, &sectors);
            // Reading some leaves shows what a directory listing cannot.
            let randomness = lotus_types::block::blake2b256(miner.to_be_bytes().as_slice());
            let all: Vec<_> = replicas.iter().collect();
            let (_, failed) = prover.vanilla_posts(proof, miner, &all, &randomness)?;
            bad.extend(
                failed
                    .into_iter()
                    .map(|(number, error)| (number, error.to_string())),
            );
            Ok(bad)
        })
        .await
    }
}
