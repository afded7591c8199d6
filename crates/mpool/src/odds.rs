//! How likely the k-th best block's worth of messages is to be included by this block first.
//!
//! Every block producer of an epoch sees about the same pool. Blocks execute in the order of their
//! tickets, so a producer with a poor ticket finds the best messages taken by others. With ticket
//! quality q (0 worst, 1 best), each of the other winners comes first with probability 1 − q.
//!
//! # Lotus parity
//! `blockProbabilities`: the number of other winners is Poisson with mean 5, given that there is at
//! least one winner; the place among them is binomial.

use lotus_networks::policy::BLOCKS_PER_EPOCH;

/// Blocks of one epoch that are reckoned with.
pub const MAX_BLOCKS: usize = 15;

/// The probability of each place, best first, for a ticket quality of 0 to 1.
pub fn block_probabilities(ticket_quality: f64) -> [f64; MAX_BLOCKS] {
    let ahead = 1.0 - ticket_quality.clamp(0.0, 1.0);
    let others = other_winners();
    let mut odds = [0.0; MAX_BLOCKS];
    for (place, odd) in odds.iter_mut().enumerate() {
        let per_case = others
            .iter()
            .enumerate()
            .map(|(n, case)| case * binomial(place, n, ahead));
        *odd = per_case.sum();
    }
    odds
}

/// The probability of 0, 1, … other winners.
fn other_winners() -> [f64; MAX_BLOCKS] {
    let mean = BLOCKS_PER_EPOCH as f64;
    let mut term = mean / mean.exp_m1();
    let mut out = [0.0; MAX_BLOCKS];
    let mut winners = 1.0;
    for p in &mut out {
        *p = term;
        winners += 1.0;
        term *= mean / winners;
    }
    out
}

/// The probability of `hits` in `trials`, each with probability `p`.
fn binomial(hits: usize, trials: usize, p: f64) -> f64 {
    if hits > trials {
        return 0.0;
    }
    let mut out = 1.0;
    // C(n, k) as a product of quotients keeps every factor small.
    for k in 0..hits {
        let quotient = (trials - k) as f64 / (k + 1) as f64;
        out *= quotient * p;
    }
    (hits..trials).fold(out, |out, _| out * (1.0 - p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_ticket_is_first_and_the_worst_behind_all_others() {
        let best = block_probabilities(1.0);
        assert!((best[0] - 1.0).abs() < 0.001, "{best:?}");
        assert!(best[1..].iter().all(|p| *p == 0.0));
        let worst = block_probabilities(0.0);
        let others = other_winners();
        for (place, p) in worst.iter().enumerate() {
            assert!((p - others[place]).abs() < 1e-12, "{place}");
        }
    }

    #[test]
    fn all_places_together_are_nearly_certain() {
        for quality in [0.0, 0.1, 0.5, 0.84, 0.99] {
            let sum: f64 = block_probabilities(quality).iter().sum();
            assert!((0.999..=1.000_001).contains(&sum), "{quality}: {sum}");
        }
    }

    #[test]
    fn a_better_ticket_makes_the_first_place_likelier() {
        let first = |quality| block_probabilities(quality)[0];
        assert!(first(0.2) < first(0.5) && first(0.5) < first(0.9));
    }
}
