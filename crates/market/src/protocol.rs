//! The wire forms of storage deals: proposal, status, ask, and where the data can be fetched.
//!
//! One stream carries one request and one answer. Requests and answers are CBOR maps; the chain's
//! nouns inside them (proposals, signatures) keep their tuple forms.
//!
//! | protocol | request | answer |
//! |---|---|---|
//! | [`DEAL_PROTOCOL`] | [`DealParams`] | [`DealResponse`] |
//! | [`STATUS_PROTOCOL`] | [`DealStatusRequest`] | [`DealStatusResponse`] |
//! | [`ASK_PROTOCOL`] | [`AskRequest`] | [`AskResponse`] |
//!
//! # Lotus parity
//! The deal and status protocols are those of Boost, the ask protocol is Lotus' own.

use std::{collections::BTreeMap, time::Duration};

use lotus_net::ReadLimits;
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, ClientDealProposal, DealId, DealProposal, Signature,
    TokenAmount, sector::PaddedPieceSize, wire,
};
use multihash_codetable::{Code, MultihashDigest as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod exchange;
mod status;

pub use exchange::ExchangeError;
pub(crate) use exchange::{Peer, exchange};
pub use status::StorageDealStatus;

/// Proposes a deal.
pub const DEAL_PROTOCOL: &str = "/fil/storage/mk/1.2.0";
/// The same with two more fields, which [`DEAL_PROTOCOL`] takes as well.
pub const DEAL_PROTOCOL_1_2_1: &str = "/fil/storage/mk/1.2.1";
/// Asks how far a deal is.
pub const STATUS_PROTOCOL: &str = "/fil/storage/status/1.2.0";
/// Asks for the provider's conditions.
pub const ASK_PROTOCOL: &str = "/fil/storage/ask/1.1.0";

/// Most bytes of a deal's label: the market actor refuses longer ones.
pub const MAX_LABEL: usize = 256;

/// How long a provider waits for a request that a client has begun to send.
pub(crate) const REQUEST_LIMITS: ReadLimits = ReadLimits::new(256 << 10, Duration::from_secs(10));
/// How long a client waits for an answer; the provider asks the chain meanwhile.
pub(crate) const RESPONSE_LIMITS: ReadLimits = ReadLimits::new(256 << 10, Duration::from_secs(60));
/// How long sending may take.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// A deal proposal and all that the provider needs to execute it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealParams {
    /// Chosen by the client, names the deal in the status protocol.
    #[serde(rename = "DealUUID")]
    pub deal_uuid: Uuid,
    /// How to fetch the data; the default when the deal is offline.
    pub transfer: Transfer,
    /// The data comes otherwise, for example on a disk.
    pub is_offline: bool,
    /// Root of the data's DAG.
    pub deal_data_root: Cid,
    /// Do not tell indexers. `None`: a client of version 1.2.0 without the field.
    #[serde(
        rename = "SkipIPNIAnnounce",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub skip_ipni_announce: Option<bool>,
    /// What goes on chain.
    pub client_deal_proposal: ClientDealProposal,
    /// Keep only the sealed copy. `None`: a client of version 1.2.0 without the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_unsealed_copy: Option<bool>,
}

/// Where the data of a deal can be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Transfer {
    /// Bytes.
    pub size: u64,
    /// `http` is the one that is known here.
    #[serde(rename = "Type")]
    pub kind: String,
    /// For `http`: the JSON of an [`HttpRequest`].
    pub params: Bytes,
    /// The client's own number for the transfer.
    #[serde(rename = "ClientID")]
    pub client_id: String,
}

impl Transfer {
    /// The type that is supported.
    pub const HTTP: &'static str = "http";
}

/// A GET request that answers with the data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpRequest {
    /// `http://…` or `https://…`.
    #[serde(rename = "URL")]
    pub url: String,
    /// Headers to send along, `Authorization` above all.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// The provider's answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealResponse {
    /// Why not; empty when it was accepted.
    pub message: String,
    /// Will the provider execute it?
    pub accepted: bool,
}

/// Asks how far a deal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealStatusRequest {
    /// Which deal.
    #[serde(rename = "DealUUID")]
    pub deal_uuid: Uuid,
    /// Of the deal's client over the UUID's 16 bytes.
    #[serde(rename = "Signature")]
    pub signature: Signature,
}

/// How far a deal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealStatusResponse {
    /// Why there is no answer; empty when there is one.
    pub error: String,
    /// Which deal.
    #[serde(rename = "DealUUID")]
    pub deal_uuid: Uuid,
    /// Does its data come otherwise than by network?
    pub is_offline: bool,
    /// The answer.
    pub deal_status: Option<DealStatus>,
    /// Bytes of data in all.
    pub transfer_size: u64,
    /// Bytes of data that the provider has.
    #[serde(rename = "NBytesReceived")]
    pub bytes_received: u64,
}

/// A deal as its provider sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealStatus {
    /// Why it failed; empty when it did not.
    pub error: String,
    /// The last [`Checkpoint`] that was passed, by name.
    pub status: String,
    /// What was proposed.
    pub proposal: DealProposal,
    /// The message that published it.
    pub publish_cid: Option<Cid>,
    /// Its number on chain; 0 before.
    #[serde(rename = "ChainDealID")]
    pub chain_deal_id: DealId,
    /// State of its sector, by Lotus' name.
    pub sealing_status: String,
    /// Names the deal.
    pub signed_proposal_cid: Cid,
}

/// The milestones of a deal at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the protocol")]
pub enum Checkpoint {
    Accepted,
    Transferred,
    Published,
    PublishConfirmed,
    AddedPiece,
    IndexedAndAnnounced,
    Complete,
}

impl Checkpoint {
    const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Transferred,
        Self::Published,
        Self::PublishConfirmed,
        Self::AddedPiece,
        Self::IndexedAndAnnounced,
        Self::Complete,
    ];

    /// The protocol's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Transferred => "Transferred",
            Self::Published => "Published",
            Self::PublishConfirmed => "PublishConfirmed",
            Self::AddedPiece => "AddedPiece",
            Self::IndexedAndAnnounced => "IndexedAndAnnounced",
            Self::Complete => "Complete",
        }
    }

    /// The checkpoint of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// Asks for a provider's conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRequest {
    /// Which provider.
    #[serde(rename = "Miner")]
    pub miner: Address,
}

/// A provider's conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskResponse {
    /// `None` when it has none.
    #[serde(rename = "Ask")]
    pub ask: Option<SignedAsk>,
}

/// Conditions and the signature of the miner's worker over their wire form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedAsk {
    /// The conditions.
    #[serde(rename = "Ask")]
    pub ask: Option<WireAsk>,
    /// Of the worker.
    #[serde(rename = "Signature")]
    pub signature: Option<Signature>,
}

/// Conditions as they go over the wire: a map, where the API's type is for JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WireAsk {
    /// Who.
    pub miner: Address,
    /// attoFIL per GiB and epoch.
    pub price: TokenAmount,
    /// Grows with each.
    pub seq_no: u64,
    /// Epoch it ends.
    pub expiry: ChainEpoch,
    /// Epoch it was made.
    pub timestamp: ChainEpoch,
    /// Largest piece.
    pub max_piece_size: PaddedPieceSize,
    /// Least piece.
    pub min_piece_size: PaddedPieceSize,
    /// attoFIL per GiB and epoch, of a deal with DataCap.
    pub verified_price: TokenAmount,
}

/// The CID that names a deal before it has a number on chain: SHA-256 of the signed proposal.
pub fn proposal_cid(proposal: &ClientDealProposal) -> Cid {
    const DAG_CBOR: u64 = lotus_types::cid::DAG_CBOR;
    let digest = Code::Sha2_256.digest(&wire::to_cbor(proposal));
    cid::Cid::new_v1(DAG_CBOR, digest).into()
}

/// What the client must have free in escrow for a deal: the whole price and its collateral.
pub(crate) fn client_requirement(proposal: &DealProposal) -> TokenAmount {
    let duration = proposal.end_epoch.saturating_sub(proposal.start_epoch);
    proposal.storage_price_per_epoch.clone() * duration + proposal.client_collateral.clone()
}

#[cfg(test)]
mod tests;
