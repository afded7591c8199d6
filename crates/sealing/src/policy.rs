//! Decisions that need numbers only: when a sector expires, whether a ticket is too old, who sends
//! a message and what goes with it.

use lotus_actors::miner::SectorPreCommitInfo;
use lotus_types::{Address, ChainEpoch, TokenAmount};

use crate::{
    config::{SealingConfig, SealingPolicy},
    sector::Sector,
};

/// When the sector is to expire, seen from `height`.
///
/// With deals, when the last of them ends; without, after the configured life time. Never so early
/// that the sector would be too short-lived if pre-commit and proof land as late as they may.
pub fn expiration(
    sector: &Sector,
    height: ChainEpoch,
    config: &SealingConfig,
    policy: &SealingPolicy,
) -> ChainEpoch {
    // The miner actor counts from the proof's landing, which is at least the challenge delay away.
    let buffer = 2 * policy.proving_period;
    let lifetime = policy
        .epochs(config.committed_capacity_sector_lifetime)
        .clamp(
            policy.min_sector_expiration,
            policy.max_sector_expiration - buffer,
        );
    let deals_end = sector
        .deals()
        .map(|(_, deal)| deal.deal_schedule.end_epoch)
        .filter(|end| *end >= height)
        .max();
    let wanted = deals_end.unwrap_or(height + lifetime);
    let one_day_to_land = height + policy.min_sector_expiration + policy.proving_period;
    let all_late = sector.ticket_epoch
        + policy.max_pre_commit_randomness_lookback
        + policy.max_prove_commit_duration
        + policy.min_sector_expiration;
    let latest = height + policy.pre_commit_challenge_delay + policy.max_sector_expiration;
    wanted.max(one_day_to_land).max(all_late).min(latest)
}

/// The pre-commit of a sealed sector; `None` before it is sealed.
pub fn pre_commit_info(sector: &Sector, expiration: ChainEpoch) -> Option<SectorPreCommitInfo> {
    let cids = sector.cids.as_ref()?;
    let deal_ids = sector.deal_ids();
    Some(SectorPreCommitInfo {
        seal_proof: sector.seal_proof,
        sector_number: sector.number,
        sealed_cid: cids.sealed,
        seal_rand_epoch: sector.ticket_epoch,
        unsealed_cid: (!deal_ids.is_empty()).then_some(cids.unsealed),
        deal_ids,
        expiration,
    })
}

/// Is the ticket too old for a pre-commit that lands right after `height`?
pub const fn ticket_expired(sector: &Sector, height: ChainEpoch, policy: &SealingPolicy) -> bool {
    height - sector.ticket_epoch > policy.max_pre_commit_randomness_lookback
}

/// What must be sent with a message that locks `collateral`, given what the miner has available.
pub fn value_to_send(
    collateral: &TokenAmount,
    available: &TokenAmount,
    config: &SealingConfig,
) -> TokenAmount {
    let none = TokenAmount::zero();
    if !config.collateral_from_miner_balance {
        return collateral.clone().max(none);
    }
    if config.disable_collateral_fallback {
        return none;
    }
    let usable = (available - &config.available_balance_buffer).max(none.clone());
    (collateral - &usable).max(none)
}

/// An address that could send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The address.
    pub address: Address,
    /// What it holds.
    pub balance: TokenAmount,
    /// Can the node sign for it?
    pub can_sign: bool,
}

/// Who sends: the first candidate that can pay `good`, else the first that can pay `minimum`, else
/// the richest, so that the message at least waits in the pool with the best chance. `None` when the
/// node can sign for nobody.
pub fn choose_sender(
    candidates: &[Candidate],
    good: &TokenAmount,
    minimum: &TokenAmount,
) -> Option<Address> {
    let able = || candidates.iter().filter(|c| c.can_sign);
    let paying = |amount: &TokenAmount| able().find(|c| c.balance >= *amount);
    // Of equals the first one listed: that is the operator's preference.
    let richest = able().reduce(|best, c| if c.balance > best.balance { c } else { best });
    paying(good)
        .or_else(|| paying(minimum))
        .or(richest)
        .map(|c| c.address)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lotus_types::RegisteredSealProof;

    use super::*;
    use crate::sector::{DealSchedule, PieceDealInfo, SectorPiece};

    fn devnet() -> SealingPolicy {
        SealingPolicy::new(Duration::from_secs(10), 10)
    }

    fn sector(ticket_epoch: ChainEpoch) -> Sector {
        let mut s = Sector::new(2);
        s.seal_proof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
        s.ticket_epoch = ticket_epoch;
        s
    }

    fn deal_until(end_epoch: ChainEpoch) -> SectorPiece {
        let cid = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy";
        SectorPiece {
            piece: lotus_types::PieceInfo {
                size: lotus_types::sector::PaddedPieceSize(2048),
                piece_cid: cid.parse().unwrap(),
            },
            deal_info: Some(PieceDealInfo {
                publish_cid: None,
                deal_id: 2,
                deal_proposal: None,
                deal_schedule: DealSchedule {
                    start_epoch: 69_238,
                    end_epoch,
                },
                keep_unsealed: true,
            }),
        }
    }

    mod expirations_are_those_that_lotus_recorded {
        use super::*;

        #[test]
        fn for_a_sector_without_deals() {
            let config = SealingConfig::default();
            assert_eq!(expiration(&sector(-872), 28, &config, &devnet()), 1_549_468);
        }

        #[test]
        fn for_a_sector_with_a_short_deal() {
            let mut s = sector(-747);
            s.pieces.push(deal_until(588_177));
            assert_eq!(
                expiration(&s, 153, &SealingConfig::default(), &devnet()),
                607_983
            );
        }
    }

    #[test]
    fn a_long_deal_sets_the_expiration_up_to_the_networks_limit() {
        let mut s = sector(100);
        s.pieces.push(deal_until(1_000_000));
        let config = SealingConfig::default();
        assert_eq!(expiration(&s, 1000, &config, &devnet()), 1_000_000);
        s.pieces.push(deal_until(9_000_000));
        assert_eq!(
            expiration(&s, 1000, &config, &devnet()),
            1000 + 10 + 1_555_200
        );
    }

    #[test]
    fn collateral_comes_from_where_the_operator_says() {
        let fil = |n: i64| TokenAmount::from_fil(n);
        let mut config = SealingConfig::default();
        assert_eq!(value_to_send(&fil(5), &fil(100), &config), fil(5));
        config.collateral_from_miner_balance = true;
        assert_eq!(value_to_send(&fil(5), &fil(100), &config), fil(0));
        assert_eq!(value_to_send(&fil(5), &fil(2), &config), fil(3));
        config.available_balance_buffer = fil(10);
        assert_eq!(value_to_send(&fil(5), &fil(12), &config), fil(3));
        assert_eq!(value_to_send(&fil(5), &fil(2), &config), fil(5));
        config.disable_collateral_fallback = true;
        assert_eq!(value_to_send(&fil(5), &fil(2), &config), fil(0));
    }

    #[test]
    fn the_first_address_that_can_pay_and_sign_sends() {
        let candidate = |id: u64, fil: i64, can_sign: bool| Candidate {
            address: Address::new_id(id),
            balance: TokenAmount::from_fil(fil),
            can_sign,
        };
        let (good, min) = (TokenAmount::from_fil(10), TokenAmount::from_fil(1));
        let all = [
            candidate(1, 50, false),
            candidate(2, 3, true),
            candidate(3, 20, true),
        ];
        assert_eq!(choose_sender(&all, &good, &min), Some(Address::new_id(3)));
        assert_eq!(
            choose_sender(&all[..2], &good, &min),
            Some(Address::new_id(2))
        );
        let poor = [candidate(4, 0, true), candidate(5, 0, true)];
        assert_eq!(choose_sender(&poor, &good, &min), Some(Address::new_id(4)));
        assert_eq!(choose_sender(&all[..1], &good, &min), None);
    }
}
