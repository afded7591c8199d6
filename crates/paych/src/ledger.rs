//! What the manager asks the node.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use lotus_rpc_api::RpcError;
use lotus_types::{Address, ChainEpoch, Cid, Message, Receipt, Signature, TokenAmount};
use uuid::Uuid;

use crate::lanes::{Lane, Lanes};

/// A payment channel on chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnChain {
    /// What it holds.
    pub balance: TokenAmount,
    /// Pays; a key address.
    pub from: Address,
    /// Is paid; a key address.
    pub to: Address,
    /// Redeemed so far.
    pub to_send: TokenAmount,
    /// It closes then; 0 when it is not settling.
    pub settling_at: ChainEpoch,
    /// Its lanes.
    pub lanes: BTreeMap<u64, Lane>,
    /// Height of the tipset that was asked.
    pub height: ChainEpoch,
}

impl OnChain {
    /// Its lanes, to count vouchers on.
    pub fn counted(&self) -> Lanes {
        Lanes::new(self.to_send.clone(), self.lanes.clone())
    }
}

/// The node as payment channels see it. All answers are as of the heaviest tipset.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync {
    /// A payment channel; `None` when there is no actor of this address (any more).
    ///
    /// # Errors
    /// When the actor is something else, or the node failed.
    async fn channel(&self, channel: &Address) -> Result<Option<OnChain>, RpcError>;

    /// The key address behind an address; the address itself when it is not known on chain.
    async fn key_address(&self, address: &Address) -> Result<Address, RpcError>;

    /// Is the key of this key address here?
    async fn has_key(&self, address: &Address) -> Result<bool, RpcError>;

    /// Signs with the key of an address.
    async fn sign(&self, address: &Address, bytes: Vec<u8>) -> Result<Signature, RpcError>;

    /// The code of payment channels.
    async fn payment_channel_code(&self) -> Result<Cid, RpcError>;

    /// Would this message succeed now?
    async fn would_succeed(&self, message: Message) -> Result<bool, RpcError>;

    /// Gives a message a nonce, gas and a signature and sends it. With a UUID it is sent once, however
    /// often this is called.
    async fn push(&self, message: Message, id: Option<Uuid>) -> Result<Cid, RpcError>;

    /// Waits until a message was executed and confirmed.
    async fn wait(&self, message: Cid) -> Result<Receipt, RpcError>;
}
