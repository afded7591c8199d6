//! The actors that exist before any message: their states are written directly.
//!
//! # Lotus parity
//! Order matters for ids only: accounts and signers get theirs from [`ACCOUNT_START`] on in the
//! order of the template, then the signers of f080 and f090, then multisigs.

use std::collections::HashMap;

use lotus_actors::{
    ActorKind, Array, FilterEstimate, Manifest, Map, StateError, StateTreeWriter, account, address,
    cron, datacap, init, map::HAMT_BIT_WIDTH, market, multisig, power, reward, save, system,
    verifreg,
};
use lotus_blockstore::SharedBlockstore;
use lotus_types::{ActorId, ActorState, Address, BigInt, Cid, TokenAmount};
use num_bigint::BigInt as Int;

use crate::{
    ACCOUNT_START, FIL_BASE, GenesisError, INITIAL_REWARD_FIL, MINER_START, Template,
    template::{Actor, Meta, MultisigMeta},
};

/// A state without miners.
pub(crate) struct Initial {
    pub(crate) root: Cid,
    pub(crate) ids: KeyIds,
}

/// Ids of key addresses.
pub(crate) type KeyIds = HashMap<Address, ActorId>;

/// Bits per level of the AMTs of deals and of deal states.
const PROPOSALS_BIT_WIDTH: u32 = 5;
const STATES_BIT_WIDTH: u32 = 6;
/// Bits per level of the DataCap token's HAMTs.
const TOKEN_BIT_WIDTH: u32 = 3;

/// Writes all of it.
pub(crate) fn make(
    store: &SharedBlockstore,
    manifest: &Manifest,
    template: &Template,
    verifier: Address,
) -> Result<Initial, GenesisError> {
    let (ids, next_id) = assign_ids(template)?;
    let mut state = Writer {
        store,
        manifest,
        tree: StateTreeWriter::empty(store)?,
    };
    state.singletons(template, &ids)?;

    let mut given = TokenAmount::from_fil(INITIAL_REWARD_FIL);
    let mut next_multisig = next_id;
    for actor in &template.accounts {
        given += &actor.balance;
        match &actor.meta {
            Meta::Account(meta) => {
                let id = id_of(&ids, &meta.owner)?;
                state.account(id, meta.owner, actor.balance.clone())?;
            }
            Meta::Multisig(meta) => {
                state.multisig(next_multisig, meta, actor.balance.clone(), &ids)?;
                next_multisig += 1;
            }
        }
    }
    if next_multisig > MINER_START {
        return Err(too_many());
    }

    let (root_key, remainder) = (&template.verifreg_root_key, &template.remainder_account);
    given += &root_key.balance;
    let root_id = singleton(address::VERIFREG_ROOT);
    state.special(root_id, root_key, root_key.balance.clone(), &ids)?;
    state.account(singleton(address::VERIFIER), verifier, TokenAmount::zero())?;
    let left = &TokenAmount::from_fil(FIL_BASE) - &given;
    if left.is_negative() {
        return Err(GenesisError::Template(format!(
            "{given} are given away, more than there are"
        )));
    }
    state.special(singleton(address::RESERVE), remainder, left, &ids)?;
    Ok(Initial {
        root: state.tree.flush()?,
        ids,
    })
}

/// Gives every key of the template its id.
fn assign_ids(template: &Template) -> Result<(KeyIds, ActorId), GenesisError> {
    let mut ids = KeyIds::new();
    let mut next = ACCOUNT_START;
    for actor in &template.accounts {
        match &actor.meta {
            Meta::Account(meta) => {
                if ids.insert(meta.owner, next).is_some() {
                    return Err(GenesisError::Template(format!(
                        "account {} is declared twice, or after a multisig that it signs for",
                        meta.owner
                    )));
                }
                next += 1;
            }
            Meta::Multisig(meta) => add_signers(&mut ids, &mut next, meta),
        }
    }
    for (actor, id) in special_actors(template) {
        match &actor.meta {
            Meta::Account(meta) => {
                if ids.insert(meta.owner, singleton(id)).is_some() {
                    return Err(GenesisError::Template(format!(
                        "{} is declared already and cannot be {id} as well",
                        meta.owner
                    )));
                }
            }
            Meta::Multisig(meta) => add_signers(&mut ids, &mut next, meta),
        }
    }
    if next > MINER_START {
        Err(too_many())
    } else {
        Ok((ids, next))
    }
}

fn special_actors(template: &Template) -> [(&Actor, Address); 2] {
    [
        (&template.verifreg_root_key, address::VERIFREG_ROOT),
        (&template.remainder_account, address::RESERVE),
    ]
}

fn add_signers(ids: &mut KeyIds, next: &mut ActorId, meta: &MultisigMeta) {
    for signer in &meta.signers {
        ids.entry(*signer).or_insert_with(|| {
            *next += 1;
            *next - 1
        });
    }
}

fn too_many() -> GenesisError {
    let most = MINER_START - ACCOUNT_START;
    GenesisError::Template(format!("more than {most} accounts, signers and multisigs"))
}

fn id_of(ids: &KeyIds, address: &Address) -> Result<ActorId, GenesisError> {
    ids.get(address)
        .copied()
        .ok_or_else(|| GenesisError::Template(format!("{address} has no account in the template")))
}

fn singleton(address: Address) -> ActorId {
    address.id().expect("singletons have ID addresses")
}

struct Writer<'a> {
    store: &'a SharedBlockstore,
    manifest: &'a Manifest,
    tree: StateTreeWriter<'a, SharedBlockstore>,
}

impl Writer<'_> {
    fn put(
        &mut self,
        id: ActorId,
        kind: ActorKind,
        head: Cid,
        balance: TokenAmount,
    ) -> Result<(), StateError> {
        let code = self.manifest.code(kind)?;
        self.tree.set_actor(
            id,
            ActorState {
                code,
                head,
                nonce: 0,
                balance,
            },
        )
    }

    fn put_singleton(
        &mut self,
        at: Address,
        kind: ActorKind,
        state: &impl serde::Serialize,
    ) -> Result<(), StateError> {
        let balance = match kind {
            ActorKind::Reward => TokenAmount::from_fil(INITIAL_REWARD_FIL),
            _ => TokenAmount::zero(),
        };
        let head = save(self.store, state, "singleton state")?;
        self.put(singleton(at), kind, head, balance)
    }

    fn singletons(&mut self, template: &Template, ids: &KeyIds) -> Result<(), StateError> {
        let system = system::State {
            builtin_actors: self.manifest.data_cid,
        };
        self.put_singleton(address::SYSTEM, ActorKind::System, &system)?;
        let init = self.init_state(template, ids)?;
        self.put_singleton(address::INIT, ActorKind::Init, &init)?;
        self.put_singleton(address::REWARD, ActorKind::Reward, &reward_state())?;
        let entry = |receiver, method_num| cron::Entry {
            receiver,
            method_num,
        };
        let entries = vec![
            entry(address::POWER, power::method::ON_EPOCH_TICK_END),
            entry(address::MARKET, market::method::CRON_TICK),
        ];
        self.put_singleton(address::CRON, ActorKind::Cron, &cron::State { entries })?;
        let power = self.power_state()?;
        self.put_singleton(address::POWER, ActorKind::Power, &power)?;
        let market = self.market_state()?;
        self.put_singleton(address::MARKET, ActorKind::Market, &market)?;
        let verifreg = self.verifreg_state()?;
        self.put_singleton(address::VERIFREG, ActorKind::VerifiedRegistry, &verifreg)?;
        let datacap = self.datacap_state()?;
        self.put_singleton(address::DATACAP, ActorKind::DataCap, &datacap)?;
        let burnt = account::State {
            address: address::BURNT_FUNDS,
        };
        self.put_singleton(address::BURNT_FUNDS, ActorKind::Account, &burnt)
    }

    fn init_state(&self, template: &Template, ids: &KeyIds) -> Result<init::State, StateError> {
        let mut map: Map<'_, _, Address, ActorId> =
            Map::empty(self.store, HAMT_BIT_WIDTH, "address map");
        for (address, id) in ids {
            map.set(address, *id)?;
        }
        Ok(init::State {
            address_map: map.flush()?,
            next_id: MINER_START,
            network_name: template.network_name.clone(),
        })
    }

    fn empty_map(&self, bit_width: u32) -> Result<Cid, StateError> {
        Map::<'_, _, u64, u64>::empty(self.store, bit_width, "empty map").flush()
    }

    fn empty_array(&self, bit_width: u32) -> Result<Cid, StateError> {
        Array::<'_, _, u64>::empty(self.store, bit_width, "empty array").flush()
    }

    fn power_state(&self) -> Result<power::State, StateError> {
        const GIB: u64 = 1 << 30;
        let zero = BigInt::default;
        Ok(power::State {
            total_raw_byte_power: zero(),
            total_bytes_committed: zero(),
            total_quality_adj_power: zero(),
            total_qa_bytes_committed: zero(),
            total_pledge_collateral: TokenAmount::zero(),
            this_epoch_raw_byte_power: zero(),
            this_epoch_quality_adj_power: zero(),
            this_epoch_pledge_collateral: TokenAmount::zero(),
            // Power that the network was expected to begin with, and its growth per epoch.
            this_epoch_qa_power_smoothed: estimate(750_000 * GIB, 3_840 * GIB),
            miner_count: 0,
            miner_above_min_power_count: 0,
            cron_event_queue: self.empty_map(power::CRON_QUEUE_HAMT_BIT_WIDTH)?,
            first_cron_epoch: 0,
            claims: self.empty_map(HAMT_BIT_WIDTH)?,
            proof_validation_batch: None,
        })
    }

    fn market_state(&self) -> Result<market::State, StateError> {
        Ok(market::State {
            proposals: self.empty_array(PROPOSALS_BIT_WIDTH)?,
            states: self.empty_array(STATES_BIT_WIDTH)?,
            pending_proposals: self.empty_map(HAMT_BIT_WIDTH)?,
            escrow_table: self.empty_map(market::BALANCE_TABLE_BIT_WIDTH)?,
            locked_table: self.empty_map(market::BALANCE_TABLE_BIT_WIDTH)?,
            next_id: 0,
            deal_ops_by_epoch: self.empty_map(HAMT_BIT_WIDTH)?,
            last_cron: -1,
            total_client_locked_collateral: TokenAmount::zero(),
            total_provider_locked_collateral: TokenAmount::zero(),
            total_client_storage_fee: TokenAmount::zero(),
            pending_deal_allocation_ids: self.empty_map(HAMT_BIT_WIDTH)?,
        })
    }

    fn verifreg_state(&self) -> Result<verifreg::State, StateError> {
        let empty = self.empty_map(HAMT_BIT_WIDTH)?;
        Ok(verifreg::State {
            root_key: address::VERIFREG_ROOT,
            verifiers: empty,
            remove_data_cap_proposal_ids: empty,
            allocations: empty,
            next_allocation_id: 1,
            claims: empty,
        })
    }

    fn datacap_state(&self) -> Result<datacap::State, StateError> {
        let empty = self.empty_map(TOKEN_BIT_WIDTH)?;
        Ok(datacap::State {
            governor: address::VERIFREG,
            token: datacap::TokenState {
                supply: TokenAmount::zero(),
                balances: empty,
                allowances: empty,
                hamt_bit_width: TOKEN_BIT_WIDTH,
            },
        })
    }

    fn account(
        &mut self,
        id: ActorId,
        address: Address,
        balance: TokenAmount,
    ) -> Result<(), StateError> {
        let head = save(self.store, &account::State { address }, "account state")?;
        self.put(id, ActorKind::Account, head, balance)
    }

    fn multisig(
        &mut self,
        id: ActorId,
        meta: &MultisigMeta,
        balance: TokenAmount,
        ids: &KeyIds,
    ) -> Result<(), GenesisError> {
        let mut signers = Vec::new();
        for signer in &meta.signers {
            let signer_id = id_of(ids, signer)?;
            if self.tree.actor(signer_id)?.is_none() {
                self.account(signer_id, *signer, TokenAmount::zero())?;
            }
            signers.push(Address::new_id(signer_id));
        }
        let state = multisig::State {
            signers,
            num_approvals_threshold: meta.threshold,
            next_tx_id: 0,
            initial_balance: balance.clone(),
            start_epoch: meta.vesting_start,
            unlock_duration: meta.vesting_duration,
            pending_txs: self.empty_map(HAMT_BIT_WIDTH)?,
        };
        let head = save(self.store, &state, "multisig state")?;
        Ok(self.put(id, ActorKind::Multisig, head, balance)?)
    }

    fn special(
        &mut self,
        id: ActorId,
        actor: &Actor,
        balance: TokenAmount,
        ids: &KeyIds,
    ) -> Result<(), GenesisError> {
        match &actor.meta {
            Meta::Account(meta) => Ok(self.account(id, meta.owner, balance)?),
            Meta::Multisig(meta) => self.multisig(id, meta, balance, ids),
        }
    }
}

fn estimate(position: impl Into<Int>, velocity: impl Into<Int>) -> FilterEstimate {
    let fixed = |n: Int| BigInt(n << lotus_actors::smooth::PRECISION);
    FilterEstimate {
        position: fixed(position.into()),
        velocity: fixed(velocity.into()),
    }
}

/// State of f02 at epoch 0 of a network without power, by the formulas of its constructor.
pub(crate) fn reward_state() -> reward::State {
    const PRECISION: u32 = lotus_actors::smooth::PRECISION;
    // Bytes of the baseline at its begin: 2.5057116798121726 EiB.
    const BASELINE_INITIAL: u64 = 2_888_888_880_000_000_000;
    // Growth of the baseline in an epoch (200 % a year), with 128 fractional bits.
    let growth: Int = "340282591298641078465964189926313473653"
        .parse()
        .expect("digits");
    // e^λ - 1, where 6 years halve the simple reward, with 128 fractional bits.
    let decay: Int = "37396273494747879394193016954629".parse().expect("digits");

    let initial = Int::from(BASELINE_INITIAL);
    let before: Int = ((&initial << (2 * PRECISION)) / &growth) >> PRECISION;
    let simple_total = TokenAmount::from_fil(330_000_000);
    let reward: Int = (simple_total.atto() * decay) >> PRECISION;
    reward::State {
        cumsum_baseline: BigInt::default(),
        cumsum_realized: BigInt::default(),
        effective_network_time: 0,
        effective_baseline_power: BigInt(initial),
        this_epoch_reward: TokenAmount::from_atto(reward),
        // First reward of mainnet, and its change in an epoch.
        this_epoch_reward_smoothed: estimate(36_266_260_308_195_979_333_u128, -109_897_758_509_i64),
        this_epoch_baseline_power: BigInt((before * growth) >> PRECISION),
        epoch: 0,
        total_storage_power_reward: TokenAmount::zero(),
        simple_total,
        baseline_total: TokenAmount::from_fil(770_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reward_actor_begins_as_recorded() {
        let state = reward_state();
        assert_eq!(
            state.this_epoch_reward.atto().to_string(),
            "36266264293777134739"
        );
        assert_eq!(
            state.this_epoch_baseline_power.to_string(),
            "2888888879999999999"
        );
        assert_eq!(
            state.this_epoch_reward_smoothed.position.to_string(),
            "12340768897043811082913117521041414330876498465539749838848"
        );
        assert_eq!(
            state.this_epoch_reward_smoothed.velocity.to_string(),
            "-37396269384748225153347462373739139597454335279104"
        );
    }
}
