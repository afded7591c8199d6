//! The calling side: the same traits as the server's, over a [`Transport`].

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use crate::{
    MethodInfo, RawJson, RpcError,
    params::{from_json, json_error},
};

/// The values of a channel. It ends when the other side closes it and when the connection dies;
/// dropping it tells the other side to stop.
pub type Subscription<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Carries calls to a server. `lotus-rpc` has one over HTTP and one over a WebSocket.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Calls a method. `None` when the answer has no result.
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError>;

    /// Calls a method that answers with a channel.
    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError>;
}

/// A remote node, miner or worker: implements every API trait of this crate by asking it.
#[derive(Debug, Clone)]
pub struct ApiClient(Arc<dyn Transport>);

impl ApiClient {
    /// A client over `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }

    /// Calls a method and reads its result.
    ///
    /// # Errors
    /// What the server answered, what went wrong on the way, or [`RpcError::Malformed`] when the
    /// result is not of the expected type.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<T, RpcError> {
        let result = self.0.call(method, params).await?;
        read_result(method, result.as_ref().map_or("null", |r| r.get()))
    }

    /// Calls a method that has no result; whatever the answer holds is ignored.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_unit(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<(), RpcError> {
        self.0.call(method, params).await.map(drop)
    }

    /// Calls a method that answers with a channel. A value that cannot be read ends the channel:
    /// whoever follows one must begin anew after a gap anyway.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn subscribe<T: DeserializeOwned + Send + 'static>(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Subscription<T>, RpcError> {
        let values = self.0.subscribe(method, params).await?;
        Ok(Box::pin(values.map(|raw| read_result(method, raw.get())).scan((), |(), value| {
            if let Err(error) = &value {
                tracing::warn!(%error, "a channel is closed because of a value that cannot be read");
            }
            futures::future::ready(value.ok())
        })))
    }
}

fn read_result<T: DeserializeOwned>(
    method: &'static MethodInfo,
    text: &str,
) -> Result<T, RpcError> {
    from_json(text).map_err(|e| RpcError::Malformed {
        method: method.name,
        reason: format!("unexpected result: {}", json_error(&e)),
    })
}
