//! Parameters and results between Rust values and JSON text.
//!
//! Values are written straight to text, never through a tree: the order of fields stays Lotus', and
//! a large result is held in memory once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{MethodInfo, RpcError, code};

/// A piece of JSON text that is known to be well-formed.
pub type RawJson = Box<RawValue>;

/// Reads the parameters of one call, in order.
#[derive(Debug)]
pub struct ParamReader<'a> {
    info: &'static MethodInfo,
    values: Vec<&'a RawValue>,
    next: usize,
}

impl<'a> ParamReader<'a> {
    /// Takes the `params` of a request apart. Absent and `null` count as an empty list.
    ///
    /// # Errors
    /// When it is not a list, or of the wrong length.
    pub fn new(info: &'static MethodInfo, params: Option<&'a RawValue>) -> Result<Self, RpcError> {
        let values: Vec<&RawValue> = match params.map(RawValue::get) {
            None | Some("null") => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|e| {
                RpcError::with_code(
                    code::PARSE,
                    format_args!("unmarshaling param array: {}", json_error(&e)),
                )
            })?,
        };
        let required = info.required_params();
        if values.len() < required || values.len() > info.params.len() {
            return Err(RpcError::with_code(
                code::INVALID_PARAMS,
                format_args!(
                    "wrong param count (method '{}'): {} != {required}",
                    info.name,
                    values.len()
                ),
            ));
        }
        Ok(Self {
            info,
            values,
            next: 0,
        })
    }

    /// The next parameter. `null` also stands for an empty list, as Go's nil slice does.
    ///
    /// # Errors
    /// When it is not of its type.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        let at = self.next;
        self.next += 1;
        let text = self.values.get(at).map_or("null", |v| v.get());
        from_json(text).map_err(|e| {
            let ty = self
                .info
                .params
                .get(at)
                .map(crate::ParamInfo::go_type)
                .unwrap_or_default();
            RpcError::with_code(
                code::PARSE,
                format_args!(
                    "unmarshaling params for '{}' (param: *{ty}): {}",
                    self.info.name,
                    json_error(&e)
                ),
            )
        })
    }

    /// The next parameter, which may be left out.
    ///
    /// # Errors
    /// When it is there and not of its type.
    pub fn read_optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        if self.next >= self.values.len() {
            self.next += 1;
            return Ok(None);
        }
        self.read()
    }
}

/// Collects the parameters of one call.
#[derive(Debug)]
pub struct ParamWriter {
    method: &'static str,
    values: Vec<RawJson>,
    missing: bool,
}

impl ParamWriter {
    /// For a call of `info`.
    pub fn new(info: &'static MethodInfo) -> Self {
        Self {
            method: info.name,
            values: Vec::with_capacity(info.params.len()),
            missing: false,
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// When the value has no JSON form, or follows an optional one that was left out.
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RpcError> {
        if self.missing {
            return Err(self.malformed("a parameter follows one that was left out"));
        }
        let raw = to_raw_value(value).map_err(|e| self.malformed(&json_error(&e)))?;
        self.values.push(raw);
        Ok(())
    }

    /// Adds one that may be left out.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_optional<T: Serialize>(&mut self, value: Option<&T>) -> Result<(), RpcError> {
        match value {
            Some(value) => self.push(value),
            None => {
                self.missing = true;
                Ok(())
            }
        }
    }

    /// The list as JSON.
    ///
    /// # Errors
    /// Never in practice: the parts are well-formed.
    pub fn finish(self) -> Result<RawJson, RpcError> {
        to_raw_value(&self.values).map_err(|e| self.malformed(&json_error(&e)))
    }

    fn malformed(&self, reason: &str) -> RpcError {
        RpcError::Malformed {
            method: self.method,
            reason: format!("parameters: {reason}"),
        }
    }
}

/// Reads a value. `null` is tried as itself, then as an empty list.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    match serde_json::from_str(text) {
        Err(e) if text == "null" => serde_json::from_str("[]").map_err(|_| e),
        other => other,
    }
}

/// The text of a JSON error without the position, which means nothing to the caller.
pub(crate) fn json_error(e: &serde_json::Error) -> String {
    let text = e.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
