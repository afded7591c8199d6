//! `lotus-bench mpool`: how long it takes to choose a block's messages from a full pool.
//!
//! Pools are generated, the same ones every time. What is measured is the choice alone: the accounts of
//! the senders are at hand, as they are in a node that has admitted the messages.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use lotus_mpool::{
    Pooled,
    chains::Sender,
    select::{Snapshot, select},
};
use lotus_types::{Address, Message, Signature, SignedMessage, TokenAmount};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Measures the selection of messages for a block, from a generated pool
#[derive(Debug, clap::Args)]
pub(super) struct Mpool {
    /// Messages in the pool
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
    /// Their senders
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    senders: u32,
    /// Selections that are measured for each ticket quality
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Qualities of the ticket, from 0 to 1; above 0.84 the selection is greedy
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 0.5, 0.1])]
    ticket_quality: Vec<f64>,
    /// Seed of the generated pool
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// attoFIL per gas.
const BASE_FEE: u64 = 100_000_000;

/// A pool of so many messages; senders have runs of different lengths, and pay differently.
fn generated(messages: u32, senders: u32, seed: u64) -> Snapshot {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut counts = vec![0u32; senders as usize];
    for _ in 0..messages {
        // Some senders are busier than others.
        let place = rng.r#gen::<f64>().powi(2) * f64::from(senders);
        counts[place as usize % senders as usize] += 1;
    }
    let senders = counts.into_iter().enumerate().map(|(k, count)| {
        let mut key = [0; 65];
        key[..8].copy_from_slice(&(k as u64).to_le_bytes());
        let from = Address::new_secp256k1(&key);
        let usual = rng.gen_range(1_000..200_000);
        let nonce = rng.gen_range(0..1000);
        let messages = (0..u64::from(count)).map(|n| message(&mut rng, from, nonce + n, usual));
        Sender {
            address: from,
            nonce,
            balance: TokenAmount::from_fil(10_000),
            messages: messages.collect(),
        }
    });
    Snapshot {
        senders: senders
            .filter(|sender| !sender.messages.is_empty())
            .collect(),
        base_fee: TokenAmount::from_atto(BASE_FEE),
        priority: Vec::new(),
    }
}

fn message(rng: &mut StdRng, from: Address, nonce: u64, usual: u64) -> Arc<Pooled> {
    let premium = rng.gen_range(usual / 2..usual * 2);
    let message = Message {
        nonce,
        // Transfers to proofs.
        gas_limit: rng.gen_range(600_000..80_000_000),
        gas_fee_cap: TokenAmount::from_atto(BASE_FEE * 2 + premium),
        gas_premium: TokenAmount::from_atto(premium),
        ..Message::transfer(from, Address::new_id(1000), TokenAmount::from_atto(1))
    };
    Pooled::new(SignedMessage {
        message,
        signature: Signature::new_secp256k1(vec![0; 65]),
    })
}

impl Mpool {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        for quality in &self.ticket_quality {
            anyhow::ensure!(
                (0.0..=1.0).contains(quality),
                "a ticket's quality is a number from 0 to 1, not {quality}"
            );
        }
        let snapshot = generated(self.messages, self.senders, self.seed);
        writeln!(
            out,
            "{} messages of {} senders",
            self.messages,
            snapshot.senders.len()
        )?;
        for quality in self.ticket_quality {
            let mut times = Vec::new();
            let mut chosen = 0;
            for _ in 0..self.runs {
                let begun = Instant::now();
                chosen = std::hint::black_box(select(&snapshot, quality)).len();
                times.push(begun.elapsed());
            }
            times.sort_unstable();
            let at = |index: usize| times.get(index).copied().unwrap_or_default();
            let (least, most) = (at(0), at(times.len().saturating_sub(1)));
            writeln!(
                out,
                "ticket quality {quality}: {chosen} messages chosen; least {}, median {}, most {}",
                millis(least),
                millis(at(times.len() / 2)),
                millis(most)
            )?;
        }
        Ok(())
    }
}

fn millis(time: Duration) -> String {
    format!("{:.3}ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_pool_is_the_same_every_time_and_as_large_as_asked_for() {
        let cids = |snapshot: &Snapshot| -> Vec<_> {
            let all = snapshot.senders.iter().flat_map(|s| s.messages.iter());
            all.map(|m| m.cid).collect()
        };
        let one = generated(500, 40, 7);
        assert_eq!(cids(&one).len(), 500);
        assert_eq!(cids(&one), cids(&generated(500, 40, 7)));
        assert_ne!(cids(&one), cids(&generated(500, 40, 8)));
    }

    #[test]
    fn a_block_is_filled_from_it() {
        let chosen = select(&generated(2_000, 100, 1), 1.0);
        assert!(chosen.len() > 100, "{}", chosen.len());
    }
}
