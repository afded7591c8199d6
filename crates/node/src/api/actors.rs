//! Actors of a state: finding them, telling their kind, printing their state.
//!
//! # Lotus parity
//! `StateManager.LoadActor` and the `Load` functions of `chain/actors/builtin`, with their texts.

use lotus_actors::{
    ActorKind, Manifest, StateTree, account, cron, datacap, init, market, miner, multisig, paych,
    power, reward, system, verifreg,
};
use lotus_blockstore::SharedBlockstore;
use lotus_rpc_api::RpcError;
use lotus_types::{ActorState, Address, Cid, Protocol, Tipset, wire};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Answer, Services, Told as _, while_doing};

/// The newest network version that this node knows.
const NEWEST_VERSION: u32 = 17;
/// Version of the manifest of a bundle.
const MANIFEST_VERSION: u64 = 1;

impl Services {
    pub(super) fn actor(&self, tipset: &Tipset, address: &Address) -> Answer<ActorState> {
        if address.is_undefined() {
            return Err(RpcError::new("GetActor called on undefined address"));
        }
        let tree = self.tree(tipset)?;
        if tree.lookup_id(address).told()?.is_none() {
            return Err(RpcError::new(format_args!(
                "resolution lookup failed ({address}): resolve address {address}: actor not found"
            )));
        }
        tree.actor(address)
            .told()?
            .ok_or_else(|| RpcError::new("actor not found"))
    }

    /// The state of an actor that must be of `kind`; `called` is what Lotus calls it.
    pub(super) fn loaded_state<T: DeserializeOwned>(
        &self,
        tipset: &Tipset,
        actor: &ActorState,
        kind: ActorKind,
        called: &'static str,
    ) -> Answer<T> {
        let found = self.tree(tipset)?.manifest().told()?.kind(&actor.code);
        match found {
            Some(found) if found == kind => {
                lotus_actors::load(self.store(), &actor.head, called).told()
            }
            Some(other) => Err(RpcError::new(format_args!(
                "actor code is not {called}: {}",
                other.name()
            ))),
            None => Err(RpcError::new(format_args!(
                "unknown actor code {}",
                actor.code
            ))),
        }
    }

    /// An actor's state as JSON.
    pub(super) fn state_json(
        &self,
        tree: &StateTree<'_, SharedBlockstore>,
        actor: &ActorState,
    ) -> Answer<Value> {
        let kind = tree.manifest().told()?.kind(&actor.code);
        let kind = kind.ok_or_else(|| {
            RpcError::new(format_args!(
                "state type for actor {} not found",
                actor.code
            ))
        })?;
        let (store, head) = (self.store(), &actor.head);
        match kind {
            ActorKind::System => json::<system::State>(store, head),
            ActorKind::Init => json::<init::State>(store, head),
            ActorKind::Cron => json::<cron::State>(store, head),
            ActorKind::Account => json::<account::State>(store, head),
            ActorKind::Power => json::<power::State>(store, head),
            ActorKind::Miner => json::<miner::State>(store, head),
            ActorKind::Market => json::<market::State>(store, head),
            ActorKind::PaymentChannel => json::<paych::State>(store, head),
            ActorKind::Multisig => json::<multisig::State>(store, head),
            ActorKind::Reward => json::<reward::State>(store, head),
            ActorKind::VerifiedRegistry => json::<verifreg::State>(store, head),
            ActorKind::DataCap => json::<datacap::State>(store, head),
        }
    }

    /// The key address behind an account.
    pub(super) fn account_key(&self, address: &Address, tipset: &Tipset) -> Answer<Address> {
        if address.protocol() == Some(Protocol::Actor) {
            return Err(RpcError::new("cannot resolve actor address to key address"));
        }
        if address.protocol() == Some(Protocol::Delegated) {
            return Ok(*address);
        }
        let fault = match self.states.key_address(address, tipset) {
            Ok(key) => return Ok(key),
            Err(fault) => fault,
        };
        let after = self.states.tipset_state(tipset).told()?.state_root;
        let tree = self.states.tree(&after).told()?;
        let Some(actor) = tree.actor(address).told()? else {
            return Err(RpcError::new(format_args!(
                "failed to find actor: {address}"
            )));
        };
        match tree.manifest().told()?.kind(&actor.code) {
            Some(ActorKind::Account) => Err(fault).told(),
            Some(other) => Err(RpcError::new(format_args!(
                "failed to get account actor state for {address}: actor code is not account: {}",
                other.name()
            ))),
            None => Err(RpcError::new(format_args!(
                "failed to get account actor state for {address}: unknown actor code {}",
                actor.code
            ))),
        }
    }

    /// The codes of the builtin actors at a network version.
    pub(super) fn manifest(&self, version: u32) -> Answer<Manifest> {
        known(version)?;
        let head = self.chain.require_head().told()?;
        self.tree(&head)?.manifest().told()
    }

    /// The CID by which a bundle of actors is known. It follows from what the system actor holds.
    pub(super) fn manifest_cid(&self, version: u32) -> Answer<Cid> {
        known(version)?;
        if let Some(cid) = self.actors_manifest {
            return Ok(cid);
        }
        let head = self.chain.require_head().told()?;
        let system = self.tree(&head)?.actor_by_id(0).told()?;
        let system = system.ok_or_else(|| RpcError::new("actor not found"))?;
        let state: system::State =
            lotus_actors::load(self.store(), &system.head, "system actor state").told()?;
        let manifest = wire::try_to_cbor(&(MANIFEST_VERSION, state.builtin_actors)).told()?;
        Ok(Cid::of_block(&manifest))
    }
}

fn known(version: u32) -> Answer<()> {
    if version == NEWEST_VERSION {
        return Ok(());
    }
    Err(RpcError::new(format_args!(
        "network version {version} is not supported"
    )))
}

fn json<T: Serialize + DeserializeOwned>(store: &SharedBlockstore, head: &Cid) -> Answer<Value> {
    let state = lotus_actors::load(store, head, "actor state").told();
    let state: T = state.map_err(|e| while_doing("unmarshaling actor state", e))?;
    serde_json::to_value(&state).told()
}
