//! A ledger in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use lotus_actors::init::ExecReturn;
use lotus_crypto::SigningKey;
use lotus_networks::singletons::INIT_ACTOR;
use lotus_rpc_api::RpcError;
use lotus_types::{
    Address, Cid, ExitCode, KeyInfo, KeyType, Message, Receipt, Signature, TokenAmount, wire,
};
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Ledger, OnChain};

/// Where the node stands still while it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hang {
    BeforeSending,
    AfterSending,
}

#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) channels: HashMap<Address, OnChain>,
    pub(super) hang: Option<Hang>,
    pub(super) refuse: Option<&'static str>,
    sent: Vec<(Option<Uuid>, Message)>,
    landed: HashMap<Cid, Receipt>,
}

/// One chain, seen by the node of one of its users.
#[derive(Debug)]
pub(super) struct Fake {
    chain: Arc<Mutex<Chain>>,
    changed: watch::Sender<()>,
    /// Whose node: 0 the payer, 1 the payee, 2 somebody else.
    user: u8,
}

fn key(user: u8) -> SigningKey {
    let info = KeyInfo::new(KeyType::Secp256k1, vec![user + 1; 32]);
    SigningKey::from_key_info(&info).expect("a key")
}

impl Fake {
    /// The payer's.
    pub(super) fn payer() -> Arc<Self> {
        Arc::new(Self {
            chain: Arc::default(),
            changed: watch::Sender::new(()),
            user: 0,
        })
    }

    fn seen_by(&self, user: u8) -> Arc<Self> {
        Arc::new(Self {
            chain: Arc::clone(&self.chain),
            changed: self.changed.clone(),
            user,
        })
    }

    /// The payee's.
    pub(super) fn other_side(&self) -> Arc<Self> {
        self.seen_by(1)
    }

    /// Somebody else's.
    pub(super) fn stranger(&self) -> Arc<Self> {
        self.seen_by(2)
    }

    /// Payer and payee.
    pub(super) fn sides(&self) -> (Address, Address) {
        (key(0).address(), key(1).address())
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Chain)) {
        change(&mut self.chain.lock());
    }

    /// Messages in the pool, each under its UUID.
    pub(super) fn sent(&self) -> Vec<(Option<Uuid>, Message)> {
        self.chain.lock().sent.clone()
    }

    fn end(&self, cid: Cid, exit_code: i64, return_data: Vec<u8>) {
        let receipt = Receipt {
            exit_code: ExitCode(exit_code),
            return_data: return_data.into(),
            gas_used: 1,
        };
        self.chain.lock().landed.insert(cid, receipt);
        self.changed.send_replace(());
    }

    /// A message fails on chain.
    pub(super) fn fail(&self, cid: Cid) {
        self.end(cid, 33, Vec::new());
    }

    /// A message that makes a channel or pays into one is executed.
    pub(super) fn land(&self, cid: Cid) {
        let mut chain = self.chain.lock();
        let sent = chain.sent.iter().find(|(_, m)| m.cid() == cid);
        let message = sent.expect("a sent message").1.clone();
        let (from, to) = self.sides();
        let returned = if message.to == INIT_ACTOR {
            let address = Address::new_actor(&cid.to_bytes());
            let made = OnChain {
                balance: message.value,
                from,
                to,
                to_send: TokenAmount::zero(),
                settling_at: 0,
                lanes: BTreeMap::new(),
                height: 100,
            };
            chain.channels.insert(address, made);
            wire::to_cbor(&ExecReturn {
                id_address: Address::new_id(1000),
                robust_address: address,
            })
        } else {
            let channel = chain.channels.get_mut(&message.to).expect("a channel");
            channel.balance = &channel.balance + &message.value;
            Vec::new()
        };
        drop(chain);
        self.end(cid, 0, returned);
    }
}

#[async_trait]
impl Ledger for Fake {
    async fn channel(&self, channel: &Address) -> Result<Option<OnChain>, RpcError> {
        Ok(self.chain.lock().channels.get(channel).cloned())
    }

    async fn key_address(&self, address: &Address) -> Result<Address, RpcError> {
        Ok(*address)
    }

    async fn has_key(&self, address: &Address) -> Result<bool, RpcError> {
        Ok(key(self.user).address() == *address)
    }

    async fn sign(&self, address: &Address, bytes: Vec<u8>) -> Result<Signature, RpcError> {
        let own = key(self.user);
        assert_eq!(own.address(), *address);
        Ok(own.sign(&bytes))
    }

    async fn payment_channel_code(&self) -> Result<Cid, RpcError> {
        Ok(Cid::of_raw(b"payment channel"))
    }

    async fn would_succeed(&self, _message: Message) -> Result<bool, RpcError> {
        Ok(true)
    }

    async fn push(&self, message: Message, id: Option<Uuid>) -> Result<Cid, RpcError> {
        let (hang, refuse) = {
            let chain = self.chain.lock();
            (chain.hang, chain.refuse)
        };
        if let Some(text) = refuse {
            return Err(RpcError::new(text));
        }
        if hang == Some(Hang::BeforeSending) {
            std::future::pending::<()>().await;
        }
        let cid = {
            let mut chain = self.chain.lock();
            let before = chain
                .sent
                .iter()
                .find(|(sent, _)| sent.is_some() && *sent == id);
            if let Some((_, message)) = before {
                message.cid()
            } else {
                let nonce = chain.sent.len() as u64;
                let message = Message { nonce, ..message };
                let cid = message.cid();
                chain.sent.push((id, message));
                cid
            }
        };
        if hang == Some(Hang::AfterSending) {
            std::future::pending::<()>().await;
        }
        Ok(cid)
    }

    async fn wait(&self, message: Cid) -> Result<Receipt, RpcError> {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(receipt) = self.chain.lock().landed.get(&message) {
                return Ok(receipt.clone());
            }
            changes.changed().await.expect("the chain goes on");
        }
    }
}
