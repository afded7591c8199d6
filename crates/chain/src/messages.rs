//! Messages of blocks.
//!
//! A header names a [`MessageMeta`]: the roots of two lists (v0 AMTs) of message CIDs.
//!
//! # Invariants
//! - A list read here has no holes and at most [`BLOCK_MESSAGE_LIMIT`] entries.
//! - A message is stored as its block lists it: without signature for BLS, with it for secp256k1.

use std::sync::Arc;

use fvm_ipld_amt::Amtv0;
use lotus_blockstore::{Blockstore, SharedBlockstore, Store};
use lotus_networks::policy::BLOCK_MESSAGE_LIMIT;
use lotus_ports::network::BlockMessages;
use lotus_types::{BlockHeader, Cid, Message, MessageMeta, SignedMessage, wire};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ChainError, ChainStore,
    error::{BadList, MalformedObject},
};

/// The CIDs of a block's messages, in the block's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageCids {
    /// BLS messages.
    pub bls: Vec<Cid>,
    /// secp256k1 messages.
    pub secpk: Vec<Cid>,
}

impl MessageCids {
    /// All of them, BLS first: the order of `ChainGetBlockMessages`.
    pub fn iter(&self) -> impl Iterator<Item = &Cid> {
        self.bls.iter().chain(&self.secpk)
    }
}

/// Reads a noun of the chain from a store.
pub(crate) fn read<T: Serialize + DeserializeOwned>(
    blocks: &SharedBlockstore,
    what: &'static str,
    cid: &Cid,
) -> Result<T, ChainError> {
    let data = blocks.get(cid).map_err(ChainError::store)?;
    let data = data.ok_or(ChainError::NotFound { what, cid: *cid })?;
    wire::from_cbor(&data).map_err(|source| {
        ChainError::Malformed(Box::new(MalformedObject {
            what,
            cid: *cid,
            source,
        }))
    })
}

fn read_list(blocks: &SharedBlockstore, root: &Cid) -> Result<Vec<Cid>, ChainError> {
    let bad = |reason: String| {
        ChainError::BadList(Box::new(BadList {
            root: *root,
            reason,
        }))
    };
    // A root that is not there is a different matter than one that is malformed.
    if !blocks.has(root).map_err(ChainError::store)? {
        return Err(ChainError::NotFound {
            what: "message list",
            cid: *root,
        });
    }
    let list = Amtv0::<Cid, _>::load(root.inner(), blocks).map_err(|e| bad(e.to_string()))?;
    if list.count() > BLOCK_MESSAGE_LIMIT as u64 {
        return Err(bad(format!(
            "{} messages are more than {BLOCK_MESSAGE_LIMIT}",
            list.count()
        )));
    }
    let mut cids = Vec::new();
    for entry in list.iter() {
        let (index, cid) = entry.map_err(|e| bad(e.to_string()))?;
        if index != cids.len() as u64 {
            return Err(bad(format!("entry {} is missing", cids.len())));
        }
        if cids.len() >= BLOCK_MESSAGE_LIMIT {
            return Err(bad(format!("more than {BLOCK_MESSAGE_LIMIT} messages")));
        }
        cids.push(*cid);
    }
    if cids.len() as u64 != list.count() {
        return Err(bad(format!(
            "{} messages where {} are announced",
            cids.len(),
            list.count()
        )));
    }
    Ok(cids)
}

/// Builds the message lists of a block in `blocks` and gives the CID that its header must name.
///
/// Does not store the messages themselves.
///
/// # Errors
/// When the store fails.
pub fn write_lists(
    blocks: &SharedBlockstore,
    bls: &[Cid],
    secpk: &[Cid],
) -> Result<Cid, ChainError> {
    let list = |cids: &[Cid]| {
        let root = Amtv0::new_from_iter(blocks, cids.iter().copied());
        root.map(Cid::from).map_err(ChainError::store)
    };
    let meta = MessageMeta {
        bls_messages: list(bls)?,
        secpk_messages: list(secpk)?,
    };
    let bytes = wire::to_cbor(&meta);
    let cid = Cid::of_block(&bytes);
    blocks.put_keyed(&cid, &bytes).map_err(ChainError::store)?;
    Ok(cid)
}

/// The CID that a header with these messages must name, without storing anything.
///
/// # Errors
/// Never in practice: nothing leaves memory.
pub fn lists_root(bls: &[Cid], secpk: &[Cid]) -> Result<Cid, ChainError> {
    write_lists(&SharedBlockstore::memory(), bls, secpk)
}

impl ChainStore {
    /// The CIDs of a block's messages.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn message_cids(&self, header: &BlockHeader) -> Result<Arc<MessageCids>, ChainError> {
        if let Some(known) = self.inner.message_cids.get(&header.messages) {
            return Ok(known);
        }
        let blocks = self.blocks();
        let meta: MessageMeta = read(blocks, "message lists", &header.messages)?;
        let cids = Arc::new(MessageCids {
            bls: read_list(blocks, &meta.bls_messages)?,
            secpk: read_list(blocks, &meta.secpk_messages)?,
        });
        self.inner
            .message_cids
            .insert(header.messages, Arc::clone(&cids));
        Ok(cids)
    }

    /// A block's messages.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, ChainError> {
        let cids = self.message_cids(header)?;
        let bls = cids
            .bls
            .iter()
            .map(|cid| read(self.blocks(), "message", cid));
        let secpk = cids
            .secpk
            .iter()
            .map(|cid| read(self.blocks(), "message", cid));
        Ok(BlockMessages {
            bls: bls.collect::<Result<_, _>>()?,
            secpk: secpk.collect::<Result<_, _>>()?,
        })
    }

    /// A message by CID, signed or not, without its signature.
    ///
    /// # Errors
    /// [`ChainError::NotFound`], [`ChainError::Malformed`].
    pub fn message(&self, cid: &Cid) -> Result<Message, ChainError> {
        match read::<Message>(self.blocks(), "message", cid) {
            Err(ChainError::Malformed(_)) => self.signed_message(cid).map(|signed| signed.message),
            other => other,
        }
    }

    /// A message that carries its own signature, by the CID of its signed form.
    ///
    /// # Errors
    /// [`ChainError::NotFound`], [`ChainError::Malformed`].
    pub fn signed_message(&self, cid: &Cid) -> Result<SignedMessage, ChainError> {
        read(self.blocks(), "signed message", cid)
    }

    /// Stores messages as a block lists them, together with the lists; gives the CID that the header
    /// must name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_messages(&self, messages: &BlockMessages) -> Result<Cid, ChainError> {
        let bls: Vec<_> = messages
            .bls
            .iter()
            .map(|m| (m.cid(), wire::to_cbor(m)))
            .collect();
        let secpk: Vec<_> = messages
            .secpk
            .iter()
            .map(|m| {
                let bytes = wire::to_cbor(m);
                (Cid::of_block(&bytes), bytes)
            })
            .collect();
        let batch: Vec<_> = bls
            .iter()
            .chain(&secpk)
            .map(|(cid, bytes)| (*cid.inner(), bytes.as_slice()))
            .collect();
        self.blocks().put_batch(&batch).map_err(ChainError::store)?;
        let cids = |list: &[(Cid, Vec<u8>)]| list.iter().map(|(cid, _)| *cid).collect::<Vec<_>>();
        write_lists(self.blocks(), &cids(&bls), &cids(&secpk))
    }

    /// Stores one message; gives its CID ([`SignedMessage::cid`]).
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_message(&self, message: &SignedMessage) -> Result<Cid, ChainError> {
        let cid = message.cid();
        let unsigned = message.message.cid() == cid;
        let bytes = if unsigned {
            wire::to_cbor(&message.message)
        } else {
            wire::to_cbor(message)
        };
        self.blocks()
            .put_keyed(&cid, &bytes)
            .map_err(ChainError::store)?;
        Ok(cid)
    }
}
