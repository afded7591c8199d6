//! Why something was refused, or failed.

use lotus_rpc_api::RpcError;
use lotus_types::Cid;

use crate::lanes::LaneError;

/// Why a question about payment channels has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaychError {
    /// No channel of this address is kept here.
    #[error("channel not tracked")]
    NotTracked,
    /// No channel was made or paid by this message.
    #[error("Could not find wait msg cid {0}")]
    UnknownSentinel(Cid),
    /// The message that was waited for failed on chain.
    #[error("{0}")]
    Failed(String),
    /// What was asked for cannot be: the text says why.
    #[error("{0}")]
    Refused(String),
    /// The voucher is no good.
    #[error(transparent)]
    Voucher(#[from] LaneError),
    /// The node refused or failed; its answer.
    #[error("{doing}{source}")]
    Node {
        /// What was being done, with a colon, or nothing.
        doing: &'static str,
        /// The node's answer.
        source: Box<RpcError>,
    },
    /// The store failed.
    #[error("keeping payment channels: {0}")]
    Store(String),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

impl From<RpcError> for PaychError {
    fn from(source: RpcError) -> Self {
        Self::Node {
            doing: "",
            source: Box::new(source),
        }
    }
}

impl PaychError {
    /// For a refusal, with its words.
    pub(crate) fn refused(text: impl std::fmt::Display) -> Self {
        Self::Refused(text.to_string())
    }

    /// Names what was being done when the node failed.
    pub(crate) fn while_doing(doing: &'static str) -> impl Fn(RpcError) -> Self {
        move |source| Self::Node {
            doing,
            source: Box::new(source),
        }
    }
}

impl From<PaychError> for RpcError {
    /// What a caller of the API is told; codes of the node's own answers are kept.
    fn from(error: PaychError) -> Self {
        let code = match &error {
            PaychError::Node { source, .. } => source.code(),
            _ => None,
        };
        match code {
            Some(code) => Self::with_code(code, error),
            None => Self::new(error),
        }
    }
}
