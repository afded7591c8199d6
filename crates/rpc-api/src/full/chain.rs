//! Blocks, messages, the head.

use std::collections::BTreeMap;

use lotus_types::{
    BigInt, BlockHeader, Bytes, ChainEpoch, Cid, Message, Receipt, Tipset, TipsetKey,
};
use serde_json::Value;

use crate::{
    rpc_api,
    types::{
        chain::{ApiMessage, BlockMessages, HeadChange, IpldObject, ObjStat},
        go::NilVec,
    },
};

rpc_api! {
    /// The chain.
    pub trait ChainApi {
        /// The heaviest tipset.
        #[method("ChainHead", Read)]
        fn chain_head() -> Tipset;
        /// The head now (`current`), then every step of it.
        #[method("ChainNotify", Read, Channel)]
        fn chain_notify() => Vec<HeadChange>;
        /// The genesis tipset.
        #[method("ChainGetGenesis", Read)]
        fn chain_get_genesis() -> Tipset;
        /// A tipset by its key; the head for the empty one.
        #[method("ChainGetTipSet", Read)]
        fn chain_get_tipset(key: TipsetKey) -> Tipset;
        /// The tipset at a height below `key`, or the one before it when that round was null.
        #[method("ChainGetTipSetByHeight", Read)]
        fn chain_get_tipset_by_height(height: ChainEpoch, key: TipsetKey) -> Tipset;
        /// The tipset at a height below `key`, or the one after it when that round was null.
        #[method("ChainGetTipSetAfterHeight", Read)]
        fn chain_get_tipset_after_height(height: ChainEpoch, key: TipsetKey) -> Tipset;
        /// A tipset's weight.
        #[method("ChainTipSetWeight", Read)]
        fn chain_tipset_weight(key: TipsetKey) -> BigInt;
        /// A block's header.
        #[method("ChainGetBlock", Read)]
        fn chain_get_block(cid: Cid) -> BlockHeader;
        /// A block's messages.
        #[method("ChainGetBlockMessages", Read)]
        fn chain_get_block_messages(cid: Cid) -> BlockMessages;
        /// A message.
        #[method("ChainGetMessage", Read)]
        fn chain_get_message(cid: Cid) -> Message;
        /// The messages of a tipset, in order of execution.
        #[method("ChainGetMessagesInTipset", Read)]
        fn chain_get_messages_in_tipset(key: TipsetKey) -> NilVec<ApiMessage>;
        /// The messages of a block's parents, in order of execution.
        #[method("ChainGetParentMessages", Read)]
        fn chain_get_parent_messages(block: Cid) -> NilVec<ApiMessage>;
        /// What executing a block's parents' messages gave, in that order. Nothing when there were
        /// none; an empty list for genesis, which has no parents.
        #[method("ChainGetParentReceipts", Read)]
        fn chain_get_parent_receipts(block: Cid) -> Option<Vec<Receipt>>;
        /// Steps from one tipset to another.
        #[method("ChainGetPath", Read)]
        fn chain_get_path(from: TipsetKey, to: TipsetKey) -> Vec<HeadChange>;
        /// An object's bytes.
        #[method("ChainReadObj", Read)]
        fn chain_read_obj(cid: Cid) -> Bytes;
        /// Is an object there?
        #[method("ChainHasObj", Read)]
        fn chain_has_obj(cid: Cid) -> bool;
        /// Puts an object in.
        #[method("ChainPutObj", Admin)]
        fn chain_put_obj(data: Bytes);
        /// Takes an object out.
        #[method("ChainDeleteObj", Admin)]
        fn chain_delete_obj(cid: Cid);
        /// Bytes and links below an object, without those below `base`.
        #[method("ChainStatObj", Read)]
        fn chain_stat_obj(obj: Cid, base: Option<Cid>) -> ObjStat;
        /// An object at a path such as `/ipfs/CID/1/@H:a`.
        #[method("ChainGetNode", Read)]
        fn chain_get_node(path: String) -> IpldObject;
        /// Makes a tipset the head.
        #[method("ChainSetHead", Admin)]
        fn chain_set_head(key: TipsetKey);
        /// A CAR of the chain, in pieces.
        #[method("ChainExport", Read, Channel)]
        fn chain_export(roots: ChainEpoch, skip_old_messages: bool, key: TipsetKey) => Bytes;
        /// Checks the store.
        #[method("ChainCheckBlockstore", Admin, Waits)]
        fn chain_check_blockstore();
        /// What the store says of itself.
        #[method("ChainBlockstoreInfo", Read)]
        fn chain_blockstore_info() -> BTreeMap<String, Value>;
        /// Throws old state away.
        #[method("ChainPrune", Admin, Waits)]
        fn chain_prune(options: Value);
    }
}
