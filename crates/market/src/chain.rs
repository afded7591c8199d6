//! What both sides of a deal ask the full node.
//!
//! [`MarketChain`] is the port; [`FullNodeChain`] answers it from a full node in this process or
//! elsewhere.
//!
//! # Invariants
//! - "There is none" is told apart from "the node could not say" ([`ChainError`]); the second is asked
//!   again and never held against a deal.

use std::fmt;

use async_trait::async_trait;
use lotus_rpc_api::types::state::{DealCollateralBounds, MarketBalance, MarketDeal};
pub use lotus_sealing::{ChainError, chain::PushError};
use lotus_types::{
    Address, BigInt, ChainEpoch, Cid, DealId, Message, Receipt, SectorSize, Signature, TokenAmount,
    sector::PaddedPieceSize,
};

pub(crate) mod escrow;
mod full_node;
mod multiaddr;

pub use escrow::EscrowError;
pub use full_node::FullNodeChain;

/// A miner, as far as deals with it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinerTerms {
    /// Signs asks and may publish deals; an ID address.
    pub worker: Address,
    /// May publish deals; ID addresses.
    pub control: Vec<Address>,
    /// Its peer, if it has said so.
    pub peer: Option<String>,
    /// Where its peer is, as multiaddresses without `/p2p/…`; those that cannot be read are left out.
    pub multiaddrs: Vec<String>,
    /// Bytes.
    pub sector_size: SectorSize,
    /// First epoch of its proving period.
    pub period_start: ChainEpoch,
    /// Epochs of a proving period.
    pub proving_period: ChainEpoch,
}

/// Where a message has landed and what it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The CID that landed: another one when the message was replaced in the pool.
    pub message: Cid,
    /// Epoch of the tipset that executed it.
    pub height: ChainEpoch,
    /// What it gave.
    pub receipt: Receipt,
}

/// The chain as deals see it. All answers are as of the heaviest tipset.
#[async_trait]
pub trait MarketChain: fmt::Debug + Send + Sync {
    /// Height of the heaviest tipset.
    async fn height(&self) -> Result<ChainEpoch, ChainError>;

    /// A miner; `None` when the address is none.
    async fn miner(&self, miner: &Address) -> Result<Option<MinerTerms>, ChainError>;

    /// The key address behind an account; `None` when it is no account on chain and no key address.
    async fn key_address(&self, account: &Address) -> Result<Option<Address>, ChainError>;

    /// The ID address of an address; `None` when it is not on chain.
    async fn id_address(&self, address: &Address) -> Result<Option<Address>, ChainError>;

    /// Can the node sign for this address?
    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError>;

    /// Signs bytes with an address' key.
    async fn sign(&self, signer: &Address, data: &[u8]) -> Result<Signature, ChainError>;

    /// What an address holds outside escrow; zero when it is not on chain.
    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError>;

    /// What an address has in escrow, and what deals lock of it.
    async fn escrow(&self, address: &Address) -> Result<MarketBalance, ChainError>;

    /// DataCap that a client has left, in bytes; `None` when it is no verified client.
    async fn datacap(&self, client: &Address) -> Result<Option<BigInt>, ChainError>;

    /// Least and most collateral of a provider for a piece.
    async fn collateral_bounds(
        &self,
        size: PaddedPieceSize,
        verified: bool,
    ) -> Result<DealCollateralBounds, ChainError>;

    /// A published deal; `None` when there is none of that number, or not any more.
    async fn deal(&self, deal: DealId) -> Result<Option<MarketDeal>, ChainError>;

    /// All published deals of a provider, by number. Slow where there are many.
    async fn deals_of(&self, provider: &Address) -> Result<Vec<(DealId, MarketDeal)>, ChainError>;

    /// Messages to the storage market that no state reflects yet: those of the pool, and those in the
    /// blocks of the heaviest tipset.
    async fn in_flight(&self) -> Result<Vec<(Cid, Message)>, ChainError>;

    /// Why a message would fail now; `None` when it would not.
    async fn would_fail(&self, message: &Message) -> Result<Option<String>, ChainError>;

    /// Gives the message a nonce, gas and a signature and sends it. `max_fee` bounds the gas fee;
    /// zero is the node's default.
    ///
    /// # Errors
    /// [`PushError::Refused`] when the message itself was turned down; [`PushError::Chain`] when it
    /// is not known what became of it.
    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError>;

    /// Waits until the message is `confidence` epochs deep.
    async fn wait(&self, message: &Cid, confidence: u64) -> Result<Landed, ChainError>;
}
