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

/// Go's reason why `text` is no `ty` (as we call the type); `None` where our own must do.
pub(super) fn reason(ty: &str, text: &str) -> Option<String> {
    let is_text = text.starts_with('"');
    match ty {
        "Address" if is_text => address(&string(text)?),
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

/// go-address' reason why a text is no address; `None` when it is one.
fn address(text: &str) -> Option<String> {
    let refused = Address::from_str(text).err()?;
    let mut chars = text.chars();
    let reason = match (chars.next(), chars.next()) {
        _ if text.len() < 3 || text.len() > MAX_ADDRESS => "invalid address length",
        (Some('f' | 't'), Some('0')) if text.len() - 2 > MAX_ID_DIGITS => "invalid address length",
        (Some('f' | 't'), Some('0')) => "invalid address payload",
        (Some('f' | 't'), Some('1'..='4')) => match refused.reason {
            "not base32" => "invalid encoding",
            "the checksum does not match" => "invalid address checksum",
            "too short" | "the payload has a wrong length" => "invalid address length",
            _ => "invalid address payload",
        },
        (Some('f' | 't'), _) => "unknown address protocol",
        _ => "unknown address network",
    };
    Some(reason.to_owned())
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
