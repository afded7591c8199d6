//! CBOR to JSON.

use lotus_types::{Address, BigInt, BitField, Bytes, Cid, Signature};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{SchemaError, Shape, Struct};

/// Most elements of a list, as cbor-gen has it.
const MAX_LIST: u64 = 8192;
/// Most bytes of a byte string, as cbor-gen has it.
const MAX_BYTES: u64 = 2 << 20;
/// Most bytes of an address.
const MAX_ADDRESS: u64 = 64;
/// Most bytes of an integer, sign byte included.
const MAX_INTEGER: u64 = 128;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;
const NULL: u8 = 0xf6;
/// Tag of a CID.
const CID_TAG: u64 = 42;

type Decoded = Result<Value, SchemaError>;

impl Shape {
    /// Takes a value of this shape apart. Bytes behind it are ignored, as Lotus does.
    ///
    /// # Errors
    /// When the bytes do not begin with such a value.
    pub fn decode(&self, cbor: &[u8]) -> Decoded {
        self.read(&mut Reader(cbor), "")
    }

    /// `place` is the field as cbor-gen names it (`t.To`), or nothing.
    fn read(&self, input: &mut Reader<'_>, place: &str) -> Decoded {
        match self {
            Self::Empty => Ok(Value::Object(Map::new())),
            Self::Raw => json(&Bytes::from(std::mem::take(&mut input.0).to_vec())),
            Self::Bool => input.boolean(),
            Self::Uint => match input.header()? {
                (UNSIGNED, n) => Ok(n.into()),
                _ => Err(SchemaError::new("wrong type for uint64 field")),
            },
            Self::Int => input.integer(),
            Self::Text => Ok(input.text()?.into()),
            Self::Bytes => {
                let bytes = input.bytes(MAX_BYTES, "expected byte array")?;
                json(&Bytes::from(bytes.to_vec())).map(null_if_empty)
            }
            Self::Label => input.label(),
            Self::List(of) => read_list(of, input, place),
            Self::Optional(_) | Self::OptionalCid | Self::OptionalSignature
                if input.skip_null() =>
            {
                Ok(Value::Null)
            }
            Self::Cid | Self::OptionalCid => json(&input.cid(place)?),
            Self::OpaqueCid => {
                input.cid(place)?;
                Ok(Value::Object(Map::new()))
            }
            Self::BigInt
            | Self::Address
            | Self::BitField
            | Self::Signature
            | Self::OptionalSignature => self.read_noun(input).map_err(|e| unmarshaling(e, place)),
            Self::Optional(of) | Self::Struct(of) | Self::Embedded(of) => {
                read_struct(of, input).map_err(|e| unmarshaling(e, place))
            }
        }
    }

    fn read_noun(&self, input: &mut Reader<'_>) -> Decoded {
        match self {
            Self::BigInt => {
                let not_bytes = "cbor input for fil big int was not a byte string";
                input.noun::<BigInt>(MAX_INTEGER, not_bytes)
            }
            Self::Address => {
                let not_bytes = "cbor type for address unmarshal was not byte string";
                let bytes = input.bytes(MAX_ADDRESS, not_bytes)?;
                let address = Address::from_bytes(bytes).map_err(|e| SchemaError::new(e.reason))?;
                json(&address)
            }
            Self::BitField => input.noun::<BitField>(MAX_BYTES, "expected byte array"),
            _ => input.noun::<Signature>(MAX_BYTES, "not a byte string"),
        }
    }
}

fn unmarshaling(error: SchemaError, place: &str) -> SchemaError {
    if place.is_empty() {
        error
    } else {
        error.within(format_args!("unmarshaling {place}"))
    }
}

fn json(value: &impl Serialize) -> Decoded {
    serde_json::to_value(value).map_err(SchemaError::new)
}

fn null_if_empty(value: Value) -> Value {
    match &value {
        Value::String(text) if text.is_empty() => Value::Null,
        _ => value,
    }
}

fn read_list(of: &Shape, input: &mut Reader<'_>, place: &str) -> Decoded {
    let (major, count) = input.header()?;
    if count > MAX_LIST {
        return Err(SchemaError::new(format_args!(
            "{place}: array too large ({count})"
        )));
    }
    if major != ARRAY {
        return Err(SchemaError::new("expected cbor array"));
    }
    if count == 0 {
        return Ok(Value::Null);
    }
    let items = (0..count).map(|k| of.read(input, &format!("{place}[{k}]")));
    items.collect::<Result<_, _>>().map(Value::Array)
}

fn read_struct(of: &Struct, input: &mut Reader<'_>) -> Decoded {
    let (major, count) = input.header()?;
    if major != ARRAY {
        return Err(SchemaError::new("cbor input should be of type array"));
    }
    if count != of.fields.len() as u64 {
        return Err(SchemaError::new("cbor input had wrong number of fields"));
    }
    let mut object = Map::new();
    for (name, shape) in of.fields {
        let value = shape.read(input, &format!("t.{name}"))?;
        match (shape, value) {
            (Shape::Embedded(_), Value::Object(inner)) => object.extend(inner),
            (_, value) => {
                object.insert((*name).to_owned(), value);
            }
        }
    }
    Ok(Value::Object(object))
}

/// The input that is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SchemaError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| {
            let end = if self.0.is_empty() {
                "EOF"
            } else {
                "unexpected EOF"
            };
            SchemaError::new(end)
        })?;
        self.0 = rest;
        Ok(taken)
    }

    /// Major type and argument of the next item, which must be in its shortest form.
    fn header(&mut self) -> Result<(u8, u64), SchemaError> {
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, low) = (first >> 5, first & 0x1f);
        let width = match low {
            0..=23 => return Ok((major, u64::from(low))),
            24..=27 => 1_usize << (low - 24),
            _ => {
                return Err(SchemaError::new(format_args!(
                    "invalid header: (major: {major}, low: {low})"
                )));
            }
        };
        let value = self.take(width)?;
        let value = value
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        // The least number that needs this many bytes.
        let least = if width == 1 {
            24
        } else {
            1_u64 << (8 * (width / 2))
        };
        if value < least {
            return Err(SchemaError::new(format_args!(
                "cbor input was not canonical (lval {low} with value < {least})"
            )));
        }
        Ok((major, value))
    }

    fn skip_null(&mut self) -> bool {
        match self.0.split_first() {
            Some((&NULL, rest)) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn boolean(&mut self) -> Decoded {
        match self.header()? {
            (SIMPLE, 20) => Ok(false.into()),
            (SIMPLE, 21) => Ok(true.into()),
            (SIMPLE, other) => Err(SchemaError::new(format_args!(
                "booleans are either major type 7, value 20 or 21 (got {other})"
            ))),
            _ => Err(SchemaError::new("booleans must be major type 7")),
        }
    }

    fn integer(&mut self) -> Decoded {
        let (major, n) = self.header()?;
        let signed = |overflow| i64::try_from(n).map_err(|_| SchemaError::new(overflow));
        match major {
            UNSIGNED => Ok(signed("int64 positive overflow")?.into()),
            NEGATIVE => Ok((-1 - signed("int64 negative overflow")?).into()),
            _ => Err(SchemaError::new(format_args!(
                "wrong type for int64 field: {major}"
            ))),
        }
    }

    fn sized(&mut self, length: u64, most: u64) -> Result<&'a [u8], SchemaError> {
        if length > most {
            return Err(SchemaError::new(format_args!(
                "byte array too large ({length})"
            )));
        }
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn bytes(&mut self, most: u64, not_bytes: &str) -> Result<&'a [u8], SchemaError> {
        match self.header()? {
            (BYTES, length) => self.sized(length, most),
            _ => Err(SchemaError::new(not_bytes)),
        }
    }

    fn text(&mut self) -> Result<&'a str, SchemaError> {
        let (major, length) = self.header()?;
        if major != TEXT {
            return Err(SchemaError::new("got tag while reading string value"));
        }
        std::str::from_utf8(self.sized(length, MAX_BYTES)?).map_err(SchemaError::new)
    }

    fn label(&mut self) -> Decoded {
        match self.header()? {
            (TEXT, length) => {
                let text = std::str::from_utf8(self.sized(length, MAX_BYTES)?);
                let text = text.map_err(|_| SchemaError::new("label string not valid utf8"))?;
                Ok(text.into())
            }
            (BYTES, length) => {
                self.sized(length, MAX_BYTES)?;
                Ok("".into())
            }
            (major, _) => Err(SchemaError::new(format_args!(
                "unexpected major tag ({major}) when unmarshaling DealLabel: only textString (3) or \
                 byteString (2) expected"
            ))),
        }
    }

    fn cid(&mut self, place: &str) -> Result<Cid, SchemaError> {
        let mut read = || {
            if self.header()? != (TAG, CID_TAG) {
                return Err(SchemaError::new("expected tag 42"));
            }
            match self.bytes(MAX_BYTES, "expected bytes")?.split_first() {
                // A CID in CBOR begins with the multibase prefix of binary.
                Some((0, cid)) => Cid::from_bytes(cid).map_err(|e| SchemaError::new(e.reason)),
                _ => Err(SchemaError::new("undefined cid")),
            }
        };
        read().map_err(|e| match place {
            "" => e,
            _ => e.within(format_args!("failed to read cid field {place}")),
        })
    }

    /// A byte string that one of our nouns reads.
    fn noun<T: DeserializeOwned + Serialize>(&mut self, most: u64, not_bytes: &str) -> Decoded {
        let begin = self.0;
        self.bytes(most, not_bytes)?;
        let item = begin.len() - self.0.len();
        let item = begin.get(..item).unwrap_or(begin);
        let noun: T = fvm_ipld_encoding::from_slice(item).map_err(SchemaError::new)?;
        json(&noun)
    }
}
