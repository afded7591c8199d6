use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{fixtures::json, verify};

#[test]
fn recorded_exports_go_round() {
    for key in json("mock-chain/meta.json")["keys"]
        .as_object()
        .expect("keys")
        .values()
    {
        let exported = key["key_info_hex"].as_str().expect("hex");
        let info = parse_exported_key(exported).expect("exported by Lotus");
        let key = SigningKey::from_key_info(&info).expect("a signing key");
        assert_eq!(export_key(&key.to_key_info()).as_str(), exported);
    }
}

#[test]
fn white_space_and_capitals_around_an_export_do_not_matter() {
    let key = SigningKey::Bls(crate::bls::SecretKey::from_key_material(&[7; 32]));
    let text = format!("\n {}\r\n", export_key(&key.to_key_info()).to_uppercase());
    assert_eq!(parse_exported_key(&text), Ok(key.to_key_info()));
}

#[test]
fn malformed_exports_are_refused_without_quoting_the_secret() {
    let good = export_key(
        &SigningKey::Bls(crate::bls::SecretKey::from_key_material(&[7; 32])).to_key_info(),
    );
    let cut = &good[..good.len() - 2];
    let odd = &good[..good.len() - 1];
    let not_hex = good.replace('7', "g");
    let long = "7b".repeat(4000);
    for bad in ["", "zz", cut, odd, &not_hex, &long] {
        let error = parse_exported_key(bad).expect_err("malformed");
        let KeyError::MalformedExport(text) = error else {
            panic!("{error}")
        };
        assert!(text.len() < 60, "{text}");
    }
}

#[test]
fn generated_keys_sign_for_their_address() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for key_type in [KeyType::Bls, KeyType::Secp256k1] {
        let key = SigningKey::generate(&key_type, &mut rng).expect("can sign");
        verify(&key.sign(b"m"), &key.address(), b"m").expect("its own signature");
        let again = SigningKey::from_key_info(&key.to_key_info()).expect("its own bytes");
        assert_eq!(again.address(), key.address());
        assert!(!format!("{key:?}").contains(&format!("{:?}", key.to_key_info().private_key)));
    }
}

#[test]
fn a_delegated_key_signs_for_its_f410_address() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let key = SigningKey::generate(&KeyType::Delegated, &mut rng).expect("can sign");
    let signature = key.sign(b"m");
    assert_eq!(signature.kind, SignatureType::Delegated);
    crate::delegated::verify(&signature.data, &key.address(), b"m").expect("its own signature");
    let info = key.to_key_info();
    assert_eq!(info.key_type, KeyType::Delegated);
    let again = SigningKey::from_key_info(&info).expect("its own bytes");
    assert_eq!(again.address(), key.address());
}

#[test]
fn other_types_cannot_sign() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for name in ["secp256k1-ledger", "libp2p-host", ""] {
        let key_type = KeyType::from(name);
        let error = SigningKey::generate(&key_type, &mut rng).expect_err("cannot sign");
        assert_eq!(error, KeyError::UnsupportedType(key_type.clone()));
        assert!(SigningKey::from_key_info(&KeyInfo::new(key_type, vec![1; 32])).is_err());
    }
}
