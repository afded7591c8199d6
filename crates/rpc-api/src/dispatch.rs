//! The called side: from a method's name and JSON parameters to its JSON result.
//!
//! # Invariants
//! - The order of the checks is Lotus': name, way of calling, number of parameters, permission,
//!   types of parameters. A caller without the permission makes no work.
//!
//! # Lotus parity
//! Results are written as Go's JSON encoder writes them, `<`, `>` and `&` escaped.

use std::{collections::HashMap, fmt, io};

use futures::{Stream, StreamExt as _, future::BoxFuture};
use serde::Serialize;
use serde_json::{
    ser::{CompactFormatter, Formatter},
    value::RawValue,
};

use crate::{
    MethodInfo, MethodKind, ParamReader, Permission, RawJson, RpcError, Subscription, code,
};

/// What a method answered.
pub enum Outcome {
    /// Success without a result.
    Empty,
    /// A result.
    Value(RawJson),
    /// A channel of values.
    Channel(Subscription<RawJson>),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Value(v) => write!(f, "Value({})", v.get()),
            Self::Channel(_) => f.write_str("Channel"),
        }
    }
}

type Reply = BoxFuture<'static, Result<Outcome, RpcError>>;
type Call = Box<dyn Fn(ParamReader<'_>) -> Result<Reply, RpcError> + Send + Sync>;

/// A method bound to its implementation.
pub struct Handler {
    info: &'static MethodInfo,
    call: Call,
}

impl Handler {
    /// Binds `info` to a function that reads the parameters and returns the running call.
    pub fn new(
        info: &'static MethodInfo,
        call: impl Fn(ParamReader<'_>) -> Result<Reply, RpcError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            info,
            call: Box::new(call),
        }
    }

    /// What is bound.
    pub fn info(&self) -> &'static MethodInfo {
        self.info
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handler({})", self.info.name)
    }
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStyle {
    /// One request, one answer.
    RequestResponse,
    /// Over a connection that can carry channels.
    Channels,
}

/// The methods of one endpoint.
#[derive(Debug, Default)]
pub struct Dispatcher {
    handlers: HashMap<&'static str, Handler>,
    aliases: HashMap<String, &'static str>,
}

impl Dispatcher {
    /// Without methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handlers of an API; a later method replaces an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, handlers: impl IntoIterator<Item = Handler>) -> Self {
        self.handlers
            .extend(handlers.into_iter().map(|h| (h.info.name, h)));
        self
    }

    /// Makes `method` callable as `alias`.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>, method: &'static str) -> Self {
        self.aliases.insert(alias.into(), method);
        self
    }

    /// All methods, by name.
    pub fn methods(&self) -> Vec<&'static MethodInfo> {
        let mut all: Vec<_> = self.handlers.values().map(Handler::info).collect();
        all.sort_by_key(|info| info.name);
        all
    }

    /// Checks a request and starts the call.
    ///
    /// # Errors
    /// Unknown method, way of calling, number of parameters, permission, type of a parameter.
    pub fn start(
        &self,
        method: &str,
        params: Option<&RawValue>,
        allowed: &[Permission],
        style: CallStyle,
    ) -> Result<Reply, RpcError> {
        let handler = self.find(method).ok_or_else(|| {
            let shown: String = method.chars().take(200).collect();
            RpcError::with_code(
                code::METHOD_NOT_FOUND,
                format_args!("method '{shown}' not found"),
            )
        })?;
        let info = handler.info;
        if info.kind == MethodKind::Channel && style == CallStyle::RequestResponse {
            return Err(RpcError::with_code(
                code::METHOD_NOT_FOUND,
                format_args!(
                    "method '{}' not supported in this mode (no out channel support)",
                    info.name
                ),
            ));
        }
        let params = ParamReader::new(info, params)?;
        if !allowed.contains(&info.permission) {
            return Err(RpcError::new(format_args!(
                "missing permission to invoke '{}' (need '{}')",
                info.short_name(),
                info.permission
            )));
        }
        (handler.call)(params)
    }

    /// Checks a request and runs it to its end.
    ///
    /// # Errors
    /// As [`Self::start`], and what the method answers.
    pub async fn call(
        &self,
        method: &str,
        params: Option<&RawValue>,
        allowed: &[Permission],
        style: CallStyle,
    ) -> Result<Outcome, RpcError> {
        let reply = self.start(method, params, allowed, style)?;
        reply.await
    }

    fn find(&self, method: &str) -> Option<&Handler> {
        let name = self.aliases.get(method).copied().unwrap_or(method);
        self.handlers.get(name)
    }
}

/// The outcome of a method without a result.
#[doc(hidden)]
pub fn encode_empty(_info: &'static MethodInfo, (): ()) -> Result<Outcome, RpcError> {
    Ok(Outcome::Empty)
}

/// The outcome of a method with a result.
#[doc(hidden)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "the macro calls all three alike"
)]
pub fn encode_value<T: Serialize>(
    info: &'static MethodInfo,
    value: T,
) -> Result<Outcome, RpcError> {
    to_go_json(info, &value).map(Outcome::Value)
}

/// The outcome of a method that returns a channel.
#[doc(hidden)]
pub fn encode_stream<T: Serialize + 'static>(
    info: &'static MethodInfo,
    values: impl Stream<Item = T> + Send + 'static,
) -> Result<Outcome, RpcError> {
    let raw = values.map(move |v| to_go_json(info, &v)).scan((), |(), v| {
        if let Err(error) = &v {
            tracing::error!(%error, "a channel is closed because of a value without JSON form");
        }
        futures::future::ready(v.ok())
    });
    Ok(Outcome::Channel(Box::pin(raw)))
}

fn to_go_json<T: Serialize>(info: &'static MethodInfo, value: &T) -> Result<RawJson, RpcError> {
    go_json(value).map_err(|e| {
        RpcError::new(format_args!(
            "{}: the result has no JSON form: {e}",
            info.name
        ))
    })
}

/// Writes a value as Go's JSON encoder would: compact, with `<`, `>` and `&` escaped in strings.
///
/// # Errors
/// When the value has no JSON form.
pub fn go_json<T: Serialize + ?Sized>(value: &T) -> Result<RawJson, serde_json::Error> {
    let mut text = Vec::with_capacity(128);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text,
        GoFormatter,
    ))?;
    let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
    RawValue::from_string(text)
}

/// Writes strings as Go does: `<`, `>`, `&` and two line separators are escaped, so that a page
/// may embed the text.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let Some(special) = tail.chars().next() else {
                break;
            };
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = &tail[special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Go prints a whole number without ".0".
        if value.fract() == 0.0 && value.abs() < 1e15 {
            write!(writer, "{value:.0}")
        } else {
            CompactFormatter.write_f64(writer, value)
        }
    }
}
