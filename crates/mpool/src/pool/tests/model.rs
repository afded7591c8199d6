//! The pool against a model that is too simple to be wrong: per sender a chain nonce and the premiums
//! of what waits.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SENDERS: u8 = 3;

/// Something that happens to the pool.
#[derive(Debug, Clone)]
enum Event {
    /// A message comes.
    Add {
        sender: u8,
        nonce: u64,
        premium: i64,
        from: Source,
    },
    /// A block takes up to this many executable messages of each sender.
    Mine(usize),
    /// Two empty blocks push the last block off the chain.
    Fork,
    /// The node starts again.
    Restart,
}

fn any_event() -> impl Strategy<Value = Event> {
    let from = prop_oneof![
        Just(Source::Gossip),
        Just(Source::Local),
        Just(Source::Untrusted)
    ];
    // Few nonces and premiums, so that gaps and replacements are frequent.
    let add = (1..=SENDERS, 0u64..18, 0usize..4, from).prop_map(|(sender, nonce, k, from)| {
        let premium = [100, 110, 126, 200][k];
        Event::Add {
            sender,
            nonce,
            premium,
            from,
        }
    });
    prop_oneof![
        12 => add,
        2 => (0usize..4).prop_map(Event::Mine),
        1 => Just(Event::Fork),
        1 => Just(Event::Restart),
    ]
}

#[derive(Debug, Clone, Default)]
struct Sender {
    on_chain: u64,
    /// Premiums by nonce, and whether a client of this node sent it.
    waiting: BTreeMap<u64, (i64, bool)>,
}

impl Sender {
    fn next(&self) -> u64 {
        let free = (self.on_chain..).find(|nonce| !self.waiting.contains_key(nonce));
        free.unwrap_or(u64::MAX)
    }

    /// True when the message is taken.
    fn add(&mut self, nonce: u64, premium: i64, from: Source) -> bool {
        let (gap, most) = match from {
            Source::Local => (u64::MAX, 1000),
            Source::Untrusted => (0, 10),
            Source::Gossip => (4, 1000),
        };
        let next = self.next();
        if nonce < self.on_chain || nonce > next.saturating_add(gap) {
            return false;
        }
        let local = from != Source::Gossip;
        match self.waiting.get(&nonce) {
            // A premium of p is replaced by one above 1.25 p.
            Some((old, _)) if premium * 4 <= old * 5 => return false,
            Some(_) if !matches!(from, Source::Local) && nonce > next => return false,
            None if self.waiting.len() >= most => return false,
            _ => {}
        }
        self.waiting.insert(nonce, (premium, local));
        true
    }
}

/// A message that a block holds.
#[derive(Debug, Clone, Copy)]
struct Included {
    sender: u8,
    nonce: u64,
    premium: i64,
    /// Still on disk as a client's.
    local: bool,
}

struct World {
    setup: Setup,
    senders: BTreeMap<u8, Sender>,
    tip: Tipset,
    /// The last block's parent and messages.
    last: Option<(Tipset, Vec<Included>)>,
    tag: u8,
}

impl World {
    fn new() -> Self {
        let setup = setup();
        Self {
            tip: setup.genesis.clone(),
            setup,
            senders: (1..=SENDERS).map(|tag| (tag, Sender::default())).collect(),
            last: None,
            tag: 0,
        }
    }

    fn mine(&mut self, parent: &Tipset, messages: &[Included]) {
        self.tag = self.tag.wrapping_add(1);
        let signed = messages
            .iter()
            .map(|m| message(m.sender, m.nonce, m.premium));
        let signed: Vec<_> = signed.collect();
        self.tip = self.setup.mine(parent, &signed, self.tag);
    }

    fn follow(&mut self) {
        for (tag, sender) in &self.senders {
            self.setup.set_nonce(who(*tag), sender.on_chain);
        }
        self.setup.pool.follow_head().unwrap();
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Add {
                sender,
                nonce,
                premium,
                from,
            } => {
                let expected = self
                    .senders
                    .get_mut(&sender)
                    .unwrap()
                    .add(nonce, premium, from);
                let added = self.setup.pool.add(message(sender, nonce, premium), from);
                assert_eq!(added.is_ok(), expected, "{event:?}: {added:?}");
            }
            Event::Mine(most) => {
                let mut included = Vec::new();
                for (tag, sender) in &mut self.senders {
                    let end = sender.next().min(sender.on_chain + most as u64);
                    for nonce in sender.on_chain..end {
                        let (premium, local) = sender.waiting.remove(&nonce).unwrap();
                        included.push(Included {
                            sender: *tag,
                            nonce,
                            premium,
                            local,
                        });
                    }
                    sender.on_chain = end;
                }
                let parent = self.tip.clone();
                self.mine(&parent, &included);
                self.last = Some((parent, included));
                self.follow();
            }
            Event::Fork => {
                let Some((parent, included)) = self.last.take() else {
                    return;
                };
                for m in included {
                    let sender = self.senders.get_mut(&m.sender).unwrap();
                    sender.on_chain = sender.on_chain.min(m.nonce);
                    // Nothing else with this nonce was taken meanwhile.
                    sender.waiting.insert(m.nonce, (m.premium, m.local));
                }
                self.mine(&parent, &[]);
                let first = self.tip.clone();
                self.mine(&first, &[]);
                self.follow();
            }
            Event::Restart => {
                for sender in self.senders.values_mut() {
                    sender.waiting.retain(|_, (_, local)| *local);
                }
                // What is on chain when a node starts is no longer kept.
                for m in self.last.iter_mut().flat_map(|(_, included)| included) {
                    m.local = false;
                }
                self.setup.reopen();
            }
        }
    }

    fn compare(&self) {
        for (tag, sender) in &self.senders {
            let pool = &self.setup.pool;
            let pooled = pool.pending().of(&who(*tag));
            let pooled: Vec<_> = pooled
                .into_iter()
                .flat_map(|messages| messages.iter())
                .map(|m| (m.nonce(), m.signed.message.gas_premium.clone()))
                .collect();
            let expected: Vec<_> = sender
                .waiting
                .iter()
                .map(|(nonce, (premium, _))| (*nonce, TokenAmount::from_atto(*premium)))
                .collect();
            assert_eq!(pooled, expected, "messages of sender {tag}");
            let next = pool.next_nonce(&who(*tag)).unwrap();
            assert_eq!(next, Some(sender.next()), "next nonce of sender {tag}");
        }
        let count: usize = self.senders.values().map(|s| s.waiting.len()).sum();
        assert_eq!(self.setup.pool.pending().len(), count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn holds_what_the_model_holds(events in proptest::collection::vec(any_event(), 1..60)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            world.compare();
        }
    }
}
