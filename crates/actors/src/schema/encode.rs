//! JSON to CBOR.

use std::str::FromStr;

use data_encoding::BASE64;
use lotus_types::{Address, BigInt, BitField, Cid};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{SchemaError, Shape, Struct};

type Encoded = Result<(), SchemaError>;

impl Shape {
    /// Puts a value of this shape together.
    ///
    /// # Errors
    /// With `json unmarshal` in front when `value` is not of this shape, and `cbor marshal` when it
    /// is but has no binary form (an address that is missing).
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>, SchemaError> {
        let mut out = Vec::new();
        self.check(value, None)
            .map_err(|e| e.within("json unmarshal"))?;
        self.write(value, "", &mut out)
            .map_err(|e| e.within("cbor marshal"))?;
        Ok(out)
    }

    /// The Go type, as its JSON decoder names it.
    const fn go_type(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Uint => "uint64",
            Self::Int => "int64",
            Self::Bytes => "[]uint8",
            Self::Raw => "abi.CborBytesTransparent",
            Self::Text | Self::BigInt | Self::Address | Self::Label => "string",
            Self::BitField => "[]uint64",
            Self::Cid | Self::OptionalCid => "struct { CidTarget string \"json:\\\"/\\\"\" }",
            Self::List(_) => "[]interface {}",
            Self::Empty => "abi.EmptyValue",
            Self::OpaqueCid => "typegen.CborCid",
            Self::Signature | Self::OptionalSignature => "crypto.Signature",
            Self::Optional(of) | Self::Struct(of) | Self::Embedded(of) => of.name,
        }
    }

    /// Is the JSON of this shape? `field` is the owner's name and the field's.
    fn check(&self, value: &Value, field: Field<'_>) -> Encoded {
        let mismatch = || mismatch(value, field, self.go_type());
        match (self, value) {
            // An integer of any size reads itself, and not `null`.
            (Self::BigInt, Value::Null) if field.is_some() => {
                Err(SchemaError::new("failed to parse big string: 'null'"))
            }
            (Self::BigInt, Value::String(text)) if text.is_empty() => Err(no_big_int(text)),
            // Null leaves a zero value; a struct without JSON fields takes any object.
            (_, Value::Null)
            | (Self::Empty | Self::OpaqueCid, Value::Object(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Text | Self::Label, Value::String(_)) => Ok(()),
            (Self::Uint, Value::Number(n)) if n.is_u64() => Ok(()),
            (Self::Int, Value::Number(n)) if n.is_i64() => Ok(()),
            (Self::Uint | Self::Int, Value::Number(_)) => {
                Err(mismatch_of_number(value, field, self.go_type()))
            }
            (Self::Raw | Self::Bytes, Value::String(text)) => base64(text).map(drop),
            (Self::Raw | Self::Bytes, Value::Array(items)) => items.iter().try_for_each(|item| {
                let fits = byte(item).is_some();
                fits.then_some(())
                    .ok_or_else(|| mismatch_of_number(item, field, "uint8"))
            }),
            (Self::BigInt, Value::String(text)) => big_int(text).map(drop),
            (Self::Address, Value::String(text)) => address(text).map(drop),
            (Self::Cid | Self::OptionalCid, Value::Object(_)) => cid(value).map(drop),
            // So does a CID.
            (Self::Cid | Self::OptionalCid, _) => {
                Err(mismatch_in_cid(value, self.go_type()).within("invalid cid"))
            }
            (Self::BitField, Value::Array(_)) => bit_field(value).map(drop),
            (Self::Signature | Self::OptionalSignature, Value::Object(object)) => {
                check_signature(object)
            }
            (Self::List(of), Value::Array(items)) => {
                items.iter().try_for_each(|item| of.check(item, field))
            }
            (Self::Optional(of) | Self::Struct(of) | Self::Embedded(of), Value::Object(object)) => {
                of.fields.iter().try_for_each(|(name, shape)| {
                    let value = match shape {
                        Self::Embedded(_) => Some(value),
                        _ => lookup(object, name),
                    };
                    value.map_or(Ok(()), |v| shape.check(v, Some((of.name, name))))
                })
            }
            _ => Err(mismatch()),
        }
    }

    /// Writes a value that was checked; what is missing is zero.
    fn write(&self, value: &Value, place: &str, out: &mut Vec<u8>) -> Encoded {
        let text = value.as_str().unwrap_or_default();
        match self {
            Self::Empty => Err(SchemaError::new(
                "cannot marshal empty value, try nil instead",
            )),
            Self::Raw => {
                out.extend(bytes(value)?);
                Ok(())
            }
            Self::Bool => put(out, &value.as_bool().unwrap_or_default()),
            Self::Uint => put(out, &value.as_u64().unwrap_or_default()),
            Self::Int => put(out, &value.as_i64().unwrap_or_default()),
            Self::Text | Self::Label => put(out, &text),
            Self::Bytes => put(out, &lotus_types::Bytes::from(bytes(value)?)),
            Self::BigInt => put(out, &big_int(text)?),
            Self::Address => match address(text)? {
                Address::UNDEFINED => Err(SchemaError::new("cannot marshal undefined address")),
                address => put(out, &address),
            },
            Self::Optional(_) | Self::OptionalCid | Self::OptionalSignature if value.is_null() => {
                put(out, &())
            }
            Self::Cid | Self::OptionalCid => match cid(value)? {
                Some(cid) => put(out, &cid),
                None => Err(undefined_cid(place)),
            },
            // Go reads nothing into it.
            Self::OpaqueCid => Err(undefined_cid("")),
            Self::BitField => put(out, &bit_field(value)?),
            Self::Signature | Self::OptionalSignature => put(out, &signature(value)?),
            Self::List(of) => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                header(out, items.len());
                let place = format!("{place}[i]");
                items
                    .iter()
                    .try_for_each(|item| of.write(item, &place, out))
            }
            Self::Optional(of) | Self::Struct(of) | Self::Embedded(of) => {
                write_struct(of, value, out)
            }
        }
    }
}

/// Names of a field's owner and of the field.
type Field<'a> = Option<(&'a str, &'a str)>;

/// What Go says of JSON that is of another type.
fn mismatch(value: &Value, field: Field<'_>, ty: &str) -> SchemaError {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    unmarshalable(kind, field, ty)
}

/// As [`mismatch`], where a number is wanted: then Go names the one that does not fit.
fn mismatch_of_number(value: &Value, field: Field<'_>, ty: &str) -> SchemaError {
    match value {
        Value::Number(n) => unmarshalable(&format!("number {n}"), field, ty),
        _ => mismatch(value, field, ty),
    }
}

fn unmarshalable(kind: &str, field: Field<'_>, ty: &str) -> SchemaError {
    let into = match field {
        Some((of, name)) => format!("Go struct field {of}.{name}"),
        None => "Go value".to_owned(),
    };
    SchemaError::new(format_args!(
        "json: cannot unmarshal {kind} into {into} of type {ty}"
    ))
}

fn mismatch_in_cid(value: &Value, ty: &str) -> SchemaError {
    // go-cid looks at nothing that short.
    if value.to_string().len() < 2 {
        return SchemaError::new("invalid cid json blob");
    }
    mismatch(value, None, ty)
}

/// An element of a list of bytes.
fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Null => Some(0),
        other => other.as_u64().and_then(|n| u8::try_from(n).ok()),
    }
}

/// Bytes from base64 or from a list of numbers.
fn bytes(value: &Value) -> Result<Vec<u8>, SchemaError> {
    match value {
        Value::Array(items) => Ok(items.iter().filter_map(byte).collect()),
        other => base64(other.as_str().unwrap_or_default()),
    }
}

fn undefined_cid(place: &str) -> SchemaError {
    match place {
        "" => SchemaError::new("undefined cid"),
        _ => SchemaError::new(format_args!(
            "failed to write cid field {place}: undefined cid"
        )),
    }
}

fn write_struct(of: &Struct, value: &Value, out: &mut Vec<u8>) -> Encoded {
    let none = Map::new();
    let object = value.as_object().unwrap_or(&none);
    header(out, of.fields.len());
    of.fields.iter().try_for_each(|(name, shape)| {
        let value = match shape {
            Shape::Embedded(_) => value,
            _ => lookup(object, name).unwrap_or(&Value::Null),
        };
        shape.write(value, &format!("t.{name}"), out)
    })
}

/// A field by name, as Go matches names.
fn lookup<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let folded = || {
        let mut all = object.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    object.get(name).or_else(folded)
}

fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Encoded {
    out.extend(lotus_types::wire::try_to_cbor(value).map_err(SchemaError::new)?);
    Ok(())
}

/// Begins an array.
fn header(out: &mut Vec<u8>, count: usize) {
    const ARRAY: u8 = 4 << 5;
    let bytes = (count as u64).to_be_bytes();
    let [.., b2, b1, b0] = bytes;
    match count {
        0..=23 => out.push(ARRAY | b0),
        24..=0xff => out.extend([ARRAY | 24, b0]),
        0x100..=0xffff => out.extend([ARRAY | 25, b1, b0]),
        _ => out.extend([ARRAY | 26, bytes[4], b2, b1, b0]),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, SchemaError> {
    BASE64.decode(text.as_bytes()).map_err(|e| {
        SchemaError::new(format_args!(
            "illegal base64 data at input byte {}",
            e.position
        ))
    })
}

fn big_int(text: &str) -> Result<BigInt, SchemaError> {
    // Nothing, or how Go prints an integer that is not there.
    if text.is_empty() || text == "<nil>" {
        return Ok(BigInt::default());
    }
    BigInt::from_str(text).map_err(|_| no_big_int(text))
}

fn no_big_int(text: &str) -> SchemaError {
    SchemaError::new(format_args!("failed to parse big string: '\"{text}\"'"))
}

fn address(text: &str) -> Result<Address, SchemaError> {
    Address::from_str(text).map_err(|e| SchemaError::new(e.reason))
}

/// `None` for the undefined CID.
fn cid(value: &Value) -> Result<Option<Cid>, SchemaError> {
    if value
        .as_object()
        .is_some_and(|link| link.get("/").is_none_or(Value::is_null))
    {
        return Err(SchemaError::new(
            "invalid cid: cid was incorrectly formatted",
        ));
    }
    serde_json::from_value(value.clone()).map_err(|e| SchemaError::new(e).within("invalid cid"))
}

fn bit_field(value: &Value) -> Result<BitField, SchemaError> {
    serde_json::from_value(value.clone()).map_err(SchemaError::new)
}

const SIGNATURE: Struct = Struct {
    name: "Signature",
    fields: &[("Type", Shape::Uint), ("Data", Shape::Bytes)],
};

fn check_signature(object: &Map<String, Value>) -> Encoded {
    for (name, shape) in SIGNATURE.fields {
        if let Some(value) = lookup(object, name) {
            shape.check(value, Some((SIGNATURE.name, name)))?;
        }
    }
    let kind = lookup(object, "Type").and_then(Value::as_u64);
    match kind.map(u8::try_from) {
        Some(Err(_)) => Err(SchemaError::new(
            "json: cannot unmarshal number into Go struct field Signature.Type of type \
             crypto.SigType",
        )),
        _ => Ok(()),
    }
}

/// Type byte and data, whatever the type.
fn signature(value: &Value) -> Result<lotus_types::Bytes, SchemaError> {
    let field = |name| value.as_object().and_then(|o| lookup(o, name));
    let kind = field("Type").and_then(Value::as_u64).unwrap_or_default();
    let mut bytes = vec![u8::try_from(kind).unwrap_or_default()];
    bytes.extend(base64(
        field("Data").and_then(Value::as_str).unwrap_or_default(),
    )?);
    Ok(bytes.into())
}
