//! Deals as the client sees them: imports, proposals, retrievals.

use lotus_types::{
    Address, ChainEpoch, Cid, DealId, TokenAmount,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
};
use serde::{Deserialize, Serialize};

use super::{go::Time, net::PeerId};

/// A file of the node's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Its path.
    #[serde(rename = "Path")]
    pub path: String,
    /// Is it a CAR already?
    #[serde(rename = "IsCAR", default)]
    pub is_car: bool,
}

/// An import that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRes {
    /// The file's DAG.
    #[serde(rename = "Root")]
    pub root: Cid,
    /// Its number.
    #[serde(rename = "ImportID")]
    pub import_id: u64,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Its number.
    #[serde(rename = "Key")]
    pub key: u64,
    /// What is wrong with it.
    #[serde(rename = "Err")]
    pub err: String,
    /// The file's DAG.
    #[serde(rename = "Root")]
    pub root: Option<Cid>,
    /// `import` or `retrieval`.
    #[serde(rename = "Source")]
    pub source: String,
    /// The file.
    #[serde(rename = "FilePath")]
    pub file_path: String,
    /// Its blocks.
    #[serde(rename = "CARPath")]
    pub car_path: String,
}

/// CommP of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommPRet {
    /// CommP.
    pub root: Cid,
    /// Room for it.
    pub size: UnpaddedPieceSize,
}

/// How large a DAG is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataSize {
    /// As a CAR, in bytes.
    pub payload_size: i64,
    /// As a piece.
    pub piece_size: PaddedPieceSize,
}

/// How large a DAG is, and its CommP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCidSize {
    /// As a CAR, in bytes.
    pub payload_size: i64,
    /// As a piece.
    pub piece_size: PaddedPieceSize,
    /// CommP of that piece.
    #[serde(rename = "PieceCID")]
    pub piece_cid: Cid,
}

/// What is to be stored and how it gets to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataRef {
    /// `graphsync`, `manual` or `http`.
    pub transfer_type: String,
    /// The DAG.
    pub root: Cid,
    /// CommP, when it is known already.
    #[serde(default)]
    pub piece_cid: Option<Cid>,
    /// Size of the piece, when it is known already.
    #[serde(default)]
    pub piece_size: UnpaddedPieceSize,
    /// Bytes to be moved, when known.
    #[serde(default)]
    pub raw_block_size: u64,
}

/// What a deal is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartDealParams {
    /// What is stored.
    pub data: DataRef,
    /// Who pays.
    pub wallet: Address,
    /// Who stores.
    pub miner: Address,
    /// attoFIL per epoch for the whole piece.
    pub epoch_price: TokenAmount,
    /// Epochs.
    pub min_blocks_duration: u64,
    /// Put up by the provider; 0: the least.
    #[serde(default)]
    pub provider_collateral: TokenAmount,
    /// -1: chosen by the node.
    #[serde(default)]
    pub deal_start_epoch: ChainEpoch,
    /// Keep an unsealed copy?
    pub fast_retrieval: bool,
    /// With DataCap?
    pub verified_deal: bool,
}

/// A number for a transfer between two peers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelId {
    /// Who began.
    #[serde(rename = "Initiator")]
    pub initiator: PeerId,
    /// The other.
    #[serde(rename = "Responder")]
    pub responder: PeerId,
    /// The number.
    #[serde(rename = "ID")]
    pub id: u64,
}

/// A transfer of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataTransferChannel {
    /// Its number.
    #[serde(rename = "TransferID")]
    pub transfer_id: u64,
    /// How far it is (6: completed).
    pub status: u64,
    /// The DAG.
    #[serde(rename = "BaseCID")]
    pub base_cid: Cid,
    /// Was it begun here?
    pub is_initiator: bool,
    /// Is data sent from here?
    pub is_sender: bool,
    /// What it is for.
    pub voucher: String,
    /// What went wrong.
    pub message: String,
    /// With whom.
    pub other_peer: PeerId,
    /// Bytes so far.
    pub transferred: u64,
    /// Its story.
    #[serde(default)]
    pub stages: serde_json::Value,
}

/// A deal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealInfo {
    /// Names it.
    pub proposal_cid: Cid,
    /// How far it is; see `ClientGetDealStatus`.
    pub state: u64,
    /// What went wrong, or what is waited for.
    pub message: String,
    /// Its story.
    #[serde(default)]
    pub deal_stages: serde_json::Value,
    /// Who stores.
    pub provider: Address,
    /// What.
    pub data_ref: Option<DataRef>,
    /// CommP.
    #[serde(rename = "PieceCID")]
    pub piece_cid: Cid,
    /// Of the piece, without padding.
    pub size: u64,
    /// attoFIL.
    pub price_per_epoch: TokenAmount,
    /// Epochs.
    pub duration: u64,
    /// On chain; 0 before.
    #[serde(rename = "DealID")]
    pub deal_id: DealId,
    /// When it was made.
    pub creation_time: Time,
    /// With DataCap?
    pub verified: bool,
    /// How the data gets there.
    #[serde(rename = "TransferChannelID", default)]
    pub transfer_channel_id: Option<ChannelId>,
    /// How far the data is.
    #[serde(default)]
    pub data_transfer: Option<DataTransferChannel>,
}

/// A provider's conditions. Prices in attoFIL per GiB and epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageAsk {
    /// Of a deal.
    pub price: TokenAmount,
    /// Of a deal with DataCap.
    pub verified_price: TokenAmount,
    /// Least piece.
    pub min_piece_size: PaddedPieceSize,
    /// Largest piece.
    pub max_piece_size: PaddedPieceSize,
    /// Who.
    pub miner: Address,
    /// Epoch it was made.
    pub timestamp: ChainEpoch,
    /// Epoch it ends.
    pub expiry: ChainEpoch,
    /// Grows with each.
    pub seq_no: u64,
}

/// A provider's answer to the question for its conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageAskAnswer {
    /// Its conditions.
    pub response: StorageAsk,
    /// Protocols in which it takes proposals.
    #[serde(default, with = "super::go::nil")]
    pub deal_protocols: Vec<String>,
}

/// Who has something, and how to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrievalPeer {
    /// The provider.
    #[serde(rename = "Address")]
    pub address: Address,
    /// Its peer.
    #[serde(rename = "ID")]
    pub id: PeerId,
    /// In which piece.
    #[serde(rename = "PieceCID", default)]
    pub piece_cid: Option<Cid>,
}

/// What a provider wants for handing something out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryOffer {
    /// Why it cannot be had.
    pub err: String,
    /// The DAG.
    pub root: Cid,
    /// The piece.
    #[serde(default)]
    pub piece: Option<Cid>,
    /// Bytes.
    pub size: u64,
    /// attoFIL in all.
    pub min_price: TokenAmount,
    /// attoFIL for unsealing.
    pub unseal_price: TokenAmount,
    /// attoFIL.
    pub price_per_byte: TokenAmount,
    /// Bytes between payments.
    pub payment_interval: u64,
    /// More bytes each time.
    pub payment_interval_increase: u64,
    /// Who gets the payment.
    pub miner: Address,
    /// Whom to ask.
    pub miner_peer: RetrievalPeer,
}

impl QueryOffer {
    /// The order that takes all of it, paid by `client`.
    pub fn order(self, client: Address) -> RetrievalOrder {
        RetrievalOrder {
            root: self.root,
            piece: self.piece,
            data_selector: None,
            size: self.size,
            total: self.min_price,
            unseal_price: self.unseal_price,
            payment_interval: self.payment_interval,
            payment_interval_increase: self.payment_interval_increase,
            client,
            miner: self.miner,
            miner_peer: Some(self.miner_peer),
            remote_store: None,
        }
    }
}

/// What is to be retrieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrievalOrder {
    /// The DAG.
    pub root: Cid,
    /// The piece.
    #[serde(default)]
    pub piece: Option<Cid>,
    /// Only a part of the DAG.
    #[serde(default)]
    pub data_selector: Option<serde_json::Value>,
    /// Bytes.
    pub size: u64,
    /// attoFIL.
    pub total: TokenAmount,
    /// attoFIL for unsealing.
    pub unseal_price: TokenAmount,
    /// Bytes between payments.
    pub payment_interval: u64,
    /// More bytes each time.
    pub payment_interval_increase: u64,
    /// Who pays.
    pub client: Address,
    /// Who gets the payment.
    pub miner: Address,
    /// Whom to ask.
    pub miner_peer: Option<RetrievalPeer>,
    /// From another node's store: not supported.
    #[serde(default)]
    pub remote_store: Option<serde_json::Value>,
}

/// A retrieval that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrievalStarted {
    /// Its number.
    #[serde(rename = "DealID")]
    pub deal_id: u64,
}

/// Where retrieved data is to be taken from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportRef {
    /// The DAG.
    #[serde(rename = "Root")]
    pub root: Cid,
    /// Parts of it.
    #[serde(rename = "DAGs", default)]
    pub dags: serde_json::Value,
    /// A CAR of the node.
    #[serde(rename = "FromLocalCAR", default)]
    pub from_local_car: String,
    /// A retrieval; 0: none.
    #[serde(rename = "DealID", default)]
    pub deal_id: u64,
}

/// A retrieval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrievalInfo {
    /// The DAG.
    #[serde(rename = "PayloadCID")]
    pub payload_cid: Cid,
    /// Its number.
    #[serde(rename = "ID")]
    pub id: u64,
    /// The piece.
    #[serde(rename = "PieceCID", default)]
    pub piece_cid: Option<Cid>,
    /// attoFIL.
    pub price_per_byte: TokenAmount,
    /// attoFIL.
    pub unseal_price: TokenAmount,
    /// How far it is (15: completed).
    pub status: u64,
    /// What went wrong.
    pub message: String,
    /// From whom.
    pub provider: PeerId,
    /// So far.
    pub bytes_received: u64,
    /// So far.
    pub bytes_paid_for: u64,
    /// attoFIL.
    pub total_paid: TokenAmount,
    /// How the data gets here.
    #[serde(rename = "TransferChannelID", default)]
    pub transfer_channel_id: Option<ChannelId>,
    /// How far the data is.
    #[serde(default)]
    pub data_transfer: Option<DataTransferChannel>,
    /// What happened last.
    #[serde(default)]
    pub event: Option<u64>,
}
