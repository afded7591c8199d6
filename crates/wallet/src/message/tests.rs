use data_encoding::HEXLOWER;

use super::*;

const DEVNET: u64 = 31_415_926;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("hex")
}

fn f410(byte: u8) -> Address {
    Address::new_delegated(ETHEREUM_ADDRESS_MANAGER, &[byte; 20]).expect("20 bytes")
}

fn transfer(to: Address) -> Message {
    Message::transfer(
        f410(1),
        to,
        TokenAmount::from_atto(1_000_000_000_000_000_000_i64),
    )
}

fn signed_bytes(message: &Message) -> Result<Vec<u8>, EthereumError> {
    let cbor = wire::to_cbor(message);
    signing_bytes(message, &cbor, &message.from, DEVNET)
}

fn with_params(method: u64, params: &[u8]) -> Message {
    Message {
        method,
        params: wire::to_cbor(&Bytes::from(params)).into(),
        ..transfer(f410(0x35))
    }
}

#[test]
fn a_transfer_is_the_transaction_that_ethereum_wallets_sign() {
    let message = Message {
        nonce: 9,
        gas_limit: 21_000,
        gas_fee_cap: TokenAmount::from_atto(20_000_000_000_i64),
        gas_premium: TokenAmount::from_atto(1),
        ..transfer(f410(0x35))
    };
    // 02 ‖ list of chain 0x01df5e76, nonce 9, premium 1, fee 0x04a817c800, gas 0x5208, to, value
    // 0x0de0b6b3a7640000, no data, no access list.
    let to = "35".repeat(20);
    let fields = format!("8401df5e7609018504a817c80082520894{to}880de0b6b3a764000080c0");
    let expected = format!("02{:02x}{fields}", 0xc0 + fields.len() / 2);
    assert_eq!(signed_bytes(&message), Ok(hex(&expected)));
}

#[test]
fn a_long_call_has_long_headers() {
    let message = with_params(INVOKE_CONTRACT, &[7; 300]);
    let bytes = signed_bytes(&message).expect("a call");
    let len = bytes.len() - 4;
    assert_eq!(bytes[..4], [2, 0xf9, (len >> 8) as u8, len as u8]);
    let data = [&[0xb9, 0x01, 0x2c], [7; 300].as_slice()].concat();
    assert!(bytes.windows(data.len()).any(|window| window == data));
}

#[test]
fn an_id_address_is_masked() {
    let bytes = signed_bytes(&transfer(Address::new_id(1000))).expect("a transfer");
    let masked = hex("94ff000000000000000000000000000000000003e8");
    assert!(bytes.windows(masked.len()).any(|window| window == masked));
}

#[test]
fn creating_a_contract_has_no_receiver() {
    let message = Message {
        to: Address::new_id(ETHEREUM_ADDRESS_MANAGER),
        value: TokenAmount::zero(),
        ..with_params(CREATE_EXTERNAL, b"code")
    };
    let bytes = signed_bytes(&message).expect("a creation");
    // gas 0, no receiver, value 0, the code, no access list.
    assert!(bytes.ends_with(&hex("80808084636f6465c0")), "{bytes:?}");
}

#[test]
fn what_is_no_transaction_is_refused() {
    let eam = Address::new_id(ETHEREUM_ADDRESS_MANAGER);
    for (message, text) in [
        (
            Message {
                version: 1,
                ..transfer(f410(2))
            },
            "unsupported msg version: 1",
        ),
        (
            Message {
                to: eam,
                ..with_params(2, b"code")
            },
            "unsupported EAM method: 2",
        ),
        (
            Message {
                to: eam,
                ..with_params(CREATE_EXTERNAL, b"")
            },
            "msgs with empty parameters",
        ),
        (with_params(5, b"data"), "invalid methodnum 5"),
        (with_params(0, b"data"), "invalid methodnum 0"),
        (
            with_params(INVOKE_CONTRACT, b""),
            "msgs with empty parameters",
        ),
        (
            Message {
                params: vec![0x41, 7, 7].into(),
                ..with_params(INVOKE_CONTRACT, b"")
            },
            "failed to read params byte array",
        ),
        (
            transfer(Address::new_bls([1; 48])),
            "cannot be an Ethereum address",
        ),
        (
            Message {
                gas_limit: -1,
                ..transfer(f410(2))
            },
            "GasLimit is negative",
        ),
        (
            Message {
                value: TokenAmount::from_atto(-1),
                ..transfer(f410(2))
            },
            "Value is negative",
        ),
    ] {
        let error = signed_bytes(&message).expect_err(text).to_string();
        assert!(error.contains(text), "{error}, not {text}");
    }
}

#[test]
fn other_senders_sign_the_cid() {
    let message = Message {
        from: Address::new_bls([1; 48]),
        ..transfer(f410(2))
    };
    assert_eq!(signed_bytes(&message), Ok(message.cid().to_bytes()));
}

#[test]
fn bytes_are_known_to_be_a_messages_on_any_network() {
    for message in [transfer(f410(2)), with_params(INVOKE_CONTRACT, &[7; 5000])] {
        let cbor = wire::to_cbor(&message);
        for chain_id in [1, 127, 128, 314, DEVNET, u64::MAX] {
            let bytes = signing_bytes(&message, &cbor, &message.from, chain_id);
            let bytes = bytes.expect("a transaction");
            assert!(is_signing_form(&message, &cbor, &message.from, &bytes));
            let other = Message {
                nonce: 1,
                ..message.clone()
            };
            let other_cbor = wire::to_cbor(&other);
            assert!(!is_signing_form(&other, &other_cbor, &message.from, &bytes));
            for cut in 0..bytes.len().min(40) {
                assert!(!is_signing_form(
                    &message,
                    &cbor,
                    &message.from,
                    &bytes[..cut]
                ));
            }
        }
    }
}
