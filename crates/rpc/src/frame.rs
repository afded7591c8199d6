//! Requests and answers as text.
//!
//! # Lotus parity
//! Reads what Go's decoder reads: names of any case, the last of two equal names, bytes after the
//! first value are ignored, `"jsonrpc"` may be missing. Writes answers with the fields in Go's
//! order, each with a line end.

use std::fmt;

use lotus_rpc_api::{ErrorObject, Outcome, RawJson, RpcError, code, go_json};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The method that stops a call or channel.
pub(crate) const CANCEL: &str = "xrpc.cancel";
/// Carries a value of a channel.
pub(crate) const CHANNEL_VALUE: &str = "xrpc.ch.val";
/// Ends a channel.
pub(crate) const CHANNEL_CLOSE: &str = "xrpc.ch.close";

/// A request or an answer.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) id: Option<RawJson>,
    pub(crate) method: Option<String>,
    pub(crate) params: Option<RawJson>,
    pub(crate) result: Option<RawJson>,
    pub(crate) error: Option<ErrorObject>,
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(FrameReader)
    }
}

struct FrameReader;

impl<'de> Visitor<'de> for FrameReader {
    type Value = Frame;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frame, A::Error> {
        let mut frame = Frame::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.to_ascii_lowercase().as_str() {
                "id" => frame.id = Some(map.next_value()?),
                "method" => frame.method = map.next_value()?,
                "params" => frame.params = Some(map.next_value()?),
                "result" => frame.result = Some(map.next_value()?),
                "error" => frame.error = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(frame)
    }
}

/// The id of a request: a string or a number, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    /// `None` for a missing or `null` id: the request is not to be answered.
    pub(crate) fn read(raw: Option<&RawJson>) -> Result<Option<Self>, RpcError> {
        let text = raw.map_or("null", |r| r.get());
        let kind = match text.as_bytes().first() {
            Some(b'n') => return Ok(None),
            Some(b'"' | b'-' | b'0'..=b'9') => return Ok(Some(Self(text.to_owned()))),
            Some(b'{') => "map[string]interface {}",
            Some(b'[') => "[]interface {}",
            _ => "bool",
        };
        Err(RpcError::with_code(
            code::PARSE,
            format_args!("failed to parse ID: invalid id type: {kind}"),
        ))
    }

    /// As JSON.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first JSON value in `text`; what follows it is ignored.
pub(crate) fn first_value<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    serde_json::Deserializer::from_slice(text)
        .into_iter()
        .next()?
        .ok()
}

/// The requests of a batch; only their number when there are more than `most`, so that a long batch
/// takes no memory. `None` when it is no list of objects.
pub(crate) fn batch(text: &[u8], most: usize) -> Option<Result<Vec<Frame>, usize>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = reader.deserialize_seq(BatchReader { most }).ok()?;
    reader.end().ok()?;
    Some(read)
}

struct BatchReader {
    most: usize,
}

impl<'de> Visitor<'de> for BatchReader {
    type Value = Result<Vec<Frame>, usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of JSON-RPC objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut frames = Vec::new();
        while frames.len() < self.most {
            match list.next_element()? {
                Some(frame) => frames.push(frame),
                None => return Ok(Ok(frames)),
            }
        }
        let mut more = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            more += 1;
        }
        Ok(if more == 0 {
            Ok(frames)
        } else {
            Err(self.most + more)
        })
    }
}

/// True when lists and objects are nested deeper than `limit`.
pub(crate) fn too_deep(text: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// The answer to a request that went well. A channel is answered by its number, elsewhere.
pub(crate) fn success(id: &Id, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value(value) => success_raw(id, value.get()),
        Outcome::Empty | Outcome::Channel(_) => {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{}}}\n", id.as_str())
        }
    }
}

/// The answer with this JSON text as its result.
pub(crate) fn success_raw(id: &Id, result: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"result\":{result},\"id\":{}}}\n",
        id.as_str()
    )
}

/// Longest text of an error, in bytes. Errors repeat what they do not like, which may be long.
const LONGEST_ERROR: usize = 16 << 10;

/// The answer to a request that failed.
pub(crate) fn failure(id: Option<&Id>, error: RpcError) -> String {
    let mut object = error.into_object();
    if object.message.len() > LONGEST_ERROR {
        let end = object.message.floor_char_boundary(LONGEST_ERROR);
        object.message.truncate(end);
        object.message.push('…');
    }
    let text = go_json(&object).map_or_else(|_| "null".to_owned(), |raw| raw.get().to_owned());
    let id = id.map_or("null", Id::as_str);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{text}}}\n")
}

/// A notification about channel `number`, with a value or without.
pub(crate) fn channel(method: &str, number: u64, value: Option<&RawJson>) -> String {
    let (comma, value) = value.map_or(("", ""), |v| (",", v.get()));
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":[{number}{comma}{value}]}}\n")
}

/// A request.
pub(crate) fn request(id: u64, method: &str, params: &RawJson) -> String {
    let params = params.get();
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}")
}

/// A request to stop request `id`; as Go's client sends it, without an id of its own.
pub(crate) fn cancel(id: u64) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{CANCEL}\",\"params\":[{id}]}}")
}

/// The HTTP status that goes with an error code.
pub(crate) fn http_status(code: Option<i64>) -> u16 {
    match code {
        Some(code::INVALID_REQUEST) => 400,
        Some(code::PARSE | code::METHOD_NOT_FOUND | code::INVALID_PARAMS | code::PANIC) => 500,
        _ => 200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_go_reads_them() {
        let text = br#"{"ID":1,"method":"a","METHOD":"b","params":[1],"other":{}} garbage"#;
        let frame: Frame = first_value(text).expect("a frame");
        assert_eq!(frame.method.as_deref(), Some("b"));
        assert_eq!(frame.id.expect("an id").get(), "1");
        assert!(first_value::<Frame>(b"42").is_none());
        assert!(first_value::<Frame>(b"{\"jsonrpc\":").is_none());
    }

    #[test]
    fn long_errors_are_cut() {
        let text = failure(None, RpcError::new("é".repeat(100_000)));
        assert!(text.len() < LONGEST_ERROR + 200, "{} bytes", text.len());
        assert!(text.contains("é…\""));
        let short = failure(None, RpcError::new("é"));
        assert!(short.contains("\"message\":\"é\""), "{short}");
    }

    #[test]
    fn long_batches_are_only_counted() {
        let text = format!("[{}]", ["{\"id\":1}"; 5].join(","));
        let read = |most| batch(text.as_bytes(), most);
        assert_eq!(read(5).map(|b| b.map(|frames| frames.len())), Some(Ok(5)));
        assert_eq!(read(4).map(|b| b.map(|frames| frames.len())), Some(Err(5)));
        for bad in ["[1]", "[{}", "[{}] {}", "{}"] {
            assert!(batch(bad.as_bytes(), 5).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_are_strings_or_numbers() {
        let read = |t: &str| Id::read(Some(&serde_json::from_str(t).expect("JSON")));
        assert_eq!(read("null"), Ok(None));
        assert_eq!(read("1.5"), Ok(Some(Id("1.5".to_owned()))));
        assert_eq!(read("\"abc\""), Ok(Some(Id("\"abc\"".to_owned()))));
        for (bad, kind) in [
            ("{}", "map[string]interface {}"),
            ("[]", "[]interface {}"),
            ("true", "bool"),
        ] {
            let error = read(bad).expect_err("no id").to_string();
            assert_eq!(
                error,
                format!("failed to parse ID: invalid id type: {kind}")
            );
        }
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert!(!too_deep(b"[[\"[[[[\\\"[[\"]]", 2));
        assert!(too_deep(b"[[{\"a\":1}]]", 2));
        assert!(!too_deep(b"[[]][[]]", 2));
    }
}
