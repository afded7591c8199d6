//! Sectors on their way.

use lotus_types::{
    BigInt, Bytes, ChainEpoch, Cid, DealId, PieceInfo, RegisteredSealProof, SectorNumber,
    TokenAmount,
};
use serde::{Deserialize, Serialize};

use super::{go, market::PieceDealInfo};

/// The name of a sector's state: `Proving`.
pub type SectorState = String;

/// A sector: what was and is done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorStatus {
    /// Its number.
    #[serde(rename = "SectorID")]
    pub sector_id: SectorNumber,
    /// Its state.
    pub state: SectorState,
    /// Commitment to its data.
    pub comm_d: Option<Cid>,
    /// Commitment to its replica.
    pub comm_r: Option<Cid>,
    /// The seal proof.
    pub proof: Bytes,
    /// Its deals, 0 for pieces without one.
    #[serde(deserialize_with = "go::or_default")]
    pub deals: Vec<DealId>,
    /// Its pieces.
    #[serde(deserialize_with = "go::or_default")]
    pub pieces: Vec<SectorPiece>,
    /// Randomness sealed in.
    pub ticket: SealRandomness,
    /// Randomness of its challenges.
    pub seed: SealRandomness,
    /// Message.
    pub pre_commit_msg: Option<Cid>,
    /// Message.
    pub commit_msg: Option<Cid>,
    /// How often something failed.
    pub retries: u64,
    /// Was it meant to be upgraded the old way?
    pub to_upgrade: bool,
    /// Message.
    pub replica_update_message: Option<Cid>,
    /// What failed last.
    pub last_err: String,
    /// Its story.
    #[serde(deserialize_with = "go::or_default")]
    pub log: Vec<SectorLog>,
    /// How it is sealed.
    pub seal_proof: RegisteredSealProof,
    /// When it was proven; 0 before. This and all below only when asked for.
    pub activation: ChainEpoch,
    /// When it ends.
    pub expiration: ChainEpoch,
    /// Deals' bytes times epochs.
    pub deal_weight: BigInt,
    /// Verified deals' bytes times epochs.
    pub verified_deal_weight: BigInt,
    /// Locked for it.
    pub initial_pledge: TokenAmount,
    /// When it ends, by its partition's queue.
    pub on_time: ChainEpoch,
    /// When it ends early because of faults; 0: not.
    pub early: ChainEpoch,
}

/// A piece of a sector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorPiece {
    /// The piece.
    pub piece: PieceInfo,
    /// Its deal; `None` for filler.
    pub deal_info: Option<PieceDealInfo>,
}

/// Chain randomness and when it was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SealRandomness {
    /// 32 bytes; empty before it is known.
    pub value: Bytes,
    /// When.
    pub epoch: ChainEpoch,
}

/// An entry of a sector's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorLog {
    /// What kind: `event;sealing.SectorStart`.
    pub kind: String,
    /// Unix seconds.
    pub timestamp: u64,
    /// Where in the program it went wrong.
    pub trace: String,
    /// What.
    pub message: String,
}

/// What became of sectors that were pre-committed together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreCommitBatchRes {
    /// They.
    #[serde(with = "go::nil")]
    pub sectors: Vec<SectorNumber>,
    /// The message.
    pub msg: Option<Cid>,
    /// What went wrong.
    pub error: String,
}

/// What became of sectors that were proven together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommitBatchRes {
    /// They.
    #[serde(with = "go::nil")]
    pub sectors: Vec<SectorNumber>,
    /// Those that were left out, and why.
    #[serde(default, with = "go::nil")]
    pub failed_sectors: std::collections::BTreeMap<SectorNumber, String>,
    /// The message.
    pub msg: Option<Cid>,
    /// What went wrong.
    pub error: String,
}

/// Numbers of sectors given out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NumAssignerMeta {
    /// Reserved.
    pub reserved: lotus_types::BitField,
    /// Allocated on chain.
    pub allocated: lotus_types::BitField,
    /// Either.
    pub in_use: lotus_types::BitField,
    /// Next one.
    pub next: SectorNumber,
}
