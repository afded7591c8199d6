use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use super::*;

/// The order of the group, big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

fn key() -> SecretKey {
    SecretKey::generate(&mut ChaCha20Rng::seed_from_u64(1))
}

/// (r, n − s, id ^ 1): the other signature of the same key over the same message.
fn with_high_s(signature: &[u8; 65]) -> [u8; 65] {
    let s = num_bigint::BigUint::from_bytes_be(&signature[32..64]);
    let flipped = (num_bigint::BigUint::from_bytes_be(&ORDER) - s).to_bytes_be();
    let mut out = *signature;
    out[32..64].fill(0);
    out[64 - flipped.len()..64].copy_from_slice(&flipped);
    out[64] ^= 1;
    out
}

#[test]
fn secret_keys_of_a_wrong_length_or_range_are_refused() {
    assert!(matches!(
        SecretKey::from_bytes(&[1; 31]),
        Err(KeyError::WrongLength { got: 31, .. })
    ));
    assert!(matches!(
        SecretKey::from_bytes(&[0; 32]),
        Err(KeyError::OutOfRange(_))
    ));
    assert!(matches!(
        SecretKey::from_bytes(&ORDER),
        Err(KeyError::OutOfRange(_))
    ));
    let key = key();
    let again = SecretKey::from_bytes(key.to_bytes().as_slice()).expect("its own bytes");
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(format!("{key:?}"), "secp256k1::SecretKey(…)");
}

#[test]
fn a_signature_recovers_its_key() {
    let key = key();
    let signature = key.sign(b"hello");
    assert_eq!(recover(&signature, b"hello"), Ok(key.public_key()));
    assert_ne!(recover(&signature, b"hello!"), Ok(key.public_key()));
}

#[test]
fn a_high_s_recovers_the_same_key_as_in_lotus() {
    let key = key();
    let high = with_high_s(&key.sign(b"hello"));
    assert_eq!(recover(&high, b"hello"), Ok(key.public_key()));
    let mut wrong_parity = high;
    wrong_parity[64] ^= 1;
    assert_ne!(recover(&wrong_parity, b"hello"), Ok(key.public_key()));
}

#[test]
fn wrong_lengths_are_refused() {
    let signature = key().sign(b"m");
    let too_long = [signature.as_slice(), &[0]].concat();
    for bad in [&[][..], &signature[..64], &too_long] {
        assert!(matches!(
            recover(bad, b"m"),
            Err(SignatureError::WrongLength { .. })
        ));
    }
}

#[test]
fn recovery_ids_above_three_are_refused() {
    let mut signature = key().sign(b"m");
    for id in [4, 27, 28, 255] {
        signature[64] = id;
        assert_eq!(
            recover(&signature, b"m"),
            Err(SignatureError::BadRecoveryId(id))
        );
    }
}

#[test]
fn scalars_of_zero_or_above_the_order_are_refused() {
    let good = key().sign(b"m");
    for (range, value) in [
        (0..32, [0; 32]),
        (32..64, [0; 32]),
        (0..32, ORDER),
        (32..64, ORDER),
        (32..64, [0xff; 32]),
    ] {
        let mut signature = good;
        signature[range].copy_from_slice(&value);
        assert_eq!(
            recover(&signature, b"m"),
            Err(SignatureError::ScalarOutOfRange)
        );
    }
}

#[test]
fn an_r_that_is_no_coordinate_is_refused() {
    // Recovery id 2 means r + order, which is no field element unless r is tiny.
    let mut signature = key().sign(b"m");
    signature[64] |= 2;
    assert_eq!(
        recover(&signature, b"m"),
        Err(SignatureError::Unrecoverable)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_bit_recovers_the_key(seed: u64, bit in 0_usize..65 * 8) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = SecretKey::generate(&mut rng);
        let message: [u8; 32] = rng.r#gen();
        let mut signature = key.sign(&message);
        prop_assert_eq!(recover(&signature, &message), Ok(key.public_key()));
        prop_assert_eq!(recover(&with_high_s(&signature), &message), Ok(key.public_key()));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(recover(&signature, &message), Ok(key.public_key()));
    }

    #[test]
    fn no_bytes_panic(signature in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = recover(&signature, b"m");
    }
}
