//! Deals as the provider sees them.

use lotus_types::{
    Address, ChainEpoch, Cid, ClientDealProposal, DealId, DealProposal, SectorNumber, Signature,
    TokenAmount,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
};
use serde::{Deserialize, Serialize};

use super::{
    deals::{ChannelId, DataRef, StorageAsk},
    go::{self, Nanos, Time},
    net::PeerId,
};

/// A deal that the provider works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerDeal {
    /// As agreed.
    pub proposal: DealProposal,
    /// The client's.
    pub client_signature: Signature,
    /// Names it.
    pub proposal_cid: Cid,
    /// Message that put money into escrow.
    #[serde(default)]
    pub add_funds_cid: Option<Cid>,
    /// Message that published it.
    #[serde(default)]
    pub publish_cid: Option<Cid>,
    /// The provider's peer.
    pub miner: PeerId,
    /// The client's peer.
    pub client: PeerId,
    /// How far it is.
    pub state: u64,
    /// Its data on disk.
    pub piece_path: String,
    /// More of it.
    pub metadata_path: String,
    /// When it was slashed; 0: not.
    pub slash_epoch: ChainEpoch,
    /// Keep an unsealed copy?
    pub fast_retrieval: bool,
    /// What went wrong.
    pub message: String,
    /// attoFIL.
    pub funds_reserved: TokenAmount,
    /// What is stored.
    #[serde(rename = "Ref")]
    pub data_ref: Option<DataRef>,
    /// Can it be retrieved?
    pub available_for_retrieval: bool,
    /// On chain; 0 before.
    #[serde(rename = "DealID")]
    pub deal_id: DealId,
    /// When it was made.
    pub creation_time: Time,
    /// How the data got here.
    #[serde(default)]
    pub transfer_channel_id: Option<ChannelId>,
    /// Where it is.
    pub sector_number: SectorNumber,
    /// The CAR that came in.
    #[serde(rename = "InboundCAR")]
    pub inbound_car: String,
}

/// Signed conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignedStorageAsk {
    /// The conditions.
    pub ask: Option<StorageAsk>,
    /// Of the miner's worker.
    pub signature: Option<Signature>,
}

/// Conditions for retrieval, in attoFIL and bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrievalAsk {
    /// Per byte.
    pub price_per_byte: TokenAmount,
    /// For unsealing.
    pub unseal_price: TokenAmount,
    /// Bytes between payments.
    pub payment_interval: u64,
    /// More bytes each time.
    pub payment_interval_increase: u64,
}

/// Deals that wait to be published together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PendingDealInfo {
    /// The deals.
    #[serde(deserialize_with = "go::or_default")]
    pub deals: Vec<ClientDealProposal>,
    /// When the first came; zero when there is none.
    pub publish_period_start: Time,
    /// How long is waited.
    pub publish_period: Nanos,
}

/// When a deal begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealSchedule {
    /// To be proven by then.
    pub start_epoch: ChainEpoch,
    /// To be kept until then.
    pub end_epoch: ChainEpoch,
}

/// What a sector must know of a piece's deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PieceDealInfo {
    /// Message that published it.
    #[serde(default)]
    pub publish_cid: Option<Cid>,
    /// On chain.
    #[serde(rename = "DealID")]
    pub deal_id: DealId,
    /// As agreed.
    pub deal_proposal: Option<DealProposal>,
    /// When it begins and ends.
    pub deal_schedule: DealSchedule,
    /// Of newer actors; always `null` for actors v9.
    #[serde(default)]
    pub piece_activation_manifest: Option<serde_json::Value>,
    /// Keep an unsealed copy?
    pub keep_unsealed: bool,
}

/// Where in a sector a piece lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorOffset {
    /// Which sector.
    pub sector: SectorNumber,
    /// Where in it.
    pub offset: PaddedPieceSize,
}

/// Where a deal's piece lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRef {
    /// Which sector.
    #[serde(rename = "SectorID")]
    pub sector_id: SectorNumber,
    /// Where in it.
    #[serde(rename = "Offset")]
    pub offset: PaddedPieceSize,
    /// How long.
    #[serde(rename = "Size")]
    pub size: UnpaddedPieceSize,
}

/// Where blocks of a DAG lie in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidInfo {
    /// The block.
    #[serde(rename = "CID")]
    pub cid: Cid,
    /// Where.
    #[serde(rename = "PieceBlockLocations", with = "go::nil")]
    pub locations: Vec<PieceBlockLocation>,
}

/// Where a block lies in a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceBlockLocation {
    /// Where in it.
    #[serde(rename = "RelOffset")]
    pub offset: u64,
    /// How long.
    #[serde(rename = "BlockSize")]
    pub size: u64,
    /// Which piece.
    #[serde(rename = "PieceCID")]
    pub piece_cid: Cid,
}

/// The deals of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceDeals {
    /// CommP.
    #[serde(rename = "PieceCID")]
    pub piece_cid: Cid,
    /// The deals.
    #[serde(rename = "Deals", with = "go::nil")]
    pub deals: Vec<PieceDeal>,
}

/// A deal of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceDeal {
    /// On chain.
    #[serde(rename = "DealID")]
    pub deal_id: DealId,
    /// Where it is.
    #[serde(rename = "SectorID")]
    pub sector_id: SectorNumber,
    /// Where in it.
    #[serde(rename = "Offset")]
    pub offset: PaddedPieceSize,
    /// How long.
    #[serde(rename = "Length")]
    pub length: PaddedPieceSize,
}

/// Who sends which messages for the miner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddressConfig {
    /// PreCommit.
    #[serde(with = "go::nil")]
    pub pre_commit_control: Vec<Address>,
    /// ProveCommit.
    #[serde(with = "go::nil")]
    pub commit_control: Vec<Address>,
    /// Terminate.
    #[serde(with = "go::nil")]
    pub terminate_control: Vec<Address>,
    /// PublishStorageDeals.
    #[serde(with = "go::nil")]
    pub deal_publish_control: Vec<Address>,
    /// Never the owner?
    pub disable_owner_fallback: bool,
    /// Never the worker?
    pub disable_worker_fallback: bool,
}
