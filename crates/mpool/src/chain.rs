//! What the pool asks the chain.

use std::sync::Arc;

use lotus_chain::{ChainStore, HeadStream};
use lotus_ports::network::{BlockMessages, Fault};
use lotus_state::{StateFault, StateManager};
use lotus_types::{Address, SignedMessage, Tipset, TipsetKey, TokenAmount};
use quick_cache::sync::Cache;

/// What an account has on chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Its next nonce.
    pub nonce: u64,
    /// What it holds.
    pub balance: TokenAmount,
}

/// The chain as the pool sees it. Calls block: they run on blocking threads.
pub trait PoolChain: Send + Sync + std::fmt::Debug + 'static {
    /// The heaviest tipset.
    ///
    /// # Errors
    /// When there is none.
    fn head(&self) -> Result<Tipset, Fault>;

    /// Head changes from now on.
    fn subscribe(&self) -> HeadStream;

    /// An account after `tipset`; `None` when there is no such actor.
    ///
    /// # Errors
    /// When the state cannot be had.
    fn account(&self, of: &Address, tipset: &Tipset) -> Result<Option<Account>, Fault>;

    /// Several accounts at once, in order; see [`PoolChain::account`].
    ///
    /// # Errors
    /// When the state cannot be had.
    fn accounts(&self, of: &[Address], tipset: &Tipset) -> Result<Vec<Option<Account>>, Fault> {
        of.iter().map(|one| self.account(one, tipset)).collect()
    }

    /// The key address of an account; `None` when there is no account at it.
    ///
    /// # Errors
    /// When the state cannot be had.
    fn key_address(&self, of: &Address, tipset: &Tipset) -> Result<Option<Address>, Fault>;

    /// The messages of all blocks of a tipset, duplicates included.
    ///
    /// # Errors
    /// When they cannot be read.
    fn messages(&self, tipset: &Tipset) -> Result<BlockMessages, Fault>;

    /// Stores a pooled message beside the chain's.
    ///
    /// # Errors
    /// When the store fails.
    fn put_message(&self, message: &SignedMessage) -> Result<(), Fault>;

    /// The base fee of blocks on top of `tipset`, in attoFIL per gas.
    ///
    /// # Errors
    /// When its messages cannot be read.
    fn next_base_fee(&self, tipset: &Tipset) -> Result<TokenAmount, Fault>;

    /// Tipsets that leave (newest first) and enter (oldest first) the chain on the way between two.
    ///
    /// # Errors
    /// When they are not of one chain, or cannot be read.
    fn path(&self, from: &Tipset, to: &Tipset) -> Result<(Vec<Tipset>, Vec<Tipset>), Fault>;
}

/// Accounts remembered, some of each of the last tipsets.
const ACCOUNTS: usize = 1 << 15;

/// The node's own chain and state.
#[derive(Debug)]
pub struct NodeChain {
    chain: ChainStore,
    states: StateManager,
    /// A tipset never changes, and of a busy one every gossiped message asks.
    accounts: Cache<(TipsetKey, Address), Option<Account>>,
}

impl NodeChain {
    /// Asks these two.
    pub fn new(chain: ChainStore, states: StateManager) -> Arc<Self> {
        Arc::new(Self {
            chain,
            states,
            accounts: Cache::new(ACCOUNTS),
        })
    }
}

impl PoolChain for NodeChain {
    fn head(&self) -> Result<Tipset, Fault> {
        Ok(self.chain.require_head()?)
    }

    fn subscribe(&self) -> HeadStream {
        self.chain.subscribe()
    }

    fn account(&self, of: &Address, tipset: &Tipset) -> Result<Option<Account>, Fault> {
        let mut found = self.accounts(std::slice::from_ref(of), tipset)?;
        Ok(found.pop().flatten())
    }

    fn accounts(&self, of: &[Address], tipset: &Tipset) -> Result<Vec<Option<Account>>, Fault> {
        let mut tree = None;
        let mut all = Vec::with_capacity(of.len());
        for address in of {
            let place = (tipset.key().clone(), *address);
            if let Some(known) = self.accounts.get(&place) {
                all.push(known);
                continue;
            }
            let tree = match &mut tree {
                Some(tree) => tree,
                None => {
                    let root = self.states.tipset_state(tipset)?.state_root;
                    tree.insert(self.states.tree(&root)?)
                }
            };
            let account = tree.actor(address)?.map(|actor| Account {
                nonce: actor.nonce,
                balance: actor.balance,
            });
            self.accounts.insert(place, account.clone());
            all.push(account);
        }
        Ok(all)
    }

    fn key_address(&self, of: &Address, tipset: &Tipset) -> Result<Option<Address>, Fault> {
        match self.states.key_address(of, tipset) {
            Ok(key) => Ok(Some(key)),
            Err(StateFault::Refused(_)) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    fn messages(&self, tipset: &Tipset) -> Result<BlockMessages, Fault> {
        let mut all = BlockMessages::default();
        for header in tipset.blocks() {
            let messages = self.chain.block_messages(header)?;
            all.bls.extend(messages.bls);
            all.secpk.extend(messages.secpk);
        }
        Ok(all)
    }

    fn put_message(&self, message: &SignedMessage) -> Result<(), Fault> {
        self.chain.put_message(message)?;
        Ok(())
    }

    fn next_base_fee(&self, tipset: &Tipset) -> Result<TokenAmount, Fault> {
        Ok(lotus_consensus::base_fee::next_base_fee(
            self.states.view(),
            tipset,
        )?)
    }

    fn path(&self, from: &Tipset, to: &Tipset) -> Result<(Vec<Tipset>, Vec<Tipset>), Fault> {
        let path = self.chain.path(from, to)?;
        Ok((path.reverted, path.applied))
    }
}
