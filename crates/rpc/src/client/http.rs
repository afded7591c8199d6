//! A client that makes one HTTP request per call.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt as _;
use lotus_rpc_api::{MethodInfo, RawJson, RpcError, Subscription, Transport};
use reqwest::{StatusCode, Url, header::CONTENT_TYPE};

use super::ClientOptions;
use crate::frame::{self, Frame};

/// Calls over HTTP. Cannot carry channels.
pub struct HttpClient {
    http: reqwest::Client,
    url: Url,
    token: Option<String>,
    options: ClientOptions,
    next_id: AtomicU64,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.url)
    }
}

impl HttpClient {
    /// A client of the endpoint at `url`, for example `http://127.0.0.1:1234/rpc/v1`.
    ///
    /// # Errors
    /// When `url` is not one.
    pub fn new(url: &str, token: Option<String>, options: ClientOptions) -> Result<Self, RpcError> {
        let unreachable = |reason: String| RpcError::Unreachable {
            peer: url.to_owned(),
            reason,
        };
        let parsed = Url::parse(url).map_err(|e| unreachable(e.to_string()))?;
        let http = reqwest::Client::builder()
            // A node's API is on this machine or in its network; a proxy has no business with it.
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .build()
            .map_err(|e| unreachable(error_text(&e)))?;
        Ok(Self {
            http,
            url: parsed,
            token,
            options,
            next_id: AtomicU64::new(1),
        })
    }

    /// Calls a method by a name that need not exist, with parameters that need not fit: for tools that
    /// try what a server answers.
    ///
    /// # Errors
    /// What the server answered, or what went wrong on the way.
    pub async fn call_by_name(
        &self,
        method: &str,
        params: &RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        const SHOWN: &str = "the call";
        let limit = self.options.time_limit;
        let asked = self.ask(method, SHOWN, params);
        let in_time = tokio::time::timeout(limit, asked).await;
        in_time.unwrap_or_else(|_| {
            let peer = self.url.to_string();
            Err(RpcError::TimedOut {
                method: SHOWN,
                peer,
                limit,
            })
        })
    }

    /// `shown` names the method in errors.
    async fn ask(
        &self,
        method: &str,
        shown: &'static str,
        params: &RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        let unreachable = |reason: String| RpcError::Unreachable {
            peer: self.url.to_string(),
            reason,
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(frame::request(id, method, params));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request
            .send()
            .await
            .map_err(|e| unreachable(error_text(&e)))?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(RpcError::Unauthorized {
                peer: self.url.to_string(),
            });
        }
        let malformed = |reason: String| RpcError::Malformed {
            method: shown,
            reason,
        };
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|e| unreachable(error_text(&e)))?;
            if body.len() + chunk.len() > self.options.max_answer {
                let most = self.options.max_answer;
                return Err(malformed(format!("the answer is longer than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let Some(answer) = frame::first_value::<Frame>(&body) else {
            let start: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(malformed(format!(
                "{} answered with HTTP status {status} and no JSON-RPC: {}",
                self.url,
                start.trim()
            )));
        };
        match answer.error {
            Some(object) => Err(object.into()),
            None => Ok(answer.result),
        }
    }
}

#[async_trait]
impl Transport for HttpClient {
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        let Some(limit) = self.options.limit_for(method) else {
            return self.ask(method.name, method.name, &params).await;
        };
        tokio::time::timeout(limit, self.ask(method.name, method.name, &params))
            .await
            .unwrap_or_else(|_| {
                let peer = self.url.to_string();
                Err(RpcError::TimedOut {
                    method: method.name,
                    peer,
                    limit,
                })
            })
    }

    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        _params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        let reason = "it answers with a channel, which needs a WebSocket (ws://) connection";
        Err(RpcError::Malformed {
            method: method.name,
            reason: reason.to_owned(),
        })
    }
}

/// The text of an error with its causes; reqwest's own text leaves them out.
pub(super) fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
