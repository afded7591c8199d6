//! Parameters and results between Rust values and JSON text.
//!
//! Values are written straight to text, never through a tree: the order of fields stays Lotus', and
//! a large result is held in memory once.

mod go_error;

pub use go_error::why_no_address;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{MethodInfo, ParamInfo, RpcError, code, type_name};

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
            Some(text) => serde_json::from_str(text).map_err(|_| {
                let mismatch = mismatch(text, "[]jsonrpc.param");
                let text = format_args!("unmarshaling param array: {mismatch}");
                RpcError::with_code(code::PARSE, text)
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

    /// The next parameter. `null` also stands for Go's zero value: an empty list or text, 0, false.
    ///
    /// # Errors
    /// When it is not of its type.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        let at = self.next;
        self.next += 1;
        let text = self.values.get(at).map_or("null", |v| v.get());
        // Go leaves its zero value where it reads null.
        read_or_one_of(text, &["[]", "0", "\"\"", "false"]).map_err(|e| {
            let param = self.info.params.get(at);
            let ty = param.map(ParamInfo::go_type).unwrap_or_default();
            let reason = match param {
                Some(param) if type_name::is_plain(param.ty) => mismatch(text, &ty),
                Some(param) => go_error::reason(param.ty, text).unwrap_or_else(|| json_error(&e)),
                None => json_error(&e),
            };
            let method = self.info.name;
            let text = format_args!("unmarshaling params for '{method}' (param: *{ty}): {reason}");
            RpcError::with_code(code::PARSE, text)
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

/// Reads a result. `null` is tried as itself, then as an empty list.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    read_or_one_of(text, &["[]"])
}

/// Reads a value; `null` that is none may stand for the first of `zeros` that is one.
fn read_or_one_of<T: DeserializeOwned>(text: &str, zeros: &[&str]) -> Result<T, serde_json::Error> {
    match serde_json::from_str(text) {
        Err(e) if text == "null" => {
            let mut zeros = zeros.iter().map(|zero| serde_json::from_str(zero));
            zeros.find_map(Result::ok).ok_or(e)
        }
        other => other,
    }
}

/// Longest part of a caller's own text that an error repeats.
const LONGEST_ECHO: usize = 1000;

/// The text of a JSON error without the position, which means nothing to the caller.
pub(crate) fn json_error(e: &serde_json::Error) -> String {
    let text = e.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    shortened(text.get(..end).unwrap_or(&text))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_ECHO) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Go's text for a JSON value of another type than `ty`.
fn mismatch(text: &str, ty: &str) -> String {
    let kind = match text.as_bytes().first() {
        Some(b'{') => "object".to_owned(),
        Some(b'[') => "array".to_owned(),
        Some(b'"') => "string".to_owned(),
        Some(b't' | b'f') => "bool".to_owned(),
        Some(b'n') => "null".to_owned(),
        _ => format!("number {}", shortened(text)),
    };
    format!("json: cannot unmarshal {kind} into Go value of type {ty}")
}
