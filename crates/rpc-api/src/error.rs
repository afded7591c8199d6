//! Errors of a call: what the other side answered, and what went wrong on the way.
//!
//! # Lotus parity
//! Codes and texts are those that Lotus' server sends (go-jsonrpc): protocol errors have the codes
//! of JSON-RPC 2.0, an error of the called method has code 1, and two errors that callers test for
//! have codes of their own ([`code::OUT_OF_GAS`], [`code::ACTOR_NOT_FOUND`]).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The codes in error objects.
pub mod code {
    /// The request is not JSON, or a parameter is not of its type.
    pub const PARSE: i64 = -32700;
    /// JSON, but not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// No such method, or it cannot be called this way.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Too few or too many parameters.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The method panicked: a bug of the server, reported as Lotus does.
    pub const PANIC: i64 = 0;
    /// The method answered with an error.
    pub const METHOD: i64 = 1;
    /// A message ran out of gas when it was tried.
    pub const OUT_OF_GAS: i64 = 2;
    /// There is no such actor.
    pub const ACTOR_NOT_FOUND: i64 = 3;
}

/// An error object as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// See [`code`].
    pub code: i64,
    /// For people.
    pub message: String,
    /// Lotus' typed error, when the method has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

impl ErrorObject {
    /// An error with a code and a text.
    pub fn new(code: i64, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            meta: None,
        }
    }
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The called side refused or failed; its answer.
    #[error("{}", .0.message)]
    Answered(ErrorObject),
    /// The called side cannot be reached, or the connection broke before it answered.
    #[error("cannot reach {peer}: {reason}")]
    Unreachable {
        /// The URL that was asked.
        peer: String,
        /// What happened.
        reason: String,
    },
    /// The called side did not answer in time.
    #[error("no answer to {method} from {peer} within {limit:?}")]
    TimedOut {
        /// The method that was called.
        method: &'static str,
        /// The URL that was asked.
        peer: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The called side refused the token (HTTP status 401).
    #[error("{peer} refused the API token")]
    Unauthorized {
        /// The URL that was asked.
        peer: String,
    },
    /// The answer, or what was to be sent, is not what the API's description says.
    #[error("{method}: {reason}")]
    Malformed {
        /// The method that was called.
        method: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl RpcError {
    /// A failure of the called method, with code 1.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::with_code(code::METHOD, message)
    }

    /// A failure with one of the codes in [`code`].
    pub fn with_code(code: i64, message: impl fmt::Display) -> Self {
        Self::Answered(ErrorObject::new(code, message))
    }

    /// A failure of the called method, told with its causes: `outer: inner: innermost`.
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            // Some libraries repeat the cause in their own text.
            if !text.ends_with(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            cause = inner.source();
        }
        Self::new(text)
    }

    /// What a method answers that this implementation does not have.
    pub fn not_supported(method: &str) -> Self {
        Self::with_code(
            code::METHOD_NOT_FOUND,
            format_args!("method '{method}' not supported"),
        )
    }

    /// The code of the answer; `None` when there was no answer.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Answered(object) => Some(object.code),
            _ => None,
        }
    }

    /// True when the call did not get through or got no answer: a later try may succeed.
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    /// True when the method does not exist over there or is not implemented.
    pub fn is_not_supported(&self) -> bool {
        self.code() == Some(code::METHOD_NOT_FOUND)
    }

    /// The object to answer a caller with. Failures to reach a third side become code 1.
    pub fn into_object(self) -> ErrorObject {
        match self {
            Self::Answered(object) => object,
            other => ErrorObject::new(code::METHOD, other),
        }
    }
}

impl From<ErrorObject> for RpcError {
    fn from(object: ErrorObject) -> Self {
        Self::Answered(object)
    }
}
