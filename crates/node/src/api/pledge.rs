//! What a sector's deposit and pledge will be.
//!
//! # Lotus parity
//! `StateMinerPreCommitDepositForPower` and `StateMinerInitialPledgeCollateral`: both a tenth more than
//! what the actor would take now.

use std::collections::BTreeSet;

use lotus_actors::{miner::SectorPreCommitInfo, pledge};
use lotus_rpc_api::RpcError;
use lotus_types::{Address, BigInt, ChainEpoch, DealProposal, SectorSize, Tipset, TokenAmount};

use super::{Answer, Services, Told as _};

impl Services {
    /// The power that a sector will have, by its deals.
    fn sector_power(
        &self,
        tipset: &Tipset,
        miner: &Address,
        info: &SectorPreCommitInfo,
    ) -> Answer<BigInt> {
        let size = sector_size(info)?;
        let market = self.tree(tipset)?.market_state().told()?;
        let (mut plain, mut verified) = (BigInt::default(), BigInt::default());
        let mut seen = BTreeSet::new();
        for id in &info.deal_ids {
            let refused =
                |why: String| RpcError::new(format_args!("verifying deals for activation: {why}"));
            if !seen.insert(*id) {
                return Err(refused(format!("deal ID {id} present multiple times")));
            }
            let deal = market.deal(self.store(), *id).told()?;
            let (proposal, _) = deal.ok_or_else(|| refused(format!("no such deal {id}")))?;
            check_deal(&proposal, miner, info.expiration, tipset.height())
                .map_err(|why| refused(format!("cannot activate deal {id}: {why}")))?;
            let duration = proposal.end_epoch.saturating_sub(proposal.start_epoch);
            let weight = BigInt::from(proposal.piece_size).0 * duration;
            let sum = if proposal.verified_deal {
                &mut verified
            } else {
                &mut plain
            };
            sum.0 += weight;
        }
        let duration = info.expiration.saturating_sub(tipset.height());
        Ok(pledge::qa_power_for_weight(
            size, duration, &plain, &verified,
        ))
    }

    pub(super) fn deposit(
        &self,
        tipset: &Tipset,
        info: &SectorPreCommitInfo,
    ) -> Answer<TokenAmount> {
        // As if all of it were verified deals: the deposit does not depend on the data.
        let power = pledge::qa_power_max(sector_size(info)?);
        let tree = self.tree(tipset)?;
        let reward = tree.reward_state().told()?;
        let network = tree.power_state().told()?;
        Ok(with_margin(&pledge::pre_commit_deposit(
            &reward.this_epoch_reward_smoothed,
            &network.this_epoch_qa_power_smoothed,
            &power,
        )))
    }

    pub(super) fn pledge(
        &self,
        tipset: &Tipset,
        miner: &Address,
        info: &SectorPreCommitInfo,
    ) -> Answer<TokenAmount> {
        let power = self.sector_power(tipset, miner, info)?;
        let tree = self.tree(tipset)?;
        let reward = tree.reward_state().told()?;
        let network = tree.power_state().told()?;
        Ok(with_margin(&pledge::initial_pledge(
            &power,
            &reward.this_epoch_baseline_power,
            &reward.this_epoch_reward_smoothed,
            &network.this_epoch_qa_power_smoothed,
            &self.supply(tipset)?.circulating,
        )))
    }
}

/// How large a sector is, by its seal proof alone: Lotus looks at no miner for it.
fn sector_size(info: &SectorPreCommitInfo) -> Answer<SectorSize> {
    info.seal_proof.sector_size().ok_or_else(|| {
        RpcError::new(format_args!(
            "failed to get resolve size: unsupported proof type: {}",
            info.seal_proof
        ))
    })
}

/// Could the deal be in a sector of `miner` that is proven at `now`? What is against it, in the market
/// actor's words.
fn check_deal(
    proposal: &DealProposal,
    miner: &Address,
    expiration: ChainEpoch,
    now: ChainEpoch,
) -> Result<(), String> {
    let (provider, start, end) = (proposal.provider, proposal.start_epoch, proposal.end_epoch);
    if provider != *miner {
        Err(format!("proposal has provider {provider}, must be {miner}"))
    } else if now > start {
        Err(format!(
            "proposal start epoch {start} has already elapsed at {now}"
        ))
    } else if end > expiration {
        Err(format!(
            "proposal expiration {end} exceeds sector expiration {expiration}"
        ))
    } else {
        Ok(())
    }
}

/// A tenth more, so that the amount still suffices when the message is executed.
pub(super) fn with_margin(amount: &TokenAmount) -> TokenAmount {
    TokenAmount::from_atto(amount.atto() * 110_u32 / 100_u32)
}
