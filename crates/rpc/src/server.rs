//! The server: endpoints on an axum router.
//!
//! # Invariants
//! - One request cannot end the server: panics are caught, input is bounded, slow peers are dropped.
//! - When the token given to [`Server::serve`] is cancelled, no new work is taken, running calls
//!   get [`Limits::shutdown_grace`], channels are closed, and `serve` returns.

mod http;
mod ws;

use std::{io, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures::FutureExt as _;
use lotus_rpc_api::{CallStyle, Dispatcher, Outcome, Permission, RawJson, RpcError, code};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Limits, PushStreams, Verifier};

/// A server in the making.
#[derive(Debug)]
pub struct Server {
    verifier: Verifier,
    limits: Limits,
    endpoints: Vec<(String, Dispatcher)>,
    push: Option<PushStreams>,
    extra: Router,
}

impl Server {
    /// A server without endpoints, whose callers are told apart by `verifier`.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            limits: Limits::default(),
            endpoints: Vec::new(),
            push: None,
            extra: Router::new(),
        }
    }

    /// Other limits than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves methods at a path such as `/rpc/v1`, over HTTP and WebSocket.
    #[must_use]
    pub fn endpoint(mut self, path: impl Into<String>, methods: Dispatcher) -> Self {
        self.endpoints.push((path.into(), methods));
        self
    }

    /// Takes byte streams at `/rpc/streams/v0/push/{uuid}`.
    #[must_use]
    pub fn push_streams(mut self, streams: PushStreams) -> Self {
        self.push = Some(streams);
        self
    }

    /// Serves other routes too (`/remote`, `/rest`, `/health`, `/debug/metrics`). They check
    /// permissions themselves, with [`Verifier::caller`].
    #[must_use]
    pub fn merge(mut self, routes: Router) -> Self {
        self.extra = self.extra.merge(routes);
        self
    }

    /// Listens on `address`; the port may be 0.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(self, address: SocketAddr) -> io::Result<ServerHandle> {
        let listener = TcpListener::bind(address).await?;
        Ok(ServerHandle {
            server: self,
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Serves on `listener` until `stop` is cancelled, then ends as the module says.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let grace = self.limits.shutdown_grace;
        let connections = TaskTracker::new();
        let router = self.router(&stop, &connections);
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        let result = tokio::select! {
            result = serving => result,
            () = overdue => Ok(()),
        };
        connections.close();
        if tokio::time::timeout(grace, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!("some WebSocket connections did not end in time");
        }
        result
    }

    fn router(self, stop: &CancellationToken, connections: &TaskTracker) -> Router {
        let limits = Arc::new(self.limits);
        let mut router = self.extra;
        for (path, methods) in self.endpoints {
            let endpoint = Arc::new(Endpoint {
                methods,
                verifier: self.verifier.clone(),
                limits: Arc::clone(&limits),
                stop: stop.clone(),
                connections: connections.clone(),
            });
            router = router.merge(
                Router::new()
                    .route(&path, any(serve_rpc))
                    .with_state(endpoint),
            );
        }
        if let Some(push) = self.push {
            router = router.merge(push.routes());
        }
        router.fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
    }
}

/// A server that has its address.
#[derive(Debug)]
pub struct ServerHandle {
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
}

impl ServerHandle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<()> {
        self.server.serve(self.listener, stop).await
    }
}

/// What one path serves.
struct Endpoint {
    methods: Dispatcher,
    verifier: Verifier,
    limits: Arc<Limits>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Endpoint {
    /// Runs a method. A panic in it becomes an answer.
    async fn run(
        &self,
        method: &str,
        params: Option<&RawJson>,
        allowed: &[Permission],
        style: CallStyle,
    ) -> Result<Outcome, RpcError> {
        let call = self
            .methods
            .call(method, params.map(|p| &**p), allowed, style);
        AssertUnwindSafe(call)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                tracing::error!(method, panic = text, "a method panicked");
                Err(RpcError::with_code(
                    code::PANIC,
                    format_args!(
                        "fatal error calling '{method}': panic in rpc method '{method}': {text}"
                    ),
                ))
            })
    }
}

async fn serve_rpc(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let caller = match endpoint
        .verifier
        .caller(request.headers(), request.uri())
        .await
    {
        Ok(caller) => caller,
        Err(error) => {
            tracing::warn!(%error, "a request with a bad token is refused");
            return StatusCode::UNAUTHORIZED.into_response();
        }
    };
    let upgrade = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if upgrade {
        ws::upgrade(endpoint, caller, request).await
    } else {
        http::answer(&endpoint, &caller, request).await
    }
}
