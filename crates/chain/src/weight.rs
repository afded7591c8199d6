//! How heavy a tipset is.

use lotus_blockstore::SharedBlockstore;
use lotus_ports::network::Fault;
use lotus_types::{BigInt, Tipset};

/// Tells the weight of a tipset: that of its parents' chain and what it adds itself, which depends on
/// the power table in its parents' state. Implemented by consensus.
pub trait Weigher: Send + Sync + std::fmt::Debug {
    /// The weight of the chain that ends in `tipset`, by the rule of the network version in force.
    ///
    /// # Errors
    /// When the state of the parents cannot be read.
    fn weight(&self, blocks: &SharedBlockstore, tipset: &Tipset) -> Result<BigInt, Fault>;
}

/// Weighs a tipset by its parents' chain and its number of blocks: for tests and tools that look at
/// chains without state. Never for a node.
#[derive(Debug, Clone, Copy, Default)]
pub struct BlockCountWeigher;

impl Weigher for BlockCountWeigher {
    fn weight(&self, _: &SharedBlockstore, tipset: &Tipset) -> Result<BigInt, Fault> {
        let blocks = BigInt::from(tipset.blocks().len() as u64);
        Ok(BigInt::from(&**tipset.parent_weight() + &*blocks))
    }
}

/// True when `a` wins over `b` of the same weight: the smaller ticket of the first place where they
/// differ, block by block.
///
/// Lotus goes on to later blocks when an earlier one of `a` has the *larger* ticket, so that two
/// tipsets can each win over the other; with one block each the rules are the same.
pub(crate) fn wins_tie(a: &Tipset, b: &Tipset) -> bool {
    let tickets = |tipset: &Tipset| {
        let digests = tipset
            .blocks()
            .iter()
            .map(|block| block.ticket.as_ref().map(|t| t.digest()));
        digests.collect::<Vec<_>>()
    };
    let (mine, others) = (tickets(a), tickets(b));
    let differing = mine.iter().zip(&others).find(|(mine, other)| mine != other);
    differing.is_some_and(|(mine, other)| mine < other)
}
