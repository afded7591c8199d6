use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use super::*;

fn keys(n: usize) -> Vec<SecretKey> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    (0..n).map(|_| SecretKey::generate(&mut rng)).collect()
}

/// A public key and what it signed.
type Pair = ([u8; PUBLIC_KEY_LEN], Vec<u8>);

/// Keys, one message each, and the aggregate over all of them.
fn aggregated(n: usize) -> (Vec<Pair>, [u8; SIGNATURE_LEN]) {
    let keys = keys(n);
    let pairs: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(i, key)| (key.public_key(), format!("message {i}").into_bytes()))
        .collect();
    let signatures: Vec<_> = keys
        .iter()
        .zip(&pairs)
        .map(|(key, (_, m))| key.sign(m))
        .collect();
    let aggregate = aggregate(&signatures).expect("well-formed signatures");
    (pairs, aggregate)
}

mod secret_keys {
    use super::*;

    #[test]
    fn keep_their_bytes() {
        let key = &keys(1)[0];
        let again = SecretKey::from_bytes(key.as_bytes()).expect("its own bytes");
        assert_eq!(again.public_key(), key.public_key());
    }

    #[test]
    fn of_a_wrong_length_are_refused() {
        for len in [0, 31, 33, 64] {
            assert!(matches!(
                SecretKey::from_bytes(&vec![1; len]),
                Err(KeyError::WrongLength { got, .. }) if got == len
            ));
        }
    }

    #[test]
    fn outside_of_the_scalar_field_are_refused() {
        let mut modulus = data_encoding::HEXLOWER
            .decode(b"73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")
            .expect("hex");
        modulus.reverse();
        assert!(matches!(
            SecretKey::from_bytes(&modulus),
            Err(KeyError::OutOfRange(_))
        ));
        assert!(matches!(
            SecretKey::from_bytes(&[0; 32]),
            Err(KeyError::OutOfRange(_))
        ));
        modulus[0] -= 1;
        SecretKey::from_bytes(&modulus).expect("one less is the largest key");
    }

    #[test]
    fn are_not_printed() {
        let key = &keys(1)[0];
        assert_eq!(format!("{key:?}"), "bls::SecretKey(…)");
    }
}

mod verifying {
    use super::*;

    #[test]
    fn accepts_a_signature_and_no_other_key_or_message() {
        let keys = keys(2);
        let signature = keys[0].sign(b"hello");
        verify(&signature, &keys[0].public_key(), b"hello").expect("matches");
        assert_eq!(
            verify(&signature, &keys[0].public_key(), b"hello!"),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            verify(&signature, &keys[1].public_key(), b"hello"),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn refuses_wrong_lengths() {
        let key = &keys(1)[0];
        let (signature, public) = (key.sign(b"m"), key.public_key());
        let too_long = [signature.as_slice(), &[0]].concat();
        for bad in [&[][..], &signature[..95], &too_long] {
            assert!(matches!(
                verify(bad, &public, b"m"),
                Err(SignatureError::WrongLength {
                    part: "bls signature",
                    ..
                })
            ));
        }
        assert!(matches!(
            verify(&signature, &public[..47], b"m"),
            Err(SignatureError::WrongLength {
                part: "bls public key",
                ..
            })
        ));
    }

    #[test]
    fn refuses_bytes_that_are_not_points() {
        let key = &keys(1)[0];
        for bad in [[0_u8; 96], [0xff; 96]] {
            assert_eq!(
                verify(&bad, &key.public_key(), b"m"),
                Err(SignatureError::MalformedPoint("bls signature"))
            );
        }
        assert_eq!(
            verify(&key.sign(b"m"), &[0xff; 48], b"m"),
            Err(SignatureError::MalformedPoint("bls public key"))
        );
    }

    #[test]
    fn refuses_points_outside_of_the_subgroup() {
        // x = 4 gives a point on the curve of G1 whose order is not the group's.
        let mut low_order = [0; 48];
        low_order[0] = 0x80;
        low_order[47] = 4;
        let point = blstrs::G1Affine::from_compressed_unchecked(&low_order);
        assert!(bool::from(point.is_some()), "the point is on the curve");
        assert_eq!(
            verify(&keys(1)[0].sign(b"m"), &low_order, b"m"),
            Err(SignatureError::MalformedPoint("bls public key"))
        );
    }

    #[test]
    fn refuses_the_infinity_key_whatever_the_signature() {
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        for signature in [EMPTY_AGGREGATE, keys(1)[0].sign(b"m")] {
            assert_eq!(
                verify(&signature, &infinity, b"m"),
                Err(SignatureError::InfinityKey)
            );
        }
    }

    #[test]
    fn refuses_the_infinity_signature() {
        let key = keys(1)[0].public_key();
        assert_eq!(
            verify(&EMPTY_AGGREGATE, &key, b"m"),
            Err(SignatureError::Mismatch)
        );
    }
}

mod aggregates {
    use super::*;

    #[test]
    fn of_nothing_are_the_point_at_infinity_as_recorded() {
        assert_eq!(aggregate::<[u8; 96]>(&[]), Ok(EMPTY_AGGREGATE));
        verify_aggregate::<[u8; 48], &[u8]>(&EMPTY_AGGREGATE, &[]).expect("nothing to check");
        assert!(verify_aggregate::<[u8; 48], &[u8]>(&EMPTY_AGGREGATE[..95], &[]).is_err());
    }

    #[test]
    fn of_one_signature_are_that_signature() {
        let signature = keys(1)[0].sign(b"m");
        assert_eq!(aggregate(&[signature]), Ok(signature));
    }

    #[test]
    fn of_any_size_verify() {
        for n in [1, 2, 3, 7, 33] {
            let (pairs, signature) = aggregated(n);
            verify_aggregate(&signature, &pairs).expect("matches");
        }
    }

    #[test]
    fn with_a_pair_missing_added_or_altered_are_refused() {
        let (pairs, signature) = aggregated(5);
        let refused = |pairs: &[_]| {
            assert_eq!(
                verify_aggregate(&signature, pairs),
                Err(SignatureError::AggregateMismatch { pairs: pairs.len() })
            );
        };
        refused(&pairs[1..]);
        let mut altered = pairs.clone();
        altered[2].1[0] ^= 1;
        refused(&altered);
        let mut more = pairs.clone();
        more.push((pairs[0].0, b"another".to_vec()));
        refused(&more);
        let mut swapped = pairs.clone();
        (swapped[0].0, swapped[1].0) = (pairs[1].0, pairs[0].0);
        refused(&swapped);
    }

    #[test]
    fn over_one_message_twice_are_refused_even_when_the_product_is_right() {
        let keys = keys(2);
        let signature =
            aggregate(&[keys[0].sign(b"same"), keys[1].sign(b"same")]).expect("aggregates");
        let pairs = [
            (keys[0].public_key(), b"same"),
            (keys[1].public_key(), b"same"),
        ];
        assert_eq!(
            verify_aggregate(&signature, &pairs),
            Err(SignatureError::RepeatedMessage)
        );
    }

    #[test]
    fn with_an_infinity_key_among_many_are_refused() {
        let (mut pairs, signature) = aggregated(3);
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        pairs.push((infinity, b"forged".to_vec()));
        assert_eq!(
            verify_aggregate(&signature, &pairs),
            Err(SignatureError::InfinityKey)
        );
    }

    #[test]
    fn of_a_malformed_signature_are_refused() {
        assert!(aggregate(&[[0xff_u8; 96]]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_flipped_bit_of_a_signature_verifies(seed: u64, bit in 0_usize..96 * 8) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = SecretKey::generate(&mut rng);
        let message: [u8; 32] = rng.r#gen();
        let mut signature = key.sign(&message);
        verify(&signature, &key.public_key(), &message).expect("matches");
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify(&signature, &key.public_key(), &message).is_err());
    }

    #[test]
    fn no_bytes_panic(
        signature in prop::collection::vec(any::<u8>(), 0..200),
        key in prop::collection::vec(any::<u8>(), 0..100),
        message in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assert!(verify(&signature, &key, &message).is_err());
        prop_assert!(verify_aggregate(&signature, &[(&key, &message)]).is_err());
    }
}
