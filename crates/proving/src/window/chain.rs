//! What WindowPoSt asks the chain.

use std::fmt;

use async_trait::async_trait;
use lotus_actors::miner::DeadlineInfo;
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_sealing::{
    ChainError,
    chain::{Head, MinerAddresses, PushError},
};
use lotus_types::{
    ActorId, Address, BitField, ChainEpoch, Cid, ExtendedSectorInfo, Message, RegisteredPoStProof,
    TipsetKey, TokenAmount,
};

/// A partition: which of its sectors are what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartitionState {
    /// All that were ever in it.
    pub all: BitField,
    /// Those that are not terminated.
    pub live: BitField,
    /// Those that missed a proof.
    pub faulty: BitField,
    /// Faulty ones that are declared to be proven again.
    pub recovering: BitField,
}

/// What has been submitted for a deadline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadlineState {
    /// Partitions that are proven in the open window.
    pub proven: BitField,
}

/// The chain as WindowPoSt sees it.
#[async_trait]
pub trait PoStChain: fmt::Debug + Send + Sync {
    /// The heaviest tipset.
    async fn head(&self) -> Result<Head, ChainError>;

    /// The deadline that is open at `at`.
    async fn proving_deadline(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<DeadlineInfo, ChainError>;

    /// The partitions of a deadline, in order.
    async fn partitions(
        &self,
        miner: ActorId,
        deadline: u64,
        at: &TipsetKey,
    ) -> Result<Vec<PartitionState>, ChainError>;

    /// What has been submitted for a deadline.
    async fn deadline(
        &self,
        miner: ActorId,
        deadline: u64,
        at: &TipsetKey,
    ) -> Result<DeadlineState, ChainError>;

    /// The sectors of these numbers that are on chain.
    async fn sectors(
        &self,
        miner: ActorId,
        numbers: &BitField,
        at: &TipsetKey,
    ) -> Result<Vec<ExtendedSectorInfo>, ChainError>;

    /// The WindowPoSt type that the miner proves with.
    async fn window_post_proof(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<RegisteredPoStProof, ChainError>;

    /// Randomness from the beacon at `epoch`.
    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError>;

    /// Randomness from the tickets at `epoch`.
    async fn ticket_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError>;

    /// Who may send messages for the miner.
    async fn miner_addresses(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError>;

    /// What an address holds.
    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError>;

    /// Can the node sign for this address?
    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError>;

    /// Messages to `to` that wait in the node's pool.
    async fn pending(&self, to: &Address) -> Result<Vec<(Cid, Message)>, ChainError>;

    /// Gives the message a nonce, gas and a signature and sends it.
    ///
    /// # Errors
    /// [`PushError`].
    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError>;
}
