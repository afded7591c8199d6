//! What WindowPoSt asks the chain.

use async_trait::async_trait;
use lotus_actors::miner::{DeadlineInfo, Schedule};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_proving::window::{DeadlineState, PartitionState, PoStChain};
use lotus_sealing::{
    ChainError,
    chain::{Head, MinerAddresses, PushError},
};
use lotus_types::{
    ActorId, Address, BitField, ChainEpoch, Cid, ExtendedSectorInfo, Message, RegisteredPoStProof,
    TipsetKey, TokenAmount,
};

use super::{NodeChain, asking};

#[async_trait]
impl PoStChain for NodeChain {
    async fn head(&self) -> Result<Head, ChainError> {
        self.newest().await
    }

    async fn proving_deadline(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<DeadlineInfo, ChainError> {
        let deadline = self
            .node()
            .state_miner_proving_deadline(Address::new_id(miner), at.clone());
        let told = deadline.await.map_err(asking("the proving deadline"))?;
        // In the first tipset after null rounds the state still names a deadline that is over, and the
        // node tells when that one comes again: what is open now follows from the period.
        Ok(Schedule::default().current(told.period_start, told.current_epoch))
    }

    async fn partitions(
        &self,
        miner: ActorId,
        deadline: u64,
        at: &TipsetKey,
    ) -> Result<Vec<PartitionState>, ChainError> {
        let miner = Address::new_id(miner);
        let partitions = self
            .node()
            .state_miner_partitions(miner, deadline, at.clone())
            .await
            .map_err(asking("the partitions of a deadline"))?;
        let state = |p: lotus_rpc_api::types::state::Partition| PartitionState {
            all: p.all_sectors,
            live: p.live_sectors,
            faulty: p.faulty_sectors,
            recovering: p.recovering_sectors,
        };
        Ok(partitions.into_iter().map(state).collect())
    }

    async fn deadline(
        &self,
        miner: ActorId,
        deadline: u64,
        at: &TipsetKey,
    ) -> Result<DeadlineState, ChainError> {
        let what = "a deadline";
        let all = self
            .node()
            .state_miner_deadlines(Address::new_id(miner), at.clone())
            .await
            .map_err(asking(what))?;
        let wanted = usize::try_from(deadline).ok().and_then(|i| all.get(i));
        let state =
            wanted.ok_or_else(|| ChainError::new(what, format_args!("there is no {deadline}")))?;
        Ok(DeadlineState {
            proven: state.post_submissions.clone(),
        })
    }

    async fn sectors(
        &self,
        miner: ActorId,
        numbers: &BitField,
        at: &TipsetKey,
    ) -> Result<Vec<ExtendedSectorInfo>, ChainError> {
        let miner = Address::new_id(miner);
        let sectors = self
            .node()
            .state_miner_sectors(miner, Some(numbers.clone()), at.clone())
            .await
            .map_err(asking("sectors"))?;
        let info = |s: lotus_actors::miner::SectorOnChainInfo| ExtendedSectorInfo {
            seal_proof: s.seal_proof,
            sector_number: s.sector_number,
            sector_key: s.sector_key_cid,
            sealed_cid: s.sealed_cid,
        };
        Ok(sectors.into_iter().map(info).collect())
    }

    async fn window_post_proof(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<RegisteredPoStProof, ChainError> {
        Ok(self.miner_info(miner, at).await?.window_post_proof_type)
    }

    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        self.drawn_from_beacon(tag, epoch, entropy, at).await
    }

    async fn ticket_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        self.drawn_from_tickets(tag, epoch, entropy, at).await
    }

    async fn miner_addresses(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError> {
        self.addresses(miner, at).await
    }

    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError> {
        self.funds(address).await
    }

    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError> {
        self.has_key(address).await
    }

    async fn pending(&self, to: &Address) -> Result<Vec<(Cid, Message)>, ChainError> {
        self.pooled(to).await
    }

    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError> {
        self.send(message, max_fee).await
    }
}
