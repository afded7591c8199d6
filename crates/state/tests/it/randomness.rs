//! Randomness against what Lotus answered, null rounds and epoch 0 included.

use lotus_crypto::draw_randomness_from_digest;
use lotus_state::{ChainView as _, StateFault, randomness::ChainRandomness};
use lotus_types::{Bytes, TipsetKey};
use serde::Deserialize;

use crate::recorded::{fixture, mock_chain};

/// A recorded `StateGetRandomnessFromTickets` or `StateGetRandomnessFromBeacon`.
#[derive(Deserialize)]
struct Call {
    method: String,
    params: (i64, i64, Bytes, TipsetKey),
    result: Option<Bytes>,
}

fn compare(name: &str) {
    let (chain, executor) = mock_chain(name);
    let text = std::fs::read_to_string(fixture(name).join("randomness.jsonl")).unwrap();
    let (mut drawn, mut refused) = (0, 0);
    for line in text.lines() {
        let Call {
            method,
            params: (tag, epoch, entropy, key),
            result,
        } = serde_json::from_str(line).unwrap();
        let tipset = chain.tipset(&key).unwrap();
        let randomness = ChainRandomness::new(&*chain, &tipset, &executor.round_of);
        let digest = match method.ends_with("Tickets") {
            true => randomness.ticket_digest(epoch),
            false => randomness.beacon_digest(epoch),
        };
        let ours = match digest {
            Ok(digest) => Some(draw_randomness_from_digest(&digest, tag, epoch, &entropy)),
            Err(StateFault::Refused(_) | StateFault::Chain(_)) => None,
            Err(fault) => panic!("{line}: {fault}"),
        };
        assert_eq!(ours.map(Bytes::from), result, "{line}");
        if ours.is_some() {
            drawn += 1
        } else {
            refused += 1
        }
    }
    assert!(
        drawn > 50 && refused > 0,
        "{drawn} drawn, {refused} refused"
    );
}

#[test]
fn on_the_mock_chain_is_as_recorded() {
    compare("mock-chain");
}

#[test]
fn on_the_mock_chain_of_two_miners_is_as_recorded() {
    compare("mock-chain-two");
}
