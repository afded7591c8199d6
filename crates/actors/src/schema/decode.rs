//! CBOR to JSON.

use lotus_types::{Address, BigInt, BitField, Bytes, Cid, Signature, address::read_uvarint};
use num_bigint::Sign;
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
/// Go's words for input that is over where a value should begin.
const END: &str = "EOF";
/// And where one has begun.
const EARLY_END: &str = "unexpected EOF";
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
            Self::Raw => match std::mem::take(&mut input.0) {
                // What was read is never nil, however little it is.
                [] => Ok("".into()),
                bytes => json(&Bytes::from(bytes.to_vec())),
            },
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
                if input.skip_null()? =>
            {
                Ok(Value::Null)
            }
            Self::Cid | Self::OptionalCid => json(&input.cid(place)?),
            Self::OpaqueCid => {
                input.cid(place)?;
                Ok(Value::Object(Map::new()))
            }
            Self::BigInt | Self::Address | Self::BitField | Self::Signature => {
                self.read_noun(input).map_err(|e| unmarshaling(e, place))
            }
            Self::OptionalSignature => self.read_noun(input).map_err(|e| behind(e, place)),
            Self::Optional(of) => read_struct(of, input).map_err(|e| behind(e, place)),
            Self::Struct(of) | Self::Embedded(of) => {
                read_struct(of, input).map_err(|e| unmarshaling(e, place))
            }
        }
    }

    fn read_noun(&self, input: &mut Reader<'_>) -> Decoded {
        match self {
            Self::BigInt => json(&input.big_int()?),
            Self::Address => {
                let not_bytes = "cbor type for address unmarshal was not byte string";
                let (major, length) = input.header()?;
                if major != BYTES {
                    return Err(SchemaError::new(not_bytes));
                }
                if length > MAX_ADDRESS {
                    let text = "too many bytes to unmarshal for an address";
                    return Err(SchemaError::new(text));
                }
                let bytes = input.sized(length, MAX_ADDRESS)?;
                let address = Address::from_bytes(bytes).map_err(|_| no_address(bytes))?;
                json(&address)
            }
            Self::BitField => input.noun::<BitField>(MAX_BYTES, "expected byte array"),
            _ => input.noun::<Signature>(MAX_BYTES, "not a byte string"),
        }
    }
}

/// go-address' reason why bytes are no address.
fn no_address(bytes: &[u8]) -> SchemaError {
    const LENGTH: &str = "invalid address length";
    let Some((protocol, payload)) = bytes.split_first() else {
        return SchemaError::new("cbor input should not contain empty addresses");
    };
    match (protocol, read_uvarint(payload)) {
        _ if payload.is_empty() => SchemaError::new(LENGTH),
        (0, Some((_, rest))) if !rest.is_empty() => {
            let (read, all) = (payload.len() - rest.len(), payload.len());
            let text = "different varint length";
            SchemaError::new(format_args!("{text} (v:{read} != p:{all}): {LENGTH}"))
        }
        (0 | 4, Some((number, _))) if i64::try_from(number).is_err() => {
            SchemaError::new("id addresses must be less than 2^63: invalid address payload")
        }
        (0, None) => SchemaError::new(
            "could not decode: varints malformed, could not reach the end: invalid address payload",
        ),
        (0..=4, _) => SchemaError::new(LENGTH),
        _ => SchemaError::new("unknown address protocol"),
    }
}

fn unmarshaling(error: SchemaError, place: &str) -> SchemaError {
    if place.is_empty() {
        error
    } else {
        error.within(format_args!("unmarshaling {place}"))
    }
}

/// As [`unmarshaling`], of a value that may be missing.
fn behind(error: SchemaError, place: &str) -> SchemaError {
    unmarshaling(error, &format!("{place} pointer"))
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
    // Go names no index either.
    let place = format!("{place}[i]");
    let items = (0..count).map(|_| of.read(input, &place));
    items.collect::<Result<_, _>>().map(Value::Array)
}

/// The end of the input, where something had begun already.
fn early(error: SchemaError) -> SchemaError {
    match error.0.as_str() {
        END => SchemaError::new(EARLY_END),
        _ => error,
    }
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
        let value = shape.read(input, &format!("t.{name}"));
        // Within a struct the end never comes as expected.
        let value = value.map_err(early)?;
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
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| SchemaError::new(if self.0.is_empty() { END } else { EARLY_END }))?;
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
                    "invalid header: ({first:x})"
                )));
            }
        };
        let value = self.take(width)?;
        let value = value
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        // The largest number that needs fewer bytes, as a comparison.
        let (most, limit) = match width {
            1 => (23, "< 24"),
            2 => (0xff, "<= MaxUint8"),
            4 => (0xffff, "<= MaxUint16"),
            _ => (0xffff_ffff, "<= MaxUint32"),
        };
        if value <= most {
            return Err(SchemaError::new(format_args!(
                "cbor input was not canonical (lval {low} with value {limit})"
            )));
        }
        Ok((major, value))
    }

    fn skip_null(&mut self) -> Result<bool, SchemaError> {
        match self.0.split_first() {
            Some((&NULL, rest)) => {
                self.0 = rest;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(SchemaError::new(END)),
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

    /// A sign byte and the magnitude; nothing at all is zero.
    fn big_int(&mut self) -> Result<BigInt, SchemaError> {
        let (major, length) = self.header()?;
        if major != BYTES {
            return Err(SchemaError::new(format_args!(
                "cbor input for fil big int was not a byte string ({major:x})"
            )));
        }
        if length > MAX_INTEGER {
            return Err(SchemaError::new(format_args!(
                "big integer byte array too long ({length} bytes)"
            )));
        }
        let sign = match self.sized(length, MAX_INTEGER)?.split_first() {
            None => return Ok(BigInt::default()),
            Some((0, magnitude)) => (Sign::Plus, magnitude),
            Some((1, magnitude)) => (Sign::Minus, magnitude),
            Some((other, _)) => {
                return Err(SchemaError::new(format_args!(
                    "big int prefix should be either 0 or 1, got {other}"
                )));
            }
        };
        Ok(BigInt(num_bigint::BigInt::from_bytes_be(sign.0, sign.1)))
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

    /// Text; each byte that belongs to no character is replaced, as Go prints it.
    fn text(&mut self) -> Result<String, SchemaError> {
        let (major, length) = self.header()?;
        if major != TEXT {
            return Err(SchemaError::new(format_args!(
                "got tag {major} while reading string value (l = {length})"
            )));
        }
        let mut text = String::new();
        for chunk in self.sized(length, MAX_BYTES)?.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        Ok(text)
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
            match self.header()? {
                (TAG, CID_TAG) => {}
                (TAG, _) => return Err(SchemaError::new("expected tag 42")),
                _ => return Err(SchemaError::new("expected cbor type 'tag' in input")),
            }
            let not_bytes = "expected cbor type 'byte string' in input";
            let bytes = self.bytes(MAX_BYTES, not_bytes).map_err(early)?;
            match bytes.split_first() {
                Some((_, [])) => Err(SchemaError::new(
                    "cbor serialized CIDs must have at least two bytes",
                )),
                // A CID in CBOR begins with the multibase prefix of binary.
                Some((0, cid)) => Cid::from_bytes(cid).map_err(|e| SchemaError::new(e.reason)),
                Some(_) => Err(SchemaError::new(
                    "cbor serialized CIDs must have binary multibase",
                )),
                None => Err(SchemaError::new("undefined cid")),
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
