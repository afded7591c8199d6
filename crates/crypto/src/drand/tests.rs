//! Rounds that public drand networks have published.

use data_encoding::HEXLOWER;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("hex")
}

/// A published round and the chain it is of.
struct Round {
    scheme: Scheme,
    key: &'static str,
    round: u64,
    previous: &'static str,
    signature: &'static str,
    randomness: &'static str,
}

const MAINNET_KEY: &str = "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31";
const TESTNET_UNCHAINED_KEY: &str = "8200fc249deb0148eb918d6e213980c5d01acd7fc251900d9260136da3b54836ce125172399ddc69c4e3e11429b62c11";
const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

const PUBLISHED: [Round; 5] = [
    Round {
        scheme: Scheme::PedersenBlsChained,
        key: MAINNET_KEY,
        round: 1,
        previous: "176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
        signature: "8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655",
        randomness: "101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec",
    },
    Round {
        scheme: Scheme::PedersenBlsChained,
        key: MAINNET_KEY,
        round: 3_311_596,
        previous: "8ed588f2a7716fb1349e2d9803da5db0005e98a83783c353d4a08f183236a9ad91d70ddb01266f4b7c576983db464b430e65680b9e0098552758afd6c1e6afcb77e3f62fe1b93d42d1cb63abbb2205512fe12fbf74ea9c5ac3b8f5c1e283a1d8",
        signature: "a696b9409ababce45749c3a4ec369074453dd4a79967734e1390d969c8ad8d98897d217b9121e92c8ddebbddda8d92f900e3bd6bf9deb166863b1a19390d743f82774001487594c5c09e581db7365f02b70a2c8cc41ce32446ef08e4890c4754",
        randomness: "647c07b2abbf7ff2afb4d670214f565e5cd9f9c91bfdcecb59a21f3c78d73920",
    },
    Round {
        scheme: Scheme::PedersenBlsUnchained,
        key: TESTNET_UNCHAINED_KEY,
        round: 1000,
        previous: "",
        signature: "a4721e6c3eafcd823f138cd29c6c82e8c5149101d0bb4bafddbac1c2d1fe3738895e4e21dd4b8b41bf007046440220910bb1cdb91f50a84a0d7f33ff2e8577aa62ac64b35a291a728a9db5ac91e06d1312b48a376138d77b4d6ad27c24221afe",
        randomness: "3467f5d3118af125fbe8ffa0272e9fd1df026702afd4da50d0a0c8b3ff2dbf21",
    },
    Round {
        scheme: Scheme::BlsUnchainedG1Rfc9380,
        key: QUICKNET_KEY,
        round: 1000,
        previous: "",
        signature: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
        randomness: "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
    },
    Round {
        scheme: Scheme::BlsUnchainedG1Rfc9380,
        key: QUICKNET_KEY,
        round: 657_413,
        previous: "",
        signature: "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
        randomness: "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
    },
];

impl Round {
    fn verifier(&self) -> Verifier {
        Verifier::new(self.scheme, &hex(self.key)).expect("published key")
    }
}

mod published_rounds {
    use super::*;

    #[test]
    fn verify() {
        for round in &PUBLISHED {
            round
                .verifier()
                .verify(round.round, &hex(round.previous), &hex(round.signature))
                .unwrap_or_else(|e| panic!("{} round {}: {e}", round.scheme, round.round));
            assert_eq!(
                HEXLOWER.encode(&randomness(&hex(round.signature))),
                round.randomness
            );
        }
    }

    #[test]
    fn are_refused_under_another_number() {
        for round in &PUBLISHED {
            assert_eq!(
                round.verifier().verify(
                    round.round + 1,
                    &hex(round.previous),
                    &hex(round.signature)
                ),
                Err(SignatureError::Mismatch)
            );
        }
    }

    #[test]
    fn are_refused_when_altered() {
        for round in &PUBLISHED {
            let mut signature = hex(round.signature);
            *signature.last_mut().expect("not empty") ^= 1;
            assert!(
                round
                    .verifier()
                    .verify(round.round, &hex(round.previous), &signature)
                    .is_err()
            );
            assert!(matches!(
                round
                    .verifier()
                    .verify(round.round, &hex(round.previous), &signature[1..]),
                Err(SignatureError::WrongLength { .. })
            ));
        }
    }

    #[test]
    fn depend_on_the_previous_signature_in_the_chained_scheme_only() {
        for round in &PUBLISHED {
            let answer = round
                .verifier()
                .verify(round.round, b"other", &hex(round.signature));
            assert_eq!(
                answer.is_err(),
                round.scheme.is_chained(),
                "{}",
                round.scheme
            );
        }
    }
}

mod keys {
    use super::*;

    #[test]
    fn of_the_other_group_are_refused() {
        assert!(matches!(
            Verifier::new(Scheme::PedersenBlsChained, &hex(QUICKNET_KEY)),
            Err(SignatureError::WrongLength {
                expected: 48,
                got: 96,
                ..
            })
        ));
        assert!(matches!(
            Verifier::new(Scheme::BlsUnchainedG1Rfc9380, &hex(MAINNET_KEY)),
            Err(SignatureError::WrongLength {
                expected: 96,
                got: 48,
                ..
            })
        ));
    }

    #[test]
    fn at_infinity_or_off_the_curve_are_refused() {
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        assert!(Verifier::new(Scheme::BlsUnchainedG1Rfc9380, &infinity).is_err());
        assert!(Verifier::new(Scheme::PedersenBlsUnchained, &infinity[..48]).is_err());
        assert!(Verifier::new(Scheme::BlsUnchainedG1Rfc9380, &[0xff; 96]).is_err());
        assert!(Verifier::new(Scheme::PedersenBlsChained, &[0xff; 48]).is_err());
    }
}

#[test]
fn schemes_are_found_by_their_id() {
    for scheme in [
        Scheme::PedersenBlsChained,
        Scheme::PedersenBlsUnchained,
        Scheme::BlsUnchainedG1Rfc9380,
    ] {
        assert_eq!(scheme.id().parse(), Ok(scheme));
    }
    let error = "bls-bn254-unchained-on-g1"
        .parse::<Scheme>()
        .expect_err("not Filecoin's");
    assert!(error.to_string().contains("bls-bn254-unchained-on-g1"));
}
