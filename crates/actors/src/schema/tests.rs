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
            "unmarshaling t.NewWorker: invalid address length"
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

/// What go-state-types and Go's JSON say, run over the same inputs.
mod as_go_says_it {
    use super::*;

    fn told(of: &Shape, bytes: &str) -> String {
        match of.decode(&hex(bytes)) {
            Ok(value) => value.to_string(),
            Err(refused) => refused.to_string(),
        }
    }

    #[test]
    fn input_that_is_over_within_a_struct_ends_too_early() {
        for (actor, number, bytes, text) in [
            (ActorKind::Account, 3, "82", "unexpected EOF"),
            (ActorKind::Account, 3, "", "EOF"),
            (ActorKind::Multisig, 8, "8118", "unexpected EOF"),
            (ActorKind::Market, 6, "8282183418", "unexpected EOF"),
            (
                ActorKind::Market,
                5,
                "8181832918",
                "unmarshaling t.Sectors[i]: unexpected EOF",
            ),
            (
                ActorKind::DataCap,
                2,
                "834300ea0f408155",
                "unmarshaling t.Operators[i]: EOF",
            ),
            (
                ActorKind::Market,
                8,
                "8181828219011d18",
                "unmarshaling t.Inputs[i] pointer: unexpected EOF",
            ),
        ] {
            assert_eq!(told(shape(actor, number), bytes), text, "{bytes}");
        }
        let returned = &method(ActorKind::Market, 5).unwrap().returns;
        let text = "unmarshaling t.Sectors[i]: unexpected EOF";
        assert_eq!(told(returned, "818181"), text);
    }

    #[test]
    fn wrong_bytes_are_refused_in_its_words() {
        let propose = shape(ActorKind::Multisig, 2);
        for (bytes, text) in [
            ("9d", "invalid header: (9d)"),
            (
                "9805",
                "cbor input was not canonical (lval 24 with value < 24)",
            ),
            (
                "990005",
                "cbor input was not canonical (lval 25 with value <= MaxUint8)",
            ),
            ("844107", "unmarshaling t.To: invalid address length"),
            ("84420700", "unmarshaling t.To: unknown address protocol"),
            ("84420180", "unmarshaling t.To: invalid address length"),
            (
                "8440",
                "unmarshaling t.To: cbor input should not contain empty addresses",
            ),
            (
                "8443000500",
                "unmarshaling t.To: different varint length (v:1 != p:2): invalid address length",
            ),
            (
                "845841",
                "unmarshaling t.To: too many bytes to unmarshal for an address",
            ),
            (
                "84420005420700",
                "unmarshaling t.Value: big int prefix should be either 0 or 1, got 7",
            ),
            (
                "8442000505",
                "unmarshaling t.Value: cbor input for fil big int was not a byte string (0)",
            ),
        ] {
            assert_eq!(told(propose, bytes), text, "{bytes}");
        }
        let name = shape(ActorKind::Init, 1);
        assert_eq!(told(name, "816261ff"), "{\"NetworkName\":\"a\u{fffd}\"}");
        let exec = shape(ActorKind::Init, 2);
        let text = "failed to read cid field t.CodeCID: expected cbor type 'tag' in input";
        assert_eq!(told(exec, "8201"), text);
    }

    #[test]
    fn any_bytes_may_be_none_at_all() {
        assert_eq!(told(shape(ActorKind::Account, 3_726_118_371), ""), "\"\"");
    }

    #[test]
    fn bytes_may_be_a_list_of_numbers() {
        let params = shape(ActorKind::Account, 3);
        let encoded = |message: Value| {
            let encoded = params.encode(&json!({"Signature": [5, null], "Message": message}));
            encoded.map(|bytes| data_encoding::HEXLOWER.encode(&bytes))
        };
        assert_eq!(encoded(json!([])).unwrap(), "8242050040");
        let text = "json unmarshal: json: cannot unmarshal object into Go struct field \
                    AuthenticateMessageParams.Message of type uint8";
        assert_eq!(encoded(json!([{}])).unwrap_err().to_string(), text);
    }

    #[test]
    fn integers_of_any_size_and_cids_read_themselves() {
        let burn = |amount: Value| refusal(ActorKind::DataCap, 19, &json!({"Amount": amount}));
        let text = "json unmarshal: failed to parse big string: ";
        assert_eq!(burn(Value::Null), format!("{text}'null'"));
        assert_eq!(burn(json!("")), format!("{text}'\"\"'"));
        let exec = |code: Value| refusal(ActorKind::Init, 2, &json!({"CodeCID": code}));
        let text = "json unmarshal: invalid cid: ";
        assert_eq!(exec(json!(5)), format!("{text}invalid cid json blob"));
        let wrong = "cid was incorrectly formatted";
        assert_eq!(exec(json!({})), format!("{text}{wrong}"));
        let link = r#"struct { CidTarget string "json:\"/\"" }"#;
        let wrong = format!("json: cannot unmarshal bool into Go value of type {link}");
        assert_eq!(exec(json!(true)), format!("{text}{wrong}"));
    }

    #[test]
    fn a_number_is_named_where_another_is_wanted() {
        let propose = |params: Value| refusal(ActorKind::Multisig, 8, &params);
        let field = "Go struct field ChangeNumApprovalsThresholdParams.NewThreshold of type uint64";
        let text = format!("json unmarshal: json: cannot unmarshal number -1 into {field}");
        assert_eq!(propose(json!({"NewThreshold": -1})), text);
        let text = "json unmarshal: json: cannot unmarshal number into Go value of type \
                    abi.EmptyValue";
        assert_eq!(refusal(ActorKind::Multisig, 0, &json!(5)), text);
    }
}
