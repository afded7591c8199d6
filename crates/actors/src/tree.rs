//! The state tree: all actors of a tipset.
//!
//! # Lotus parity
//! State tree version 4 (network versions 10 to 17): `[4, actors, info]`, actors being a HAMT from ID
//! addresses to [`ActorState`]. Robust addresses are looked up in the init actor's map.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{ActorId, ActorState, Address, Cid, TokenAmount, wire_tuple};
use serde::de::DeserializeOwned;

use crate::{
    Manifest, Map, StateError, account, address, init, load, map::HAMT_BIT_WIDTH, market, miner,
    power, reward, save, system, verifreg,
};

/// The state tree's version that this build reads and writes.
pub const STATE_TREE_VERSION: u64 = 4;

/// The root block of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRoot {
    /// [`STATE_TREE_VERSION`].
    pub version: u64,
    /// HAMT of actors.
    pub actors: Cid,
    /// An empty list.
    pub info: Cid,
}
wire_tuple!(StateRoot {
    version: "Version",
    actors: "Actors",
    info: "Info"
});

/// What `StateRoot::info` names: a list without elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateInfo {}
wire_tuple!(StateInfo {});

/// A state, read lazily from a store.
#[derive(Debug)]
pub struct StateTree<'s, S> {
    store: &'s S,
    root: Cid,
    actors: Map<'s, S, Address, ActorState>,
    init: std::cell::OnceCell<init::State>,
}

impl<'s, S: Blockstore> StateTree<'s, S> {
    /// Opens the state under `root`; reads two blocks.
    ///
    /// # Errors
    /// [`StateError`]; [`StateError::Unsupported`] for another version of the tree.
    pub fn load(store: &'s S, root: &Cid) -> Result<Self, StateError> {
        let state: StateRoot = load(store, root, "state root")?;
        if state.version != STATE_TREE_VERSION {
            return Err(StateError::Unsupported {
                what: "state tree",
                version: state.version,
            });
        }
        let actors = Map::load(store, &state.actors, HAMT_BIT_WIDTH, "state tree")?;
        Ok(Self {
            store,
            root: *root,
            actors,
            init: std::cell::OnceCell::new(),
        })
    }

    /// Its root.
    pub const fn root(&self) -> Cid {
        self.root
    }

    /// The store that it is read from.
    pub const fn store(&self) -> &'s S {
        self.store
    }

    /// The actor at an address; robust addresses are looked up. `None` when there is none.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn actor(&self, address: &Address) -> Result<Option<ActorState>, StateError> {
        match self.lookup_id(address)? {
            Some(id) => self.actor_by_id(id),
            None => Ok(None),
        }
    }

    /// The actor of that number.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn actor_by_id(&self, id: ActorId) -> Result<Option<ActorState>, StateError> {
        Ok(self.actors.get(&Address::new_id(id))?.cloned())
    }

    /// The number behind an address. ID addresses answer themselves, whether there is an actor or
    /// not (as Lotus does); others are `None` when the init actor does not know them.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn lookup_id(&self, address: &Address) -> Result<Option<ActorId>, StateError> {
        match address.id() {
            Some(id) => Ok(Some(id)),
            None => self.init()?.resolve(self.store, address),
        }
    }

    /// The key address behind an account, given by any of its addresses; key addresses answer
    /// themselves. `None` when there is no account at it.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn account_key(&self, of: &Address) -> Result<Option<Address>, StateError> {
        if of.is_key() {
            return Ok(Some(*of));
        }
        let Some(actor) = self.actor(of)? else {
            return Ok(None);
        };
        let kind = self.manifest()?.kind(&actor.code);
        if kind != Some(crate::ActorKind::Account) {
            return Ok(None);
        }
        let state: account::State = load(self.store, &actor.head, "account state")?;
        Ok(Some(state.address))
    }

    /// What an address holds; nothing when there is no actor.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn balance(&self, of: &Address) -> Result<TokenAmount, StateError> {
        Ok(self
            .actor(of)?
            .map(|actor| actor.balance)
            .unwrap_or_default())
    }

    /// Visits all actors, in the order of the tree.
    ///
    /// # Errors
    /// [`StateError`]; the first one of `visit` ends the walk.
    pub fn for_each(
        &self,
        visit: impl FnMut(Address, &ActorState) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        self.actors.for_each(visit)
    }

    /// An actor's own state, decoded as `T`; `None` when there is no actor at `address`. The caller
    /// knows the actor's kind; a wrong `T` is [`StateError::Malformed`].
    ///
    /// # Errors
    /// [`StateError`].
    pub fn state<T: DeserializeOwned>(
        &self,
        address: &Address,
        what: &'static str,
    ) -> Result<Option<T>, StateError> {
        let actor = self.actor(address)?;
        actor
            .map(|actor| load(self.store, &actor.head, what))
            .transpose()
    }

    fn singleton<T: DeserializeOwned>(
        &self,
        address: &Address,
        what: &'static str,
    ) -> Result<T, StateError> {
        let state = self.state(address, what)?;
        state.ok_or_else(|| StateError::malformed("state tree", format!("it has no {what}")))
    }

    fn init(&self) -> Result<&init::State, StateError> {
        match self.init.get() {
            Some(state) => Ok(state),
            None => {
                let state = self.singleton(&address::INIT, "init actor state")?;
                Ok(self.init.get_or_init(|| state))
            }
        }
    }

    /// State of f01.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn init_state(&self) -> Result<init::State, StateError> {
        self.init().cloned()
    }

    /// The codes of the builtin actors, from f00.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn manifest(&self) -> Result<Manifest, StateError> {
        let state: system::State = self.singleton(&address::SYSTEM, "system actor state")?;
        state.manifest(self.store)
    }

    /// State of f02.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn reward_state(&self) -> Result<reward::State, StateError> {
        self.singleton(&address::REWARD, "reward actor state")
    }

    /// State of f04.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn power_state(&self) -> Result<power::State, StateError> {
        self.singleton(&address::POWER, "power actor state")
    }

    /// State of f05.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn market_state(&self) -> Result<market::State, StateError> {
        self.singleton(&address::MARKET, "market actor state")
    }

    /// State of f06.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verifreg_state(&self) -> Result<verifreg::State, StateError> {
        self.singleton(&address::VERIFREG, "verified registry state")
    }

    /// State of a miner; `None` when there is no actor at `address`.
    ///
    /// # Errors
    /// [`StateError`]; [`StateError::Malformed`] when the actor is no miner.
    pub fn miner_state(&self, address: &Address) -> Result<Option<miner::State>, StateError> {
        self.state(address, "miner state")
    }
}

/// Writes actors into a state tree: genesis and tests.
#[derive(Debug)]
pub struct StateTreeWriter<'s, S> {
    store: &'s S,
    actors: Map<'s, S, Address, ActorState>,
    info: Cid,
}

impl<'s, S: Blockstore> StateTreeWriter<'s, S> {
    /// A tree without actors.
    ///
    /// # Errors
    /// [`StateError::Fault`] when the store fails.
    pub fn empty(store: &'s S) -> Result<Self, StateError> {
        let info = save(store, &StateInfo {}, "state info")?;
        Ok(Self {
            store,
            actors: Map::empty(store, HAMT_BIT_WIDTH, "state tree"),
            info,
        })
    }

    /// The tree under `root`, to be changed.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(store: &'s S, root: &Cid) -> Result<Self, StateError> {
        let state: StateRoot = load(store, root, "state root")?;
        if state.version != STATE_TREE_VERSION {
            return Err(StateError::Unsupported {
                what: "state tree",
                version: state.version,
            });
        }
        let actors = Map::load(store, &state.actors, HAMT_BIT_WIDTH, "state tree")?;
        Ok(Self {
            store,
            actors,
            info: state.info,
        })
    }

    /// The actor of that number.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn actor(&self, id: ActorId) -> Result<Option<ActorState>, StateError> {
        Ok(self.actors.get(&Address::new_id(id))?.cloned())
    }

    /// Sets an actor, new or not.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn set_actor(&mut self, id: ActorId, actor: ActorState) -> Result<(), StateError> {
        self.actors.set(&Address::new_id(id), actor)
    }

    /// Writes the tree and gives its root.
    ///
    /// # Errors
    /// [`StateError::Fault`] when the store fails.
    pub fn flush(&mut self) -> Result<Cid, StateError> {
        let actors = self.actors.flush()?;
        let root = StateRoot {
            version: STATE_TREE_VERSION,
            actors,
            info: self.info,
        };
        save(self.store, &root, "state root")
    }
}
