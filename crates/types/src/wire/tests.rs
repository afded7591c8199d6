use super::*;
use crate::{Bytes, TokenAmount};

#[derive(Debug, Clone, PartialEq)]
struct Toy {
    number: u64,
    data: Bytes,
    list: Vec<u64>,
    maybe: Option<u64>,
}
crate::wire_tuple!(Toy { number: "Number", data: "Data" default, list: "List" list, maybe: "Maybe" default }
    with "Twice" = |t| t.number * 2);

fn toy() -> Toy {
    Toy {
        number: 7,
        data: Bytes::from(vec![1, 2]),
        list: vec![],
        maybe: None,
    }
}

#[test]
fn json_has_names_and_cbor_is_an_array() {
    let json = serde_json::to_string(&toy()).expect("json");
    assert_eq!(
        json,
        r#"{"Number":7,"Data":"AQI=","List":null,"Maybe":null,"Twice":14}"#
    );
    assert_eq!(to_cbor(&toy()), [0x84, 7, 0x42, 1, 2, 0x80, 0xf6]);
}

#[test]
fn json_reads_back_without_regard_to_case_and_with_defaults() {
    let read: Toy =
        serde_json::from_str(r#"{"number":7,"DATA":"AQI=","Other":[1]}"#).expect("json");
    assert_eq!(read, toy());
    let err = serde_json::from_str::<Toy>(r#"{"Data":"AQI="}"#).expect_err("Number is missing");
    assert!(err.to_string().contains("Number"), "{err}");
}

mod strict_decoding_refuses {
    use super::*;

    fn refused(bytes: &[u8]) {
        assert!(
            from_cbor::<Toy>(bytes).is_err(),
            "{bytes:02x?} was accepted"
        );
    }

    #[test]
    fn non_minimal_integers() {
        refused(&[0x84, 0x18, 7, 0x42, 1, 2, 0x80, 0xf6]);
        refused(&[0x84, 7, 0x58, 2, 1, 2, 0x80, 0xf6]);
        refused(&[0x98, 4, 7, 0x42, 1, 2, 0x80, 0xf6]);
    }

    #[test]
    fn trailing_bytes() {
        refused(&[0x84, 7, 0x42, 1, 2, 0x80, 0xf6, 0]);
    }

    #[test]
    fn too_few_and_too_many_fields() {
        refused(&[0x83, 7, 0x42, 1, 2, 0x80]);
        refused(&[0x85, 7, 0x42, 1, 2, 0x80, 0xf6, 0]);
    }

    #[test]
    fn lengths_beyond_the_input() {
        refused(&[
            0x84, 7, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ]);
        refused(&[
            0x84, 7, 0x42, 1, 2, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ]);
    }

    #[test]
    fn big_integers_with_leading_zeros() {
        assert!(from_cbor::<TokenAmount>(&[0x42, 0, 1]).is_ok());
        assert!(from_cbor::<TokenAmount>(&[0x43, 0, 0, 1]).is_err());
        assert!(from_cbor::<TokenAmount>(&[0x41, 0]).is_err());
        assert!(from_cbor::<TokenAmount>(&[0x42, 2, 1]).is_err());
    }
}
