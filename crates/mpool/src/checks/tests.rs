use lotus_networks::policy::BLOCK_GAS_LIMIT;
use lotus_types::Address;

use super::*;

const BASE_FEE: i64 = 1000;

fn atto(n: i64) -> TokenAmount {
    TokenAmount::from_atto(n)
}

fn message(nonce: u64) -> Message {
    Message {
        nonce,
        gas_limit: 1_000_000,
        gas_fee_cap: atto(BASE_FEE * 10),
        gas_premium: atto(5),
        ..Message::transfer(Address::new_id(100), Address::new_id(101), atto(7))
    }
}

fn sender(next_nonce: u64) -> Standing {
    Standing {
        next_nonce,
        required: atto(0),
        balance: TokenAmount::from_fil(1),
    }
}

fn run(message: Message, sender: &mut Standing) -> Vec<MessageCheckStatus> {
    check(&Subject::fixed(message), Some(sender), &atto(BASE_FEE))
}

fn codes(checks: &[MessageCheckStatus]) -> Vec<i64> {
    checks.iter().map(|check| check.code).collect()
}

fn failed(checks: &[MessageCheckStatus]) -> Vec<(i64, &str)> {
    let bad = checks.iter().filter(|check| !check.ok);
    bad.map(|check| (check.code, check.err.as_str())).collect()
}

fn hint(checks: &[MessageCheckStatus], code: i64) -> &Value {
    let found = checks.iter().find(|check| check.code == code);
    &found.expect("checked").hint
}

mod a_good_message {
    use super::*;

    #[test]
    fn passes_all_checks_in_lotus_order() {
        let checks = run(message(3), &mut sender(3));
        assert_eq!(failed(&checks), []);
        assert_eq!(codes(&checks), [9, 11, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12]);
    }

    #[test]
    fn comes_with_lotus_hints() {
        let message = message(3);
        let length = wire::to_cbor(&message).len() as i64;
        let checks = run(message, &mut sender(3));
        assert_eq!(*hint(&checks, code::GET_STATE_NONCE), json!({ "nonce": 3 }));
        assert_eq!(
            *hint(&checks, code::GET_STATE_BALANCE),
            json!({ "balance": "1000000000000000000" })
        );
        assert_eq!(*hint(&checks, code::SIZE), Value::Null);
        assert_eq!(
            *hint(&checks, code::MIN_GAS),
            json!({ "minGas": {
                "Name": "OnChainMessage", "Extra": null,
                "ComputeGas": 38_863, "StorageGas": (36 + length) * 1300,
                "VirtualCompute": 0, "VirtualStorage": 0,
            } })
        );
        assert_eq!(
            *hint(&checks, code::BASE_FEE_LOWER_BOUND),
            json!({ "baseFeeLowerBound": "100", "baseFee": "1000" })
        );
        assert_eq!(*hint(&checks, code::NONCE), json!({ "nextNonce": 3 }));
        assert_eq!(
            *hint(&checks, code::BALANCE),
            json!({ "requiredFunds": "10000000007" })
        );
    }

    #[test]
    fn may_be_below_the_upper_bound_and_hears_of_it() {
        let cheap = Message {
            gas_fee_cap: atto(BASE_FEE),
            ..message(0)
        };
        let checks = run(cheap, &mut sender(0));
        let upper = checks
            .iter()
            .find(|check| check.code == code::BASE_FEE_UPPER_BOUND);
        let upper = upper.expect("checked");
        assert!(upper.ok && upper.err.contains("upper bound"), "{upper:?}");
    }
}

mod a_bad_message {
    use super::*;

    #[test]
    fn of_an_unknown_sender_is_checked_no_further() {
        let checks = check(&Subject::fixed(message(0)), None, &atto(BASE_FEE));
        assert_eq!(codes(&checks), [code::GET_STATE_NONCE]);
        assert!(checks[0].err.ends_with("actor not found"), "{checks:?}");
    }

    #[test]
    fn that_no_block_may_hold_is_checked_no_further() {
        let huge = Message {
            gas_limit: BLOCK_GAS_LIMIT + 1,
            ..message(0)
        };
        let checks = run(huge, &mut sender(0));
        let [(code, text)] = failed(&checks)[..] else {
            panic!("{checks:?}")
        };
        assert_eq!(code, code::VALIDITY);
        assert!(
            text.starts_with("syntactically invalid message: 'GasLimit'"),
            "{text}"
        );
        assert_eq!(codes(&checks).last(), Some(&code::VALIDITY));
    }

    #[test]
    fn without_receiver_has_neither_cid_nor_panic() {
        let nowhere = Message {
            to: Address::default(),
            ..message(0)
        };
        let checks = run(nowhere, &mut sender(0));
        assert!(
            failed(&checks)
                .iter()
                .any(|(code, _)| *code == code::SERIALIZE)
        );
    }

    #[test]
    fn with_too_little_gas_for_its_place_on_chain_is_told_so() {
        let small = Message {
            gas_limit: 1000,
            ..message(0)
        };
        assert_eq!(
            failed(&run(small, &mut sender(0))),
            [(code::MIN_GAS, "GasLimit less than epoch minimum gas")]
        );
    }

    #[test]
    fn below_the_least_base_fee_skips_the_other_fee_checks() {
        let free = Message {
            gas_fee_cap: atto(99),
            gas_premium: atto(0),
            ..message(0)
        };
        let checks = run(free, &mut sender(0));
        assert_eq!(failed(&checks)[0].0, code::MIN_BASE_FEE);
        assert_eq!(codes(&checks), [9, 11, 1, 2, 3, 4, 5, 10, 12]);
    }

    #[test]
    fn with_another_nonce_than_the_next_is_refused_in_lotus_words() {
        let checks = run(message(9999), &mut sender(12));
        assert_eq!(
            failed(&checks),
            [(code::NONCE, "message nonce doesn't match next nonce (12)")]
        );
    }
}

mod several_messages {
    use super::*;

    #[test]
    fn count_up_the_nonce_and_what_is_needed() {
        let mut sender = sender(0);
        sender.balance = atto(20_000_000_013);
        assert_eq!(failed(&run(message(0), &mut sender)), []);
        assert_eq!(
            failed(&run(message(1), &mut sender)),
            [(code::BALANCE, "insufficient balance")]
        );
    }

    #[test]
    fn whose_nonces_are_free_take_the_next_ones() {
        let mut sender = sender(5);
        for _ in 0..2 {
            let free = Subject {
                message: message(0),
                fixed_nonce: false,
            };
            assert_eq!(
                failed(&check(&free, Some(&mut sender), &atto(BASE_FEE))),
                []
            );
        }
        assert_eq!(sender.next_nonce, 7);
    }
}
