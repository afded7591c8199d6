use num_traits::{ToPrimitive as _, Zero as _};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{Chain, calls};

fn digest(first: u8) -> [u8; 32] {
    let mut out = [0; 32];
    out[0] = first;
    out
}

fn wins(power: u64, total: u64, digest: &[u8; 32]) -> u64 {
    win_count_of_digest(&power.into(), &total.into(), digest)
}

/// Q.256 as a float, for comparisons that need no more than its precision.
fn to_float(x: &BigInt) -> f64 {
    (x >> (PRECISION - 64)).to_f64().expect("fits") / 2_f64.powi(64)
}

mod recorded_blocks {
    use super::*;

    /// Every block of a chain whose only miner has all power.
    fn all_blocks_of_a_lone_miner(name: &str) {
        let chain = Chain::load(name);
        let mut checked = 0;
        for block in chain.blocks.iter().filter(|b| b.height > 0) {
            let proof = block.election_proof.as_ref().expect("elected");
            let count = compute_win_count(&1.into(), &1.into(), &proof.vrf_proof);
            assert_eq!(
                i64::try_from(count),
                Ok(proof.win_count),
                "block at {}",
                block.height
            );
            checked += 1;
        }
        assert_eq!(checked + 1, chain.blocks.len(), "every block but genesis");
    }

    #[test]
    fn of_the_mock_chain_have_their_win_counts() {
        for (_, power) in calls("mock-chain/crypto.jsonl", "StateMinerPower") {
            let power = power.expect("no error");
            let own = &power["MinerPower"]["QualityAdjPower"];
            assert!(own == &power["TotalPower"]["QualityAdjPower"] || own == "0");
        }
        all_blocks_of_a_lone_miner("mock-chain");
    }

    #[test]
    fn of_the_real_chain_have_their_win_counts() {
        all_blocks_of_a_lone_miner("real-chain");
    }

    /// Two miners of equal power, until the first of them gains some.
    #[test]
    fn of_two_miners_have_their_win_counts() {
        let chain = Chain::load("mock-chain-two");
        let recorded = calls("mock-chain-two/crypto.jsonl", "StateMinerPower");
        let known_until = recorded
            .iter()
            .filter(|(params, _)| params[0] == "t01000" && !params[1].is_null())
            .filter_map(|(params, power)| {
                let power = power.as_ref()?;
                let cid = params[1][0]["/"].as_str()?.parse().ok()?;
                let halves = power["MinerPower"]["QualityAdjPower"] == "81916"
                    && power["TotalPower"]["QualityAdjPower"] == "163832";
                halves.then(|| chain.header(&cid).expect("recorded").height)
            })
            .max()
            .expect("some are recorded");
        assert!(known_until > 700, "{known_until}");
        let mut counts = [0; 16];
        for block in &chain.blocks {
            if !(1..=known_until).contains(&block.height) {
                continue;
            }
            let proof = block.election_proof.as_ref().expect("elected");
            let count = compute_win_count(&81_916.into(), &163_832.into(), &proof.vrf_proof);
            assert_eq!(
                i64::try_from(count),
                Ok(proof.win_count),
                "block at {}",
                block.height
            );
            counts[usize::try_from(count).expect("small")] += 1;
        }
        assert!(counts[1..5].iter().all(|n| *n > 20), "{counts:?}");
    }
}

mod exponential {
    use super::*;

    #[test]
    fn is_as_close_as_the_protocol_promises() {
        for step in 0..=500_u32 {
            let x = (BigInt::from(step) << PRECISION) / 100;
            let error = (to_float(&exp_neg(&x)) - (-f64::from(step) / 100.0).exp()).abs();
            assert!(
                error < 1e-14,
                "e^-{} is off by {error}",
                f64::from(step) / 100.0
            );
        }
    }

    #[test]
    fn of_zero_is_one() {
        assert_eq!(exp_neg(&BigInt::zero()), BigInt::one() << PRECISION);
    }
}

mod win_counts {
    use super::*;

    #[test]
    fn are_zero_without_power() {
        assert_eq!(wins(0, 100, &digest(0)), 0);
        assert_eq!(wins(0, 0, &digest(0)), 0);
        assert_eq!(
            win_count_of_digest(&(-5).into(), &100.into(), &digest(0)),
            0
        );
    }

    #[test]
    fn are_capped_at_fifteen() {
        assert_eq!(wins(100, 100, &[0; 32]), MAX_WIN_COUNT);
    }

    #[test]
    fn of_the_least_lucky_draw_are_zero() {
        assert_eq!(wins(100, 100, &[0xff; 32]), 0);
    }

    /// P[more than 0] = 1 − e^−5 = 0.993262…; the draw is a win below it.
    #[test]
    fn change_where_the_poisson_tail_says() {
        let threshold = 1.0 - (-5.0_f64).exp();
        let draw = |x: f64| {
            let mut out = [0; 32];
            let scaled = (x * 2_f64.powi(48)) as u64;
            out[..6].copy_from_slice(&scaled.to_be_bytes()[2..]);
            out
        };
        assert!(wins(1, 1, &draw(threshold - 1e-9)) >= 1);
        assert_eq!(wins(1, 1, &draw(threshold + 1e-9)), 0);
        // P[more than 1] = 1 − 6 e^−5.
        let threshold = 1.0 - 6.0 * (-5.0_f64).exp();
        assert!(wins(1, 1, &draw(threshold - 1e-9)) >= 2);
        assert_eq!(wins(1, 1, &draw(threshold + 1e-9)), 1);
    }

    #[test]
    fn average_to_five_per_epoch_over_all_power() {
        let draws = 2000_u64;
        let total: u64 = (0..draws)
            .map(|i| compute_win_count(&1.into(), &1.into(), &i.to_be_bytes()))
            .sum();
        let mean = total as f64 / draws as f64;
        assert!((mean - 5.0).abs() < 0.2, "{mean}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_power_never_wins_less(power in 1_u64..1 << 50, more in 0_u64..1 << 50, vrf: [u8; 16]) {
        let total = BigInt::from(1_u64 << 52);
        let less = compute_win_count(&power.into(), &total, &vrf);
        let greater = compute_win_count(&(power + more).into(), &total, &vrf);
        prop_assert!(less <= greater, "{less} > {greater}");
    }

    #[test]
    fn only_the_share_of_power_counts(share in 1_u32..1000, scale in 1_u64..1 << 40, vrf: [u8; 16]) {
        let once = compute_win_count(&share.into(), &1000.into(), &vrf);
        let scaled = compute_win_count(
            &(BigInt::from(share) * scale), &(BigInt::from(1000) * scale), &vrf);
        prop_assert_eq!(once, scaled);
    }
}
