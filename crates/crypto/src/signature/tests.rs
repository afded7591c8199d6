use std::collections::HashMap;

use data_encoding::BASE64;
use lotus_types::{BlockHeader, Bytes, KeyType, wire};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;

use super::*;
use crate::{
    DomainSeparationTag, SigningKey, draw_randomness,
    fixtures::{Chain, calls, json},
    parse_exported_key, verify_vrf,
};

const MOCK_CHAINS: [&str; 2] = ["mock-chain", "mock-chain-two"];

/// The keys whose exports were recorded, with the addresses that Lotus gave them.
fn recorded_keys(chain: &str) -> Vec<(Address, SigningKey)> {
    let meta = json(&format!("{chain}/meta.json"));
    meta["keys"]
        .as_object()
        .expect("keys")
        .values()
        .map(|key| {
            let exported = key["key_info_hex"].as_str().expect("hex");
            let info = parse_exported_key(exported).expect("exported by Lotus");
            let address = key["address"]
                .as_str()
                .expect("text")
                .parse()
                .expect("an address");
            (
                address,
                SigningKey::from_key_info(&info).expect("a signing key"),
            )
        })
        .collect()
}

fn new_key(key_type: KeyType) -> SigningKey {
    SigningKey::generate(&key_type, &mut ChaCha20Rng::seed_from_u64(1)).expect("can sign")
}

mod what_lotus_signed {
    use super::*;

    #[test]
    fn is_signed_alike_byte_for_byte() {
        let mut compared = HashMap::<_, u32>::new();
        for chain in MOCK_CHAINS {
            let keys: HashMap<_, _> = recorded_keys(chain).into_iter().collect();
            for (params, signature) in calls(&format!("{chain}/crypto.jsonl"), "WalletSign") {
                let Some(signature) = signature else { continue };
                let signer = params[0].as_str().expect("text").parse().expect("address");
                let message = BASE64.decode(params[1].as_str().expect("text").as_bytes());
                let expected: Signature = serde_json::from_value(signature).expect("signature");
                let Some(key) = keys.get(&signer) else {
                    continue;
                };
                assert_eq!(
                    key.sign(&message.expect("base64")),
                    expected,
                    "{chain} {signer}"
                );
                *compared.entry(expected.kind).or_default() += 1;
            }
            for (params, signed) in calls(&format!("{chain}/crypto.jsonl"), "WalletSignMessage") {
                let signed = signed.expect("no error");
                let message: lotus_types::Message =
                    serde_json::from_value(params[1].clone()).expect("message");
                let expected: Signature =
                    serde_json::from_value(signed["Signature"].clone()).expect("signature");
                let Some(key) = keys.get(&message.from) else {
                    continue;
                };
                assert_eq!(key.sign(&message.cid().to_bytes()), expected, "{chain}");
                *compared.entry(expected.kind).or_default() += 1;
            }
        }
        assert!(compared[&SignatureType::Bls] >= 2, "{compared:?}");
        assert!(compared[&SignatureType::Secp256k1] >= 2, "{compared:?}");
    }

    #[test]
    fn is_judged_alike() {
        let (mut good, mut bad) = (0, 0);
        for chain in MOCK_CHAINS {
            for (params, answer) in calls(&format!("{chain}/crypto.jsonl"), "WalletVerify") {
                let signer = params[0].as_str().expect("text").parse().expect("address");
                let message = BASE64
                    .decode(params[1].as_str().expect("text").as_bytes())
                    .expect("base64");
                let signature = serde_json::from_value(params[2].clone()).expect("signature");
                let valid = verify(&signature, &signer, &message).is_ok();
                assert_eq!(answer, Some(Value::Bool(valid)), "{params}");
                *(if valid { &mut good } else { &mut bad }) += 1;
            }
        }
        assert!(good >= 4 && bad >= 4, "{good} {bad}");
    }

    #[test]
    fn has_the_addresses_that_lotus_gave() {
        for chain in MOCK_CHAINS {
            for (address, key) in recorded_keys(chain) {
                assert_eq!(key.address(), address);
            }
        }
    }
}

mod recorded_blocks {
    use super::*;

    /// Workers of the miners: found among the known keys, since the first block must be of one.
    fn workers(chain: &Chain, candidates: &[Address]) -> HashMap<Address, Address> {
        let mut workers = HashMap::new();
        for block in chain.blocks.iter().filter(|b| b.height > 0) {
            workers.entry(block.miner).or_insert_with(|| {
                let signature = block.block_signature.as_ref().expect("signed");
                let bytes = block.signing_bytes();
                *candidates
                    .iter()
                    .find(|c| c.payload().is_some() && verify(signature, c, &bytes).is_ok())
                    .unwrap_or_else(|| panic!("nobody known signed for {}", block.miner))
            });
        }
        workers
    }

    /// Addresses that could be workers: recorded keys and all senders of messages.
    fn candidates(name: &str, chain: &Chain) -> Vec<Address> {
        let mut all: Vec<Address> = if name == "real-chain" {
            let worker = json("real-chain/localnet.json")["Miners"][0]["Worker"].clone();
            vec![serde_json::from_value(worker).expect("address")]
        } else {
            recorded_keys(name)
                .into_iter()
                .map(|(address, _)| address)
                .collect()
        };
        all.extend(
            chain
                .blocks
                .iter()
                .filter_map(|b| chain.bls_messages(b))
                .flatten()
                .map(|m| m.from),
        );
        all.retain(Address::is_key);
        all
    }

    struct Proofs {
        inputs: Vec<[u8; 32]>,
        proofs: Vec<Bytes>,
        workers: Vec<Address>,
    }

    /// What the ticket and the election proof of each block are VRFs of.
    fn vrfs(chain: &Chain, workers: &HashMap<Address, Address>) -> Proofs {
        let mut out = Proofs {
            inputs: vec![],
            proofs: vec![],
            workers: vec![],
        };
        for block in chain.blocks.iter().filter(|b| b.height > 0) {
            let entry = block
                .last_beacon_entry()
                .expect("every recorded block has one");
            let miner = wire::to_cbor(&block.miner);
            let parent_ticket = chain
                .parents(block)
                .into_iter()
                .filter_map(|parent| parent.ticket)
                .min_by_key(lotus_types::Ticket::digest)
                .expect("the parents are recorded");
            let ticket_entropy = [miner.as_slice(), &parent_ticket.vrf_proof].concat();
            out.inputs.push(draw_randomness(
                &entry.data,
                DomainSeparationTag::TicketProduction,
                block.height - 1,
                &ticket_entropy,
            ));
            out.proofs
                .push(block.ticket.as_ref().expect("ticket").vrf_proof.clone());
            out.inputs.push(draw_randomness(
                &entry.data,
                DomainSeparationTag::ElectionProofProduction,
                block.height,
                &miner,
            ));
            out.proofs.push(
                block
                    .election_proof
                    .as_ref()
                    .expect("elected")
                    .vrf_proof
                    .clone(),
            );
            out.workers.extend([workers[&block.miner]; 2]);
        }
        out
    }

    fn check_blocks(name: &str) {
        let chain = Chain::load(name);
        let workers = workers(&chain, &candidates(name, &chain));
        let blocks: Vec<&BlockHeader> = chain.blocks.iter().filter(|b| b.height > 0).collect();
        let bytes: Vec<Vec<u8>> = blocks.iter().map(|b| b.signing_bytes()).collect();
        let claims: Vec<Claim<'_>> = blocks
            .iter()
            .zip(&bytes)
            .map(|(block, message)| Claim {
                signature: block.block_signature.as_ref().expect("signed"),
                signer: &workers[&block.miner],
                message,
            })
            .collect();
        verify_batch(&claims).expect("every block is signed by its worker");

        let vrfs = vrfs(&chain, &workers);
        let failed = (0..vrfs.inputs.len()).into_par_iter().find_map_first(|i| {
            let Some(Payload::Bls(key)) = vrfs.workers[i].payload() else {
                panic!("f3 workers")
            };
            verify_vrf(key, &vrfs.inputs[i], &vrfs.proofs[i])
                .err()
                .map(|e| (i, e))
        });
        assert_eq!(
            failed, None,
            "ticket (even) or election proof (odd) of block i/2"
        );
    }

    #[test]
    fn of_the_mock_chain_carry_true_signatures_tickets_and_election_proofs() {
        check_blocks("mock-chain");
    }

    #[test]
    fn of_two_miners_carry_true_signatures_tickets_and_election_proofs() {
        check_blocks("mock-chain-two");
    }

    #[test]
    fn of_the_real_chain_carry_true_signatures_tickets_and_election_proofs() {
        check_blocks("real-chain");
    }

    #[test]
    fn carry_aggregates_of_their_bls_messages() {
        let (mut empty, mut full) = (0, 0);
        for name in ["mock-chain", "mock-chain-two", "real-chain"] {
            let chain = Chain::load(name);
            for block in chain.blocks.iter().filter(|b| b.height > 0) {
                let Some(messages) = chain.bls_messages(block) else {
                    continue;
                };
                let aggregate = block.bls_aggregate.as_ref().expect("aggregate");
                let pairs: Vec<_> = messages
                    .iter()
                    .map(|m| (m.from, m.cid().to_bytes()))
                    .collect();
                verify_aggregate(aggregate, &pairs).expect("as recorded");
                if let Some((_, rest)) = pairs.split_first() {
                    full += 1;
                    if !rest.is_empty() {
                        verify_aggregate(aggregate, rest).expect_err("one is missing");
                    }
                } else {
                    assert_eq!(super::super::aggregate(&[]).as_ref(), Ok(aggregate));
                    empty += 1;
                }
            }
        }
        assert!(empty > 500 && full > 50, "{empty} {full}");
    }
}

mod recorded_randomness {
    use super::*;

    /// Draws of epochs that have a block: those of null epochs need the chain store's search rules.
    fn draws(chain: &str, method: &str) -> Vec<(BlockHeader, i64, Vec<u8>, [u8; 32])> {
        let blocks = Chain::load(chain);
        let mut out = Vec::new();
        for (params, drawn) in calls(&format!("{chain}/crypto.jsonl"), method) {
            let Some(drawn) = drawn else { continue };
            let epoch = params[1].as_i64().expect("epoch");
            let mut at: Vec<_> = blocks.blocks.iter().filter(|b| b.height == epoch).collect();
            at.sort_by_key(|b| (b.ticket.as_ref().map(lotus_types::Ticket::digest), b.cid()));
            let Some(first) = at.first() else { continue };
            let entropy = BASE64.decode(params[2].as_str().expect("text").as_bytes());
            let drawn = BASE64
                .decode(drawn.as_str().expect("text").as_bytes())
                .expect("base64");
            out.push((
                (*first).clone(),
                params[0].as_i64().expect("tag"),
                entropy.expect("base64"),
                drawn.try_into().expect("32 bytes"),
            ));
        }
        assert!(out.len() > 50, "{}", out.len());
        out
    }

    #[test]
    fn of_tickets_comes_out() {
        for chain in MOCK_CHAINS {
            for (block, tag, entropy, drawn) in draws(chain, "StateGetRandomnessFromTickets") {
                let base = block.ticket.as_ref().expect("ticket").vrf_proof.clone();
                assert_eq!(draw_randomness(&base, tag, block.height, &entropy), drawn);
            }
        }
    }

    #[test]
    fn of_the_beacon_comes_out() {
        for chain in MOCK_CHAINS {
            for (block, tag, entropy, drawn) in draws(chain, "StateGetRandomnessFromBeacon") {
                let base = block.last_beacon_entry().expect("entry").data.clone();
                assert_eq!(draw_randomness(&base, tag, block.height, &entropy), drawn);
            }
        }
    }
}

mod a_signature {
    use super::*;

    #[test]
    fn is_refused_for_an_address_that_cannot_have_made_it() {
        let (bls, secp) = (new_key(KeyType::Bls), new_key(KeyType::Secp256k1));
        for (key, other) in [(&bls, &secp), (&secp, &bls)] {
            let signature = key.sign(b"m");
            for signer in [
                other.address(),
                Address::new_id(1000),
                Address::new_actor(b"a"),
                Address::UNDEFINED,
            ] {
                assert_eq!(
                    verify(&signature, &signer, b"m"),
                    Err(SignatureError::WrongAddress {
                        signature: signature.kind,
                        signer
                    })
                );
            }
        }
    }

    #[test]
    fn of_another_key_is_refused() {
        for key_type in [KeyType::Bls, KeyType::Secp256k1] {
            let mut rng = ChaCha20Rng::seed_from_u64(2);
            let other = SigningKey::generate(&key_type, &mut rng).expect("can sign");
            let signature = new_key(key_type).sign(b"m");
            assert_eq!(
                verify(&signature, &other.address(), b"m"),
                Err(SignatureError::Mismatch)
            );
        }
    }

    #[test]
    fn under_the_other_type_is_refused() {
        let key = new_key(KeyType::Bls);
        let signature = Signature {
            kind: SignatureType::Secp256k1,
            ..key.sign(b"m")
        };
        assert!(verify(&signature, &key.address(), b"m").is_err());
    }

    #[test]
    fn of_the_delegated_type_is_not_supported_yet() {
        let signature = Signature {
            kind: SignatureType::Delegated,
            data: vec![0; 65].into(),
        };
        let signer = Address::new_delegated(10, &[1; 20]).expect("20 bytes");
        assert_eq!(
            verify(&signature, &signer, b"m"),
            Err(SignatureError::UnsupportedType(SignatureType::Delegated))
        );
    }
}

mod a_batch {
    use super::*;

    #[test]
    fn names_its_first_false_claim() {
        let keys = [new_key(KeyType::Bls), new_key(KeyType::Secp256k1)];
        let signers: Vec<Address> = (0..20).map(|i| keys[i % 2].address()).collect();
        let messages: Vec<[u8; 1]> = (0..20).map(|i| [i]).collect();
        let mut signatures: Vec<Signature> =
            (0..20).map(|i| keys[i % 2].sign(&messages[i])).collect();
        let check = |signatures: &[Signature]| {
            let claims: Vec<Claim<'_>> = (0..20)
                .map(|i| Claim {
                    signature: &signatures[i],
                    signer: &signers[i],
                    message: &messages[i],
                })
                .collect();
            verify_batch(&claims)
        };
        check(&signatures).expect("all are true");
        signatures.swap(7, 9);
        let error = check(&signatures).expect_err("two are false");
        assert_eq!((error.index, error.signer), (7, signers[7]));
        assert!(error.to_string().contains("signature 7"), "{error}");
    }

    #[test]
    fn of_nothing_is_true() {
        verify_batch(&[]).expect("nothing to refuse");
    }
}

mod an_aggregate {
    use super::*;

    #[test]
    fn takes_bls_signatures_and_signers_only() {
        let (bls, secp) = (new_key(KeyType::Bls), new_key(KeyType::Secp256k1));
        assert_eq!(
            aggregate(&[bls.sign(b"m"), secp.sign(b"m")]),
            Err(SignatureError::NotBls(SignatureType::Secp256k1))
        );
        let signed = aggregate(&[bls.sign(b"m")]).expect("one is enough");
        verify_aggregate(&signed, &[(bls.address(), b"m")]).expect("matches");
        assert!(matches!(
            verify_aggregate(&signed, &[(secp.address(), b"m")]),
            Err(SignatureError::WrongAddress { .. })
        ));
        assert_eq!(
            verify_aggregate(&secp.sign(b"m"), &[(bls.address(), b"m")]),
            Err(SignatureError::NotBls(SignatureType::Secp256k1))
        );
    }
}
