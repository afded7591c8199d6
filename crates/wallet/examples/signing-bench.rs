//! How fast a core signs and checks signatures, against the bare libraries:
//! `cargo run -p lotus-wallet --example signing-bench [SIGNATURES]`.
//!
//! Each line compares the same work done through this workspace and by calls of `bls-signatures` or
//! `k256` alone, on one thread. The runs alternate; the least processor time of each is printed, which
//! other processes disturb less than wall time.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::{hint::black_box, sync::Arc, time::Duration};

use bls_signatures::{PrivateKey, PublicKey, Serialize as _, verify_messages};
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, SigningKey, VerifyingKey};
use lotus_crypto::{Claim, blake2b_256, verify_aggregate, verify_batch};
use lotus_ports::keystore::MemoryKeyStore;
use lotus_types::{Address, KeyType, Payload, Signature};
use lotus_wallet::Wallet;

/// Runs of each side.
const RUNS: usize = 8;

/// A key, and messages as long as a CID with its signatures over them.
struct Signed {
    wallet: Wallet,
    address: Address,
    secret: Vec<u8>,
    messages: Vec<[u8; 38]>,
    signatures: Vec<Signature>,
}

impl Signed {
    fn new(kind: &KeyType, count: usize) -> Self {
        let wallet = Wallet::new(Arc::new(MemoryKeyStore::new()));
        let address = wallet.new_key(kind).unwrap();
        let message = |n: usize| {
            let mut message = [0; 38];
            message[6..].copy_from_slice(&blake2b_256(&n.to_le_bytes()));
            message
        };
        let messages: Vec<[u8; 38]> = (0..count).map(message).collect();
        let sign = |message: &[u8; 38]| wallet.sign(address, message).unwrap();
        let signatures = messages.iter().map(sign).collect();
        let secret = wallet.export(address).unwrap().private_key.to_vec();
        Self {
            wallet,
            address,
            secret,
            messages,
            signatures,
        }
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let pairs = self.messages.iter().zip(&self.signatures);
        pairs
            .map(|(message, signature)| Claim {
                signature,
                signer: &self.address,
                message,
            })
            .collect()
    }

    fn sign_all(&self) {
        for message in &self.messages {
            black_box(self.wallet.sign(self.address, message).unwrap());
        }
    }
}

/// How long this thread has been on a processor, as Linux says.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = text.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

/// The least of some runs of each, which alternate.
fn fastest(ours: impl Fn(), bare: impl Fn()) -> [Duration; 2] {
    let time = |work: &dyn Fn()| {
        let begun = processor_time();
        work();
        processor_time() - begun
    };
    let mut best = [Duration::MAX; 2];
    for _ in 0..RUNS {
        best[0] = best[0].min(time(&ours));
        best[1] = best[1].min(time(&bare));
    }
    best
}

fn row(what: &str, count: usize, best: [Duration; 2]) {
    let [ours, bare] = best.map(|took| took.as_secs_f64() * 1e6 / count as f64);
    println!(
        "{what:<30} {ours:>9.1} µs {:>8.0}/s {bare:>9.1} µs {:>6.2}",
        1e6 / ours,
        ours / bare
    );
}

fn bls(count: usize) {
    let signed = Signed::new(&KeyType::Bls, count);
    let secret = PrivateKey::from_bytes(&signed.secret).unwrap();
    let bare = || {
        for message in &signed.messages {
            black_box(secret.sign(message).as_bytes());
        }
    };
    row("bls: sign", count, fastest(|| signed.sign_all(), bare));

    let Some(Payload::Bls(key)) = signed.address.payload() else {
        panic!("a BLS address")
    };
    let claims = signed.claims();
    let ours = || verify_batch(&claims).unwrap();
    let bare = || {
        for (message, signature) in signed.messages.iter().zip(&signed.signatures) {
            let signature = bls_signatures::Signature::from_bytes(&signature.data).unwrap();
            let key = PublicKey::from_bytes(key).unwrap();
            assert!(verify_messages(&signature, &[message], &[key]));
        }
    };
    row("bls: verify, each by itself", count, fastest(ours, bare));

    let aggregate = lotus_crypto::aggregate(&signed.signatures).unwrap();
    let pairs: Vec<_> = signed
        .messages
        .iter()
        .map(|m| (signed.address, m))
        .collect();
    let ours = || verify_aggregate(&aggregate, &pairs).unwrap();
    let bare = || {
        let signature = bls_signatures::Signature::from_bytes(&aggregate.data).unwrap();
        let key = |_: &[u8; 38]| PublicKey::from_bytes(key).unwrap();
        let keys: Vec<PublicKey> = signed.messages.iter().map(key).collect();
        let messages: Vec<&[u8]> = signed.messages.iter().map(<[u8; 38]>::as_slice).collect();
        assert!(verify_messages(&signature, &messages, &keys));
    };
    row("bls: verify one aggregate", count, fastest(ours, bare));
}

fn secp256k1(count: usize) {
    let signed = Signed::new(&KeyType::Secp256k1, count);
    let secret = SigningKey::from_slice(&signed.secret).unwrap();
    let bare = || {
        for message in &signed.messages {
            let signature = secret.sign_prehash_recoverable(&blake2b_256(message));
            black_box(signature.unwrap());
        }
    };
    row(
        "secp256k1: sign",
        count,
        fastest(|| signed.sign_all(), bare),
    );

    let claims = signed.claims();
    let ours = || verify_batch(&claims).unwrap();
    let bare = || {
        for (message, signature) in signed.messages.iter().zip(&signed.signatures) {
            let (rs, id) = signature.data.split_at(64);
            let rs = EcdsaSignature::from_slice(rs).unwrap();
            let id = RecoveryId::from_byte(id[0]).unwrap();
            let digest = blake2b_256(message);
            let key = VerifyingKey::recover_from_prehash(&digest, &rs, id).unwrap();
            let point = key.to_encoded_point(false);
            let address = Address::new_secp256k1(point.as_bytes().try_into().unwrap());
            assert_eq!(address, signed.address);
        }
    };
    row("secp256k1: verify", count, fastest(ours, bare));
}

fn main() {
    let count = std::env::args().nth(1).map_or(400, |n| n.parse().unwrap());
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1);
    one_thread.build().unwrap().install(|| {
        println!("{count} signatures on one thread, least of {RUNS} runs: ours, bare, ratio");
        bls(count);
        secp256k1(count);
    });
}
