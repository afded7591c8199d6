//! What sealing asks the chain: the part of the full node's API that it needs.
//!
//! An in-process node and a remote one are reached through the same trait; the assembly adapts the
//! full node's API to it.

use std::fmt;

use async_trait::async_trait;
use lotus_actors::miner::{
    SectorLocation, SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo,
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_types::{
    ActorId, Address, BitField, ChainEpoch, Cid, DealId, DealProposal, ExitCode, Message,
    RegisteredSealProof, SectorNumber, TipsetKey, TokenAmount,
};

/// The chain could not be asked, or could not answer now. Never a statement about a sector: the
/// question is asked again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asking the chain for {what}: {reason}")]
pub struct ChainError {
    /// What was asked for.
    pub what: &'static str,
    /// What was wrong.
    pub reason: String,
}

impl ChainError {
    /// `what` could not be had, because of `reason`.
    pub fn new(what: &'static str, reason: impl fmt::Display) -> Self {
        Self {
            what,
            reason: reason.to_string(),
        }
    }
}

/// A tipset: its key and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its blocks.
    pub key: TipsetKey,
    /// Its epoch.
    pub height: ChainEpoch,
    /// Its base fee, in attoFIL per gas.
    pub base_fee: TokenAmount,
}

/// Who may send messages for the miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinerAddresses {
    /// Owner, as an ID address.
    pub owner: Address,
    /// Worker, as an ID address.
    pub worker: Address,
    /// Control addresses, as ID addresses.
    pub control: Vec<Address>,
}

/// Where a message has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The tipset in which it was executed.
    pub tipset: TipsetKey,
    /// That tipset's epoch.
    pub height: ChainEpoch,
    /// How it ended.
    pub exit_code: ExitCode,
    /// The CID that landed: another one when the message was replaced in the pool.
    pub message: Cid,
}

/// The chain as sealing sees it. `at` names the tipset whose (parent) state is asked.
#[async_trait]
pub trait ChainApi: fmt::Debug + Send + Sync {
    /// The heaviest tipset.
    async fn head(&self) -> Result<Head, ChainError>;

    /// Who may send messages for `miner`.
    async fn miner_addresses(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError>;

    /// How the miner seals new sectors.
    async fn seal_proof(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<RegisteredSealProof, ChainError>;

    /// Sector numbers that were ever used on chain.
    async fn allocated(&self, miner: ActorId, at: &TipsetKey) -> Result<BitField, ChainError>;

    /// The sector's pre-commit, if it waits on chain.
    async fn pre_commit(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorPreCommitOnChainInfo>, ChainError>;

    /// The sector, if it is on chain.
    async fn sector(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorOnChainInfo>, ChainError>;

    /// Where the sector's proofs are due; `None` when it is in no partition.
    async fn location(
        &self,
        miner: ActorId,
        sector: SectorNumber,
        at: &TipsetKey,
    ) -> Result<Option<SectorLocation>, ChainError>;

    /// A published deal; `None` when there is none of that number.
    async fn deal(&self, deal: DealId, at: &TipsetKey) -> Result<Option<DealProposal>, ChainError>;

    /// Randomness from the tickets at `epoch`.
    async fn ticket_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError>;

    /// Randomness from the beacon at `epoch`.
    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError>;

    /// What must be locked with a pre-commit.
    async fn pre_commit_deposit(
        &self,
        miner: ActorId,
        info: &SectorPreCommitInfo,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError>;

    /// What must be locked with a proof, deposit included.
    async fn initial_pledge(
        &self,
        miner: ActorId,
        info: &SectorPreCommitInfo,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError>;

    /// What the miner actor holds beyond what is locked.
    async fn available_balance(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<TokenAmount, ChainError>;

    /// What an address holds.
    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError>;

    /// Can the node sign for this address?
    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError>;

    /// Messages to `to` that wait in the node's pool: CID and unsigned message.
    async fn pending(&self, to: &Address) -> Result<Vec<(Cid, Message)>, ChainError>;

    /// Messages to `to` in the blocks of `at`, which no state reflects yet.
    async fn included(
        &self,
        to: &Address,
        at: &TipsetKey,
    ) -> Result<Vec<(Cid, Message)>, ChainError>;

    /// Gives the message a nonce, gas and a signature and sends it. `max_fee` bounds the gas fee.
    ///
    /// # Errors
    /// [`PushError::Refused`] when the message itself was turned down (it would fail, or funds are
    /// missing); [`PushError::Chain`] when it is not known what became of it.
    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError>;

    /// Where the message has landed, without waiting.
    async fn search(&self, message: &Cid) -> Result<Option<Landed>, ChainError>;

    /// Waits until the message is `confidence` epochs deep.
    async fn wait(&self, message: &Cid, confidence: u64) -> Result<Landed, ChainError>;
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// It was turned down.
    #[error("message refused: {0}")]
    Refused(String),
    /// It may or may not have been sent.
    #[error(transparent)]
    Chain(#[from] ChainError),
}
