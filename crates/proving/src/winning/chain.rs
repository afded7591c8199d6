//! What block production asks the full node.

use std::fmt;

use async_trait::async_trait;
use lotus_sealing::ChainError;
use lotus_types::{
    ActorId, Address, BeaconEntry, BigInt, BlockMessage, ChainEpoch, ElectionProof,
    ExtendedSectorInfo, PoStProof, SectorSize, SignedMessage, Ticket, Tipset, TipsetKey,
};

/// What a miner needs to know to be elected in an epoch (`MinerGetBaseInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseInfo {
    /// Quality-adjusted power of the miner, at the lookback.
    pub miner_power: BigInt,
    /// Of the whole network.
    pub network_power: BigInt,
    /// Sectors that the WinningPoSt must prove.
    pub sectors: Vec<ExtendedSectorInfo>,
    /// Signs blocks.
    pub worker: Address,
    /// Size of the miner's sectors.
    pub sector_size: SectorSize,
    /// The beacon entry that the parents ended with.
    pub previous_beacon: BeaconEntry,
    /// Entries since then, for the block.
    pub beacon_entries: Vec<BeaconEntry>,
    /// May the miner make blocks (enough power, no debt, no consensus fault)?
    pub eligible: bool,
}

impl BaseInfo {
    /// The beacon entry that randomness is drawn from.
    pub fn randomness_base(&self) -> &BeaconEntry {
        self.beacon_entries.last().unwrap_or(&self.previous_beacon)
    }
}

/// What a block is made of (`MinerCreateBlock`); state root, receipts and signature are the node's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTemplate {
    /// The miner, as an ID address.
    pub miner: Address,
    /// The tipset it builds on.
    pub parents: TipsetKey,
    /// Its ticket.
    pub ticket: Ticket,
    /// Its election proof.
    pub election_proof: ElectionProof,
    /// Beacon entries since the parents.
    pub beacon_values: Vec<BeaconEntry>,
    /// What goes in.
    pub messages: Vec<SignedMessage>,
    /// Its epoch.
    pub epoch: ChainEpoch,
    /// Unix seconds.
    pub timestamp: u64,
    /// Its WinningPoSt.
    pub winning_post_proof: Vec<PoStProof>,
}

/// A signed block.
pub type MinedBlock = BlockMessage;

/// The full node as block production sees it.
#[async_trait]
pub trait MiningChain: fmt::Debug + Send + Sync {
    /// The heaviest tipset.
    async fn head(&self) -> Result<Tipset, ChainError>;

    /// Waits for the beacon entry of an epoch: before, nobody can be elected.
    async fn beacon_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, ChainError>;

    /// What the miner needs to be elected at `epoch` on `parents`; `None` when it has no power.
    async fn base_info(
        &self,
        miner: ActorId,
        epoch: ChainEpoch,
        parents: &TipsetKey,
    ) -> Result<Option<BaseInfo>, ChainError>;

    /// The worker's BLS signature over 32 bytes: a VRF proof.
    async fn vrf(&self, worker: &Address, input: &[u8; 32]) -> Result<Vec<u8>, ChainError>;

    /// Messages for a block on `parents` by a miner with this ticket quality.
    async fn select_messages(
        &self,
        parents: &TipsetKey,
        ticket_quality: f64,
    ) -> Result<Vec<SignedMessage>, ChainError>;

    /// Executes the parents and makes the signed block.
    async fn create_block(&self, template: BlockTemplate) -> Result<MinedBlock, ChainError>;

    /// Gives the block to the node, which checks and gossips it.
    async fn submit_block(&self, block: MinedBlock) -> Result<(), ChainError>;
}
