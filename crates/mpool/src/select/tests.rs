use std::collections::BTreeMap;

use lotus_types::{Message, Signature, SignedMessage};
use proptest::prelude::*;

use super::*;

fn atto(n: i64) -> TokenAmount {
    TokenAmount::from_atto(n)
}

fn message(sender: u8, nonce: u64, gas: Gas, premium: i64) -> Arc<Pooled> {
    let from = Address::new_secp256k1(&[sender; 65]);
    let message = Message {
        nonce,
        gas_limit: gas,
        gas_fee_cap: atto(premium + 1000),
        gas_premium: atto(premium),
        ..Message::transfer(from, Address::new_id(99), atto(0))
    };
    let signature = Signature::new_secp256k1(vec![0; 65]);
    Pooled::new(SignedMessage { message, signature })
}

fn sender(tag: u8, messages: Vec<Arc<Pooled>>) -> Sender {
    let address = Address::new_secp256k1(&[tag; 65]);
    Sender {
        address,
        nonce: 0,
        balance: TokenAmount::from_fil(1000),
        messages,
    }
}

fn snapshot(senders: Vec<Sender>) -> Snapshot {
    Snapshot {
        senders,
        base_fee: atto(100),
        priority: Vec::new(),
    }
}

fn premiums(selected: &[Arc<Pooled>]) -> Vec<TokenAmount> {
    selected
        .iter()
        .map(|m| m.signed.message.gas_premium.clone())
        .collect()
}

const GAS: Gas = 2_000_000;

mod a_block_with_room {
    use super::*;

    #[test]
    fn takes_all_messages_the_dearest_first() {
        let snapshot = snapshot(vec![
            sender(1, vec![message(1, 0, GAS, 10), message(1, 1, GAS, 5)]),
            sender(2, vec![message(2, 0, GAS, 7)]),
        ]);
        assert_eq!(
            premiums(&select(&snapshot, 1.0)),
            [atto(10), atto(7), atto(5)]
        );
        assert_eq!(select(&snapshot, 0.5).len(), 3);
    }

    #[test]
    fn pulls_a_cheap_message_along_with_the_dear_one_behind_it() {
        let snapshot = snapshot(vec![
            sender(1, vec![message(1, 0, GAS, 1), message(1, 1, GAS, 99)]),
            sender(2, vec![message(2, 0, GAS, 20)]),
        ]);
        assert_eq!(
            premiums(&select(&snapshot, 1.0)),
            [atto(1), atto(99), atto(20)]
        );
    }

    #[test]
    fn stops_at_a_nonce_gap_and_begins_at_the_chains_nonce() {
        let mut late = sender(
            1,
            vec![
                message(1, 3, GAS, 9),
                message(1, 4, GAS, 8),
                message(1, 6, GAS, 99),
            ],
        );
        late.nonce = 4;
        let selected = select(&snapshot(vec![late]), 1.0);
        assert_eq!(selected.iter().map(|m| m.nonce()).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn leaves_messages_that_their_sender_cannot_pay_for() {
        let mut poor = sender(1, vec![message(1, 0, GAS, 9), message(1, 1, GAS, 9)]);
        poor.balance = atto(1009 * GAS + 5);
        assert_eq!(select(&snapshot(vec![poor]), 1.0).len(), 1);
    }

    #[test]
    fn leaves_messages_that_would_cost_the_miner() {
        let mut snapshot = snapshot(vec![sender(1, vec![message(1, 0, GAS, 9)])]);
        snapshot.base_fee = atto(5000);
        assert!(select(&snapshot, 1.0).is_empty());
        assert!(select(&snapshot, 0.3).is_empty());
    }

    #[test]
    fn puts_priority_senders_first_whatever_they_pay() {
        let mut snapshot = snapshot(vec![
            sender(1, vec![message(1, 0, GAS, 50)]),
            sender(2, vec![message(2, 0, GAS, 1)]),
        ]);
        snapshot.priority.push(snapshot.senders[1].address);
        assert_eq!(premiums(&select(&snapshot, 1.0)), [atto(1), atto(50)]);
    }
}

mod a_full_block {
    use super::*;

    #[test]
    fn holds_no_more_messages_than_a_block_may() {
        let one = |k: usize| {
            let from = Address::new_id(k as u64 + 100);
            let mut one = sender(1, vec![message(1, 0, 500_000, 5)]);
            one.address = from;
            one
        };
        let snapshot = snapshot((0..BLOCK_MESSAGE_LIMIT + 5).map(one).collect());
        for quality in [0.4, 1.0] {
            assert_eq!(select(&snapshot, quality).len(), BLOCK_MESSAGE_LIMIT);
        }
    }

    const HALF: Gas = BLOCK_GAS_LIMIT / 2;

    #[test]
    fn trims_the_chain_that_does_not_fit() {
        let snapshot = snapshot(vec![
            sender(1, vec![message(1, 0, HALF, 50)]),
            sender(2, vec![message(2, 0, HALF, 9), message(2, 1, HALF, 9)]),
        ]);
        assert_eq!(premiums(&select(&snapshot, 1.0)), [atto(50), atto(9)]);
    }

    #[test]
    fn looks_further_down_with_a_poor_ticket() {
        // Two blocks' worth: whoever comes first takes the dear one.
        let dear = (1..=2).map(|tag| sender(tag, vec![message(tag, 0, HALF, 60)]));
        let cheap = (3..=4).map(|tag| sender(tag, vec![message(tag, 0, HALF, 50)]));
        let snapshot = snapshot(dear.chain(cheap).collect());
        assert_eq!(premiums(&select(&snapshot, 1.0)), [atto(60), atto(60)]);
        assert_eq!(premiums(&select(&snapshot, 0.3)), [atto(50), atto(50)]);
    }
}

/// Reward of a whole selection.
fn reward(selected: &[Arc<Pooled>], base_fee: &TokenAmount) -> i128 {
    selected.iter().map(|m| chains::reward(m, base_fee)).sum()
}

/// The best chains in order, up to the first that does not fit.
fn naive(snapshot: &Snapshot) -> i128 {
    let mut all = Vec::new();
    for (k, sender) in snapshot.senders.iter().enumerate() {
        chains::build(k, sender, &snapshot.base_fee, &mut all);
    }
    all.sort_by(|a, b| b.performance.total_cmp(&a.performance));
    let (mut gas, mut sum) = (0, 0);
    for chain in all {
        gas += chain.gas;
        if gas > BLOCK_GAS_LIMIT || chain.performance < 0.0 {
            break;
        }
        sum += chain.reward;
    }
    sum
}

mod block_producers_of_one_epoch {
    use std::collections::HashSet;

    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// What all blocks of an epoch earn, when each producer selects like this; of a message in several
    /// blocks the first one earns.
    fn earn(snapshot: &Snapshot, qualities: &[f64], greedy: bool) -> i128 {
        let mut taken = HashSet::new();
        let mut sum = 0;
        for quality in qualities {
            let quality = if greedy { 1.0 } else { *quality };
            let fresh = select(snapshot, quality)
                .into_iter()
                .filter(|m| taken.insert(m.cid));
            sum += fresh
                .map(|m| chains::reward(&m, &snapshot.base_fee))
                .sum::<i128>();
        }
        sum
    }

    #[test]
    fn earn_more_when_they_mind_their_tickets_than_when_all_are_greedy() {
        let mut rng = StdRng::seed_from_u64(5);
        let (mut minding, mut greedy) = (0, 0);
        for _ in 0..5 {
            let senders = (0..40).map(|tag| {
                let count = rng.gen_range(5..25);
                let base = rng.gen_range(1..10_000);
                let messages = (0..count).map(|nonce| {
                    let gas = rng.gen_range(20_000_000..120_000_000);
                    message(tag, nonce, gas, base + rng.gen_range(0..2_000))
                });
                sender(tag, messages.collect())
            });
            let snapshot = snapshot(senders.collect());
            let mut qualities: Vec<f64> = (0..5).map(|_| rng.r#gen()).collect();
            qualities.sort_by(|a, b| b.total_cmp(a));
            minding += earn(&snapshot, &qualities, false);
            greedy += earn(&snapshot, &qualities, true);
        }
        assert!(minding > greedy + greedy / 10, "{minding} against {greedy}");
    }
}

prop_compose! {
    fn any_sender(tag: u8)(
        start in 0u64..3,
        chain_nonce in 0u64..3,
        gap in proptest::option::of(0usize..6),
        fees in proptest::collection::vec((1i64..4_000, -500i64..3_000), 0..12),
        fil in 0i64..3,
    ) -> Sender {
        let mut messages = Vec::new();
        for (k, (gas, premium)) in fees.iter().enumerate() {
            if gap == Some(k) { continue }
            messages.push(message(tag, start + k as u64, gas * 1_000_000, *premium));
        }
        let balance = TokenAmount::from_fil(fil);
        Sender { nonce: chain_nonce, balance, ..sender(tag, messages) }
    }
}

fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let senders: Vec<_> = (1u8..9).map(any_sender).collect();
    (senders, 0i64..2_000).prop_map(|(senders, base_fee)| Snapshot {
        senders,
        base_fee: atto(base_fee),
        priority: Vec::new(),
    })
}

proptest! {
    #[test]
    fn every_selection_makes_a_valid_block(
        snapshot in any_snapshot(),
        quality in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
    ) {
        let selected = select(&snapshot, quality);
        let gas: Gas = selected.iter().map(|m| m.signed.message.gas_limit).sum();
        prop_assert!(gas <= BLOCK_GAS_LIMIT);
        prop_assert!(selected.len() <= BLOCK_MESSAGE_LIMIT);
        let mut senders: BTreeMap<Address, (u64, TokenAmount)> = snapshot
            .senders
            .iter()
            .map(|s| (s.address, (s.nonce, s.balance.clone())))
            .collect();
        for message in &selected {
            let (nonce, balance) = senders.get_mut(&message.signed.message.from).expect("known");
            prop_assert_eq!(message.nonce(), *nonce);
            *nonce += 1;
            *balance -= &message.signed.message.required_gas_funds();
            prop_assert!(!balance.is_negative());
        }
        prop_assert!(reward(&selected, &snapshot.base_fee) >= 0);
    }

    #[test]
    fn a_greedy_selection_earns_no_less_than_whole_chains_in_order(snapshot in any_snapshot()) {
        let earned = reward(&select(&snapshot, 1.0), &snapshot.base_fee);
        prop_assert!(earned >= naive(&snapshot), "{} < {}", earned, naive(&snapshot));
    }

    #[test]
    fn what_a_sender_cannot_execute_first_is_never_first(snapshot in any_snapshot()) {
        let selected = select(&snapshot, 1.0);
        let mut chosen = BTreeMap::new();
        for m in &selected {
            *chosen.entry(m.signed.message.from).or_insert(0) += 1;
        }
        for s in &snapshot.senders {
            let has_next = s.messages.iter().any(|m| m.nonce() == s.nonce);
            prop_assert!(has_next || !chosen.contains_key(&s.address));
        }
    }

    #[test]
    fn the_same_snapshot_gives_the_same_selection(
        snapshot in any_snapshot(),
        quality in 0.0..1.0f64,
    ) {
        let cids = |s: &[Arc<Pooled>]| s.iter().map(|m| m.cid).collect::<Vec<_>>();
        prop_assert_eq!(cids(&select(&snapshot, quality)), cids(&select(&snapshot, quality)));
    }

    #[test]
    fn chains_of_a_sender_earn_less_and_less(snapshot in any_snapshot()) {
        for (k, sender) in snapshot.senders.iter().enumerate() {
            let mut built = Vec::new();
            chains::build(k, sender, &snapshot.base_fee, &mut built);
            for pair in built.windows(2) {
                prop_assert!(pair[0].performance > pair[1].performance);
                prop_assert_eq!(pair[0].messages.end, pair[1].messages.start);
            }
        }
    }
}
