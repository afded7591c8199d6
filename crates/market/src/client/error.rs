//! Why a deal is not started.

use lotus_types::{Address, ChainEpoch, TokenAmount};

use crate::{
    ask::AskError,
    chain::{ChainError, EscrowError},
    deal_store::DealStoreError,
    imports::ImportError,
    protocol::ExchangeError,
};

/// Why a deal is not started. Says what was refused, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartDealError {
    /// The address is no miner.
    #[error("{0} is not a storage provider on this network: check the address")]
    NoProvider(Address),
    /// Nobody knows where it is.
    #[error(
        "storage provider {0} has no peer id on chain: its operator must set one with \
         `lotus-miner actor set-peer-id`"
    )]
    NoPeer(Address),
    /// The wallet cannot sign.
    #[error("the wallet has no key for {0}: choose an address of `lotus wallet list`")]
    NoKey(Address),
    /// There is no such way to move data.
    #[error(
        "transfer type {0:?} is not supported: use \"http\" or \"graphsync\" (over the network), or \"manual\""
    )]
    TransferType(String),
    /// An offline deal says what is stored.
    #[error(
        "a manual deal needs the CommP and the size of its piece (--manual-piece-cid, --manual-piece-size)"
    )]
    ManualPiece,
    /// A stateless deal is offline.
    #[error("invalid transfer type {0} for stateless storage deal: only \"manual\" is possible")]
    StatelessOnline(String),
    /// Sectors are smaller.
    #[error(
        "cannot propose a deal whose piece size ({piece}) is greater than sector size ({sector}): \
         split the data or choose a provider with larger sectors"
    )]
    PieceTooLarge {
        /// Padded bytes.
        piece: u64,
        /// Bytes.
        sector: u64,
    },
    /// The piece's size is none.
    #[error("{0} bytes are no piece size: pieces have 127/128 of a power of two")]
    PieceSize(u64),
    /// Too short or too long.
    #[error("a deal of {got} epochs is not possible: choose {min} to {max}")]
    Duration {
        /// Asked for, rounded up to the provider's proving period.
        got: ChainEpoch,
        /// Least.
        min: ChainEpoch,
        /// Most.
        max: ChainEpoch,
    },
    /// It would start in the past.
    #[error("deal start epoch {start} has passed, the chain is at {now}: choose a later one")]
    StartPassed {
        /// Asked for.
        start: ChainEpoch,
        /// The chain's height.
        now: ChainEpoch,
    },
    /// The provider's conditions are not met.
    #[error("{miner} would not take this deal: {objection}. See `lotus client query-ask {miner}`")]
    AskNotMet {
        /// The provider.
        miner: Address,
        /// What is not met.
        objection: String,
    },
    /// Too little DataCap.
    #[error(
        "client {client} has {have} bytes of DataCap, a verified deal of this piece takes {need}"
    )]
    DataCap {
        /// Who pays.
        client: Address,
        /// Bytes left.
        have: String,
        /// Bytes needed.
        need: u64,
    },
    /// Neither escrow nor wallet has enough.
    #[error(
        "the deal needs {needed} in escrow: {wallet} lacks {missing} there and holds {balance}"
    )]
    Funds {
        /// Who pays.
        wallet: Box<Address>,
        /// Price and collateral.
        needed: TokenAmount,
        /// Missing in escrow.
        missing: TokenAmount,
        /// Held by the wallet.
        balance: TokenAmount,
    },
    /// The provider said no (stateless deals only: others tell it in their state).
    #[error("{miner} refused the deal: {reason}")]
    Refused {
        /// The provider.
        miner: Address,
        /// Its words.
        reason: String,
    },
    /// The data are not here or cannot be read.
    #[error(transparent)]
    Data(#[from] ImportError),
    /// The provider does not tell its conditions.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The provider did not answer.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Escrow could not be filled.
    #[error(transparent)]
    Escrow(#[from] EscrowError),
    /// The node could not say.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The deal could not be written down.
    #[error(transparent)]
    Store(#[from] DealStoreError),
    /// A proposal has no binary form, or a task broke: a bug.
    #[error("{0}")]
    Internal(String),
}
