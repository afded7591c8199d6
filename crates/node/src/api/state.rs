//! Actors and messages as of a tipset.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_actors::{
    ActorKind, Manifest, StateTree, account, cron, datacap, init, market, miner, multisig, paych,
    power, reward, system,
    verifreg::{self, Allocation, Claim},
};
use lotus_blockstore::SharedBlockstore;
use lotus_crypto::draw_randomness_from_digest;
use lotus_rpc_api::{
    RpcError,
    full::StateApi,
    types::{
        go::NilVec,
        state::{CirculatingSupply, MessageMatch, MsgLookup, NetworkParams, ReadState},
        trace::{ComputeStateOutput, InvocResult},
    },
};
use lotus_state::supply;
use lotus_types::{
    ActorState, Address, BeaconEntry, BigInt, Bytes, ChainEpoch, Cid, DealId, Message,
    RegisteredSealProof, Tipset, TipsetKey,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Answer, FullNodeApi, Services, Told as _, id_of, trace};

/// The newest network version that this node knows.
const NEWEST_VERSION: u32 = 17;

impl Services {
    pub(super) fn actor(&self, tipset: &Tipset, address: &Address) -> Answer<ActorState> {
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

    /// An actor's state as JSON.
    fn state_json(
        &self,
        tree: &StateTree<'_, SharedBlockstore>,
        actor: &ActorState,
    ) -> Answer<Value> {
        let kind = tree.manifest().told()?.kind(&actor.code);
        let kind =
            kind.ok_or_else(|| RpcError::new(format_args!("unknown actor code {}", actor.code)))?;
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

    pub(super) fn supply(&self, tipset: &Tipset) -> Answer<supply::CirculatingSupply> {
        let tree = self.tree(tipset)?;
        supply::circulating(&self.network, &tree, tipset.height()).told()
    }

    fn account_key(&self, address: &Address, tipset: &Tipset) -> Answer<Address> {
        self.states
            .key_address(address, tipset)
            .map_err(|e| RpcError::from_error(&e))
    }

    fn manifest(&self, version: u32) -> Answer<Manifest> {
        if version != NEWEST_VERSION {
            return Err(RpcError::new(format_args!(
                "network version {version} is not supported"
            )));
        }
        let head = self.chain.require_head().told()?;
        self.tree(&head)?.manifest().told()
    }

    fn list_messages(
        &self,
        matching: &MessageMatch,
        from: Tipset,
        to_height: ChainEpoch,
    ) -> Answer<Vec<Cid>> {
        if matching.to.is_none() && matching.from.is_none() {
            return Err(RpcError::new(
                "must specify at least To or From in message filter",
            ));
        }
        let mut found = Vec::new();
        for tipset in self.chain.walk_back(from) {
            let tipset = tipset.told()?;
            if tipset.height() < to_height || tipset.height() == 0 {
                break;
            }
            let fits = |m: &Message| {
                matching.to.is_none_or(|to| to == m.to)
                    && matching.from.is_none_or(|from| from == m.from)
            };
            let messages = self.messages_of(&tipset)?;
            found.extend(messages.iter().filter(|m| fits(&m.message)).map(|m| m.cid));
        }
        Ok(found)
    }

    fn replay(&self, key: &TipsetKey, message: Cid) -> Answer<InvocResult> {
        let tipset = if key.is_empty() {
            let head = self.chain.require_head().told()?;
            let wanted = self.wanted(message, true)?;
            let found = self.search(&wanted, &head, -1)?;
            let found: MsgLookup = found
                .ok_or_else(|| RpcError::new(format_args!("message {message} not found")))?
                .into();
            self.chain.parent(&self.tipset(&found.tipset)?).told()?
        } else {
            self.tipset(key)?
        };
        let executed = self.states.trace(&tipset).told()?;
        let applied = executed
            .messages
            .into_iter()
            .find(|m| !m.implicit && m.cid == message);
        let applied = applied.ok_or_else(|| {
            RpcError::new(format_args!(
                "message {message} is not in tipset {}",
                tipset.key()
            ))
        })?;
        let took = std::time::Duration::ZERO.into();
        Ok(trace::result(
            applied.cid,
            applied.message,
            applied.applied,
            took,
        ))
    }
}

fn json<T: Serialize + DeserializeOwned>(store: &SharedBlockstore, head: &Cid) -> Answer<Value> {
    let state: T = lotus_actors::load(store, head, "actor state").told()?;
    serde_json::to_value(&state).told()
}

#[async_trait]
impl StateApi for FullNodeApi {
    async fn state_get_actor(&self, address: Address, key: TipsetKey) -> Answer<ActorState> {
        self.at(key, move |s, t| s.actor(&t, &address)).await
    }

    async fn state_read_state(&self, address: Address, key: TipsetKey) -> Answer<ReadState> {
        self.at(key, move |s, t| {
            let actor = s.actor(&t, &address).map_err(|e| match e.code() {
                Some(code) => RpcError::with_code(code, format_args!("getting actor: {e}")),
                None => e,
            })?;
            let state = s.state_json(&s.tree(&t)?, &actor)?;
            Ok(ReadState {
                balance: actor.balance,
                code: actor.code,
                state,
            })
        })
        .await
    }

    async fn state_list_actors(&self, key: TipsetKey) -> Answer<Vec<Address>> {
        self.at(key, |s, t| {
            let mut all = Vec::new();
            s.tree(&t)?
                .for_each(|address, _| {
                    all.push(address);
                    Ok(())
                })
                .told()?;
            Ok(all)
        })
        .await
    }

    async fn state_changed_actors(
        &self,
        old: Cid,
        new: Cid,
    ) -> Answer<BTreeMap<String, ActorState>> {
        self.run(move |s| {
            let old = s.states.tree(&old).told()?;
            let mut changed = BTreeMap::new();
            s.states
                .tree(&new)
                .told()?
                .for_each(|address, actor| {
                    if old.actor(&address)?.as_ref() != Some(actor) {
                        changed.insert(address.to_string(), actor.clone());
                    }
                    Ok(())
                })
                .told()?;
            Ok(changed)
        })
        .await
    }

    async fn state_lookup_id(&self, address: Address, key: TipsetKey) -> Answer<Address> {
        self.at(key, move |s, t| id_of(&s.tree(&t)?, &address))
            .await
    }

    async fn state_account_key(&self, address: Address, key: TipsetKey) -> Answer<Address> {
        self.at(key, move |s, t| s.account_key(&address, &t)).await
    }

    async fn state_lookup_robust_address(
        &self,
        address: Address,
        key: TipsetKey,
    ) -> Answer<Address> {
        self.at(key, move |s, t| {
            let id = address.id().ok_or_else(|| {
                RpcError::new("failed to decode provided address as id addr: not an ID address")
            })?;
            let mut found = None;
            let init = s.tree(&t)?.init_state().told()?;
            init.address_map(s.store())
                .told()?
                .for_each(|robust, held| {
                    if *held == id {
                        found = Some(robust);
                    }
                    Ok(())
                })
                .told()?;
            found.ok_or_else(|| RpcError::new(format_args!("Address {address} not found")))
        })
        .await
    }

    async fn state_call(&self, message: Message, key: TipsetKey) -> Answer<InvocResult> {
        self.at(key, move |s, t| {
            let called = s.states.call(&message, &t).told()?;
            let cid = called.message.cid();
            let mut result =
                trace::result(cid, called.message, called.applied, called.duration.into());
            result.gas_cost = trace::free();
            Ok(result)
        })
        .await
    }

    async fn state_replay(&self, key: TipsetKey, message: Cid) -> Answer<InvocResult> {
        self.run(move |s| s.replay(&key, message)).await
    }

    async fn state_compute(
        &self,
        epoch: ChainEpoch,
        messages: Vec<Message>,
        key: TipsetKey,
    ) -> Answer<ComputeStateOutput> {
        self.at(key, move |s, t| {
            if !messages.is_empty() || epoch != t.height() {
                return Err(RpcError::new(
                    "only the tipset's own messages at its own epoch can be computed",
                ));
            }
            let executed = s.states.trace(&t).told()?;
            let results = executed.messages.into_iter().map(|m| {
                trace::result(
                    m.cid,
                    m.message,
                    m.applied,
                    std::time::Duration::ZERO.into(),
                )
            });
            Ok(ComputeStateOutput {
                root: executed.state_root,
                trace: results.collect(),
            })
        })
        .await
    }

    async fn state_search_msg(
        &self,
        from: TipsetKey,
        message: Cid,
        limit: ChainEpoch,
        allow_replaced: bool,
    ) -> Answer<Option<MsgLookup>> {
        self.at(from, move |s, t| {
            let wanted = s.wanted(message, allow_replaced)?;
            Ok(s.search(&wanted, &t, limit)?.map(Into::into))
        })
        .await
    }

    async fn state_wait_msg(
        &self,
        message: Cid,
        confidence: u64,
        limit: ChainEpoch,
        allow_replaced: bool,
    ) -> Answer<MsgLookup> {
        let wanted = self.run(move |s| s.wanted(message, allow_replaced)).await?;
        let confidence = ChainEpoch::try_from(confidence).unwrap_or(ChainEpoch::MAX);
        Ok(self.wait_for(wanted, confidence, limit).await?.into())
    }

    async fn state_list_messages(
        &self,
        matching: MessageMatch,
        key: TipsetKey,
        to_height: ChainEpoch,
    ) -> Answer<NilVec<Cid>> {
        self.at(key, move |s, t| {
            Ok(s.list_messages(&matching, t, to_height)?.into())
        })
        .await
    }

    async fn state_network_name(&self) -> Answer<String> {
        Ok(self.0.network.name.clone())
    }

    async fn state_network_version(&self, key: TipsetKey) -> Answer<u32> {
        self.at(key, |s, t| Ok(s.network.version_at(t.height()).0))
            .await
    }

    async fn state_get_network_params(&self) -> Answer<NetworkParams> {
        let n = &self.0.network;
        let proofs = n.sector_sizes.iter();
        let upgrades = [
            ("UpgradeLiftoffHeight", n.upgrades.liftoff),
            ("UpgradeSharkHeight", n.upgrades.shark),
        ];
        Ok(NetworkParams {
            network_name: n.name.clone(),
            block_delay_secs: n.block_delay_secs,
            consensus_miner_min_power: n.min_power(),
            supported_proof_types: proofs
                .filter_map(|size| RegisteredSealProof::for_sector_size(*size))
                .collect(),
            pre_commit_challenge_delay: n.pre_commit_challenge_delay,
            fork_upgrade_params: upgrades.map(|(name, at)| (name.to_owned(), at)).into(),
            eip155_chain_id: 0,
        })
    }

    async fn state_actor_code_cids(&self, version: u32) -> Answer<BTreeMap<String, Cid>> {
        self.run(move |s| Ok(s.manifest(version)?.actors.into_iter().collect()))
            .await
    }

    async fn state_actor_manifest_cid(&self, version: u32) -> Answer<Cid> {
        if version != NEWEST_VERSION {
            return Err(RpcError::new(format_args!(
                "network version {version} is not supported"
            )));
        }
        self.0
            .actors_manifest
            .ok_or_else(|| RpcError::not_supported("Filecoin.StateActorManifestCID"))
    }

    async fn state_vm_circulating_supply_internal(
        &self,
        key: TipsetKey,
    ) -> Answer<CirculatingSupply> {
        self.at(key, |s, t| {
            let supply = s.supply(&t)?;
            Ok(CirculatingSupply {
                fil_vested: supply.vested,
                fil_mined: supply.mined,
                fil_burnt: supply.burnt,
                fil_locked: supply.locked,
                fil_circulating: supply.circulating,
                fil_reserve_disbursed: supply.reserve_disbursed,
            })
        })
        .await
    }

    async fn state_get_randomness_from_tickets(
        &self,
        personalization: i64,
        epoch: ChainEpoch,
        entropy: Bytes,
        key: TipsetKey,
    ) -> Answer<Bytes> {
        self.at(key, move |s, t| {
            let digest = s.states.randomness(&t).ticket_digest(epoch).told()?;
            Ok(draw_randomness_from_digest(&digest, personalization, epoch, &entropy).into())
        })
        .await
    }

    async fn state_get_randomness_from_beacon(
        &self,
        personalization: i64,
        epoch: ChainEpoch,
        entropy: Bytes,
        key: TipsetKey,
    ) -> Answer<Bytes> {
        self.at(key, move |s, t| {
            let digest = s.states.randomness(&t).beacon_digest(epoch).told()?;
            Ok(draw_randomness_from_digest(&digest, personalization, epoch, &entropy).into())
        })
        .await
    }

    async fn state_get_beacon_entry(&self, epoch: ChainEpoch) -> Answer<BeaconEntry> {
        let beacon = self.0.beacons.beacon_for_epoch(epoch);
        beacon.entry(beacon.max_round_for_epoch(epoch)).await.told()
    }

    async fn state_compute_data_cid(
        &self,
        _miner: Address,
        proof: RegisteredSealProof,
        deals: Vec<DealId>,
        key: TipsetKey,
    ) -> Answer<Cid> {
        self.at(key, move |s, t| s.data_commitment(&t, proof, deals))
            .await
    }

    async fn state_verified_registry_root_key(&self, key: TipsetKey) -> Answer<Address> {
        self.at(key, |s, t| {
            Ok(s.tree(&t)?.verifreg_state().told()?.root_key)
        })
        .await
    }

    async fn state_verifier_status(
        &self,
        address: Address,
        key: TipsetKey,
    ) -> Answer<Option<BigInt>> {
        self.at(key, move |s, t| {
            let tree = s.tree(&t)?;
            let Some(id) = tree.lookup_id(&address).told()? else {
                return Ok(None);
            };
            let state = tree.verifreg_state().told()?;
            state
                .verifier_data_cap(s.store(), &Address::new_id(id))
                .told()
        })
        .await
    }

    async fn state_verified_client_status(
        &self,
        address: Address,
        key: TipsetKey,
    ) -> Answer<Option<BigInt>> {
        self.at(key, move |s, t| {
            let tree = s.tree(&t)?;
            let Some(id) = tree.lookup_id(&address).told()? else {
                return Ok(None);
            };
            let state = tree.state::<datacap::State>(
                &lotus_networks::singletons::DATACAP_ACTOR,
                "datacap actor state",
            );
            match state.told()? {
                Some(state) => state.data_cap(s.store(), id).told(),
                None => Ok(None),
            }
        })
        .await
    }

    async fn state_get_allocation(
        &self,
        client: Address,
        id: u64,
        key: TipsetKey,
    ) -> Answer<Option<Allocation>> {
        Ok(self.state_get_allocations(client, key).await?.remove(&id))
    }

    async fn state_get_allocation_for_pending_deal(
        &self,
        deal: DealId,
        key: TipsetKey,
    ) -> Answer<Option<Allocation>> {
        self.at(key, move |s, t| s.allocation_of_deal(&t, deal))
            .await
    }

    async fn state_get_allocations(
        &self,
        client: Address,
        key: TipsetKey,
    ) -> Answer<BTreeMap<u64, Allocation>> {
        self.at(key, move |s, t| s.allocations(&t, &client)).await
    }

    async fn state_get_claim(
        &self,
        provider: Address,
        id: u64,
        key: TipsetKey,
    ) -> Answer<Option<Claim>> {
        Ok(self.state_get_claims(provider, key).await?.remove(&id))
    }

    async fn state_get_claims(
        &self,
        provider: Address,
        key: TipsetKey,
    ) -> Answer<BTreeMap<u64, Claim>> {
        self.at(key, move |s, t| {
            let tree = s.tree(&t)?;
            let Some(id) = tree.lookup_id(&provider).told()? else {
                return Ok(BTreeMap::new());
            };
            let state = tree.verifreg_state().told()?;
            let Some(claims) = state.claims(s.store(), id).told()? else {
                return Ok(BTreeMap::new());
            };
            Ok(claims.entries().told()?.into_iter().collect())
        })
        .await
    }
}
