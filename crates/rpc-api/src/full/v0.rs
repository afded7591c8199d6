//! Where `/rpc/v0` of a full node differs from `/rpc/v1`.
//!
//! # Lotus parity
//! `v0api`: message lookups without a starting tipset, randomness with the tipset first, an error
//! where v1 answers `null`, and multisig methods that send their message. As with Lotus, methods
//! that only v1 has can be called here too.

use std::sync::Arc;

use async_trait::async_trait;
use lotus_actors::miner::SectorPreCommitOnChainInfo;
use lotus_types::{
    Address, BeaconEntry, Bytes, ChainEpoch, Cid, MethodNum, Receipt, SectorNumber, TipsetKey,
    TokenAmount,
};

use super::FullNode;
use crate::{
    Dispatcher, MethodInfo, RpcError, rpc_api,
    types::{
        mpool::MessagePrototype,
        node::ApiVersion,
        paych::{ChannelInfo, PaychGetOpts},
        state::MsgLookup,
    },
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
        /// A channel between two addresses with at least this much to spend.
        #[method("PaychGet", Sign)]
        fn paych_get(from: Address, to: Address, amount: TokenAmount) -> ChannelInfo;
    }
}

rpc_api! {
    /// Multisig wallets of v0: a method sends the message that v1's only makes.
    pub trait MsigV0Api {
        /// Makes a wallet.
        #[method("MsigCreate", Sign)]
        fn msig_create(
            threshold: u64, signers: Vec<Address>, unlock_duration: ChainEpoch,
            balance: TokenAmount, source: Address, gas_price: TokenAmount
        ) -> Cid;
        /// Proposes a message.
        #[method("MsigPropose", Sign)]
        fn msig_propose(
            msig: Address, to: Address, amount: TokenAmount, source: Address, method: MethodNum,
            params: Bytes
        ) -> Cid;
        /// Approves a proposal by its number.
        #[method("MsigApprove", Sign)]
        fn msig_approve(msig: Address, id: u64, source: Address) -> Cid;
        /// Approves exactly this proposal.
        #[method("MsigApproveTxnHash", Sign)]
        fn msig_approve_txn_hash(
            msig: Address, id: u64, proposer: Address, to: Address, amount: TokenAmount,
            source: Address, method: MethodNum, params: Bytes
        ) -> Cid;
        /// Takes exactly this proposal back.
        #[method("MsigCancel", Sign)]
        fn msig_cancel(
            msig: Address, id: u64, to: Address, amount: TokenAmount, source: Address,
            method: MethodNum, params: Bytes
        ) -> Cid;
        /// Proposes another signer.
        #[method("MsigAddPropose", Sign)]
        fn msig_add_propose(
            msig: Address, source: Address, signer: Address, increase: bool
        ) -> Cid;
        /// Approves another signer.
        #[method("MsigAddApprove", Sign)]
        fn msig_add_approve(
            msig: Address, source: Address, id: u64, proposer: Address, signer: Address,
            increase: bool
        ) -> Cid;
        /// Takes the proposal of another signer back.
        #[method("MsigAddCancel", Sign)]
        fn msig_add_cancel(
            msig: Address, source: Address, id: u64, signer: Address, increase: bool
        ) -> Cid;
        /// Proposes to exchange a signer.
        #[method("MsigSwapPropose", Sign)]
        fn msig_swap_propose(
            msig: Address, source: Address, old: Address, new: Address
        ) -> Cid;
        /// Approves the exchange of a signer.
        #[method("MsigSwapApprove", Sign)]
        fn msig_swap_approve(
            msig: Address, source: Address, id: u64, proposer: Address, old: Address, new: Address
        ) -> Cid;
        /// Takes the exchange of a signer back.
        #[method("MsigSwapCancel", Sign)]
        fn msig_swap_cancel(
            msig: Address, source: Address, id: u64, old: Address, new: Address
        ) -> Cid;
        /// Proposes to take a signer away.
        #[method("MsigRemoveSigner", Sign)]
        fn msig_remove_signer(
            msig: Address, proposer: Address, signer: Address, decrease: bool
        ) -> Cid;
    }
}

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

    async fn paych_get(
        &self,
        from: Address,
        to: Address,
        amount: TokenAmount,
    ) -> Result<ChannelInfo, RpcError> {
        self.0
            .paych_get(from, to, amount, PaychGetOpts::default())
            .await
    }
}

impl<N: FullNode + ?Sized> V0<N> {
    /// Sends what a v1 method made; the CID is the sent message's.
    async fn send(&self, made: MessagePrototype) -> Result<Cid, RpcError> {
        if made.valid_nonce {
            let sender = made.message.from;
            let signed = self.0.wallet_sign_message(sender, made.message).await?;
            return self.0.mpool_push(signed).await;
        }
        let sent = self.0.mpool_push_message(made.message, None).await?;
        Ok(sent.cid())
    }
}

/// Methods that send what v1's method of the same name makes.
macro_rules! sends_what_v1_makes {
    ($(fn $name:ident / $v1:ident($($arg:ident: $ty:ty),*);)*) => {
        #[async_trait]
        impl<N: FullNode + ?Sized> MsigV0Api for V0<N> {$(
            async fn $name(&self, $($arg: $ty),*) -> Result<Cid, RpcError> {
                let made = self.0.$v1($($arg),*).await?;
                self.send(made).await
            }
        )*}
    };
}

sends_what_v1_makes! {
    fn msig_create / msig_create(
        threshold: u64, signers: Vec<Address>, unlock_duration: ChainEpoch, balance: TokenAmount,
        source: Address, gas_price: TokenAmount
    );
    fn msig_propose / msig_propose(
        msig: Address, to: Address, amount: TokenAmount, source: Address, method: MethodNum,
        params: Bytes
    );
    fn msig_approve / msig_approve(msig: Address, id: u64, source: Address);
    fn msig_approve_txn_hash / msig_approve_txn_hash(
        msig: Address, id: u64, proposer: Address, to: Address, amount: TokenAmount,
        source: Address, method: MethodNum, params: Bytes
    );
    fn msig_cancel / msig_cancel_txn_hash(
        msig: Address, id: u64, to: Address, amount: TokenAmount, source: Address,
        method: MethodNum, params: Bytes
    );
    fn msig_add_propose / msig_add_propose(
        msig: Address, source: Address, signer: Address, increase: bool
    );
    fn msig_add_approve / msig_add_approve(
        msig: Address, source: Address, id: u64, proposer: Address, signer: Address, increase: bool
    );
    fn msig_add_cancel / msig_add_cancel(
        msig: Address, source: Address, id: u64, signer: Address, increase: bool
    );
    fn msig_swap_propose / msig_swap_propose(
        msig: Address, source: Address, old: Address, new: Address
    );
    fn msig_swap_approve / msig_swap_approve(
        msig: Address, source: Address, id: u64, proposer: Address, old: Address, new: Address
    );
    fn msig_swap_cancel / msig_swap_cancel(
        msig: Address, source: Address, id: u64, old: Address, new: Address
    );
    fn msig_remove_signer / msig_remove_signer(
        msig: Address, proposer: Address, signer: Address, decrease: bool
    );
}

/// The methods that v0 has otherwise than v1.
pub fn own_methods() -> impl Iterator<Item = &'static MethodInfo> {
    [<dyn FullV0Api>::METHODS, <dyn MsigV0Api>::METHODS]
        .into_iter()
        .flatten()
}

/// All methods of a full node, v0: those of v1, and v0's own where they differ.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    let as_v1 = super::methods().filter(|v1| own_methods().all(|v0| v0.name != v1.name));
    as_v1.chain(own_methods())
}

/// Binds a full node to its methods, v0.
pub fn dispatcher<N: FullNode + ?Sized>(node: &Arc<N>) -> Dispatcher {
    let own = Arc::new(V0(Arc::clone(node)));
    super::dispatcher(node)
        .with(<dyn FullV0Api>::handlers(Arc::clone(&own)))
        .with(<dyn MsigV0Api>::handlers(own))
}
