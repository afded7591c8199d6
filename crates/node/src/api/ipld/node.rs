//! A value of the chain's data model, of any shape.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use lotus_rpc_api::RpcError;
use lotus_types::Cid;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap as _, SerializeSeq as _},
};
use serde_json::{Value, json};

/// What a step into something without parts is refused with.
const NO_PARTS: &str = "tried to resolve through object that had no links";

/// A value. CBOR in, JSON out as go-ipld-cbor prints it: links and bytes are objects with the one field `/`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    Link(Cid),
}

impl Node {
    /// Reads an object. The decoder bounds nesting.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, lotus_types::wire::CborError> {
        lotus_types::wire::from_cbor(bytes)
    }

    pub(super) fn into_json(self) -> serde_json::Result<Value> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(b) => b.into(),
            Self::Uint(n) => n.into(),
            Self::Int(n) => n.into(),
            Self::Float(n) => float(n),
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => json!({ "/": { "bytes": BASE64_NOPAD.encode(&bytes) } }),
            Self::Link(cid) => serde_json::to_value(cid)?,
            Self::List(items) => {
                let items = items.into_iter().map(Self::into_json);
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(key, value)| Ok((key, value.into_json()?)));
                Value::Object(entries.collect::<serde_json::Result<_>>()?)
            }
        })
    }

    /// JSON as Go reads it into a value of no type: every number is a float, an object `{"/": …}` is no
    /// link.
    pub(super) fn from_json(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(b),
            Value::String(text) => Self::Text(text),
            Value::Number(n) => Self::Float(n.as_f64().unwrap_or_default()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            Value::Object(object) => {
                let entries = object.into_iter();
                Self::Map(entries.map(|(k, v)| (k, Self::from_json(v))).collect())
            }
        }
    }

    /// The value that a step leads to.
    pub(super) fn step(&self, name: &str) -> Result<Self, RpcError> {
        match self {
            Self::List(items) => {
                let index: usize = name.parse().map_err(|_| {
                    RpcError::new(format_args!(
                        "strconv.Atoi: parsing {name:?}: invalid syntax"
                    ))
                })?;
                let item = items.get(index).cloned();
                item.ok_or_else(|| RpcError::new("array index out of range"))
            }
            Self::Map(entries) => {
                let found = entries.iter().find(|(key, _)| key == name);
                found
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| RpcError::new("no such link found"))
            }
            _ => Err(RpcError::new(NO_PARTS)),
        }
    }
}

/// A float as Go prints it: whole numbers without a point, up to where it takes exponents.
fn float(n: f64) -> Value {
    const EXPONENT_FROM: f64 = 1e21;
    if n.fract() == 0.0 && n.abs() < EXPONENT_FROM {
        let digits = n.to_string();
        if let Ok(whole) = digits.parse::<i64>() {
            return whole.into();
        }
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.into();
        }
    }
    n.into()
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => s.serialize_none(),
            Self::Bool(b) => s.serialize_bool(*b),
            Self::Uint(n) => s.serialize_u64(*n),
            Self::Int(n) => s.serialize_i64(*n),
            Self::Float(n) => s.serialize_f64(*n),
            Self::Bytes(bytes) => s.serialize_bytes(bytes),
            Self::Text(text) => s.serialize_str(text),
            Self::Link(cid) => cid.serialize(s),
            Self::List(items) => {
                let mut list = s.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = s.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NodeReader)
    }
}

struct NodeReader;

impl<'de> Visitor<'de> for NodeReader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DAG-CBOR value")
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Node, E> {
        Ok(Node::Bool(b))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Uint(n))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Int(n))
    }

    /// How the decoder tells every integer.
    fn visit_i128<E: de::Error>(self, n: i128) -> Result<Node, E> {
        match (u64::try_from(n), i64::try_from(n)) {
            (Ok(n), _) => Ok(Node::Uint(n)),
            (_, Ok(n)) => Ok(Node::Int(n)),
            _ => Err(E::custom("an integer of more than 64 bits")),
        }
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Node, E> {
        Ok(Node::Float(n))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Node, E> {
        Ok(Node::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Node, E> {
        Ok(Node::Bytes(bytes))
    }

    /// The decoder hands a link over in this way.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        match d.deserialize_bytes(Self)? {
            Node::Bytes(bytes) => Cid::from_bytes(&bytes)
                .map(Node::Link)
                .map_err(de::Error::custom),
            _ => Err(de::Error::custom("a link is no byte string")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod an_object {
    use super::*;

    #[test]
    fn prints_bytes_and_links_as_objects() {
        let cid = Cid::of_block(b"x");
        let object = Node::List(vec![
            Node::Uint(1),
            Node::Int(-1),
            Node::Bytes(vec![1, 2]),
            Node::Bytes(Vec::new()),
            Node::Map(vec![("k".to_owned(), Node::Null)]),
            Node::Link(cid),
        ]);
        let bytes = lotus_types::wire::try_to_cbor(&object).unwrap();
        let read = Node::read(&bytes).unwrap();
        assert_eq!(read, object);
        let bytes = |text: &str| json!({"/": {"bytes": text}});
        let link = json!({"/": cid.to_string()});
        let expected = json!([1, -1, bytes("AQI"), bytes(""), {"k": null}, link]);
        assert_eq!(read.into_json().unwrap(), expected);
    }

    #[test]
    fn made_of_json_has_floats_that_print_as_whole_numbers_and_no_links() {
        let long = 123_456_789_012_345_680_i64;
        let printed =
            json!({"a": [1, -2, 2.5, "x", true, null], "l": Cid::of_block(b"y"), "n": long});
        let node = Node::from_json(printed.clone());
        assert_eq!(
            node.step("a").and_then(|a| a.step("0")),
            Ok(Node::Float(1.0))
        );
        assert!(matches!(node.step("l"), Ok(Node::Map(_))));
        assert_eq!(node.into_json().unwrap(), printed);
    }

    #[test]
    fn that_claims_more_than_it_has_or_nests_without_end_is_refused() {
        let deep = vec![0x81; 1 << 16];
        for hostile in [
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0x5a, 0xff, 0xff, 0xff, 0xff],
            &[0xd8, 42, 0x41, 0],
            &deep,
            &[],
        ] {
            assert!(Node::read(hostile).is_err());
        }
    }
}
