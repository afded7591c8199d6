//! Keys and signatures of `f410` addresses: those of Ethereum.
//!
//! The key is a secp256k1 one, the digest Keccak-256, and the address the last 20 bytes of the public
//! key's digest under the namespace of the Ethereum address manager (FIP-0048, FIP-0055).
//!
//! # Lotus parity
//! `lib/sigs/delegated`. Networks take such signatures from network version 18 on: whoever validates
//! messages asks for the version first, so [`verify`](crate::verify) refuses them and this module's
//! [`verify`] is asked on purpose.

use lotus_types::{ActorId, Address};
use sha3::{Digest as _, Keccak256};

use crate::{SignatureError, secp256k1};

/// Actor id of the Ethereum address manager, the namespace of `f410` addresses.
pub const ETHEREUM_ADDRESS_MANAGER: ActorId = 10;
/// Bytes of an Ethereum address.
pub const ETHEREUM_ADDRESS_LEN: usize = 20;

/// Keccak-256 as Ethereum uses it (not SHA3-256, which pads otherwise).
pub fn keccak_256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// The `f410` address of an uncompressed public key (`04 ‖ x ‖ y`).
pub fn address(public_key: &[u8; secp256k1::PUBLIC_KEY_LEN]) -> Address {
    let [_, point @ ..] = public_key;
    let [_, _, _, _, _, _, _, _, _, _, _, _, ethereum @ ..] = keccak_256(point);
    Address::new_delegated(ETHEREUM_ADDRESS_MANAGER, &ethereum)
        .expect("20 bytes fit into a delegated address")
}

/// Signs the Keccak-256 digest of `message`.
pub fn sign(key: &secp256k1::SecretKey, message: &[u8]) -> [u8; secp256k1::SIGNATURE_LEN] {
    key.sign_digest(&keccak_256(message))
}

/// Checks that the key of the `f410` address `signer` made `signature` over `message`.
///
/// # Errors
/// When the signature is malformed, or made by another key or over another message.
pub fn verify(signature: &[u8], signer: &Address, message: &[u8]) -> Result<(), SignatureError> {
    let key = secp256k1::recover_digest(signature, &keccak_256(message))?;
    if address(&key) == *signer {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()).expect("hex")
    }

    fn key(text: &str) -> secp256k1::SecretKey {
        secp256k1::SecretKey::from_bytes(&hex(text)).expect("a key")
    }

    #[test]
    fn the_address_is_that_of_ethereum() {
        // EIP-155's example key, and the key 1 of many Ethereum tests.
        for (secret, ethereum) in [
            (
                "4646464646464646464646464646464646464646464646464646464646464646",
                "9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F",
            ),
            (
                "0000000000000000000000000000000000000000000000000000000000000001",
                "7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
            ),
        ] {
            let address = address(&key(secret).public_key());
            let expected = Address::new_delegated(10, &hex(ethereum)).expect("20 bytes");
            assert_eq!(address, expected);
            assert!(address.to_string().starts_with("t410f"), "{address}");
        }
    }

    #[test]
    fn the_digest_is_keccak_and_not_sha3() {
        assert_eq!(
            keccak_256(b"").to_vec(),
            hex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        );
    }

    #[test]
    fn the_signature_is_that_of_ethereum() {
        // EIP-155's example: the digest of the signing data and r, s, recovery id of the answer.
        let signing_data = hex(
            "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080",
        );
        let signature = sign(
            &key("4646464646464646464646464646464646464646464646464646464646464646"),
            &signing_data,
        );
        assert_eq!(
            signature.to_vec(),
            hex(
                "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276\
                 67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83\
                 00"
            )
        );
    }

    #[test]
    fn only_the_address_of_the_key_passes() {
        let signer = key("0000000000000000000000000000000000000000000000000000000000000001");
        let other = key("0000000000000000000000000000000000000000000000000000000000000002");
        let signature = sign(&signer, b"m");
        let address = super::address(&signer.public_key());
        verify(&signature, &address, b"m").expect("its own signature");
        assert_eq!(
            verify(&signature, &super::address(&other.public_key()), b"m"),
            Err(SignatureError::Mismatch)
        );
        assert!(verify(&signature, &address, b"n").is_err());
        assert!(verify(&signature[..64], &address, b"m").is_err());
        let same_key_other_scheme = Address::new_secp256k1(&signer.public_key());
        assert!(verify(&signature, &same_key_other_scheme, b"m").is_err());
    }
}
