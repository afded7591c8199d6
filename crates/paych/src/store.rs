//! Channels under the node's metadata.
//!
//! # Invariants
//! - A channel is one record, written whole: it never shows half a change.
//!
//! # Lotus parity
//! Lotus keeps CBOR under `/paych/`; here it is JSON under other keys, which no Lotus reads.

use std::sync::Arc;

use lotus_blockstore::MetadataStore;
use lotus_types::{Address, Cid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{Channel, PaychError};

const CHANNELS: &str = "/paych/channel/";

/// A message that made a channel or paid into one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentinel {
    /// Which channel.
    pub channel: Uuid,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is under way.
    Pending,
    /// It landed; this is the channel.
    Ready(Address),
    /// It failed; why.
    Failed(String),
}

/// All channels and the messages that paid into them.
#[derive(Debug, Clone)]
pub struct ChannelStore(Arc<dyn MetadataStore>);

fn fault(error: impl std::fmt::Display) -> PaychError {
    PaychError::Store(format!("{error:#}"))
}

fn sentinel_key(message: &Cid) -> String {
    format!("/paych/message/{message}")
}

fn channel_key(id: &Uuid) -> String {
    format!("{CHANNELS}{id}")
}

impl ChannelStore {
    /// In this store.
    pub fn new(metadata: Arc<dyn MetadataStore>) -> Self {
        Self(metadata)
    }

    /// All channels.
    ///
    /// # Errors
    /// [`PaychError::Store`].
    pub fn channels(&self) -> Result<Vec<Channel>, PaychError> {
        let kept = self.0.list(CHANNELS).map_err(fault)?;
        kept.iter().map(|(_, text)| read(text)).collect()
    }

    /// Keeps a channel.
    ///
    /// # Errors
    /// [`PaychError::Store`].
    pub fn put(&self, channel: &Channel) -> Result<(), PaychError> {
        self.set(&channel_key(&channel.id), channel)
    }

    /// Forgets a channel.
    ///
    /// # Errors
    /// [`PaychError::Store`].
    pub fn remove(&self, id: &Uuid) -> Result<(), PaychError> {
        self.0.remove(&channel_key(id)).map_err(fault)
    }

    /// What is known of a message.
    ///
    /// # Errors
    /// [`PaychError::Store`].
    pub fn sentinel(&self, message: &Cid) -> Result<Option<Sentinel>, PaychError> {
        let kept = self.0.get(&sentinel_key(message)).map_err(fault)?;
        kept.map(|text| read(&text)).transpose()
    }

    /// Keeps what is known of a message.
    ///
    /// # Errors
    /// [`PaychError::Store`].
    pub fn set_sentinel(&self, message: &Cid, sentinel: &Sentinel) -> Result<(), PaychError> {
        self.set(&sentinel_key(message), sentinel)
    }

    fn set(&self, key: &str, value: &impl Serialize) -> Result<(), PaychError> {
        let text = serde_json::to_vec(value).map_err(fault)?;
        self.0.set(key, &text).map_err(fault)
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, PaychError> {
    serde_json::from_slice(text).map_err(fault)
}
