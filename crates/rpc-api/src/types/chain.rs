//! Blocks, messages and the head.

use lotus_types::{Bytes, ChainEpoch, Cid, Message, SignedMessage, Tipset};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::go::{self, Time};

/// The messages of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BlockMessages {
    /// Signed in the block's aggregate.
    #[serde(deserialize_with = "go::or_default")]
    pub bls_messages: Vec<Message>,
    /// Signed one by one.
    #[serde(deserialize_with = "go::or_default")]
    pub secpk_messages: Vec<SignedMessage>,
    /// Of all, in this order.
    #[serde(deserialize_with = "go::or_default")]
    pub cids: Vec<Cid>,
}

/// A message under the CID that it has on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiMessage {
    /// Of the signed form, unless the signature is BLS.
    pub cid: Cid,
    /// The unsigned form.
    pub message: Message,
}

/// A step of the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HeadChange {
    /// What it does.
    #[serde(rename = "Type")]
    pub kind: HeadChangeType,
    /// With what.
    pub val: Tipset,
}

/// What a step of the head does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadChangeType {
    /// The head when the channel began.
    Current,
    /// A tipset came on top.
    Apply,
    /// The top tipset was taken off.
    Revert,
}

/// How large a part of the chain's store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ObjStat {
    /// Bytes.
    pub size: u64,
    /// Links.
    pub links: u64,
}

/// An object of the chain's store, taken apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpldObject {
    /// Where it is.
    pub cid: Cid,
    /// Its contents.
    pub obj: Value,
}

/// A stage of getting a chain. JSON: its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum SyncStage {
    /// Waits for work.
    #[default]
    Idle,
    /// Gets headers.
    Headers,
    /// Has the headers.
    PersistHeaders,
    /// Gets and checks messages.
    Messages,
    /// Done.
    SyncComplete,
    /// Failed.
    SyncErrored,
    /// Looks for the chain's messages.
    FetchingMessages,
}

impl SyncStage {
    const ALL: [Self; 7] = [
        Self::Idle,
        Self::Headers,
        Self::PersistHeaders,
        Self::Messages,
        Self::SyncComplete,
        Self::SyncErrored,
        Self::FetchingMessages,
    ];
}

impl From<SyncStage> for i64 {
    fn from(s: SyncStage) -> Self {
        SyncStage::ALL
            .iter()
            .position(|k| *k == s)
            .and_then(|i| Self::try_from(i).ok())
            .unwrap_or(0)
    }
}

impl TryFrom<i64> for SyncStage {
    type Error = String;
    fn try_from(n: i64) -> Result<Self, String> {
        let known = usize::try_from(n).ok().and_then(|i| Self::ALL.get(i));
        known
            .copied()
            .ok_or_else(|| format!("unknown sync stage {n}"))
    }
}

impl std::fmt::Display for SyncStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Headers => "header sync",
            Self::PersistHeaders => "persisting headers",
            Self::Messages => "message sync",
            Self::SyncComplete => "complete",
            Self::SyncErrored => "error",
            Self::FetchingMessages => "fetching messages",
        })
    }
}

/// Getting one chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ActiveSync {
    /// Number of the work.
    #[serde(rename = "WorkerID")]
    pub worker_id: u64,
    /// From here.
    pub base: Option<Tipset>,
    /// To there.
    pub target: Option<Tipset>,
    /// How far.
    pub stage: SyncStage,
    /// Epoch now at work.
    pub height: ChainEpoch,
    /// Begin.
    pub start: Time,
    /// End.
    pub end: Time,
    /// What went wrong.
    pub message: String,
}

/// Getting chains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SyncState {
    /// Now and lately.
    #[serde(with = "go::nil")]
    pub active_syncs: Vec<ActiveSync>,
    /// Messages executed since the start.
    #[serde(rename = "VMApplied")]
    pub vm_applied: u64,
}

/// An event that an actor emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// Number of the actor.
    pub emitter: u64,
    /// What it says.
    #[serde(with = "go::nil")]
    pub entries: Vec<EventEntry>,
}

/// A part of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventEntry {
    /// Which parts are indexed, among others.
    pub flags: u8,
    /// Its name.
    pub key: String,
    /// Multicodec of the value.
    pub codec: u64,
    /// The value.
    pub value: Bytes,
}
