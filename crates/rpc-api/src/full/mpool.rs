//! Messages on their way to the chain, and their gas.

use lotus_types::{Address, Cid, Gas, Message, SignedMessage, TipsetKey, TokenAmount};

use crate::{
    rpc_api,
    types::{
        go::NilVec,
        mpool::{MessageCheckStatus, MessagePrototype, MessageSendSpec, MpoolConfig, MpoolUpdate},
    },
};

rpc_api! {
    /// Messages that are not yet on chain.
    pub trait MpoolApi {
        /// Those that are not on the chain of a tipset.
        #[method("MpoolPending", Read)]
        fn mpool_pending(key: TipsetKey) -> Vec<SignedMessage>;
        /// Those that pay best on top of a tipset, for a ticket of this quality (0 to 1).
        #[method("MpoolSelect", Read)]
        fn mpool_select(key: TipsetKey, ticket_quality: f64) -> NilVec<SignedMessage>;
        /// Takes a signed message and publishes it.
        #[method("MpoolPush", Write)]
        fn mpool_push(message: SignedMessage) -> Cid;
        /// The same, with stricter checks.
        #[method("MpoolPushUntrusted", Write)]
        fn mpool_push_untrusted(message: SignedMessage) -> Cid;
        /// Estimates gas, assigns a nonce, signs with the sender's key and publishes.
        #[method("MpoolPushMessage", Sign)]
        fn mpool_push_message(message: Message, spec: Option<MessageSendSpec>) -> SignedMessage;
        /// `MpoolPush` of several.
        #[method("MpoolBatchPush", Write)]
        fn mpool_batch_push(messages: Vec<SignedMessage>) -> Vec<Cid>;
        /// `MpoolPushUntrusted` of several.
        #[method("MpoolBatchPushUntrusted", Write)]
        fn mpool_batch_push_untrusted(messages: Vec<SignedMessage>) -> Vec<Cid>;
        /// `MpoolPushMessage` of several.
        #[method("MpoolBatchPushMessage", Sign)]
        fn mpool_batch_push_message(
            messages: Vec<Message>, spec: Option<MessageSendSpec>
        ) -> Vec<SignedMessage>;
        /// The sender's next nonce, counting pooled messages.
        #[method("MpoolGetNonce", Read)]
        fn mpool_get_nonce(sender: Address) -> u64;
        /// Messages that come and go.
        #[method("MpoolSub", Read, Channel)]
        fn mpool_sub() => MpoolUpdate;
        /// Empties the pool; own messages only when asked.
        #[method("MpoolClear", Write)]
        fn mpool_clear(local: bool);
        /// How the pool works.
        #[method("MpoolGetConfig", Read)]
        fn mpool_get_config() -> MpoolConfig;
        /// Changes how the pool works.
        #[method("MpoolSetConfig", Admin)]
        fn mpool_set_config(config: MpoolConfig);
        /// Would these be taken?
        #[method("MpoolCheckMessages", Read)]
        fn mpool_check_messages(messages: Vec<MessagePrototype>) -> Vec<Vec<MessageCheckStatus>>;
        /// Are a sender's pooled messages still good?
        #[method("MpoolCheckPendingMessages", Read)]
        fn mpool_check_pending_messages(
            sender: Address
        ) -> NilVec<Vec<MessageCheckStatus>>;
        /// Would these be taken in place of pooled ones?
        #[method("MpoolCheckReplaceMessages", Read)]
        fn mpool_check_replace_messages(messages: Vec<Message>) -> Vec<Vec<MessageCheckStatus>>;
    }
}

rpc_api! {
    /// What messages will cost.
    pub trait GasApi {
        /// A message with gas limit, fee cap and premium filled in where they are zero.
        #[method("GasEstimateMessageGas", Read)]
        fn gas_estimate_message_gas(
            message: Message, spec: Option<MessageSendSpec>, key: TipsetKey
        ) -> Message;
        /// Gas that a message will use.
        #[method("GasEstimateGasLimit", Read)]
        fn gas_estimate_gas_limit(message: Message, key: TipsetKey) -> Gas;
        /// Fee cap for a message to get in within so many blocks.
        #[method("GasEstimateFeeCap", Read)]
        fn gas_estimate_fee_cap(message: Message, max_blocks: i64, key: TipsetKey) -> TokenAmount;
        /// Premium for a message to get in within so many blocks.
        #[method("GasEstimateGasPremium", Read)]
        fn gas_estimate_gas_premium(
            blocks: u64, sender: Address, gas_limit: Gas, key: TipsetKey
        ) -> TokenAmount;
    }
}
