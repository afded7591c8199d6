//! Strict DAG-CBOR, and the macro that gives a struct its two wire forms.
//!
//! # Lotus parity
//! The binary form is that of Lotus' generated encoders: structs are arrays of their fields in
//! order, big integers are byte strings, CIDs are tag 42. Like them, decoding refuses non-minimal
//! integers, wrong lengths and trailing bytes.

use serde::{Serialize, Serializer, de::DeserializeOwned};

/// Why bytes are not the DAG-CBOR form of a noun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// Not well-formed, or of another shape.
    #[error("malformed CBOR: {0}")]
    Malformed(String),
    /// Well-formed, but not the one canonical encoding.
    #[error("CBOR is not canonical: {len} bytes decode, but encode differently")]
    NotCanonical {
        /// Length of the refused input, in bytes.
        len: usize,
    },
    /// The value has no binary form (for example an undefined address).
    #[error("cannot encode as CBOR: {0}")]
    Unencodable(String),
}

/// Encodes `value` as canonical DAG-CBOR.
///
/// # Errors
/// [`CborError::Unencodable`] when the value itself has no binary form.
pub fn try_to_cbor<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CborError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|e| CborError::Unencodable(e.to_string()))
}

/// Encodes a noun that always has a binary form (all of this crate but the undefined address).
///
/// # Panics
/// When it has none, which is a bug of the caller.
pub fn to_cbor<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    try_to_cbor(value).expect("a complete chain noun always has a binary form")
}

/// Decodes canonical DAG-CBOR; refuses every other encoding of the same value.
///
/// # Errors
/// [`CborError::Malformed`] or [`CborError::NotCanonical`].
pub fn from_cbor<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
    let value: T =
        serde_ipld_dagcbor::from_slice(bytes).map_err(|e| CborError::Malformed(e.to_string()))?;
    if try_to_cbor(&value)? != bytes {
        return Err(CborError::NotCanonical { len: bytes.len() });
    }
    Ok(value)
}

/// In JSON an empty list is `null`, as Go prints a slice that was never made.
#[derive(Debug)]
pub struct NullIfEmpty<'a, T>(pub &'a [T]);

impl<T: Serialize> Serialize for NullIfEmpty<'_, T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            s.serialize_none()
        } else {
            self.0.serialize(s)
        }
    }
}

/// Gives a struct its wire forms: in JSON an object with Lotus' field names, in CBOR an array of
/// the fields in the order written here.
///
/// A field may carry a mode: `default` (absent or `null` in JSON reads as the default value; needed
/// for `Option` fields) or `list` (the same, and an empty list prints as `null`). JSON names are
/// matched without regard to case, and unknown ones are ignored, as Go does. A trailing
/// `with "NAME" = |v| expr` adds a derived field to the JSON output only.
#[macro_export]
macro_rules! wire_tuple {
    ($ty:ident { $($field:ident : $name:literal $($mode:ident)?),* $(,)? }
        $(with $extra:literal = |$this:ident| $value:expr)?) => {
        impl ::serde::Serialize for $ty {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                const FIELDS: &[&str] = &[$($name),*];
                if s.is_human_readable() {
                    use ::serde::ser::SerializeStruct as _;
                    let mut out = s.serialize_struct(
                        stringify!($ty), FIELDS.len() $(+ [$extra].len())?)?;
                    $(out.serialize_field($name, $crate::wire_tuple!(@json self.$field $($mode)?))?;)*
                    $(let $this = self; out.serialize_field($extra, &$value)?;)?
                    out.end()
                } else {
                    use ::serde::ser::SerializeTuple as _;
                    #[allow(unused_mut, reason = "a struct may have no fields")]
                    let mut out = s.serialize_tuple(FIELDS.len())?;
                    $(out.serialize_element(&self.$field)?;)*
                    out.end()
                }
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $ty {
            fn deserialize<D: ::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                const FIELDS: &[&str] = &[$($name),*];
                struct Reader;
                impl<'de> ::serde::de::Visitor<'de> for Reader {
                    type Value = $ty;
                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        write!(f, concat!("a ", stringify!($ty), " of {} fields"), FIELDS.len())
                    }
                    fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                        self, mut seq: A,
                    ) -> Result<$ty, A::Error> {
                        #[allow(unused_mut, unused_variables, reason = "a struct may have no fields")]
                        let mut at = 0_usize;
                        $(let $field = seq.next_element()?.ok_or_else(
                            || ::serde::de::Error::invalid_length(at, &self))?;
                        at += 1;)*
                        if seq.next_element::<::serde::de::IgnoredAny>()?.is_some() {
                            return Err(::serde::de::Error::invalid_length(at + 1, &self));
                        }
                        Ok($ty { $($field),* })
                    }
                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self, mut map: A,
                    ) -> Result<$ty, A::Error> {
                        $(let mut $field = None;)*
                        while let Some(key) = map.next_key::<String>()? {
                            $(if key.eq_ignore_ascii_case($name) {
                                $field = map.next_value::<Option<_>>()?;
                                continue;
                            })*
                            map.next_value::<::serde::de::IgnoredAny>()?;
                        }
                        Ok($ty { $($field: $crate::wire_tuple!(@read $field $name $($mode)?)),* })
                    }
                }
                if d.is_human_readable() {
                    d.deserialize_struct(stringify!($ty), FIELDS, Reader)
                } else {
                    d.deserialize_tuple(FIELDS.len(), Reader)
                }
            }
        }
    };
    (@json $self:ident.$field:ident) => { &$self.$field };
    (@json $self:ident.$field:ident default) => { &$self.$field };
    (@json $self:ident.$field:ident list) => { &$crate::wire::NullIfEmpty(&$self.$field) };
    (@read $field:ident $name:literal) => {
        $field.ok_or_else(|| ::serde::de::Error::missing_field($name))?
    };
    (@read $field:ident $name:literal $mode:ident) => { $field.unwrap_or_default() };
}

#[cfg(test)]
mod tests;
