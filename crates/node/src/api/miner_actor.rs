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

use super::{Answer, FullNodeApi, Services, Told as _, base58, told};

/// The most sectors that are listed at once.
const MAX_SECTORS: u64 = 1 << 25;

/// What of a partition is asked for.
type Pick = fn(&miner::Partition) -> BitField;

impl Services {
    pub(super) fn miner(&self, tipset: &Tipset, address: &Address) -> Answer<miner::State> {
        self.state_of(tipset, address, ActorKind::Miner, "miner")
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
            found.push(
                sector.ok_or_else(|| RpcError::new(format_args!("sector {number} not found")))?,
            );
        }
        Ok(found)
    }

    fn power(&self, tipset: &Tipset, address: &Address) -> Answer<MinerPower> {
        let tree = self.tree(tipset)?;
        let state = tree.power_state().told()?;
        let total = PowerClaim {
            raw_byte_power: state.total_raw_byte_power.clone(),
            quality_adj_power: state.total_quality_adj_power.clone(),
        };
        let Some(id) = tree.lookup_id(address).told()? else {
            return Ok(MinerPower {
                total_power: total,
                ..MinerPower::default()
            });
        };
        let id = Address::new_id(id);
        let claim = state.claim(self.store(), &id).told()?;
        let meets = claim.as_ref().is_some_and(|claim: &power::Claim| {
            state.claim_meets_consensus_minimum(claim, &self.network.min_power())
        });
        let miner_power = claim.map(|c| PowerClaim {
            raw_byte_power: c.raw_byte_power,
            quality_adj_power: c.quality_adj_power,
        });
        Ok(MinerPower {
            miner_power: miner_power.unwrap_or_default(),
            total_power: total,
            has_min_power: meets,
        })
    }
}

fn info(info: miner::MinerInfo) -> MinerInfo {
    let change = info.pending_worker_key;
    let peer_id = (!info.peer_id.is_empty()).then(|| base58::encode(&info.peer_id));
    MinerInfo {
        owner: info.owner,
        worker: info.worker,
        new_worker: change.as_ref().map_or(Address::UNDEFINED, |c| c.new_worker),
        control_addresses: info.control_addresses,
        worker_change_epoch: change.map_or(-1, |c| c.effective_at),
        peer_id,
        multiaddrs: info.multiaddrs,
        window_post_proof_type: info.window_post_proof_type,
        sector_size: info.sector_size,
        window_post_partition_sectors: info.window_post_partition_sectors,
        consensus_fault_elapsed: info.consensus_fault_elapsed,
        pending_owner_address: info.pending_owner_address,
        beneficiary: info.beneficiary,
        beneficiary_term: Some(info.beneficiary_term),
        pending_beneficiary_term: info.pending_beneficiary_term,
    }
}

fn location(state: &miner::State, s: &Services, sector: u64) -> Answer<Option<SectorLocation>> {
    let found = state.find_sector(s.store(), sector).told()?;
    Ok(found.map(|l| SectorLocation {
        deadline: l.deadline,
        partition: l.partition,
    }))
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
        self.at(key, move |s, t| {
            Ok(info(s.miner(&t, &miner)?.info(s.store()).told()?))
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
        self.at(key, move |s, t| {
            let state = s.miner(&t, &miner)?;
            let balance = s.actor(&t, &miner)?.balance;
            let vested = state.vested_funds(s.store(), t.height()).told()?;
            if state.unlocked_balance(&balance).is_none() {
                return Err(RpcError::new(format_args!(
                    "negative unlocked balance: {miner} holds {} only",
                    balance.atto()
                )));
            }
            Ok(&state.available_balance(&balance) + &vested)
        })
        .await
    }

    async fn state_miner_proving_deadline(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<DeadlineInfo> {
        self.at(key, move |s, t| {
            let schedule = Schedule::default();
            let now = s.miner(&t, &miner)?.deadline_info(&schedule, t.height());
            Ok(now.next_not_elapsed(&schedule))
        })
        .await
    }

    async fn state_miner_deadlines(&self, miner: Address, key: TipsetKey) -> Answer<Vec<Deadline>> {
        self.at(key, move |s, t| {
            let deadlines = s.all_deadlines(&s.miner(&t, &miner)?)?;
            let view = |d: miner::Deadline| -> Answer<Deadline> {
                let proofs = d.disputable_proofs(s.store()).told()?.count();
                Ok(Deadline {
                    post_submissions: d.partitions_posted,
                    disputable_proof_count: proofs,
                })
            };
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
        self.at(key, move |s, t| {
            let found = s.miner(&t, &miner)?.deadline(s.store(), deadline).told()?;
            let found =
                found.ok_or_else(|| RpcError::new(format_args!("no deadline {deadline}")))?;
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
        self.at(key, move |s, t| {
            s.union(&s.miner(&t, &miner)?, |p| p.faults.clone())
        })
        .await
    }

    async fn state_miner_recoveries(&self, miner: Address, key: TipsetKey) -> Answer<BitField> {
        self.at(key, move |s, t| {
            s.union(&s.miner(&t, &miner)?, |p| p.recoveries.clone())
        })
        .await
    }

    async fn state_miner_allocated(&self, miner: Address, key: TipsetKey) -> Answer<BitField> {
        self.at(key, move |s, t| {
            s.miner(&t, &miner)?.allocated_sectors(s.store()).told()
        })
        .await
    }

    async fn state_miner_sector_allocated(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<bool> {
        Ok(self
            .state_miner_allocated(miner, key)
            .await?
            .contains(sector))
    }

    async fn state_miner_sector_count(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<MinerSectors> {
        self.at(key, move |s, t| {
            let state = s.miner(&t, &miner)?;
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
        self.at(key, move |s, t| {
            s.sectors(&s.miner(&t, &miner)?, sectors.as_ref())
        })
        .await
    }

    async fn state_miner_active_sectors(
        &self,
        miner: Address,
        key: TipsetKey,
    ) -> Answer<Vec<SectorOnChainInfo>> {
        self.at(key, move |s, t| {
            let state = s.miner(&t, &miner)?;
            let active = s.union(&state, miner::Partition::active_sectors)?;
            s.sectors(&state, Some(&active))
        })
        .await
    }

    async fn state_sector_get_info(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorOnChainInfo>> {
        self.at(key, move |s, t| {
            s.miner(&t, &miner)?.sector(s.store(), sector).told()
        })
        .await
    }

    async fn state_sector_pre_commit_info(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorPreCommitOnChainInfo>> {
        self.at(key, move |s, t| {
            s.miner(&t, &miner)?.pre_commit(s.store(), sector).told()
        })
        .await
    }

    async fn state_sector_expiration(
        &self,
        miner: Address,
        sector: SectorNumber,
        key: TipsetKey,
    ) -> Answer<Option<SectorExpiration>> {
        self.at(key, move |s, t| {
            let state = s.miner(&t, &miner)?;
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
        self.at(key, move |s, t| {
            let found = location(&s.miner(&t, &miner)?, s, sector)?;
            found.map(Some).ok_or_else(|| {
                RpcError::new(format_args!("sector {sector} not due at any deadline"))
            })
        })
        .await
    }

    async fn state_miner_pre_commit_deposit_for_power(
        &self,
        miner: Address,
        _info: SectorPreCommitInfo,
        key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.at(key, move |s, t| s.deposit(&t, &miner)).await
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
