//! A client over one WebSocket connection, which is made anew when it breaks.
//!
//! A task holds the connection; calls reach it through a queue. While there is no connection calls
//! fail at once and say why; calls in flight when it breaks fail, and channels end. The task ends
//! when the last clone of the client is dropped.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures::Stream;
use lotus_rpc_api::{MethodInfo, RawJson, RpcError, Subscription, Transport};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Error as WsError,
        client::IntoClientRequest as _,
        http::{HeaderValue, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};

use super::{
    ClientOptions,
    session::{Answer, Command, Session},
};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Calls that may wait to be written.
const QUEUE: usize = 1024;

/// Calls and channels over a WebSocket. Clones share the connection.
#[derive(Clone)]
pub struct WsClient(Arc<Inner>);

struct Inner {
    target: Arc<Target>,
    commands: mpsc::Sender<Command>,
    cancels: mpsc::UnboundedSender<u64>,
    next_id: AtomicU64,
    /// Holds the task; dropping it ends the task.
    _driver: JoinSet<()>,
}

/// Whom the client speaks to, and how.
pub(super) struct Target {
    pub(super) url: String,
    token: Option<HeaderValue>,
    pub(super) options: ClientOptions,
}

impl fmt::Debug for WsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WsClient({})", self.0.target.url)
    }
}

impl WsClient {
    /// Connects to the endpoint at `url`, for example `ws://127.0.0.1:1234/rpc/v1`.
    ///
    /// # Errors
    /// When the first connection cannot be made or the token is refused. Later ones are made again
    /// and again.
    pub async fn connect(
        url: &str,
        token: Option<String>,
        options: ClientOptions,
    ) -> Result<Self, RpcError> {
        let token = token
            .map(|t| HeaderValue::from_str(&format!("Bearer {t}")))
            .transpose()
            .map_err(|_| RpcError::Unreachable {
                peer: url.to_owned(),
                reason: "the token has characters that no token has".to_owned(),
            })?;
        let target = Arc::new(Target {
            url: url.to_owned(),
            token,
            options,
        });
        let socket = target.dial().await?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let (cancels, cancelled) = mpsc::unbounded_channel();
        let mut driver = JoinSet::new();
        driver.spawn(drive(Arc::clone(&target), socket, queue, cancelled));
        let next_id = AtomicU64::new(1);
        Ok(Self(Arc::new(Inner {
            target,
            commands,
            cancels,
            next_id,
            _driver: driver,
        })))
    }

    /// Sends a request and waits for what `receiver` gets.
    async fn ask<T>(
        &self,
        method: &'static MethodInfo,
        params: &RawJson,
        answer: Answer,
        receiver: oneshot::Receiver<Result<T, RpcError>>,
    ) -> Result<(u64, T), RpcError> {
        let inner = &self.0;
        let id = inner.next_id.fetch_add(1, Ordering::Relaxed);
        let text = crate::frame::request(id, method.name, params);
        let gone = || inner.target.unreachable("the client is stopped".to_owned());
        let mut guard = CancelOnDrop {
            id: Some(id),
            cancels: inner.cancels.clone(),
        };
        let asking = async {
            inner
                .commands
                .send(Command { id, text, answer })
                .await
                .map_err(|_| gone())?;
            receiver.await.map_err(|_| gone())?
        };
        let answer = match inner.target.options.limit_for(method) {
            None => asking.await,
            Some(limit) => timeout(limit, asking)
                .await
                .map_err(|_| RpcError::TimedOut {
                    method: method.name,
                    peer: inner.target.url.clone(),
                    limit,
                })?,
        };
        guard.id = None;
        Ok((id, answer?))
    }
}

#[async_trait]
impl Transport for WsClient {
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        let (sender, receiver) = oneshot::channel();
        let (_, result) = self
            .ask(method, &params, Answer::Value(sender), receiver)
            .await?;
        Ok(result)
    }

    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        let (sender, receiver) = oneshot::channel();
        let (id, values) = self
            .ask(method, &params, Answer::Channel(sender), receiver)
            .await?;
        let guard = CancelOnDrop {
            id: Some(id),
            cancels: self.0.cancels.clone(),
        };
        Ok(Box::pin(Values {
            values,
            _guard: guard,
            _client: self.clone(),
        }))
    }
}

/// Tells the server to stop a request whose answer nobody wants any more.
struct CancelOnDrop {
    id: Option<u64>,
    cancels: mpsc::UnboundedSender<u64>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = self.cancels.send(id);
        }
    }
}

/// The values of a channel; keeps the connection.
struct Values {
    values: mpsc::Receiver<RawJson>,
    _guard: CancelOnDrop,
    _client: WsClient,
}

impl Stream for Values {
    type Item = RawJson;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RawJson>> {
        self.values.poll_recv(cx)
    }
}

impl Target {
    pub(super) fn unreachable(&self, reason: String) -> RpcError {
        RpcError::Unreachable {
            peer: self.url.clone(),
            reason,
        }
    }

    async fn dial(&self) -> Result<Socket, RpcError> {
        let failed = |e: &WsError| match e {
            WsError::Http(response) if response.status() == 401 => RpcError::Unauthorized {
                peer: self.url.clone(),
            },
            other => self.unreachable(super::http::error_text(other)),
        };
        let mut request = self
            .url
            .as_str()
            .into_client_request()
            .map_err(|e| failed(&e))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let most = Some(self.options.max_answer);
        let config = WebSocketConfig::default()
            .max_message_size(most)
            .max_frame_size(most);
        let limit = self.options.connect_timeout;
        match timeout(
            limit,
            connect_async_with_config(request, Some(config), true),
        )
        .await
        {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(self.unreachable(format!("no connection within {limit:?}"))),
        }
    }
}

/// Keeps a connection and serves the queue until the client is gone.
async fn drive(
    target: Arc<Target>,
    mut socket: Socket,
    mut queue: mpsc::Receiver<Command>,
    mut cancels: mpsc::UnboundedReceiver<u64>,
) {
    loop {
        let session = Session::new(&target, socket);
        let Some(reason) = session.run(&mut queue, &mut cancels).await else {
            return;
        };
        tracing::warn!(peer = target.url, %reason, "the API connection broke");
        let mut pause = target.options.min_backoff;
        socket = loop {
            // Calls that come while a try is under way wait for its outcome.
            match target.dial().await {
                Ok(socket) => break socket,
                Err(error) => {
                    tracing::debug!(peer = target.url, %error, "connecting again failed");
                    let until = Instant::now() + pause;
                    while let Ok(command) = timeout_at(until, queue.recv()).await {
                        let Some(command) = command else { return };
                        command.answer.fail(error.clone());
                    }
                    pause = (pause * 2).min(target.options.max_backoff);
                }
            }
        };
        // Cancels of requests that died with the old connection mean nothing to the new one.
        while cancels.try_recv().is_ok() {}
        tracing::info!(peer = target.url, "the API is connected again");
    }
}
