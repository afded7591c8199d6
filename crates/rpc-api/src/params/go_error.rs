//! What Go says about a parameter that is not of its type, for the types that read themselves.
//!
//! # Lotus parity
//! Texts of go-address, go-cid and go-state-types, which clients see behind `unmarshaling params for`.

use std::str::FromStr;

use lotus_types::{Address, BigInt};
use serde_json::Value;

use super::mismatch;

/// The type into which go-cid reads a link.
const LINK: &str = r#"struct { CidTarget string "json:\"/\"" }"#;
/// Longest text of an address.
const MAX_ADDRESS: usize = 115;
/// Most digits of an actor id.
const MAX_ID_DIGITS: usize = 19;
/// Bytes of a hash in an address.
const HASH: usize = 20;
/// Bytes of a BLS key.
const BLS_KEY: usize = 48;
/// Most bytes of an address within a namespace.
const MAX_SUBADDRESS: usize = 54;
/// Bytes of a checksum.
const CHECKSUM: usize = 4;

/// Go's reason why `text` is no `ty` (as we call the type); `None` where our own must do.
pub(super) fn reason(ty: &str, text: &str) -> Option<String> {
    let is_text = text.starts_with('"');
    match ty {
        "Address" if is_text => why_no_address(&string(text)?),
        "TokenAmount" | "BigInt" if is_text => BigInt::from_str(&string(text)?)
            .err()
            .map(|_| format!("failed to parse big string: '{text}'")),
        "Address" | "TokenAmount" | "BigInt" | "String" => Some(mismatch(text, "string")),
        "Cid" | "Option<Cid>" if !text.starts_with('{') => Some(no_link(text)),
        "TipsetKey" if text.starts_with('[') => {
            let items: Vec<Value> = serde_json::from_str(text).ok()?;
            let other = items.iter().find(|item| !item.is_object())?;
            Some(no_link(&other.to_string()))
        }
        "TipsetKey" => Some(mismatch(text, "[]cid.Cid")),
        "Bytes" if !is_text => Some(mismatch(text, "[]uint8")),
        _ => None,
    }
}

fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn no_link(text: &str) -> String {
    format!("invalid cid: {}", mismatch(text, LINK))
}

/// go-address' reason why a text is no address; `None` when it is one. Its checks come in the order in
/// which Go makes them.
pub fn why_no_address(text: &str) -> Option<String> {
    let ours = Address::from_str(text).err()?.reason;
    Some(go_refusal(text, ours))
}

fn go_refusal(text: &str, ours: &str) -> String {
    const LENGTH: &str = "invalid address length";
    const PAYLOAD: &str = "invalid address payload";
    let (&[network, protocol, ..], Some(raw)) = (text.as_bytes(), text.get(2..)) else {
        return LENGTH.to_owned();
    };
    let (encoded, payload) = match protocol {
        _ if raw.is_empty() || text.len() > MAX_ADDRESS => return LENGTH.to_owned(),
        _ if network != b'f' && network != b't' => return "unknown address network".to_owned(),
        b'0' if raw.len() > MAX_ID_DIGITS => return LENGTH.to_owned(),
        b'0' => return PAYLOAD.to_owned(),
        b'1' | b'2' => (raw, HASH..=HASH),
        b'3' => (raw, BLS_KEY..=BLS_KEY),
        b'4' => match raw.split_once('f') {
            Some((namespace, _)) if namespace.len() > MAX_ID_DIGITS => return LENGTH.to_owned(),
            Some((namespace, sub)) if is_number(namespace) => (sub, 0..=MAX_SUBADDRESS),
            _ => return PAYLOAD.to_owned(),
        },
        _ => return "unknown address protocol".to_owned(),
    };
    if let Some(at) = encoded.find(|c| !matches!(c, 'a'..='z' | '2'..='7')) {
        return format!("illegal base32 data at input byte {at}");
    }
    // Five bits a letter; the last bytes are the checksum.
    let decoded = encoded.len() * 5 / 8;
    if ours == "not base32" {
        "invalid encoding".to_owned()
    } else if !payload.contains(&decoded.wrapping_sub(CHECKSUM)) {
        LENGTH.to_owned()
    } else {
        "invalid address checksum".to_owned()
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ty: &str, text: &str) -> String {
        reason(ty, text).unwrap_or_default()
    }

    #[test]
    fn addresses_are_refused_in_the_recorded_words() {
        for (text, expected) in [
            ("t0", "invalid address length"),
            ("t2abc", "invalid encoding"),
            ("x01", "unknown address network"),
            ("nonsense", "unknown address network"),
            ("t01000 ", "invalid address payload"),
            ("t91000", "unknown address protocol"),
            // Go looks at the length before the checksum, and names the first letter that is none.
            ("t1aaaaaaaa", "invalid address length"),
            ("t2ab1c", "illegal base32 data at input byte 2"),
            (
                "t2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "invalid address checksum",
            ),
            ("t4aaaa", "invalid address payload"),
            ("t410faaaa", "invalid address length"),
            (
                "t410faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "invalid address checksum",
            ),
        ] {
            assert_eq!(of("Address", &format!("{text:?}")), expected, "{text}");
        }
        assert_eq!(
            of("Address", "7"),
            "json: cannot unmarshal number 7 into Go value of type string"
        );
        assert_eq!(reason("Address", "\"t01000\""), None);
    }

    #[test]
    fn links_are_refused_in_the_recorded_words() {
        let link = "invalid cid: json: cannot unmarshal string into Go value of type struct { \
                    CidTarget string \"json:\\\"/\\\"\" }";
        assert_eq!(of("Cid", "\"not a cid\""), link);
        assert_eq!(of("TipsetKey", "[\"x\"]"), link);
        assert_eq!(
            of("TipsetKey", "\"nonsense\""),
            "json: cannot unmarshal string into Go value of type []cid.Cid"
        );
    }
}
