//! Errors of the chain store.

use lotus_blockstore::{car::CarError, dag::DagError};
use lotus_ports::network::Fault;
use lotus_types::{ChainEpoch, Cid, TipsetError, TipsetKey, wire::CborError};

/// Why the chain store cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// An object of the chain is not in the store.
    #[error("{what} {cid} not found")]
    NotFound {
        /// "block", "message", …
        what: &'static str,
        /// Its CID.
        cid: Cid,
    },
    /// A stored object is not what its place in the chain says.
    #[error(transparent)]
    Malformed(Box<MalformedObject>),
    /// A list of messages that no valid block has.
    #[error(transparent)]
    BadList(Box<BadList>),
    /// Blocks that do not make a tipset.
    #[error("no tipset {key}")]
    BadTipset {
        /// What was asked for.
        key: TipsetKey,
        /// Why not.
        #[source]
        source: Box<TipsetError>,
    },
    /// A height below 0.
    #[error("height {0} is negative")]
    NegativeHeight(ChainEpoch),
    /// A height above the tipset from which the search starts.
    #[error("looking for tipset with height greater than start point")]
    HeightAboveStart {
        /// The height asked for.
        height: ChainEpoch,
        /// That of the start.
        start: ChainEpoch,
    },
    /// Two tipsets of chains with different genesis blocks, or a chain whose heights do not fall.
    #[error("{a} and {b} are not of one chain")]
    NotOneChain {
        /// One tipset.
        a: TipsetKey,
        /// The other.
        b: TipsetKey,
    },
    /// The store has no head yet.
    #[error("the chain store has no head")]
    NoHead,
    /// The store has no genesis yet.
    #[error("the chain store has no genesis block")]
    NoGenesis,
    /// The store belongs to another network.
    #[error(transparent)]
    OtherGenesis(Box<OtherGenesis>),
    /// A CAR file cannot be read or written.
    #[error(transparent)]
    Car(Box<CarError>),
    /// A DAG is incomplete or malformed.
    #[error(transparent)]
    Dag(Box<DagError>),
    /// The weight of a tipset cannot be told.
    #[error("weighing tipset {key}")]
    Weight {
        /// The tipset.
        key: TipsetKey,
        /// Why not.
        #[source]
        source: Fault,
    },
    /// The store failed.
    #[error("chain storage failed")]
    Store(#[source] Fault),
}

impl ChainError {
    pub(crate) fn store(error: impl Into<Fault>) -> Self {
        Self::Store(error.into())
    }

    /// True when this node is to blame (disk, database), not what was asked for or stored.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Store(_) | Self::Weight { .. } => true,
            Self::Car(error) => !error.is_bad_file(),
            Self::Dag(error) => matches!(**error, DagError::Fault { .. }),
            _ => false,
        }
    }
}

impl From<CarError> for ChainError {
    fn from(error: CarError) -> Self {
        Self::Car(Box::new(error))
    }
}

impl From<DagError> for ChainError {
    fn from(error: DagError) -> Self {
        Self::Dag(Box::new(error))
    }
}

/// A stored object that is not what its place in the chain says.
#[derive(Debug, thiserror::Error)]
#[error("{what} {cid} is malformed")]
pub struct MalformedObject {
    /// "block", "message", …
    pub what: &'static str,
    /// Its CID.
    pub cid: Cid,
    /// What is wrong with it.
    #[source]
    pub source: CborError,
}

/// A list of messages that no valid block has.
#[derive(Debug, thiserror::Error)]
#[error("message list {root} is malformed: {reason}")]
pub struct BadList {
    /// Root of the list.
    pub root: Cid,
    /// What is wrong with it.
    pub reason: String,
}

/// Two networks that do not fit.
#[derive(Debug, thiserror::Error)]
#[error("genesis block is {have}, not {given}: this repo belongs to another network")]
pub struct OtherGenesis {
    /// The store's genesis block.
    pub have: Cid,
    /// The one given.
    pub given: Cid,
}
