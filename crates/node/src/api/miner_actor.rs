//! Miners as of a tipset.

use async_trait::async_trait;
use lotus_actors::{
    ActorKind,
    miner::{
        self, DeadlineInfo, Schedule, SectorOnChainInfo, SectorPreCommitInfo,
        SectorPreCommitOnChainInfo,
    },
    power,
};
use lotus_rpc_api::{
    RpcError,
    full::StateMinerApi,
    types::{
        go::NilVec,
        state::{
            Deadline, MinerInfo, MinerPower, MinerSectors, Partition, PowerClaim, SectorExpiration,
            SectorLocation,
        },
    },
};
use lotus_types::{Address, BitField, ChainEpoch, SectorNumber, Tipset, TipsetKey, TokenAmount};

use super::{Answer, FullNodeApi, Services, Told as _, miner_info::info, told, while_doing};

/// The most sectors that are listed at once.
const MAX_SECTORS: u64 = 1 << 25;

/// In what words Lotus tells that a miner cannot be loaded.
#[derive(Clone, Copy)]
enum Words {
    /// As failures to load the actor, a missing tipset included.
    Whole,
    /// As failures to load the actor.
    Actor,
    /// As Lotus' state manager does.
    Manager,
    /// With nothing in front.
    Bare,
}

impl Words {
    fn tipset(self, error: RpcError) -> RpcError {
        match self {
            Self::Whole => while_doing("failed to load miner actor", error),
            _ => error,
        }
    }

    fn actor(self, error: RpcError) -> RpcError {
        match self {
            Self::Whole | Self::Actor => while_doing("failed to load miner actor", error),
            Self::Manager => while_doing("(get sset) failed to load miner actor", error),
            Self::Bare => error,
        }
    }

    fn state(self, error: RpcError) -> RpcError {
        match self {
            Self::Whole | Self::Actor => while_doing("failed to load miner actor state", error),
            Self::Manager => while_doing("(get sset) failed to load miner actor state", error),
            Self::Bare => error,
        }
    }
}

/// A miner as of a tipset.
struct Miner {
    state: miner::State,
    balance: TokenAmount,
    /// Of the tipset.
    height: ChainEpoch,
}

/// What of a partition is asked for.
type Pick = fn(&miner::Partition) -> BitField;

impl Services {
    fn miner(&self, tipset: &Tipset, address: &Address, words: Words) -> Answer<Miner> {
        let actor = self.actor(tipset, address).map_err(|e| words.actor(e))?;
        let state = self.loaded_state(tipset, &actor, ActorKind::Miner, "miner");
        Ok(Miner {
            state: state.map_err(|e| words.state(e))?,
            balance: actor.balance,
            height: tipset.height(),
        })
    }

    fn partitions(&self, deadline: &miner::Deadline) -> Answer<Vec<miner::Partition>> {
        let held = deadline.partitions(self.store()).told()?.entries().told()?;
        Ok(held.into_iter().map(|(_, partition)| partition).collect())
    }

    fn all_deadlines(&self, state: &miner::State) -> Answer<Vec<miner::Deadline>> {
        let mut all = Vec::new();
        for index in 0.. {
            match state.deadline(self.store(), index).told()? {
                Some(deadline) => all.push(deadline),
                None => break,
            }
        }
        Ok(all)
    }

    /// The union over all partitions.
    fn union(&self, state: &miner::State, pick: Pick) -> Answer<BitField> {
        let mut all = BitField::new();
        for deadline in self.all_deadlines(state)? {
            if deadline.total_sectors == 0 {
                continue;
            }
            for partition in self.partitions(&deadline)? {
                all = (all.inner() | pick(&partition).inner()).into();
            }
        }
        Ok(all)
    }

    fn sectors(
        &self,
        state: &miner::State,
        chosen: Option<&BitField>,
    ) -> Answer<Vec<SectorOnChainInfo>> {
        let held = state.sectors(self.store()).told()?;
        let Some(chosen) = chosen else {
            let all = held.entries().told()?;
            return Ok(all.into_iter().map(|(_, sector)| sector).collect());
        };
        let mut found = Vec::new();
        for number in chosen.numbers(MAX_SECTORS).map_err(told)? {
            let sector = held.get(number).told()?.cloned();
            found.push(sector.ok_or_else(|| {
                RpcError::new(format_args!(
                    "failed to load sectors: can't find sector {number}"
                ))
            })?);
        }
        Ok(found)
    }

    /// As Lotus, the table of powers is asked as it is: it knows miners by their ID addresses alone.
    fn power(&self, tipset: &Tipset, address: &Address) -> Answer<MinerPower> {
        let state = self.tree(tipset)?.power_state().told()?;
        let total_power = PowerClaim {
            raw_byte_power: state.total_raw_byte_power.clone(),
            quality_adj_power: state.total_quality_adj_power.clone(),
        };
        let claim = match address.is_undefined() {
            true => None,
            false => state.claim(self.store(), address).told()?,
        };
        let has_min_power = claim.as_ref().is_some_and(|claim: &power::Claim| {
            state.claim_meets_consensus_minimum(claim, &self.network.min_power())
        });
        let miner_power = claim.map(|c| PowerClaim {
            raw_byte_power: c.raw_byte_power,
            quality_adj_power: c.quality_adj_power,
        });
        Ok(MinerPower {
            miner_power: miner_power.unwrap_or_default(),
            total_power,
            has_min_power,
        })
    }
}

fn location(state: &miner::State, s: &Services, sector: u64) -> Answer<Option<SectorLocation>> {
    let found = state.find_sector(s.store(), sector).told()?;
    Ok(found.map(|l| SectorLocation {
        deadline: l.deadline,
        partition: l.partition,
    }))
}

impl FullNodeApi {
    /// Runs `work` on a miner's state.
    async fn with_miner<T: Send + 'static>(
        &self,
        miner: Address,
        key: TipsetKey,
        words: Words,
        work: impl FnOnce(&Services, Miner) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.run(move |s| {
            let tipset = s.tipset_named("loading tipset", &key);
            let tipset = tipset.map_err(|e| words.tipset(e))?;
            work(s, s.miner(&tipset, &miner, words)?)
        })
        .await
    }
}

#[async_trait]
impl StateMinerApi for FullNodeApi {
    async fn state_list_miners(&self, key: TipsetKey) -> Answer<Vec<Address>> {
        self.at(key, |s, t| {
            let claims = s
                .tree(&t)?
                .power_state()
                .told()?
                .claims(s.store())
                .told()?
                .entries();
            Ok(claims.told()?.into_iter().map(|(miner, _)| miner).collect())
        })
        .await
    }

    async fn state_miner_info(&self, miner: Address, key: TipsetKey) -> Answer<MinerInfo> {
        self.run(move |s| {
            let tipset = s.tipset(&key);
            let tipset = tipset.map_err(|e| while_doing("failed to load tipset", e))?;
            let miner = s.miner(&tipset, &miner, Words::Actor)?;
            Ok(info(miner.state.info(s.store()).told()?))
        })
        .await
    }

    async fn state_miner_power(&self, miner: Address, key: TipsetKey) -> Answer<MinerPower> {
        self.at(key, move |s, t| s.power(&t, &miner)).await
    }

    async fn state_miner_available_balance(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.with_miner(miner, key, Words::Actor, |s, miner| {
            let (state, balance) = (&miner.state, &miner.balance);
            let vested = state.vested_funds(s.store(), miner.height).told()?;
            if state.unlocked_balance(balance).is_none() {
                let missing = &state.available_balance(balance) + &state.fee_debt;
                return Err(RpcError::new(format_args!(
                    "negative unlocked balance {}",
                    missing.atto()
                )));
            }
            Ok(&state.available_balance(balance) + &vested)
        })
        .await
    }

    async fn state_miner_proving_deadline(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<DeadlineInfo> {
        self.with_miner(miner, key, Words::Actor, |_, miner| {
            let (schedule, state) = (Schedule::default(), miner.state);
            Ok(state.recorded_deadline(&schedule, miner.height))
        })
        .await
    }

    async fn state_miner_deadlines(&self, miner: Address, key: TipsetKey) -> Answer<Vec<Deadline>> {
        self.with_miner(miner, key, Words::Whole, |s, miner| {
            let view = |d: miner::Deadline| -> Answer<Deadline> {
                let proofs = d.disputable_proofs(s.store()).told()?.count();
                Ok(Deadline {
                    post_submissions: d.partitions_posted,
                    disputable_proof_count: proofs,
                })
            };
            let deadlines = s.all_deadlines(&miner.state)?;
            deadlines.into_iter().map(view).collect()
        })
        .await
    }

    async fn state_miner_partitions(
        &self,
        miner: Address,
        deadline: u64,
        key: TipsetKey,
    ) -> Answer<NilVec<Partition>> {
        self.with_miner(miner, key, Words::Whole, move |s, miner| {
            let found = miner.state.deadline(s.store(), deadline).told()?;
            let found = found.ok_or_else(|| {
                RpcError::new(format_args!(
                    "failed to load the deadline: invalid deadline {deadline}"
                ))
            })?;
            let view = |p: miner::Partition| Partition {
                live_sectors: p.live_sectors(),
                active_sectors: p.active_sectors(),
                all_sectors: p.sectors,
                faulty_sectors: p.faults,
                recovering_sectors: p.recoveries,
            };
            Ok(s.partitions(&found)?.into_iter().map(view).collect())
        })
        .await
    }

    async fn state_miner_faults(&self, miner: Address, key: TipsetKey) -> Answer<BitField> {
        self.with_miner(miner, key, Words::Whole, |s, miner| {
            s.union(&miner.state, |p| p.faults.clone())
        })
        .await
    }

    async fn state_miner_recoveries(&self, miner: Address, key: TipsetKey) -> Answer<BitField> {
        self.with_miner(miner, key, Words::Whole, |s, miner| {
            s.union(&miner.state, |p| p.recoveries.clone())
        })
        .await
    }

    async fn state_miner_allocated(&self, miner: Address, key: TipsetKey) -> Answer<BitField> {
        self.with_miner(miner, key, Words::Bare, |s, miner| {
            miner.state.allocated_sectors(s.store()).told()
        })
        .await
    }

    async fn state_miner_sector_allocated(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<bool> {
        self.with_miner(miner, key, Words::Actor, move |s, miner| {
            let allocated = miner.state.allocated_sectors(s.store()).told()?;
            Ok(allocated.contains(sector))
        })
        .await
    }

    async fn state_miner_sector_count(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<MinerSectors> {
        self.with_miner(miner, key, Words::Bare, |s, miner| {
            let state = miner.state;
            Ok(MinerSectors {
                live: s.union(&state, miner::Partition::live_sectors)?.len(),
                active: s.union(&state, miner::Partition::active_sectors)?.len(),
                faulty: s.union(&state, |p| p.faults.clone())?.len(),
            })
        })
        .await
    }

    async fn state_miner_sectors(
        &self,
        miner: Address,
        sectors: Option<BitField>,
        key: TipsetKey,
    ) -> Answer<Vec<SectorOnChainInfo>> {
        self.with_miner(miner, key, Words::Whole, move |s, miner| {
            s.sectors(&miner.state, sectors.as_ref())
        })
        .await
    }

    async fn state_miner_active_sectors(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<Vec<SectorOnChainInfo>> {
        self.with_miner(miner, key, Words::Whole, |s, miner| {
            let active = s.union(&miner.state, miner::Partition::active_sectors)?;
            s.sectors(&miner.state, Some(&active))
        })
        .await
    }

    async fn state_sector_get_info(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorOnChainInfo>> {
        self.with_miner(miner, key, Words::Manager, move |s, miner| {
            miner.state.sector(s.store(), sector).told()
        })
        .await
    }

    async fn state_sector_pre_commit_info(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorPreCommitOnChainInfo>> {
        self.with_miner(miner, key, Words::Manager, move |s, miner| {
            miner.state.pre_commit(s.store(), sector).told()
        })
        .await
    }

    async fn state_sector_expiration(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorExpiration>> {
        self.with_miner(miner, key, Words::Bare, move |s, miner| {
            let state = miner.state;
            let not_found = || RpcError::new(format_args!("failed to find sector {sector}"));
            let at = location(&state, s, sector)?.ok_or_else(not_found)?;
            let deadline = state
                .deadline(s.store(), at.deadline)
                .told()?
                .ok_or_else(not_found)?;
            let partitions = deadline.partitions(s.store()).told()?;
            let partition = partitions.get(at.partition).told()?.ok_or_else(not_found)?;
            let found = partition.sector_expiration(s.store(), sector).told()?;
            let found = found.ok_or_else(not_found)?;
            Ok(Some(SectorExpiration {
                on_time: found.on_time,
                early: found.early,
            }))
        })
        .await
    }

    async fn state_sector_partition(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorLocation>> {
        self.with_miner(miner, key, Words::Bare, move |s, miner| {
            let found = location(&miner.state, s, sector)?;
            found.map(Some).ok_or_else(|| {
                RpcError::new(format_args!("sector {sector} not due at any deadline"))
            })
        })
        .await
    }

    async fn state_miner_pre_commit_deposit_for_power(
        &self,
        _miner: Address,
        info: SectorPreCommitInfo,
        key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.at(key, move |s, t| s.deposit(&t, &info)).await
    }

    async fn state_miner_initial_pledge_collateral(
        &self,
        miner: Address,
        info: SectorPreCommitInfo,
        key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.at(key, move |s, t| s.pledge(&t, &miner, &info)).await
    }

    async fn state_all_miner_faults(
        &self,
        _lookback: ChainEpoch,
        _key: TipsetKey,
    ) -> Answer<Vec<lotus_rpc_api::types::state::Fault>> {
        // Lotus has the name and refuses every call.
        Err(RpcError::new("fixme"))
    }
}
