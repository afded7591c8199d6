//! What block production asks the full node.

use async_trait::async_trait;
use lotus_proving::winning::{BaseInfo, BlockTemplate, MinedBlock, MiningChain};
use lotus_rpc_api::types::mining;
use lotus_sealing::ChainError;
use lotus_types::{
    ActorId, Address, BeaconEntry, Bytes, ChainEpoch, SignatureType, SignedMessage, Tipset,
    TipsetKey,
};

use super::{NodeChain, asking};

#[async_trait]
impl MiningChain for NodeChain {
    async fn head(&self) -> Result<Tipset, ChainError> {
        self.node().chain_head().await.map_err(asking("the head"))
    }

    async fn beacon_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, ChainError> {
        let entry = self.node().state_get_beacon_entry(epoch).await;
        entry.map_err(asking("a beacon entry"))
    }

    async fn base_info(
        &self,
        miner: ActorId,
        epoch: ChainEpoch,
        parents: &TipsetKey,
    ) -> Result<Option<BaseInfo>, ChainError> {
        let miner = Address::new_id(miner);
        let info = self
            .node()
            .miner_get_base_info(miner, epoch, parents.clone());
        let info = info.await.map_err(asking("the basis of a round"))?;
        Ok(info.map(|i| BaseInfo {
            miner_power: i.miner_power,
            network_power: i.network_power,
            sectors: i.sectors,
            worker: i.worker_key,
            sector_size: i.sector_size,
            previous_beacon: i.prev_beacon_entry,
            beacon_entries: i.beacon_entries,
            eligible: i.eligible_for_mining,
        }))
    }

    async fn vrf(&self, worker: &Address, input: &[u8; 32]) -> Result<Vec<u8>, ChainError> {
        let what = "a VRF proof";
        let input = Bytes::from(input.to_vec());
        let signature = self.node().wallet_sign(*worker, input).await;
        let signature = signature.map_err(asking(what))?;
        if signature.kind != SignatureType::Bls {
            let reason = format_args!("{worker} signs with {}, not with BLS", signature.kind);
            return Err(ChainError::new(what, reason));
        }
        Ok(signature.data.into_vec())
    }

    async fn select_messages(
        &self,
        parents: &TipsetKey,
        ticket_quality: f64,
    ) -> Result<Vec<SignedMessage>, ChainError> {
        let chosen = self.node().mpool_select(parents.clone(), ticket_quality);
        Ok(chosen.await.map_err(asking("messages"))?.0)
    }

    async fn create_block(&self, template: BlockTemplate) -> Result<MinedBlock, ChainError> {
        let template = mining::BlockTemplate {
            miner: template.miner,
            parents: template.parents,
            ticket: Some(template.ticket),
            eproof: Some(template.election_proof),
            beacon_values: template.beacon_values,
            messages: template.messages,
            epoch: template.epoch,
            timestamp: template.timestamp,
            winning_post_proof: template.winning_post_proof,
        };
        let block = self.node().miner_create_block(template).await;
        block.map_err(asking("a block"))
    }

    async fn submit_block(&self, block: MinedBlock) -> Result<(), ChainError> {
        let taken = self.node().sync_submit_block(block).await;
        taken.map_err(asking("a block to be published"))
    }
}
