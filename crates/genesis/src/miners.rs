//! Genesis miners and their presealed sectors.
//!
//! # Lotus parity
//! Sectors are pre-committed and confirmed by messages one at a time. While deals are published the
//! power actor is shown the power that the network will have in the end; each sector's share is taken
//! out again right before the sector claims it.

use lotus_actors::{
    StateTree, StateTreeWriter, address, call, load, market,
    miner::{self, Deadline, params as miner_params},
    pledge, power, save, verifreg,
};
use lotus_crypto::SigningKey;
use lotus_networks::policy::{MAX_SECTOR_EXPIRATION_EXTENSION, WPOST_PROVING_PERIOD};
use lotus_types::{
    ActorId, Address, BigInt, BitField, ChainEpoch, ClientDealProposal, DealId,
    RegisteredSealProof, TokenAmount, wire,
};

use crate::{
    GenesisError, MINER_START, Template,
    execute::Session,
    initial::{self, KeyIds},
    template::{Miner, PreSeal},
};

/// Epochs that a presealed sector may live from the first proving period on: all whole periods of
/// the longest extension but one.
const PRESEAL_LIFE: ChainEpoch =
    (MAX_SECTOR_EXPIRATION_EXTENSION / WPOST_PROVING_PERIOD - 1) * WPOST_PROVING_PERIOD;
/// Most deals in one message.
const DEALS_PER_MESSAGE: usize = 8192;

/// Lets f080 appoint f081, and f081 give each client the DataCap that its deals take.
pub(crate) fn grant_data_cap(
    session: &mut Session<'_>,
    template: &Template,
    ids: &KeyIds,
) -> Result<(), GenesisError> {
    let mut needs: Vec<(ActorId, u64)> = Vec::new();
    let mut sum = 0_u64;
    for sector in template.miners.iter().flat_map(|miner| &miner.sectors) {
        let (client, size) = (&sector.deal.client, sector.deal.piece_size);
        let id = client
            .id()
            .or_else(|| ids.get(client).copied())
            .ok_or_else(|| {
                GenesisError::Template(format!("client {client} of a deal has no account"))
            })?;
        let overflow = || GenesisError::Template("deals of more than 2^64 bytes".to_owned());
        sum = sum.checked_add(size).ok_or_else(overflow)?;
        match needs.iter_mut().find(|(known, _)| *known == id) {
            Some((_, need)) => *need += size,
            None => needs.push((id, size)),
        }
    }
    let grant = |address, allowance: u64| {
        call::params(&verifreg::VerifierParams {
            address,
            allowance: allowance.into(),
        })
    };
    session.send(
        "appointing the first verifier",
        address::VERIFREG_ROOT,
        address::VERIFREG,
        TokenAmount::zero(),
        (
            verifreg::method::ADD_VERIFIER,
            grant(address::VERIFIER, sum)?,
        ),
    )?;
    for (client, need) in needs {
        session.send(
            "giving DataCap to the client of presealed deals",
            address::VERIFIER,
            address::VERIFREG,
            TokenAmount::zero(),
            (
                verifreg::method::ADD_VERIFIED_CLIENT,
                grant(Address::new_id(client), need)?,
            ),
        )?;
    }
    Ok(())
}

/// A miner that was created.
struct Created {
    address: Address,
    expiration: ChainEpoch,
    deals: Vec<DealId>,
    /// Quality-adjusted power of each sector.
    powers: Vec<BigInt>,
}

/// Creates the miners and onboards their sectors.
pub(crate) fn onboard(session: &mut Session<'_>, miners: &[Miner]) -> Result<(), GenesisError> {
    let mut created = Vec::new();
    let (mut raw, mut quality) = (BigInt::default(), BigInt::default());
    for (id, miner) in (MINER_START..).zip(miners) {
        let mut new = create(session, miner, id)?;
        if miner.market_balance.is_positive() {
            session.send(
                "adding a miner's market balance",
                miner.worker,
                address::MARKET,
                miner.market_balance.clone(),
                (market::method::ADD_BALANCE, call::params(&new.address)?),
            )?;
        }
        publish(session, miner, &mut new)?;
        for power in &new.powers {
            raw.0 += miner.sector_size;
            quality.0 += &power.0;
        }
        created.push(new);
    }

    show_power(session, &raw, &quality)?;
    for (miner, new) in miners.iter().zip(&created) {
        for ((sector, deal), power) in miner.sectors.iter().zip(&new.deals).zip(&new.powers) {
            commit(session, miner, new, sector, *deal, power)?;
        }
    }
    check_power(session, &raw, &quality)
}

fn create(session: &mut Session<'_>, miner: &Miner, id: ActorId) -> Result<Created, GenesisError> {
    let what = format!("creating miner {}", miner.id);
    let proof = RegisteredSealProof::for_sector_size(miner.sector_size);
    let window_post_proof_type = proof.and_then(|p| p.window_post()).ok_or_else(|| {
        GenesisError::Template(format!("{what}: no such sector size {}", miner.sector_size))
    })?;
    let params = power::CreateMinerParams {
        owner: miner.worker,
        worker: miner.worker,
        window_post_proof_type,
        peer: miner.peer_id.as_bytes().into(),
        multiaddrs: Vec::new(),
    };
    let returned = session.send(
        &what,
        miner.owner,
        address::POWER,
        miner.power_balance.clone(),
        (power::method::CREATE_MINER, call::params(&params)?),
    )?;
    let returned: power::CreateMinerReturn =
        wire::from_cbor(&returned).map_err(|e| GenesisError::Fault(Box::new(e)))?;
    let address = Address::new_id(id);
    if returned.id_address != address {
        let message = format!("{what}: it became {}", returned.id_address);
        return Err(GenesisError::Template(message));
    }
    let root = session.root()?;
    let tree = StateTree::load(session.store(), &root)?;
    let state = tree.miner_state(&address)?.ok_or_else(|| lost(&address))?;
    let expiration = PRESEAL_LIFE + state.proving_period_start - 1;
    Ok(Created {
        address,
        expiration,
        deals: Vec::new(),
        powers: Vec::new(),
    })
}

fn lost(address: &Address) -> GenesisError {
    GenesisError::Fault(format!("{address} is not in the state that was just written").into())
}

/// Publishes the deals of the presealed sectors, signed by their client.
fn publish(
    session: &mut Session<'_>,
    miner: &Miner,
    new: &mut Created,
) -> Result<(), GenesisError> {
    let what = format!("publishing the deals of miner {}", miner.id);
    let mut deals = Vec::new();
    for sector in &miner.sectors {
        let mut proposal = sector.deal.clone();
        proposal.verified_deal = true;
        proposal.end_epoch = new.expiration;
        let weight = proposal.end_epoch.saturating_sub(proposal.start_epoch);
        let weight = BigInt(num_bigint::BigInt::from(proposal.piece_size) * weight);
        new.powers.push(pledge::qa_power_for_weight(
            miner.sector_size,
            new.expiration,
            &BigInt::default(),
            &weight,
        ));
        let key = SigningKey::from_key_info(&sector.deal_client_key);
        let key = key.map_err(|e| GenesisError::Template(format!("{what}: client's key: {e}")))?;
        let bytes = wire::try_to_cbor(&proposal)
            .map_err(|e| GenesisError::Template(format!("{what}: {e}")))?;
        deals.push(ClientDealProposal {
            client_signature: key.sign(&bytes),
            proposal,
        });
    }
    for batch in deals.chunks(DEALS_PER_MESSAGE) {
        let params = market::PublishStorageDealsParams {
            deals: batch.to_vec(),
        };
        let returned = session.send(
            &what,
            miner.worker,
            address::MARKET,
            TokenAmount::zero(),
            (
                market::method::PUBLISH_STORAGE_DEALS,
                call::params(&params)?,
            ),
        )?;
        let returned: market::PublishStorageDealsReturn =
            wire::from_cbor(&returned).map_err(|e| GenesisError::Fault(Box::new(e)))?;
        if returned.ids.len() != batch.len() {
            let bad = batch.len() - returned.ids.len().min(batch.len());
            return Err(GenesisError::Template(format!(
                "{what}: {bad} deals were refused"
            )));
        }
        new.deals.extend(returned.ids);
    }
    Ok(())
}

/// Changes the power actor's state by hand.
fn change_power(
    session: &mut Session<'_>,
    change: impl FnOnce(&mut power::State),
) -> Result<(), GenesisError> {
    let root = session.root()?;
    let store = session.store();
    let mut state = StateTree::load(store, &root)?.power_state()?;
    change(&mut state);
    let head = save(store, &state, "power actor state")?;
    replace_head(session, address::POWER, head)
}

fn replace_head(
    session: &mut Session<'_>,
    of: Address,
    head: lotus_types::Cid,
) -> Result<(), GenesisError> {
    let root = session.root()?;
    let mut tree = StateTreeWriter::load(session.store(), &root)?;
    let id = of.id().ok_or_else(|| lost(&of))?;
    let mut actor = tree.actor(id)?.ok_or_else(|| lost(&of))?;
    actor.head = head;
    tree.set_actor(id, actor)?;
    session.set_root(tree.flush()?);
    Ok(())
}

/// Shows the power that the network will have, and begins rewards anew.
fn show_power(
    session: &mut Session<'_>,
    raw: &BigInt,
    quality: &BigInt,
) -> Result<(), GenesisError> {
    change_power(session, |state| {
        state.total_raw_byte_power = raw.clone();
        state.total_quality_adj_power = quality.clone();
        state.this_epoch_raw_byte_power = raw.clone();
        state.this_epoch_quality_adj_power = quality.clone();
    })?;
    let head = save(
        session.store(),
        &initial::reward_state(),
        "reward actor state",
    )?;
    replace_head(session, address::REWARD, head)
}

/// Pre-commits a presealed sector and declares it proven.
fn commit(
    session: &mut Session<'_>,
    miner: &Miner,
    new: &Created,
    sector: &PreSeal,
    deal: DealId,
    quality: &BigInt,
) -> Result<(), GenesisError> {
    let what = format!(
        "committing sector {} of miner {}",
        sector.sector_id, miner.id
    );
    change_power(session, |state| {
        state.total_raw_byte_power.0 -= miner.sector_size;
        state.total_quality_adj_power.0 -= &quality.0;
    })?;
    let pre_commit = miner_params::PreCommitSectorParams {
        seal_proof: sector.proof_type,
        sector_number: sector.sector_id,
        sealed_cid: sector.comm_r,
        seal_rand_epoch: -1,
        deal_ids: vec![deal],
        expiration: new.expiration,
        replace_capacity: false,
        replace_sector_deadline: 0,
        replace_sector_partition: 0,
        replace_sector_number: 0,
    };
    let value = funds_for(session, miner, quality)?;
    session.send(
        &what,
        miner.worker,
        new.address,
        value,
        (miner::method::PRE_COMMIT_SECTOR, call::params(&pre_commit)?),
    )?;
    // No estimates: the pledge is the least possible, the rest of the funds stays with the miner.
    let confirm = miner_params::ConfirmSectorProofsParams {
        sectors: vec![sector.sector_id],
        reward_smoothed: lotus_actors::FilterEstimate::default(),
        reward_baseline_power: BigInt::default(),
        quality_adj_power_smoothed: lotus_actors::FilterEstimate::default(),
    };
    session.send(
        &what,
        address::POWER,
        new.address,
        TokenAmount::zero(),
        (
            miner::method::CONFIRM_SECTOR_PROOFS_VALID,
            call::params(&confirm)?,
        ),
    )?;
    let claim = power::UpdateClaimedPowerParams {
        raw_byte_delta: miner.sector_size.into(),
        quality_adjusted_delta: quality.clone(),
    };
    session.send(
        &what,
        new.address,
        address::POWER,
        TokenAmount::zero(),
        (power::method::UPDATE_CLAIMED_POWER, call::params(&claim)?),
    )?;
    erase_unproven(session, new.address)
}

/// Deposit and pledge that the worker sends along with a sector.
fn funds_for(
    session: &mut Session<'_>,
    miner: &Miner,
    quality: &BigInt,
) -> Result<TokenAmount, GenesisError> {
    let root = session.root()?;
    let tree = StateTree::load(session.store(), &root)?;
    let (reward, power) = (tree.reward_state()?, tree.power_state()?);
    let estimates = (
        &reward.this_epoch_reward_smoothed,
        &power.this_epoch_qa_power_smoothed,
    );
    let most = pledge::qa_power_max(miner.sector_size);
    let deposit = pledge::pre_commit_deposit(estimates.0, estimates.1, &most);
    let pledge = pledge::initial_pledge(
        quality,
        &reward.this_epoch_baseline_power,
        estimates.0,
        estimates.1,
        &TokenAmount::zero(),
    );
    Ok(deposit + pledge)
}

/// Treats all sectors of a miner as proven by a WindowPoSt.
fn erase_unproven(session: &mut Session<'_>, of: Address) -> Result<(), GenesisError> {
    let root = session.root()?;
    let store = session.store();
    let tree = StateTree::load(store, &root)?;
    let mut state = tree.miner_state(&of)?.ok_or_else(|| lost(&of))?;
    let mut deadlines = state.deadlines(store)?;
    for cid in &mut deadlines.due {
        let mut deadline: Deadline = load(store, cid, "deadline")?;
        let mut partitions = deadline.partitions(store)?;
        for (index, mut partition) in partitions.entries()? {
            partition.unproven = BitField::new();
            partition.unproven_power = miner::PowerPair::default();
            partitions.set(index, partition)?;
        }
        deadline.partitions = partitions.flush()?;
        *cid = save(store, &deadline, "deadline")?;
    }
    state.deadlines = save(store, &deadlines, "deadlines")?;
    let head = save(store, &state, "miner state")?;
    replace_head(session, of, head)
}

fn check_power(
    session: &mut Session<'_>,
    raw: &BigInt,
    quality: &BigInt,
) -> Result<(), GenesisError> {
    let root = session.root()?;
    let state = StateTree::load(session.store(), &root)?.power_state()?;
    if state.total_raw_byte_power != *raw || state.total_quality_adj_power != *quality {
        return Err(GenesisError::Template(format!(
            "power came out as {} ({} quality-adjusted) bytes instead of {raw} ({quality}): is a \
             miner below the minimum power of this actor bundle?",
            state.total_raw_byte_power, state.total_quality_adj_power
        )));
    }
    Ok(())
}
