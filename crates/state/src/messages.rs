//! Which messages of a tipset count.
//!
//! Blocks of one tipset may hold the same messages, or different ones of the same sender. Each
//! message counts once, in the first block that has it, and a sender's messages count only as one
//! gapless run of nonces.
//!
//! # Lotus parity
//! `ChainStore.BlockMsgsForTipset` (nonce filter) and `ApplyBlocks` (CID filter): two filters, both
//! needed, since one sender may appear under its key and its ID address.

use std::collections::{HashMap, HashSet};

use lotus_actors::StateTree;
use lotus_ports::{Blockstore, network::BlockMessages};
use lotus_types::{Address, BlockHeader, Cid, Message, SignedMessage, Tipset, wire};

use crate::{ChainView, StateFault};

/// A message as a block holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainMessage {
    /// Its signature is in the block's aggregate.
    Unsigned(Message),
    /// It carries its own.
    Signed(SignedMessage),
}

impl ChainMessage {
    /// The message itself.
    pub fn message(&self) -> &Message {
        match self {
            Self::Unsigned(m) => m,
            Self::Signed(m) => &m.message,
        }
    }

    /// The CID under which the block lists it.
    pub fn cid(&self) -> Cid {
        match self {
            Self::Unsigned(m) => m.cid(),
            Self::Signed(m) => m.cid(),
        }
    }

    /// Bytes on chain, which inclusion is charged by.
    pub fn chain_length(&self) -> usize {
        match self {
            Self::Unsigned(m) => wire::to_cbor(m).len(),
            Self::Signed(m) => wire::to_cbor(m).len(),
        }
    }
}

/// The messages of a tipset that count, by block, in the order of application: BLS, then secp256k1.
#[derive(Debug, Clone)]
pub struct TipsetMessages {
    /// Each block of the tipset with its messages.
    pub blocks: Vec<(BlockHeader, Vec<ChainMessage>)>,
}

impl TipsetMessages {
    /// Loads a tipset's messages and drops those that do not count. Senders are looked up in the
    /// parents' state, which must be in `store`.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn load(
        view: &dyn ChainView,
        store: &impl Blockstore,
        tipset: &Tipset,
    ) -> Result<Self, StateFault> {
        let tree = StateTree::load(store, &tipset.parent_state_root())?;
        let mut filter = Filter::new(&tree);
        let mut blocks = Vec::with_capacity(tipset.blocks().len());
        for header in tipset.blocks() {
            let BlockMessages { bls, secpk } =
                view.block_messages(header).map_err(StateFault::Chain)?;
            let all = bls
                .into_iter()
                .map(ChainMessage::Unsigned)
                .chain(secpk.into_iter().map(ChainMessage::Signed));
            let mut kept = Vec::new();
            for message in all {
                if filter.counts(message.message())? {
                    kept.push(message);
                }
            }
            blocks.push((header.clone(), kept));
        }
        Ok(Self { blocks })
    }

    /// All messages in the order of application; receipts have the same order.
    pub fn iter(&self) -> impl Iterator<Item = &ChainMessage> {
        self.blocks.iter().flat_map(|(_, messages)| messages)
    }
}

struct Filter<'a, 's, S> {
    tree: &'a StateTree<'s, S>,
    ids: HashMap<Address, Address>,
    next_nonce: HashMap<Address, u64>,
    seen: HashSet<Cid>,
}

impl<'a, 's, S: Blockstore> Filter<'a, 's, S> {
    fn new(tree: &'a StateTree<'s, S>) -> Self {
        Self {
            tree,
            ids: HashMap::new(),
            next_nonce: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    fn counts(&mut self, message: &Message) -> Result<bool, StateFault> {
        let sender = self.resolve(message.from)?;
        // A block is only valid when the first message of a sender has the sender's next nonce.
        let next = self.next_nonce.entry(sender).or_insert(message.nonce);
        if *next != message.nonce {
            return Ok(false);
        }
        *next = next.saturating_add(1);
        Ok(self.seen.insert(message.cid()))
    }

    /// A sender that the state does not know stands for itself.
    fn resolve(&mut self, sender: Address) -> Result<Address, StateFault> {
        if let Some(id) = self.ids.get(&sender) {
            return Ok(*id);
        }
        let id = self
            .tree
            .lookup_id(&sender)?
            .map_or(sender, Address::new_id);
        self.ids.insert(sender, id);
        Ok(id)
    }
}
