use serde_json::{Value, json};

use super::*;

fn shape(actor: ActorKind, number: MethodNum) -> &'static Shape {
    &method(actor, number).unwrap().params
}

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn refusal(actor: ActorKind, number: MethodNum, params: &Value) -> String {
    let refused = shape(actor, number).encode(params).unwrap_err();
    refused.to_string()
}

mod a_method {
    use super::*;

    #[test]
    fn has_the_number_and_name_of_its_actors_list() {
        for actor in ActorKind::ALL {
            for known in methods(actor) {
                let named = actor.methods().iter().find(|(n, _)| *n == known.number);
                if let Some((_, name)) = named {
                    assert_eq!(known.name, *name, "{} of {}", known.number, actor.name());
                }
            }
            for (number, name) in actor.methods() {
                assert!(
                    method(actor, *number).is_some(),
                    "{} has no {name}",
                    actor.name()
                );
            }
        }
    }

    #[test]
    fn that_was_taken_out_of_use_is_unknown() {
        assert!(method(ActorKind::Power, 7).is_none());
        assert!(method(ActorKind::VerifiedRegistry, 5).is_none());
    }

    #[test]
    fn zero_is_the_bare_transfer_of_every_actor() {
        for actor in ActorKind::ALL {
            assert_eq!(method(actor, 0).unwrap().name, "Send");
        }
    }
}

mod zero_values {
    use super::*;

    #[test]
    fn of_every_method_are_taken_apart_as_they_were_put_together() {
        // Whatever has a binary form without any field given reads back, and writes the same again.
        let mut whole = 0;
        for actor in ActorKind::ALL {
            for known in methods(actor) {
                for shape in [known.params, known.returns] {
                    let Ok(bytes) = shape.encode(&json!({})) else {
                        continue;
                    };
                    let read = shape.decode(&bytes).unwrap();
                    assert_eq!(shape.encode(&read).unwrap(), bytes, "{}", known.name);
                    whole += 1;
                }
            }
        }
        assert!(whole > 40, "{whole}");
    }
}

mod parameters {
    use super::*;

    #[test]
    fn match_names_without_regard_to_case_and_ignore_others() {
        let params = json!({"newid": "AQI=", "Other": 1});
        let bytes = shape(ActorKind::Miner, 4).encode(&params).unwrap();
        assert_eq!(bytes, hex("81420102"));
    }

    #[test]
    fn of_embedded_structs_appear_as_their_owners() {
        let shape = shape(ActorKind::Power, 8);
        let cid = json!({"/": "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2"});
        let params = json!({
            "SealProof": 5, "Miner": 1000, "Number": 7, "SealedCID": cid, "UnsealedCID": cid,
        });
        let bytes = shape.encode(&params).unwrap();
        assert_eq!(&bytes[..6], &hex("8805821903e8")[..]);
        let read = shape.decode(&bytes).unwrap();
        assert_eq!((&read["Miner"], &read["Number"]), (&json!(1000), &json!(7)));
    }

    #[test]
    fn of_the_receiver_hook_of_an_account_are_any_bytes() {
        let hook = shape(ActorKind::Account, 3_726_118_371);
        assert_eq!(hook.decode(&[1, 2]).unwrap(), json!("AQI="));
        assert_eq!(hook.encode(&json!("AQI=")).unwrap(), [1, 2]);
    }

    #[test]
    fn keep_an_optional_signature_and_its_absence() {
        let voucher = json!({
            "Sv": {"ChannelAddr": "t01", "Signature": {"Type": 2, "Data": "AQI="}},
        });
        let shape = shape(ActorKind::PaymentChannel, 2);
        let read = shape.decode(&shape.encode(&voucher).unwrap()).unwrap();
        assert_eq!(read["Sv"]["Signature"], voucher["Sv"]["Signature"]);
        let without = shape
            .encode(&json!({"Sv": {"ChannelAddr": "t01"}}))
            .unwrap();
        assert_eq!(
            shape.decode(&without).unwrap()["Sv"]["Signature"],
            Value::Null
        );
    }
}

mod wrong_json {
    use super::*;

    #[test]
    fn is_refused_in_gos_words() {
        assert_eq!(
            refusal(ActorKind::Market, 2, &json!({})),
            "json unmarshal: json: cannot unmarshal object into Go value of type string"
        );
        assert_eq!(
            refusal(ActorKind::Init, 2, &json!({})),
            "cbor marshal: failed to write cid field t.CodeCID: undefined cid"
        );
        assert_eq!(
            refusal(ActorKind::VerifiedRegistry, 2, &json!({})),
            "cbor marshal: cannot marshal undefined address"
        );
        assert_eq!(
            refusal(ActorKind::Miner, 2, &json!({})),
            "cbor marshal: cannot marshal empty value, try nil instead"
        );
    }

    #[test]
    fn of_any_kind_is_an_error_and_no_panic() {
        let deep = (0..100).fold(json!(1), |v, _| json!([v]));
        let values = [
            json!(-1),
            json!(1.5),
            json!(""),
            json!("%"),
            json!([]),
            json!([{}]),
            json!(null),
            deep,
            json!({"Sectors": "x"}),
            json!({"Deals": [null]}),
            json!({"Sv": 3}),
            json!(true),
        ];
        for actor in ActorKind::ALL {
            for known in methods(actor) {
                for value in &values {
                    // Some of these are good parameters of some methods.
                    let _ = known.params.encode(value);
                }
            }
        }
    }
}

mod wrong_bytes {
    use super::*;

    fn refused(bytes: &str) -> String {
        let shape = shape(ActorKind::Miner, 3);
        shape.decode(&hex(bytes)).unwrap_err().to_string()
    }

    #[test]
    fn are_refused_in_cbor_gens_words() {
        assert_eq!(refused("80"), "cbor input had wrong number of fields");
        assert_eq!(refused("43aabbcc"), "cbor input should be of type array");
        assert_eq!(refused(""), "EOF");
        assert_eq!(
            refused("824180"),
            "unmarshaling t.NewWorker: unknown protocol"
        );
    }

    #[test]
    fn cut_short_or_claiming_too_much_are_an_error_and_no_panic() {
        let claims = [
            "9bffffffffffffffff",
            "82420001",
            "8242000a9a000fffff",
            "825bffffffffffffffff",
        ];
        for actor in ActorKind::ALL {
            for known in methods(actor) {
                for bytes in claims {
                    let _ = known.params.decode(&hex(bytes));
                    let _ = known.returns.decode(&hex(bytes));
                }
            }
        }
        assert!(refused("8242000a9a000fffff").contains("array too large"));
    }
}
