//! Which libp2p host speaks for the miner, on chain.
//!
//! # Lotus parity
//! `lotus-miner init` sends ChangePeerID, and for that makes blocks itself until the message is five
//! epochs deep. Here the running miner sends it, whenever its actor names another peer: a repo is made
//! in a moment, whether or not there are blocks, and an identity that changed later (another repo for
//! the same actor) is announced, too.

use std::{sync::Arc, time::Duration};

use lotus_actors::{
    call,
    miner::{method, params::ChangePeerIdParams},
};
use lotus_net::HostKey;
use lotus_ports::clock::Clock;
use lotus_sealing::{
    ChainApi as _, ChainError,
    chain::{MinerAddresses, PushError},
};
use lotus_types::{ActorId, Address, Message, TipsetKey, TokenAmount};

use crate::NodeChain;

/// Epochs after which it is looked again.
const PAUSE: u32 = 5;

/// What is to be announced.
pub(crate) struct Identity {
    miner: ActorId,
    peer: String,
    params: ChangePeerIdParams,
}

impl Identity {
    pub(crate) fn new(miner: ActorId, key: &HostKey) -> Self {
        Self {
            miner,
            peer: key.peer_id().to_string(),
            params: ChangePeerIdParams {
                new_id: key.peer_id_bytes().into(),
            },
        }
    }

    /// Ends when the chain names this host.
    pub(crate) async fn announce(
        self,
        chain: NodeChain,
        clock: Arc<dyn Clock>,
        block_time: Duration,
    ) {
        loop {
            match self.look(&chain).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the peer id is not announced yet"),
            }
            clock.sleep(block_time.saturating_mul(PAUSE)).await;
        }
    }

    /// Is it on chain? Otherwise a message is sent, unless one is on its way.
    async fn look(&self, chain: &NodeChain) -> Result<bool, PushError> {
        let head = TipsetKey::default();
        let miner = Address::new_id(self.miner);
        let info = chain.node().state_miner_info(miner, head.clone()).await;
        let info = info.map_err(|e| ChainError::new("the miner", e))?;
        if info.peer_id.as_deref() == Some(self.peer.as_str()) {
            return Ok(true);
        }
        let wanted = self.message(miner, &chain.miner_addresses(self.miner, &head).await?)?;
        let same = |m: &Message| m.method == wanted.method && m.params == wanted.params;
        if chain.pending(&miner).await?.iter().any(|(_, m)| same(m)) {
            return Ok(false);
        }
        let cid = chain.push(wanted, &TokenAmount::zero()).await?;
        tracing::info!(peer = self.peer, cid = %cid, "announcing the peer id");
        Ok(false)
    }

    fn message(&self, miner: Address, from: &MinerAddresses) -> Result<Message, ChainError> {
        let nothing = TokenAmount::zero();
        let message = call::call(
            from.worker,
            miner,
            nothing,
            method::CHANGE_PEER_ID,
            &self.params,
        );
        message.map_err(|e| ChainError::new("a message", e))
    }
}
