//! Getting the chain, and adding to it.

use lotus_types::{Address, BlockHeader, BlockMessage, ChainEpoch, Cid, TipsetKey};

use crate::{
    rpc_api,
    types::{
        chain::SyncState,
        mining::{BlockTemplate, MiningBaseInfo},
        node::NodeStatus,
    },
};

rpc_api! {
    /// Following the network.
    pub trait SyncApi {
        /// What is being fetched.
        #[method("SyncState", Read)]
        fn sync_state() -> SyncState;
        /// Takes a block as from the network and publishes it.
        #[method("SyncSubmitBlock", Write)]
        fn sync_submit_block(block: BlockMessage);
        /// Headers of blocks that come in.
        #[method("SyncIncomingBlocks", Read, Channel)]
        fn sync_incoming_blocks() => BlockHeader;
        /// Never leaves this tipset again.
        #[method("SyncCheckpoint", Admin)]
        fn sync_checkpoint(key: TipsetKey);
        /// Calls a block bad.
        #[method("SyncMarkBad", Admin)]
        fn sync_mark_bad(cid: Cid);
        /// Forgets that a block is bad.
        #[method("SyncUnmarkBad", Admin)]
        fn sync_unmark_bad(cid: Cid);
        /// Forgets that blocks are bad.
        #[method("SyncUnmarkAllBad", Admin)]
        fn sync_unmark_all_bad();
        /// Why a block is bad; empty when it is not known to be.
        #[method("SyncCheckBad", Read)]
        fn sync_check_bad(cid: Cid) -> String;
        /// Is a tipset valid?
        #[method("SyncValidateTipset", Read, Waits)]
        fn sync_validate_tipset(key: TipsetKey) -> bool;
        /// How the node does.
        #[method("NodeStatus", Read)]
        fn node_status(with_chain: bool) -> NodeStatus;
        /// Copies the node's metadata to a file.
        #[method("CreateBackup", Admin)]
        fn create_backup(path: String);
    }
}

rpc_api! {
    /// Mining.
    pub trait MinerApi {
        /// What a miner needs for the election of an epoch on top of a tipset; nothing when it has
        /// no sectors to prove.
        #[method("MinerGetBaseInfo", Read)]
        fn miner_get_base_info(
            miner: Address, epoch: ChainEpoch, key: TipsetKey
        ) -> Option<MiningBaseInfo>;
        /// Makes a block and signs it with the miner's worker key.
        #[method("MinerCreateBlock", Write)]
        fn miner_create_block(template: BlockTemplate) -> BlockMessage;
    }
}
