//! Actors and messages as of a tipset.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_actors::{
    datacap,
    verifreg::{Allocation, Claim},
};
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
    ActorState, Address, BeaconEntry, BigInt, Bytes, ChainEpoch, Cid, DealId, Message, MethodNum,
    RegisteredSealProof, Tipset, TipsetKey, TokenAmount,
};
use serde_json::Value;

use super::{
    Answer, FullNodeApi, Services, Told as _, complete, id_of, messages::NO_LIMIT, number_of,
    params, trace, while_doing,
};

impl Services {
    pub(super) fn supply(&self, tipset: &Tipset) -> Answer<supply::CirculatingSupply> {
        let tree = self.tree(tipset)?;
        supply::circulating(&self.network, &tree, tipset.height()).told()
    }

    fn list_messages(
        &self,
        matching: &MessageMatch,
        from: Tipset,
        to_height: ChainEpoch,
    ) -> Answer<Vec<Cid>> {
        // An address that is left empty matches everyone.
        let given = |address: Option<Address>| address.filter(|a| !a.is_undefined());
        let (to, from_whom) = (given(matching.to), given(matching.from));
        if to.is_none() && from_whom.is_none() {
            return Err(RpcError::new(
                "must specify at least To or From in message filter",
            ));
        }
        // Who is not there yet, has neither sent nor received anything.
        let known = to.or(from_whom).map(|address| {
            let tree = self.tree(&from)?;
            tree.lookup_id(&address).told()
        });
        if let Some(None) = known.transpose()? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for tipset in self.chain.walk_back(from) {
            let tipset = tipset.told()?;
            if tipset.height() < to_height || tipset.height() == 0 {
                break;
            }
            let fits = |m: &Message| {
                to.is_none_or(|to| to == m.to) && from_whom.is_none_or(|from| from == m.from)
            };
            let messages = self.messages_of(&tipset)?;
            found.extend(messages.iter().filter(|m| fits(&m.message)).map(|m| m.cid));
        }
        Ok(found)
    }

    fn replay(&self, key: &TipsetKey, message: Cid) -> Answer<InvocResult> {
        let (tipset, message) = if key.is_empty() {
            let searching = |e| while_doing(&format!("searching for msg {message}"), e);
            let head = self.chain.require_head().told()?;
            let wanted = self.wanted(message, true).map_err(searching)?;
            let found = self.search(&wanted, &head, NO_LIMIT).map_err(searching)?;
            let found =
                found.ok_or_else(|| RpcError::new(format_args!("didn't find msg {message}")))?;
            (self.chain.parent(found.tipset()).told()?, found.message())
        } else {
            (self.tipset_named("loading specified tipset", key)?, message)
        };
        let executed = self.states.trace(&tipset).told();
        let executed = executed.map_err(|e| while_doing("unexpected error during execution", e))?;
        let mut all = executed.messages.into_iter();
        let applied = all.find(|m| !m.implicit && m.cid == message);
        applied
            .map(trace::applied)
            .ok_or_else(|| RpcError::new("given message not found in tipset"))
    }
}

#[async_trait]
impl StateApi for FullNodeApi {
    async fn state_get_actor(&self, address: Address, key: TipsetKey) -> Answer<ActorState> {
        self.at(key, move |s, t| s.actor(&t, &address)).await
    }

    async fn state_read_state(&self, address: Address, key: TipsetKey) -> Answer<ReadState> {
        self.at(key, move |s, t| {
            let actor = s
                .actor(&t, &address)
                .map_err(|e| while_doing("getting actor", e))?;
            let state = s
                .state_json(&s.tree(&t)?, &actor)
                .map_err(|e| while_doing(&format!("dumping actor state (a:{address})"), e))?;
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
                RpcError::new(
                    "failed to decode provided address as id addr: cannot get id from non id \
                     address",
                )
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
            Ok(trace::tried(
                called.message,
                called.applied,
                called.duration,
            ))
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
        if epoch < 0 {
            return Err(RpcError::new(format_args!("height {epoch} is negative")));
        }
        messages.iter().try_for_each(complete)?;
        self.at(key, move |s, t| {
            let computed = s.states.compute(epoch, messages, &t).told()?;
            Ok(ComputeStateOutput {
                root: computed.state_root,
                trace: computed.messages.into_iter().map(trace::applied).collect(),
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
        let (to, method) = wanted.called();
        let confidence = ChainEpoch::try_from(confidence).unwrap_or(ChainEpoch::MAX);
        let found = self.wait_for(wanted, confidence, limit).await?;
        self.run(move |s| {
            Ok(MsgLookup {
                return_dec: s.decode_return(&found, &to, method)?,
                ..found.into()
            })
        })
        .await
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

    async fn state_decode_params(
        &self,
        to: Address,
        method: MethodNum,
        params: Bytes,
        key: TipsetKey,
    ) -> Answer<Value> {
        self.run(move |s| {
            let tipset = s.tipset_named("loading tipset", &key);
            let tipset = tipset.map_err(|e| while_doing("getting actor", e))?;
            s.decode_params(&tipset, &to, method, &params)
        })
        .await
    }

    async fn state_encode_params(
        &self,
        code: Cid,
        method: MethodNum,
        params: Value,
    ) -> Answer<Bytes> {
        self.run(move |s| s.encode_params(&code, method, &params))
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
        Ok(params::of(&self.0.network))
    }

    async fn state_actor_code_cids(&self, version: u32) -> Answer<BTreeMap<String, Cid>> {
        self.run(move |s| Ok(s.manifest(version)?.actors.into_iter().collect()))
            .await
    }

    async fn state_actor_manifest_cid(&self, version: u32) -> Answer<Cid> {
        self.run(move |s| s.manifest_cid(version)).await
    }

    async fn state_circulating_supply(&self, key: TipsetKey) -> Answer<TokenAmount> {
        self.at(key, |s, t| {
            // The state is that of the epoch before.
            supply::exact(&s.tree(&t)?, t.height() - 1).told()
        })
        .await
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
            let digest = s.states.randomness(&t).ticket_digest(epoch);
            let digest =
                digest.map_err(|e| while_doing("getting chain randomness", s.no_randomness(&e)))?;
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
            let digest = s.states.randomness(&t).beacon_digest(epoch);
            let digest = digest
                .map_err(|e| while_doing("getting beacon randomness", s.no_randomness(&e)))?;
            Ok(draw_randomness_from_digest(&digest, personalization, epoch, &entropy).into())
        })
        .await
    }

    async fn state_get_beacon_entry(&self, epoch: ChainEpoch) -> Answer<BeaconEntry> {
        let head = self.0.chain.require_head().told()?;
        if epoch <= head.height() {
            return self
                .run(move |s| s.states.randomness(&head).beacon_entry(epoch.max(0)).told())
                .await;
        }
        let beacon = self.0.beacons.beacon_for_epoch(epoch);
        beacon.entry(beacon.max_round_for_epoch(epoch)).await.told()
    }

    async fn state_compute_data_cid(
        &self,
        miner: Address,
        proof: RegisteredSealProof,
        deals: Vec<DealId>,
        key: TipsetKey,
    ) -> Answer<Cid> {
        self.at(key, move |s, t| s.data_commitment(&t, miner, proof, deals))
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
            let id = id_of(&tree, &address)?;
            let state = tree.verifreg_state().told()?;
            state.verifier_data_cap(s.store(), &id).told()
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
            let id = number_of(&tree, &address)?;
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
            let id = number_of(&tree, &provider)?;
            let state = tree.verifreg_state().told()?;
            let Some(claims) = state.claims(s.store(), id).told()? else {
                return Ok(BTreeMap::new());
            };
            Ok(claims.entries().told()?.into_iter().collect())
        })
        .await
    }
}
