//! What sealing asks the chain.

use async_trait::async_trait;
use lotus_actors::miner::{
    SectorLocation, SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo,
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_rpc_api::types::state::MsgLookup;
use lotus_sealing::{
    ChainApi, ChainError,
    chain::{Head, Landed, MinerAddresses, PushError},
};
use lotus_types::{
    ActorId, Address, BitField, ChainEpoch, Cid, DealId, DealProposal, Message,
    RegisteredSealProof, SectorNumber, TipsetKey, TokenAmount,
};

use super::{NodeChain, asking, found};

/// As far back as the chain goes.
const NO_LIMIT: ChainEpoch = -1;

fn landed(lookup: MsgLookup) -> Landed {
    Landed {
        tipset: lookup.tipset,
        height: lookup.height,
        exit_code: lookup.receipt.exit_code,
        message: lookup.message,
    }
}

#[async_trait]
impl ChainApi for NodeChain {
    async fn head(&self) -> Result<Head, ChainError> {
        self.newest().await
    }

    async fn miner_addresses(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError> {
        self.addresses(miner, at).await
    }

    async fn seal_proof(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<RegisteredSealProof, ChainError> {
        let info = self.miner_info(miner, at).await?;
        let size = info.sector_size;
        RegisteredSealProof::for_sector_size(size)
            .ok_or_else(|| ChainError::new("the seal proof", format_args!("sectors of {size} B")))
    }

    async fn allocated(&self, miner: ActorId, at: &TipsetKey) -> Result<BitField, ChainError> {
        let taken = self
            .node()
            .state_miner_allocated(Address::new_id(miner), at.clone());
        taken.await.map_err(asking("used sector numbers"))
    }

    async fn pre_commit(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorPreCommitOnChainInfo>, ChainError> {
        let miner = Address::new_id(miner);
        let answer = self
            .node()
            .state_sector_pre_commit_info(miner, sector, at.clone());
        found("a pre-commit", answer.await)
    }

    async fn sector(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorOnChainInfo>, ChainError> {
        let miner = Address::new_id(miner);
        let answer = self.node().state_sector_get_info(miner, sector, at.clone());
        found("a sector", answer.await)
    }

    async fn location(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorLocation>, ChainError> {
        let miner = Address::new_id(miner);
        let answer = self
            .node()
            .state_sector_partition(miner, sector, at.clone());
        let location = found("a sector's partition", answer.await)?;
        Ok(location.map(|l| SectorLocation {
            deadline: l.deadline,
            partition: l.partition,
        }))
    }

    async fn deal(&self, deal: DealId, at: &TipsetKey) -> Result<Option<DealProposal>, ChainError> {
        let answer = self.node().state_market_storage_deal(deal, at.clone());
        let deal = found("a deal", answer.await.map(Some))?;
        Ok(deal.map(|d| d.proposal))
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

    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        self.drawn_from_beacon(tag, epoch, entropy, at).await
    }

    async fn pre_commit_deposit(
        &self,
        miner: ActorId,
        info: &SectorPreCommitInfo,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        let miner = Address::new_id(miner);
        let deposit =
            self.node()
                .state_miner_pre_commit_deposit_for_power(miner, info.clone(), at.clone());
        deposit.await.map_err(asking("the pre-commit deposit"))
    }

    async fn initial_pledge(
        &self,
        miner: ActorId,
        info: &SectorPreCommitInfo,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        let miner = Address::new_id(miner);
        let pledge =
            self.node()
                .state_miner_initial_pledge_collateral(miner, info.clone(), at.clone());
        pledge.await.map_err(asking("the initial pledge"))
    }

    async fn available_balance(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        let balance = self
            .node()
            .state_miner_available_balance(Address::new_id(miner), at.clone());
        balance.await.map_err(asking("the miner's free balance"))
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

    async fn included(
        &self,
        to: &Address,
        at: &TipsetKey,
    ) -> Result<Vec<(Cid, Message)>, ChainError> {
        let listed = self.node().chain_get_messages_in_tipset(at.clone()).await;
        let listed = listed.map_err(asking("the messages of a tipset"))?;
        Ok(listed
            .into_iter()
            .filter(|m| m.message.to == *to)
            .map(|m| (m.cid, m.message))
            .collect())
    }

    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError> {
        self.send(message, max_fee).await
    }

    async fn search(&self, message: &Cid) -> Result<Option<Landed>, ChainError> {
        let anywhere = TipsetKey::default();
        let answer = self
            .node()
            .state_search_msg(anywhere, *message, NO_LIMIT, true);
        Ok(found("a message", answer.await)?.map(landed))
    }

    async fn wait(&self, message: &Cid, confidence: u64) -> Result<Landed, ChainError> {
        let answer = self
            .node()
            .state_wait_msg(*message, confidence, NO_LIMIT, true);
        answer.await.map(landed).map_err(asking("a message"))
    }
}
