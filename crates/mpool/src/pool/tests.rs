#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use lotus_blockstore::{MemoryMetadata, SharedBlockstore};
use lotus_chain::{ChainStore, ChainStoreOptions, HeadStream, weight::BlockCountWeigher};
use lotus_ports::network::{BlockMessages, Verdict};
use lotus_types::{BigInt, BlockHeader, Bytes, Ticket, TipsetKey};
use parking_lot::Mutex;

use super::*;
use crate::{Account, pending::MAX_PENDING};

mod a_change_of_head;
mod checking;
mod model;

/// A real chain store with accounts that tests set by hand.
#[derive(Debug)]
struct FakeChain {
    store: ChainStore,
    accounts: Mutex<HashMap<Address, Account>>,
    broken: Mutex<bool>,
}

impl PoolChain for FakeChain {
    fn head(&self) -> Result<Tipset, Fault> {
        Ok(self.store.require_head()?)
    }

    fn subscribe(&self) -> HeadStream {
        self.store.subscribe()
    }

    fn account(&self, of: &Address, _: &Tipset) -> Result<Option<Account>, Fault> {
        if *self.broken.lock() {
            return Err("the disk is on fire".into());
        }
        Ok(self.accounts.lock().get(of).cloned())
    }

    fn key_address(&self, of: &Address, _: &Tipset) -> Result<Option<Address>, Fault> {
        Ok(self.accounts.lock().contains_key(of).then_some(*of))
    }

    fn messages(&self, tipset: &Tipset) -> Result<BlockMessages, Fault> {
        if tipset.height() == 0 {
            return Ok(BlockMessages::default());
        }
        Ok(self.store.block_messages(tipset.min_ticket_block())?)
    }

    fn put_message(&self, message: &SignedMessage) -> Result<(), Fault> {
        self.store.put_message(message)?;
        Ok(())
    }

    fn next_base_fee(&self, tipset: &Tipset) -> Result<TokenAmount, Fault> {
        Ok(tipset.parent_base_fee().clone())
    }

    fn path(&self, from: &Tipset, to: &Tipset) -> Result<(Vec<Tipset>, Vec<Tipset>), Fault> {
        let path = self.store.path(from, to)?;
        Ok((path.reverted, path.applied))
    }
}

const BASE_FEE: i64 = 1_000_000;

fn block(parents: TipsetKey, height: i64, messages: Cid, tag: u8) -> Tipset {
    let header = BlockHeader {
        ticket: Some(Ticket {
            vrf_proof: Bytes::from(vec![tag; 96]),
        }),
        parent_weight: BigInt::from(height),
        messages,
        parent_base_fee: TokenAmount::from_atto(BASE_FEE),
        ..BlockHeader::bare(Address::new_id(1000), height, parents)
    };
    Tipset::new(vec![header]).unwrap()
}

pub(crate) struct Setup {
    chain: Arc<FakeChain>,
    meta: Arc<MemoryMetadata>,
    pool: Pool,
    pub(crate) genesis: Tipset,
}

fn who(tag: u8) -> Address {
    Address::new_secp256k1(&[tag; 65])
}

pub(crate) fn setup() -> Setup {
    let meta = Arc::new(MemoryMetadata::new());
    let store = ChainStore::open(
        SharedBlockstore::memory(),
        Arc::new(MemoryMetadata::new()),
        Arc::new(BlockCountWeigher),
        ChainStoreOptions::default(),
    );
    let store = store.unwrap();
    let foreign = TipsetKey::new(vec![Cid::of_block(&[0xa0])]);
    let genesis = block(foreign, 0, Cid::of_block(&[0x80]), 0);
    store.set_genesis(genesis.min_ticket_block()).unwrap();
    store.add_tipset(&genesis).unwrap();
    let rich = Account {
        nonce: 0,
        balance: TokenAmount::from_fil(1_000_000),
    };
    let accounts = (1..=9).map(|tag| (who(tag), rich.clone())).collect();
    let chain = Arc::new(FakeChain {
        store,
        accounts: Mutex::new(accounts),
        broken: Mutex::new(false),
    });
    let pool = Pool::open(Arc::clone(&chain) as _, Arc::clone(&meta) as _).unwrap();
    Setup {
        chain,
        meta,
        pool,
        genesis,
    }
}

impl Setup {
    /// Its chain, for a service.
    pub(crate) fn chain(&self) -> Arc<dyn PoolChain> {
        Arc::clone(&self.chain) as _
    }

    /// Its metadata, for a service.
    pub(crate) fn metadata(&self) -> Arc<dyn MetadataStore> {
        Arc::clone(&self.meta) as _
    }

    /// An account with a million FIL.
    pub(crate) fn add_account(&self, of: Address) {
        let rich = Account {
            nonce: 0,
            balance: TokenAmount::from_fil(1_000_000),
        };
        self.chain.accounts.lock().insert(of, rich);
    }

    /// A block with these messages on top of `parent`.
    pub(crate) fn mine(&self, parent: &Tipset, messages: &[SignedMessage], tag: u8) -> Tipset {
        let (bls, secpk): (Vec<_>, Vec<_>) = messages
            .iter()
            .cloned()
            .partition(|m| m.signature.kind == SignatureType::Bls);
        let bls = bls.into_iter().map(|m| m.message).collect();
        let messages = BlockMessages { bls, secpk };
        let root = self.chain.store.put_messages(&messages).unwrap();
        let mined = block(parent.key().clone(), parent.height() + 1, root, tag);
        self.chain.store.add_tipset(&mined).unwrap();
        mined
    }

    pub(crate) fn set_nonce(&self, of: Address, nonce: u64) {
        self.chain.accounts.lock().get_mut(&of).unwrap().nonce = nonce;
    }

    fn reopen(&mut self) {
        self.pool = Pool::open(Arc::clone(&self.chain) as _, Arc::clone(&self.meta) as _).unwrap();
        self.pool.load_local().unwrap();
    }

    fn nonces(&self, of: Address) -> Vec<u64> {
        self.pool
            .pending()
            .of(&of)
            .map_or_else(Vec::new, |m| m.iter().map(|m| m.nonce()).collect())
    }
}

fn message(tag: u8, nonce: u64, premium: i64) -> SignedMessage {
    let message = Message {
        nonce,
        gas_limit: 1_000_000,
        gas_fee_cap: TokenAmount::from_atto(10 * BASE_FEE),
        gas_premium: TokenAmount::from_atto(premium),
        ..Message::transfer(who(tag), Address::new_id(99), TokenAmount::zero())
    };
    SignedMessage {
        message,
        signature: Signature::new_secp256k1(vec![0; 65]),
    }
}

mod admitting_a_message {
    use super::*;

    #[test]
    fn counts_up_the_next_nonce() {
        let mut s = setup();
        assert_eq!(s.pool.next_nonce(&who(1)).unwrap(), Some(0));
        s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
        assert_eq!(s.pool.next_nonce(&who(1)).unwrap(), Some(1));
        assert_eq!(s.pool.next_nonce(&who(77)).unwrap(), None);
    }

    #[test]
    fn refuses_used_nonces_and_wide_gaps_from_others() {
        let mut s = setup();
        s.set_nonce(who(1), 5);
        let low = s.pool.add(message(1, 4, 100), Source::Gossip);
        assert!(
            matches!(low, Err(AddError::NonceTooLow { got: 4, next: 5 })),
            "{low:?}"
        );
        let far = s.pool.add(message(1, 10, 100), Source::Gossip).unwrap_err();
        assert!(
            matches!(far, AddError::NonceGap { got: 10, next: 5 }),
            "{far}"
        );
        assert_eq!(far.verdict(), Verdict::Ignore);
        assert!(s.pool.add(message(1, 9, 100), Source::Gossip).is_ok());
        assert!(s.pool.add(message(1, 50, 100), Source::Local).is_ok());
        assert_eq!(s.pool.next_nonce(&who(1)).unwrap(), Some(5));
    }

    #[test]
    fn closes_a_gap_when_the_missing_message_comes() {
        let mut s = setup();
        s.pool.add(message(1, 1, 100), Source::Gossip).unwrap();
        s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
        assert_eq!(s.pool.next_nonce(&who(1)).unwrap(), Some(2));
    }

    #[test]
    fn takes_no_gap_from_an_untrusted_client() {
        let mut s = setup();
        let gapped = s.pool.add(message(1, 1, 100), Source::Untrusted);
        assert!(
            matches!(gapped, Err(AddError::NonceGap { got: 1, next: 0 })),
            "{gapped:?}"
        );
    }

    #[test]
    fn refuses_more_than_a_thousand_of_one_sender_even_our_own() {
        let mut s = setup();
        for nonce in 0..MAX_PENDING as u64 {
            s.pool.add(message(1, nonce, 100), Source::Local).unwrap();
        }
        let one_more = s
            .pool
            .add(message(1, MAX_PENDING as u64, 100), Source::Local);
        assert!(
            matches!(one_more, Err(AddError::TooManyPending)),
            "{one_more:?}"
        );
        s.pool.add(message(1, 7, 200), Source::Local).unwrap();
    }

    #[test]
    fn refuses_more_than_ten_of_an_untrusted_client() {
        let mut s = setup();
        for nonce in 0..10 {
            s.pool
                .add(message(1, nonce, 100), Source::Untrusted)
                .unwrap();
        }
        let eleventh = s.pool.add(message(1, 10, 100), Source::Untrusted);
        assert!(
            matches!(eleventh, Err(AddError::TooManyPending)),
            "{eleventh:?}"
        );
        assert!(s.pool.add(message(1, 10, 100), Source::Gossip).is_ok());
    }

    #[test]
    fn refuses_what_the_sender_cannot_pay_for_with_what_already_waits() {
        let mut s = setup();
        let one = message(1, 0, 100).message.required_gas_funds();
        s.chain.accounts.lock().get_mut(&who(1)).unwrap().balance =
            &one + &TokenAmount::from_atto(1);
        s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
        let second = s.pool.add(message(1, 1, 100), Source::Gossip);
        assert!(
            matches!(second, Err(AddError::NotEnoughFundsForAll { .. })),
            "{second:?}"
        );
        // A replacement does not need the funds of the one that it replaces.
        s.pool.add(message(1, 0, 200), Source::Gossip).unwrap();
    }

    #[test]
    fn tells_a_failure_of_its_own_from_a_bad_message() {
        let mut s = setup();
        *s.chain.broken.lock() = true;
        let error = s.pool.add(message(1, 0, 100), Source::Gossip).unwrap_err();
        assert!(error.is_fault());
        assert_eq!(error.verdict(), Verdict::Ignore);
    }

    #[test]
    fn refuses_a_fee_cap_far_below_the_base_fee_but_keeps_our_own() {
        let mut s = setup();
        let mut cheap = message(1, 0, 100);
        cheap.message.gas_fee_cap = TokenAmount::from_atto(BASE_FEE / 100 - 1);
        let refused = s.pool.add(cheap.clone(), Source::Gossip);
        assert!(
            matches!(refused, Err(AddError::BelowBaseFee { .. })),
            "{refused:?}"
        );
        assert!(!s.pool.add(cheap, Source::Local).unwrap().publish);
        assert!(
            s.pool
                .add(message(1, 1, 100), Source::Local)
                .unwrap()
                .publish
        );
    }
}

mod replacing_a_message {
    use super::*;

    #[test]
    fn needs_a_quarter_more_premium() {
        let mut s = setup();
        s.pool.add(message(1, 0, 1000), Source::Gossip).unwrap();
        let same = s.pool.add(message(1, 0, 1000), Source::Gossip);
        assert!(matches!(same, Err(AddError::Exists { .. })), "{same:?}");
        let little = s.pool.add(message(1, 0, 1250), Source::Gossip).unwrap_err();
        assert!(
            little
                .to_string()
                .contains("increase GasPremium to 1251 from 1250"),
            "{little}"
        );
        s.pool.add(message(1, 0, 1251), Source::Gossip).unwrap();
        assert_eq!(s.pool.pending().len(), 1);
    }
}

mod local_messages {
    use super::*;

    #[test]
    fn survive_a_restart_and_are_republished() {
        let mut s = setup();
        s.pool.add(message(1, 0, 100), Source::Local).unwrap();
        s.pool.add(message(2, 0, 100), Source::Gossip).unwrap();
        s.reopen();
        assert_eq!(s.pool.pending().len(), 1);
        let again = s.pool.next_republished().unwrap();
        assert_eq!(
            again
                .iter()
                .map(|m| m.signed.message.from)
                .collect::<Vec<_>>(),
            [who(1)]
        );
    }

    #[test]
    fn are_forgotten_once_they_are_on_chain() {
        let mut s = setup();
        s.pool.add(message(1, 0, 100), Source::Local).unwrap();
        let mut tip = s.mine(&s.genesis, &[message(1, 0, 100)], 1);
        s.set_nonce(who(1), 1);
        s.pool.follow_head().unwrap();
        assert_eq!(s.meta.list(local::PREFIX).unwrap().len(), 1);
        for _ in 0..=local::CONFIDENCE {
            tip = s.mine(&tip, &[], 1);
        }
        s.pool.follow_head().unwrap();
        assert!(s.meta.list(local::PREFIX).unwrap().is_empty());
    }

    #[test]
    fn are_republished_early_once_one_of_them_is_on_chain() {
        let mut s = setup();
        for nonce in 0..2 {
            s.pool.add(message(1, nonce, 100), Source::Local).unwrap();
        }
        let tip = s.mine(&s.genesis, &[], 1);
        s.pool.follow_head().unwrap();
        assert_eq!(s.pool.next_republished().unwrap().len(), 2);
        assert!(!s.pool.take_early_republish());
        s.mine(&tip, &[message(1, 0, 100)], 2);
        s.set_nonce(who(1), 1);
        s.pool.follow_head().unwrap();
        assert!(s.pool.take_early_republish());
        assert!(!s.pool.take_early_republish(), "told once");
    }

    #[test]
    fn are_republished_thirty_at_a_time() {
        let mut s = setup();
        for nonce in 0..40 {
            s.pool.add(message(1, nonce, 100), Source::Local).unwrap();
        }
        let nonces: Vec<_> = s
            .pool
            .next_republished()
            .unwrap()
            .iter()
            .map(|m| m.nonce())
            .collect();
        assert_eq!(nonces, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn with_a_hopeless_fee_cap_are_not_republished() {
        let mut s = setup();
        let mut cheap = message(1, 0, 100);
        cheap.message.gas_fee_cap = TokenAmount::from_atto(BASE_FEE / 10 - 1);
        s.pool.add(cheap, Source::Local).unwrap();
        assert!(s.pool.next_republished().unwrap().is_empty());
    }

    #[test]
    fn stay_when_the_pool_is_cleared_of_others() {
        let mut s = setup();
        s.pool.add(message(1, 0, 100), Source::Local).unwrap();
        s.pool.add(message(2, 0, 100), Source::Gossip).unwrap();
        s.pool.clear(false).unwrap();
        assert_eq!((s.nonces(who(1)), s.nonces(who(2))), (vec![0], vec![]));
        s.pool.clear(true).unwrap();
        assert!(s.pool.pending().is_empty());
        s.reopen();
        assert!(s.pool.pending().is_empty());
    }
}

mod pruning {
    use super::*;

    #[test]
    fn drops_the_cheapest_but_never_local_ones() {
        let mut s = setup();
        s.pool
            .set_config(MpoolConfig {
                size_limit_high: 5,
                size_limit_low: 4,
                ..MpoolConfig::default()
            })
            .map_err(|_| "refused")
            .unwrap();
        s.pool.add(message(9, 0, 1), Source::Local).unwrap();
        for tag in 1..=5 {
            s.pool
                .add(message(tag, 0, 1000 * i64::from(tag)), Source::Gossip)
                .unwrap();
        }
        assert!(s.pool.wants_pruning());
        assert_eq!(s.pool.prune().unwrap(), 2);
        let kept: Vec<_> = (1..=9)
            .filter(|tag| !s.nonces(who(*tag)).is_empty())
            .collect();
        assert_eq!(kept, [3, 4, 5, 9]);
        assert!(!s.pool.wants_pruning());
    }

    #[test]
    fn keeps_settings_over_a_restart() {
        let mut s = setup();
        let changed = MpoolConfig {
            size_limit_low: 7,
            ..MpoolConfig::default()
        };
        s.pool
            .set_config(changed.clone())
            .map_err(|_| "refused")
            .unwrap();
        s.reopen();
        assert_eq!(s.pool.config(), &changed);
        let bad = MpoolConfig {
            replace_by_fee_ratio: 1.0,
            ..changed
        };
        assert!(matches!(
            s.pool.set_config(bad),
            Err(SetConfigError::Config(_))
        ));
    }
}
