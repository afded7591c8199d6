//! Decoded values with their fields in the order in which they are declared.
//!
//! # Lotus parity
//! Go prints a struct's fields in that order; a [`Value`] holds them by name.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq as _},
};
use serde_json::{Map, Value};

use super::{Shape, Struct};

/// Fields of a signature as Go declares them.
const SIGNATURE: [&str; 2] = ["Type", "Data"];

/// A value of a shape, which serializes in the shape's order.
#[derive(Debug, Clone, Copy)]
pub struct Ordered<'a> {
    shape: &'a Shape,
    value: &'a Value,
}

impl Shape {
    /// A value that [`Shape::decode`] gave, to be printed in the order of its fields. Whatever in it is
    /// not of this shape is printed as it is.
    pub const fn ordered<'a>(&'a self, value: &'a Value) -> Ordered<'a> {
        Ordered { shape: self, value }
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match (self.shape, self.value) {
            (Shape::List(of), Value::Array(items)) => {
                let mut list = s.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&of.ordered(item))?;
                }
                list.end()
            }
            (
                Shape::Struct(of) | Shape::Optional(of) | Shape::Embedded(of),
                Value::Object(object),
            ) => {
                let mut map = s.serialize_map(None)?;
                fields(of, object, &mut map)?;
                map.end()
            }
            (Shape::Signature | Shape::OptionalSignature, Value::Object(object)) => {
                let mut map = s.serialize_map(None)?;
                for name in SIGNATURE {
                    if let Some(value) = object.get(name) {
                        map.serialize_entry(name, value)?;
                    }
                }
                map.end()
            }
            _ => self.value.serialize(s),
        }
    }
}

fn fields<M: SerializeMap>(
    of: &Struct,
    object: &Map<String, Value>,
    map: &mut M,
) -> Result<(), M::Error> {
    for (name, shape) in of.fields {
        if let Shape::Embedded(inner) = shape {
            fields(inner, object, map)?;
        } else if let Some(value) = object.get(*name) {
            map.serialize_entry(name, &shape.ordered(value))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{ActorKind, schema::method};

    fn printed(actor: ActorKind, number: u64, value: &serde_json::Value) -> String {
        let method = method(actor, number).unwrap();
        serde_json::to_string(&method.params.ordered(value)).unwrap()
    }

    #[test]
    fn fields_are_in_gos_order() {
        let value = json!({ "Method": 0, "Params": null, "To": "f01", "Value": "1" });
        assert_eq!(
            printed(ActorKind::Multisig, 2, &value),
            r#"{"To":"f01","Value":"1","Method":0,"Params":null}"#
        );
    }

    #[test]
    fn fields_of_an_embedded_struct_stand_in_its_place() {
        let value = json!({ "DealIDs": null, "Miner": 1000, "Number": 2, "SealProof": 5 });
        assert_eq!(
            printed(ActorKind::Power, 8, &value),
            r#"{"SealProof":5,"Miner":1000,"Number":2,"DealIDs":null}"#
        );
    }

    #[test]
    fn what_has_another_shape_is_printed_as_it_is() {
        assert_eq!(printed(ActorKind::Multisig, 2, &json!([1])), "[1]");
    }
}
