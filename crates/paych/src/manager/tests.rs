//! The manager over a ledger that a test lands messages on.

mod fake;

use std::sync::Arc;

use futures::StreamExt as _;
use lotus_actors::paych::method;
use lotus_blockstore::MemoryMetadata;
use lotus_types::{Address, TokenAmount};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use fake::Fake;

fn fil(n: i64) -> TokenAmount {
    TokenAmount::from_fil(n)
}

/// A node that may be killed and started again.
struct Node {
    manager: PaychManager,
    heads: mpsc::UnboundedSender<()>,
    task: tokio::task::JoinHandle<()>,
    chain: Arc<Fake>,
    metadata: Arc<MemoryMetadata>,
}

impl Node {
    fn start(chain: &Arc<Fake>) -> Self {
        Self::start_on(chain, &Arc::new(MemoryMetadata::new()))
    }

    fn start_on(chain: &Arc<Fake>, metadata: &Arc<MemoryMetadata>) -> Self {
        let (heads, seen) = mpsc::unbounded_channel();
        let parts = ManagerParts {
            metadata: Arc::clone(metadata) as _,
            ledger: Arc::clone(chain) as _,
            heads: tokio_stream(seen).boxed(),
        };
        let (manager, task) = PaychManager::start(parts, CancellationToken::new()).unwrap();
        Self {
            manager,
            heads,
            task: tokio::spawn(task),
            chain: Arc::clone(chain),
            metadata: Arc::clone(metadata),
        }
    }

    /// Ends it without a word, and starts it again.
    async fn kill_and_restart(self) -> Self {
        self.task.abort();
        let _ = self.task.await;
        Self::start_on(&self.chain, &self.metadata)
    }

    /// A channel of this many FIL on chain.
    async fn funded(&self, n: i64) -> Address {
        let (from, to) = self.chain.sides();
        let (_, message) = self
            .manager
            .get(from, to, fil(n), Kind::Reserve)
            .await
            .unwrap();
        let message = message.unwrap();
        self.chain.land(message);
        self.manager.wait_ready(message).await.unwrap()
    }
}

fn tokio_stream(seen: mpsc::UnboundedReceiver<()>) -> impl futures::Stream<Item = ()> + Send {
    futures::stream::unfold(seen, |mut seen| async move {
        seen.recv().await.map(|()| ((), seen))
    })
}

fn draft(lane: u64, n: i64) -> Draft {
    Draft {
        amount: fil(n),
        lane,
        ..Draft::default()
    }
}

mod making_a_channel {
    use super::*;

    #[tokio::test]
    async fn is_answered_with_a_message_to_wait_for() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let got = node.manager.get(from, to, fil(5), Kind::Reserve);
        let (channel, message) = got.await.unwrap();
        assert_eq!(channel, None);
        let message = message.unwrap();
        let pending = node.manager.funds_between(from, to).await.unwrap();
        assert_eq!(pending.pending_amt, fil(5));
        assert_eq!(pending.pending_wait_sentinel, Some(message));

        node.chain.land(message);
        let channel = node.manager.wait_ready(message).await.unwrap();
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!((funds.confirmed_amt, funds.pending_amt), (fil(5), fil(0)));
        assert_eq!(funds.non_reserved_amt, fil(0));
        assert_eq!(node.manager.list().await.unwrap(), [channel]);
        let status = node.manager.status(channel).await.unwrap();
        assert_eq!((status.control_addr, status.direction), (from, 2));
    }

    #[tokio::test]
    async fn that_fails_leaves_nothing_behind() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let got = node
            .manager
            .get(from, to, fil(5), Kind::Fund)
            .await
            .unwrap();
        node.chain.fail(got.1.unwrap());
        let error = node.manager.wait_ready(got.1.unwrap()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "payment channel creation failed (exit code 33)"
        );
        let none = node.manager.funds_between(from, to).await.unwrap();
        assert_eq!((none.channel, none.pending_wait_sentinel), (None, None));
        // The next one is a new one.
        let next = node.manager.get(from, to, fil(5), Kind::Fund).await;
        assert_ne!(next.unwrap().1, got.1);
    }

    #[tokio::test]
    async fn that_the_pool_refuses_is_told_and_forgotten() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        node.chain
            .set(|chain| chain.refuse = Some("not enough funds"));
        let refused = node.manager.get(from, to, fil(5), Kind::Reserve).await;
        let error = refused.unwrap_err().to_string();
        assert_eq!(error, "initializing paych actor: not enough funds");
        node.chain.set(|chain| chain.refuse = None);
        node.funded(5).await;
        assert_eq!(node.chain.sent().len(), 1);
    }

    #[tokio::test]
    async fn is_not_done_off_chain() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let refused = node.manager.get(from, to, fil(5), Kind::OffChain).await;
        let error = refused.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "payment channel doesn't exist, create with 'lotus paych add-funds {from} {to} 5'"
            )
        );
    }
}

mod requests_while_a_message_is_under_way {
    use super::*;

    #[tokio::test]
    async fn are_paid_by_one_message_afterwards() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let ask = |n, kind| node.manager.get(from, to, fil(n), kind);
        let first = ask(1, Kind::Reserve).await.unwrap().1.unwrap();
        let later = futures::future::join3(
            ask(2, Kind::Reserve),
            ask(3, Kind::Fund),
            ask(4, Kind::Reserve),
        );
        let land = async {
            while node
                .manager
                .funds_between(from, to)
                .await
                .unwrap()
                .queued_amt
                != fil(9)
            {
                tokio::task::yield_now().await;
            }
            assert_eq!(node.chain.sent().len(), 1);
            node.chain.land(first);
        };
        let ((two, three, four), ()) = futures::future::join(later, land).await;
        let second = two.unwrap().1.unwrap();
        assert_eq!(three.unwrap().1, Some(second));
        assert_eq!(four.unwrap().1, Some(second));
        let sent = node.chain.sent();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[1].1.value, fil(9));

        node.chain.land(second);
        let channel = node.manager.wait_ready(second).await.unwrap();
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!(funds.confirmed_amt, fil(10));
        assert_eq!((funds.non_reserved_amt, funds.queued_amt), (fil(3), fil(0)));
    }

    #[tokio::test]
    async fn are_not_paid_for_callers_who_have_left() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let ask = |n| node.manager.get(from, to, fil(n), Kind::Reserve);
        let first = ask(1).await.unwrap().1.unwrap();
        let soon = std::time::Duration::from_millis(20);
        let left = tokio::time::timeout(soon, ask(2)).await;
        assert!(left.is_err(), "it waits for the first");
        node.chain.land(first);
        let channel = node.manager.wait_ready(first).await.unwrap();
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!((funds.pending_amt, funds.queued_amt), (fil(0), fil(0)));
        assert_eq!(node.chain.sent().len(), 1);
    }
}

#[tokio::test]
async fn what_lies_free_is_reserved_without_a_message() {
    let node = Node::start(&Fake::payer());
    let (from, to) = node.chain.sides();
    let channel = node.funded(1).await;
    let ask = |n, kind| node.manager.get(from, to, fil(n), kind);
    let message = ask(10, Kind::Fund).await.unwrap().1.unwrap();
    node.chain.land(message);
    node.manager.wait_ready(message).await.unwrap();
    for kind in [Kind::Reserve, Kind::OffChain] {
        assert_eq!(ask(4, kind).await.unwrap(), (Some(channel), None));
    }
    let refused = ask(4, Kind::OffChain).await.unwrap_err().to_string();
    assert!(refused.starts_with("not enough funds available in the payment channel"));
    let funds = node.manager.funds(channel).await.unwrap();
    assert_eq!(funds.non_reserved_amt, fil(2));
    assert_eq!(node.chain.sent().len(), 2);
}

mod a_node_that_is_killed {
    use super::*;

    /// Asks for a channel until the ledger hangs, kills the node, and gives it another try.
    async fn killed(hang: fake::Hang) {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        node.chain.set(|chain| chain.hang = Some(hang));
        let soon = std::time::Duration::from_millis(50);
        let asked = node.manager.get(from, to, fil(5), Kind::Reserve);
        assert!(tokio::time::timeout(soon, asked).await.is_err());
        node.chain.set(|chain| chain.hang = None);

        let node = node.kill_and_restart().await;
        let funds = node.manager.funds_between(from, to).await.unwrap();
        let message = funds.pending_wait_sentinel.unwrap();
        assert_eq!(node.chain.sent().len(), 1, "one message, whatever happened");
        node.chain.land(message);
        let channel = node.manager.wait_ready(message).await.unwrap();
        let node = node.kill_and_restart().await;
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!(funds.confirmed_amt, fil(5));
        assert_eq!(node.manager.wait_ready(message).await.unwrap(), channel);
    }

    #[tokio::test]
    async fn before_a_payment_is_sent_sends_it_once() {
        killed(fake::Hang::BeforeSending).await;
    }

    #[tokio::test]
    async fn before_a_sent_payment_is_noted_finds_it_again() {
        killed(fake::Hang::AfterSending).await;
    }

    #[tokio::test]
    async fn while_a_payment_is_under_way_waits_for_it_again() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let got = node.manager.get(from, to, fil(5), Kind::Fund).await;
        let message = got.unwrap().1.unwrap();
        let node = node.kill_and_restart().await;
        node.chain.land(message);
        let channel = node.manager.wait_ready(message).await.unwrap();
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!(funds.non_reserved_amt, fil(5));
        assert_eq!(node.chain.sent().len(), 1);
    }
}

mod vouchers {
    use super::*;

    async fn made(node: &Node, channel: Address, lane: u64, n: i64) -> SignedVoucher {
        let made = node.manager.create_voucher(channel, draft(lane, n)).await;
        made.unwrap().voucher.unwrap()
    }

    #[tokio::test]
    async fn are_made_with_rising_nonces_until_the_channel_is_used_up() {
        let node = Node::start(&Fake::payer());
        let channel = node.funded(10).await;
        assert_eq!(node.manager.allocate_lane(channel).await.unwrap(), 0);
        assert_eq!(node.manager.allocate_lane(channel).await.unwrap(), 1);
        assert_eq!(made(&node, channel, 0, 3).await.nonce, 1);
        assert_eq!(made(&node, channel, 0, 4).await.nonce, 2);
        assert_eq!(made(&node, channel, 1, 6).await.nonce, 1);
        let more = node.manager.create_voucher(channel, draft(1, 8)).await;
        let more = more.unwrap();
        assert_eq!((more.voucher, more.shortfall), (None, fil(2)));
        let funds = node.manager.funds(channel).await.unwrap();
        assert_eq!(funds.voucher_redeemed_amt, fil(10));

        let node = node.kill_and_restart().await;
        let kept = node.manager.vouchers(channel).await.unwrap();
        assert_eq!(kept.len(), 3);
        assert_eq!(node.manager.allocate_lane(channel).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn are_taken_by_the_one_who_is_paid() {
        let payer = Node::start(&Fake::payer());
        let channel = payer.funded(10).await;
        let first = made(&payer, channel, 0, 3).await;
        let second = made(&payer, channel, 0, 5).await;
        let payee = Node::start(&payer.chain.other_side());
        let manager = &payee.manager;
        let add = |voucher: &SignedVoucher, least| {
            manager.add_voucher(channel, voucher.clone(), fil(least))
        };
        manager.check_valid(channel, first.clone()).await.unwrap();
        assert_eq!(manager.status(channel).await.unwrap().direction, 1);
        assert_eq!(add(&first, 3).await.unwrap(), fil(3));
        assert_eq!(add(&first, 3).await.unwrap(), fil(0));
        let little = add(&second, 3).await.unwrap_err().to_string();
        assert!(little.contains("supplied token amount too low"), "{little}");
        assert_eq!(add(&second, 2).await.unwrap(), fil(2));
        // Nobody else's voucher, and none that was changed.
        let mut changed = made(&payer, channel, 1, 1).await;
        changed.amount = fil(2);
        assert!(add(&changed, 0).await.is_err());
        let mut locked = second.clone();
        locked.time_lock_min = 7;
        let error = add(&locked, 0).await.unwrap_err().to_string();
        assert_eq!(error, "voucher is Min Time Locked");
        assert_eq!(manager.vouchers(channel).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn for_a_stranger_are_not_taken() {
        let payer = Node::start(&Fake::payer());
        let channel = payer.funded(10).await;
        let voucher = made(&payer, channel, 0, 3).await;
        let stranger = Node::start(&payer.chain.stranger());
        let refused = stranger.manager.check_valid(channel, voucher).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("wallet does not have key"), "{error}");
        assert!(stranger.manager.list().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn are_redeemed_once() {
        let payer = Node::start(&Fake::payer());
        let channel = payer.funded(10).await;
        let (first, second) = (
            made(&payer, channel, 0, 3).await,
            made(&payer, channel, 0, 5).await,
        );
        let payee = Node::start(&payer.chain.other_side());
        for voucher in [&first, &second] {
            let added = payee.manager.add_voucher(channel, voucher.clone(), fil(0));
            added.await.unwrap();
        }
        let spendable = |v: &SignedVoucher| {
            payee
                .manager
                .check_spendable(channel, Presented::from(v.clone()))
        };
        assert!(spendable(&second).await.unwrap());
        let sent = payee.manager.submit(channel, second.clone().into()).await;
        sent.unwrap();
        for voucher in [&first, &second] {
            assert!(!spendable(voucher).await.unwrap());
            let again = payee.manager.submit(channel, voucher.clone().into()).await;
            let error = again.unwrap_err().to_string();
            assert!(error.contains("already been submitted"), "{error}");
        }
        let sent = payee.chain.sent();
        let redeemed = sent.last().unwrap();
        assert_eq!(redeemed.1.method, method::UPDATE_CHANNEL_STATE);
        assert_eq!(redeemed.1.from, payee.chain.sides().1);
    }
}

mod closing {
    use super::*;

    #[tokio::test]
    async fn ends_a_channel_for_new_requests() {
        let node = Node::start(&Fake::payer());
        let (from, to) = node.chain.sides();
        let channel = node.funded(10).await;
        node.manager.settle(channel).await.unwrap();
        let none = node.manager.funds_between(from, to).await.unwrap();
        assert_eq!(none.channel, None);
        let next = node.manager.get(from, to, fil(1), Kind::Reserve).await;
        assert_eq!(next.unwrap().0, None);
        node.manager.collect(channel).await.unwrap();
        let methods: Vec<_> = node.chain.sent().iter().map(|s| s.1.method).collect();
        assert_eq!(methods, [2, method::SETTLE, 2, method::COLLECT]);
    }

    #[tokio::test]
    async fn by_the_payer_lets_the_payee_redeem_the_best_vouchers() {
        let payer = Node::start(&Fake::payer());
        let channel = payer.funded(10).await;
        let payee = Node::start(&payer.chain.other_side());
        for (lane, n) in [(0, 3), (0, 5), (1, 2)] {
            let made = payer.manager.create_voucher(channel, draft(lane, n)).await;
            let voucher = made.unwrap().voucher.unwrap();
            let added = payee.manager.add_voucher(channel, voucher, fil(0));
            added.await.unwrap();
        }
        payee.heads.send(()).unwrap();
        payee.manager.list().await.unwrap();
        let before = payee.chain.sent().len();
        payer.chain.set(|chain| {
            let on_chain = chain.channels.get_mut(&channel).unwrap();
            on_chain.settling_at = 2000;
        });
        // A head that comes while it works is seen as well.
        for _ in 0..3 {
            payee.heads.send(()).unwrap();
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let sent = payee.chain.sent();
        let redeemed = sent[before..].iter().map(|(_, message)| {
            let params: lotus_actors::paych::UpdateChannelStateParams =
                lotus_types::wire::from_cbor(&message.params).unwrap();
            (params.sv.lane, params.sv.amount)
        });
        let redeemed: Vec<_> = redeemed.collect();
        assert_eq!(redeemed, [(0, fil(5)), (1, fil(2))]);
    }
}

#[tokio::test]
async fn what_is_not_known_is_said_so() {
    let node = Node::start(&Fake::payer());
    let unknown = Address::new_id(4711);
    let error = node.manager.funds(unknown).await.unwrap_err().to_string();
    assert_eq!(error, "channel not tracked");
    let cid = lotus_types::Cid::of_block(b"nothing");
    let error = node.manager.wait_ready(cid).await.unwrap_err().to_string();
    assert_eq!(error, format!("Could not find wait msg cid {cid}"));
    let (from, to) = node.chain.sides();
    let negative = node.manager.get(from, to, fil(-1), Kind::Reserve).await;
    assert!(negative.is_err());
}
