//! Clients: over HTTP for single calls, over a WebSocket for channels and many calls.

mod download;
mod http;
mod push;
mod session;
mod ws;

use std::{sync::Arc, time::Duration};

use lotus_rpc_api::{ApiClient, MethodInfo, MethodKind, RpcError};

pub use download::{DownloadError, download};
pub use http::HttpClient;
pub use push::push;
pub use ws::WsClient;

use crate::ApiInfo;

/// How a client waits and how much it takes.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// For an answer, except of methods that wait for something to happen.
    pub time_limit: Duration,
    /// For the answer of methods that wait ([`MethodKind::Waits`]); `None`: as long as the
    /// connection lives.
    pub wait_limit: Option<Duration>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// Longest answer that is taken, in bytes.
    pub max_answer: usize,
    /// How often a WebSocket connection is pinged.
    pub ping_interval: Duration,
    /// A WebSocket connection that is silent for so long is given up.
    pub idle_timeout: Duration,
    /// Pause before the second try to connect again; doubles up to `max_backoff`.
    pub min_backoff: Duration,
    /// Longest pause between tries to connect again.
    pub max_backoff: Duration,
    /// Values of a channel that may wait for their reader; a slower reader loses the channel.
    pub channel_buffer: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(120),
            wait_limit: None,
            connect_timeout: Duration::from_secs(10),
            max_answer: 1 << 30,
            ping_interval: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            channel_buffer: 4096,
        }
    }
}

impl ClientOptions {
    fn limit_for(&self, method: &MethodInfo) -> Option<Duration> {
        match method.kind {
            MethodKind::Waits => self.wait_limit,
            MethodKind::Call | MethodKind::Channel => Some(self.time_limit),
        }
    }
}

/// Connects to an API, the way its address prefers. `version` is `v0` or `v1`.
///
/// # Errors
/// When a WebSocket connection cannot be made, or the token is refused there. A client over HTTP
/// finds out at its first call.
pub async fn connect(
    info: &ApiInfo,
    version: &str,
    options: ClientOptions,
) -> Result<ApiClient, RpcError> {
    let token = info.token.clone();
    if info.prefers_websocket() {
        let client = WsClient::connect(info.ws_url(version).as_str(), token, options).await?;
        Ok(ApiClient::new(Arc::new(client)))
    } else {
        let client = HttpClient::new(info.http_url(version).as_str(), token, options)?;
        Ok(ApiClient::new(Arc::new(client)))
    }
}
