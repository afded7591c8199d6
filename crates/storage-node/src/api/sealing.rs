//! Sealing and proving by hand.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_actors::miner::{Schedule, params::SubmitWindowedPoStParams};
use lotus_ports::proofs::Randomness;
use lotus_rpc_api::{RpcError, miner::SealingApi, types::worker::CallId};
use lotus_sealer::PoStProver as _;
use lotus_sealing::chain::Head;
use lotus_types::{
    Bytes, ChainEpoch, ExtendedSectorInfo, PoStProof, RegisteredPoStProof, SectorNumber, TipsetKey,
    sector::SectorRef,
};
use serde_json::{Value, json};

use super::{Answer, StorageMinerApi, Told as _, not_supported};

#[async_trait]
impl SealingApi for StorageMinerApi {
    async fn compute_window_post(
        &self,
        deadline: u64,
        key: TipsetKey,
    ) -> Answer<Vec<SubmitWindowedPoStParams>> {
        let window = self.0.window.as_ref();
        let window = window.ok_or_else(|| not_supported("ComputeWindowPoSt"))?;
        let node = self.0.node();
        let head = if key.is_empty() {
            node.chain_head().await?
        } else {
            node.chain_get_tipset(key).await?
        };
        let miner = self.0.miner_address();
        let current = node
            .state_miner_proving_deadline(miner, head.key().clone())
            .await?;
        let schedule = Schedule::default();
        if deadline >= schedule.period_deadlines {
            return Err(RpcError::new(format_args!(
                "there are deadlines 0 to {}, not {deadline}",
                schedule.period_deadlines - 1
            )));
        }
        let wanted = schedule.deadline(current.period_start, deadline, current.current_epoch);
        let at = Head {
            key: head.key().clone(),
            height: head.height(),
            base_fee: head.parent_base_fee().clone(),
        };
        window.compute(&wanted, &at).await.told()
    }

    async fn compute_proof(
        &self,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Bytes,
        _epoch: ChainEpoch,
        _version: u32,
    ) -> Answer<Vec<PoStProof>> {
        let proof = sectors.first().and_then(|s| s.seal_proof.winning_post());
        let proof = proof.ok_or_else(|| RpcError::new("no sectors of a known type to prove"))?;
        let randomness = Randomness::try_from(&randomness[..])
            .map_err(|_| RpcError::new("randomness has 32 bytes"))?;
        let (manager, miner) = (&self.0.manager, self.0.miner);
        let proofs = manager.winning_post(proof, miner, sectors, randomness);
        proofs.await.told()
    }

    async fn check_provable(
        &self,
        proof: RegisteredPoStProof,
        sectors: Vec<SectorRef>,
    ) -> Answer<BTreeMap<SectorNumber, String>> {
        let mut bad = BTreeMap::new();
        let mut infos = Vec::new();
        for sector in sectors {
            let number = sector.id.number;
            let known = self.0.sealing.store().sector(number);
            match known.ok().and_then(|s| s.cids) {
                Some(cids) => infos.push(ExtendedSectorInfo {
                    seal_proof: sector.proof_type,
                    sector_number: number,
                    sector_key: None,
                    sealed_cid: cids.sealed,
                }),
                None => {
                    bad.insert(number, "it is not sealed here".to_owned());
                }
            }
        }
        let checked = self.0.manager.check_provable(proof, self.0.miner, infos);
        bad.extend(checked.await.told()?);
        Ok(bad)
    }

    async fn sealing_sched_diag(&self, _schedule: bool) -> Answer<Value> {
        let waiting = self.0.manager.waiting();
        let request = |(request, reason): &(lotus_sealer::sched::Request, Option<_>)| {
            json!({
                "Sector": request.sector,
                "TaskType": request.task,
                "Priority": request.priority,
                "SchedId": request.id,
                "Waits": reason.as_ref().map(ToString::to_string),
            })
        };
        let requests: Vec<Value> = waiting.iter().map(request).collect();
        let workers: Vec<_> = self.0.manager.worker_stats().into_keys().collect();
        let calls: BTreeMap<String, String> = self
            .0
            .manager
            .jobs()
            .into_values()
            .flatten()
            .map(|job| (job.id.to_string(), job.task.to_string()))
            .collect();
        Ok(json!({
            "SchedInfo": {
                "Requests": if requests.is_empty() { Value::Null } else { requests.into() },
                "OpenWindows": workers,
            },
            "ReturnedWork": null,
            "Waiting": null,
            "CallToWork": calls,
            "EarlyRet": null,
        }))
    }

    async fn sealing_abort(&self, call: CallId) -> Answer<()> {
        self.0.manager.abort(&call).told()
    }
}
