//! Making blocks.

use lotus_types::{
    Address, BeaconEntry, BigInt, ChainEpoch, ElectionProof, ExtendedSectorInfo, PoStProof,
    SectorSize, SignedMessage, Ticket, TipsetKey,
};
use serde::{Deserialize, Serialize};

use super::go;

/// What a miner needs to take part in an epoch's election.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MiningBaseInfo {
    /// Its quality-adjusted power at the lookback.
    pub miner_power: BigInt,
    /// Everyone's.
    pub network_power: BigInt,
    /// To be proven when it wins.
    #[serde(with = "go::nil")]
    pub sectors: Vec<ExtendedSectorInfo>,
    /// Signs tickets and blocks.
    pub worker_key: Address,
    /// Bytes.
    pub sector_size: SectorSize,
    /// Last one on chain.
    pub prev_beacon_entry: BeaconEntry,
    /// Of the rounds since.
    #[serde(with = "go::nil")]
    pub beacon_entries: Vec<BeaconEntry>,
    /// Enough power and no fault?
    pub eligible_for_mining: bool,
}

/// What a miner wants in its block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BlockTemplate {
    /// Who.
    pub miner: Address,
    /// On top of what.
    pub parents: TipsetKey,
    /// Its ticket.
    pub ticket: Option<Ticket>,
    /// Proof that it won.
    pub eproof: Option<ElectionProof>,
    /// Beacon entries since the parents.
    #[serde(with = "go::nil")]
    pub beacon_values: Vec<BeaconEntry>,
    /// Messages, in order.
    #[serde(with = "go::nil")]
    pub messages: Vec<SignedMessage>,
    /// When.
    pub epoch: ChainEpoch,
    /// When, in Unix seconds.
    pub timestamp: u64,
    /// Proof of storage.
    #[serde(rename = "WinningPoStProof", with = "go::nil")]
    pub winning_post_proof: Vec<PoStProof>,
}
