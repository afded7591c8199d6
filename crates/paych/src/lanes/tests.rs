//! Lane accounting, by examples and for all vouchers.

use lotus_actors::paych::Merge;
use lotus_types::{Address, Bytes};
use proptest::prelude::*;

use super::*;

fn atto(n: i64) -> TokenAmount {
    TokenAmount::from_atto(n)
}

fn voucher(lane: u64, nonce: u64, amount: i64) -> SignedVoucher {
    SignedVoucher {
        channel_addr: Address::new_id(1000),
        time_lock_min: 0,
        time_lock_max: 0,
        secret_hash: Bytes::new(),
        extra: None,
        lane,
        nonce,
        amount: atto(amount),
        min_settle_height: 0,
        merges: Vec::new(),
        signature: None,
    }
}

#[test]
fn a_voucher_names_the_total_of_its_lane() {
    let mut lanes = Lanes::default();
    let held = atto(100);
    assert_eq!(lanes.redeem(&voucher(1, 1, 3), &held), Ok(atto(3)));
    assert_eq!(lanes.redeem(&voucher(2, 1, 2), &held), Ok(atto(2)));
    assert_eq!(lanes.redeem(&voucher(1, 2, 5), &held), Ok(atto(2)));
    assert_eq!(*lanes.owed(), atto(7));
    assert_eq!(lanes.next_lane(), 3);
    assert_eq!(
        (lanes.next_nonce(1), lanes.next_nonce(0)),
        (Some(3), Some(1))
    );
}

#[test]
fn what_adds_nothing_is_refused() {
    let mut lanes = Lanes::default();
    let held = atto(10);
    lanes.redeem(&voucher(0, 2, 5), &held).expect("covered");
    let before = lanes.clone();
    let mut merging = voucher(1, 1, 1);
    merging.merges.push(Merge { lane: 0, nonce: 3 });
    for (voucher, why) in [
        (voucher(0, 2, 6), LaneError::NonceTooLow),
        (voucher(0, 3, 5), LaneError::AmountTooLow),
        (voucher(0, 3, -1), LaneError::Negative("-1".to_owned())),
        (voucher(MAX_LANE + 1, 1, 1), LaneError::NoSuchLane),
        (merging, LaneError::Merges),
        (
            voucher(1, 1, 6),
            LaneError::InsufficientFunds { shortfall: atto(1) },
        ),
    ] {
        assert_eq!(lanes.redeem(&voucher, &held), Err(why));
    }
    assert_eq!(lanes, before);
}

#[test]
fn a_channel_may_have_paid_on_lanes_that_were_merged() {
    // On chain 9 were redeemed in all, whatever its lanes say.
    let merged = BTreeMap::from([(
        0,
        Lane {
            redeemed: atto(7),
            nonce: 3,
        },
    )]);
    let lanes = Lanes::new(atto(9), merged).with([&voucher(1, 1, 2)]);
    assert_eq!(*lanes.owed(), atto(11));
}

#[test]
fn the_last_nonce_ends_a_lane() {
    let lanes = Lanes::default().with([&voucher(0, u64::MAX, 1)]);
    assert_eq!(lanes.next_nonce(0), None);
}

fn vouchers() -> impl Strategy<Value = Vec<SignedVoucher>> {
    let one = (0_u64..4, 0_u64..6, -2_i64..40).prop_map(|(l, n, a)| voucher(l, n, a));
    prop::collection::vec(one, 0..30)
}

/// What of `offered` a channel with this balance takes, in order, and its lanes then.
fn take(offered: &[SignedVoucher], balance: &TokenAmount) -> (Vec<SignedVoucher>, Lanes) {
    let mut lanes = Lanes::default();
    let taken = offered
        .iter()
        .filter(|voucher| lanes.redeem(voucher, balance).is_ok());
    (taken.cloned().collect(), lanes)
}

proptest! {
    #[test]
    fn a_channel_never_owes_more_than_it_holds(
        offered in vouchers(), balance in 0_i64..120,
    ) {
        let (taken, lanes) = take(&offered, &atto(balance));
        prop_assert!(*lanes.owed() <= atto(balance));
        // And it owes exactly the last voucher of each lane.
        let mut last: BTreeMap<u64, &SignedVoucher> = BTreeMap::new();
        for voucher in &taken {
            if let Some(before) = last.insert(voucher.lane, voucher) {
                prop_assert!(before.nonce < voucher.nonce);
                prop_assert!(before.amount < voucher.amount);
            }
        }
        let total = last.values().fold(atto(0), |sum, v| &sum + &v.amount);
        prop_assert_eq!(lanes.owed(), &total);
    }

    #[test]
    fn redeeming_kept_vouchers_on_chain_changes_nothing(
        offered in vouchers(), redeemed in prop::collection::vec(any::<bool>(), 30),
    ) {
        let balance = atto(100);
        let (kept, lanes) = take(&offered, &balance);
        let mut chain = Lanes::default();
        for (voucher, redeemed) in kept.iter().zip(redeemed) {
            if redeemed {
                chain.redeem(voucher, &balance).expect("it was taken in this order");
            }
        }
        prop_assert_eq!(chain.with(&kept), lanes);
    }

    #[test]
    fn vouchers_that_come_in_another_order_are_never_owed_more(
        offered in vouchers().prop_shuffle(), balance in 0_i64..120,
    ) {
        let (_, lanes) = take(&offered, &atto(balance));
        prop_assert!(*lanes.owed() <= atto(balance));
    }
}
