//! Where `/rpc/v0` of a full node differs from `/rpc/v1`.
//!
//! # Lotus parity
//! `v0api`: message lookups without a starting tipset, randomness with the tipset first, and an
//! error where v1 answers `null`.

use std::sync::Arc;

use async_trait::async_trait;
use lotus_actors::miner::SectorPreCommitOnChainInfo;
use lotus_types::{Address, BeaconEntry, Bytes, ChainEpoch, Cid, Receipt, SectorNumber, TipsetKey};

use super::FullNode;
use crate::{
    Dispatcher, RpcError, rpc_api,
    types::{node::ApiVersion, state::MsgLookup},
};

/// v0's lookups go back to genesis unless told otherwise.
const NO_LIMIT: ChainEpoch = -1;

rpc_api! {
    /// Methods that v0 has otherwise.
    pub trait FullV0Api {
        /// Version of the program and of the API.
        #[method("Version", Read)]
        fn version() -> ApiVersion;
        /// Randomness from tickets.
        #[method("ChainGetRandomnessFromTickets", Read)]
        fn chain_get_randomness_from_tickets(
            key: TipsetKey, personalization: i64, epoch: ChainEpoch, entropy: Bytes
        ) -> Bytes;
        /// Randomness from the beacon.
        #[method("ChainGetRandomnessFromBeacon", Read)]
        fn chain_get_randomness_from_beacon(
            key: TipsetKey, personalization: i64, epoch: ChainEpoch, entropy: Bytes
        ) -> Bytes;
        /// The beacon's entry of an epoch.
        #[method("BeaconGetEntry", Read, Waits)]
        fn beacon_get_entry(epoch: ChainEpoch) -> BeaconEntry;
        /// Where a message was executed.
        #[method("StateSearchMsg", Read)]
        fn state_search_msg(message: Cid) -> Option<MsgLookup>;
        /// Where a message was executed, at most `limit` epochs back.
        #[method("StateSearchMsgLimited", Read)]
        fn state_search_msg_limited(message: Cid, limit: ChainEpoch) -> Option<MsgLookup>;
        /// Answers when a message was executed.
        #[method("StateWaitMsg", Read, Waits)]
        fn state_wait_msg(message: Cid, confidence: u64) -> MsgLookup;
        /// Answers when a message was executed, looking at most `limit` epochs back.
        #[method("StateWaitMsgLimited", Read, Waits)]
        fn state_wait_msg_limited(message: Cid, confidence: u64, limit: ChainEpoch) -> MsgLookup;
        /// What executing a message gave.
        #[method("StateGetReceipt", Read)]
        fn state_get_receipt(message: Cid, key: TipsetKey) -> Option<Receipt>;
        /// A sector's pre-commitment.
        #[method("StateSectorPreCommitInfo", Read)]
        fn state_sector_pre_commit_info(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> SectorPreCommitOnChainInfo;
    }
}

/// Methods of v1 that v0 does not have.
const ONLY_V1: &[&str] = &[
    "Filecoin.StateGetBeaconEntry",
    "Filecoin.StateGetRandomnessFromTickets",
    "Filecoin.StateGetRandomnessFromBeacon",
    "Filecoin.MpoolCheckMessages",
    "Filecoin.MpoolCheckPendingMessages",
    "Filecoin.MpoolCheckReplaceMessages",
    "Filecoin.NodeStatus",
];

/// v0 over any full node.
struct V0<N: ?Sized>(Arc<N>);

#[async_trait]
impl<N: FullNode + ?Sized> FullV0Api for V0<N> {
    async fn version(&self) -> Result<ApiVersion, RpcError> {
        let version = self.0.version().await?;
        Ok(ApiVersion {
            api_version: ApiVersion::FULL_V0,
            ..version
        })
    }

    async fn chain_get_randomness_from_tickets(
        &self,
        key: TipsetKey,
        personalization: i64,
        epoch: ChainEpoch,
        entropy: Bytes,
    ) -> Result<Bytes, RpcError> {
        self.0
            .state_get_randomness_from_tickets(personalization, epoch, entropy, key)
            .await
    }

    async fn chain_get_randomness_from_beacon(
        &self,
        key: TipsetKey,
        personalization: i64,
        epoch: ChainEpoch,
        entropy: Bytes,
    ) -> Result<Bytes, RpcError> {
        self.0
            .state_get_randomness_from_beacon(personalization, epoch, entropy, key)
            .await
    }

    async fn beacon_get_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, RpcError> {
        self.0.state_get_beacon_entry(epoch).await
    }

    async fn state_search_msg(&self, message: Cid) -> Result<Option<MsgLookup>, RpcError> {
        self.state_search_msg_limited(message, NO_LIMIT).await
    }

    async fn state_search_msg_limited(
        &self,
        message: Cid,
        limit: ChainEpoch,
    ) -> Result<Option<MsgLookup>, RpcError> {
        self.0
            .state_search_msg(TipsetKey::default(), message, limit, true)
            .await
    }

    async fn state_wait_msg(&self, message: Cid, confidence: u64) -> Result<MsgLookup, RpcError> {
        self.0
            .state_wait_msg(message, confidence, NO_LIMIT, true)
            .await
    }

    async fn state_wait_msg_limited(
        &self,
        message: Cid,
        confidence: u64,
        limit: ChainEpoch,
    ) -> Result<MsgLookup, RpcError> {
        self.0
            .state_wait_msg(message, confidence, limit, true)
            .await
    }

    async fn state_get_receipt(
        &self,
        message: Cid,
        key: TipsetKey,
    ) -> Result<Option<Receipt>, RpcError> {
        let found = self
            .0
            .state_search_msg(key, message, NO_LIMIT, true)
            .await?;
        Ok(found.map(|lookup| lookup.receipt))
    }

    async fn state_sector_pre_commit_info(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Result<SectorPreCommitOnChainInfo, RpcError> {
        let found = self
            .0
            .state_sector_pre_commit_info(miner, sector, key)
            .await?;
        found.ok_or_else(|| RpcError::new("precommit info does not exist"))
    }
}

/// Binds a full node to its methods, v0.
pub fn dispatcher<N: FullNode + ?Sized>(node: &Arc<N>) -> Dispatcher {
    super::dispatcher(node)
        .without(ONLY_V1)
        .with(<dyn FullV0Api>::handlers(Arc::new(V0(Arc::clone(node)))))
}
