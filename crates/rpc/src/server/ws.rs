//! One WebSocket connection: calls, channels and their cancellation.
//!
//! The reader never waits for a call, so a cancel always gets through. Answers and channel values
//! go through one bounded queue; a peer that does not read makes its own calls wait, and is dropped
//! when it accepts nothing for [`Limits::idle_timeout`](crate::Limits).

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::{
    extract::{
        FromRequestParts as _, Request,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    response::{IntoResponse as _, Response},
};
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use lotus_rpc_api::{CallStyle, Outcome, RawJson, RpcError, Subscription};
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Endpoint,
    http::{batch_too_long, parse_error},
};
use crate::{
    Caller,
    frame::{self, CANCEL, CHANNEL_CLOSE, CHANNEL_VALUE, Frame, Id},
};

/// A server error of JSON-RPC: a limit of this connection.
const LIMIT_REACHED: i64 = -32000;

/// Answers the upgrade request and serves the connection.
pub(super) async fn upgrade(endpoint: Arc<Endpoint>, caller: Caller, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Err(refused) => refused.into_response(),
        Ok(upgrade) => {
            let most = endpoint.limits.body;
            let tracker = endpoint.connections.token();
            upgrade
                .max_message_size(most)
                .max_frame_size(most)
                .on_upgrade(|socket| async move {
                    serve(socket, endpoint, caller).await;
                    drop(tracker);
                })
        }
    }
}

struct Connection {
    endpoint: Arc<Endpoint>,
    caller: Caller,
    out: mpsc::Sender<Message>,
    /// Running requests by id, to be cancelled; the number tells two requests of one id apart.
    running: Mutex<HashMap<String, (u64, CancellationToken)>>,
    serial: AtomicU64,
    channels_made: AtomicU64,
    channels_open: AtomicUsize,
}

async fn serve(socket: WebSocket, endpoint: Arc<Endpoint>, caller: Caller) {
    let (sink, mut incoming) = socket.split();
    let (out, queue) = mpsc::channel(endpoint.limits.outgoing_frames);
    let idle = endpoint.limits.idle_timeout;
    let stop = endpoint.stop.clone();
    let writing = write(sink, queue, Arc::clone(&endpoint));
    let connection = Arc::new(Connection {
        endpoint,
        caller,
        out,
        running: Mutex::default(),
        serial: AtomicU64::new(0),
        channels_made: AtomicU64::new(0),
        channels_open: AtomicUsize::new(0),
    });
    let reading = async move {
        let mut calls = JoinSet::new();
        // When the server stops: until then running calls may finish, cancels are obeyed, and new
        // calls are refused.
        let mut end: Option<Instant> = None;
        while end.is_none() || !calls.is_empty() {
            let overdue = tokio::time::sleep_until(end.unwrap_or_else(Instant::now));
            let message = tokio::select! {
                message = tokio::time::timeout(idle, incoming.next()) => message,
                Some(_) = calls.join_next(), if !calls.is_empty() => continue,
                () = stop.cancelled(), if end.is_none() => {
                    end = Some(Instant::now() + connection.endpoint.limits.shutdown_grace);
                    continue;
                }
                () = overdue, if end.is_some() => {
                    tracing::warn!("calls of a WebSocket connection are cut off by the shutdown");
                    break;
                }
            };
            match message {
                Ok(Some(Ok(Message::Text(text)))) => {
                    connection.take(&mut calls, text.as_bytes()).await;
                }
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    connection.take(&mut calls, &bytes).await;
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(Some(Ok(Message::Close(_))) | None) => return,
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "a WebSocket connection failed");
                    connection
                        .close(close_code::SIZE, "broken or oversized message")
                        .await;
                    return;
                }
                Err(_) => {
                    tracing::debug!("a silent WebSocket connection is closed");
                    return;
                }
            }
        }
        connection.close(close_code::AWAY, "the server stops").await;
    };
    tokio::select! {
        // The writer ends after the last message of the reader and its calls.
        () = async { reading.await; std::future::pending().await } => {}
        () = writing => {}
    }
}

/// Sends what is queued, and pings. Ends when nobody can queue any more or the peer is stuck.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Message>,
    endpoint: Arc<Endpoint>,
) {
    let limits = &endpoint.limits;
    let mut ping =
        tokio::time::interval_at(Instant::now() + limits.ping_interval, limits.ping_interval);
    loop {
        let message = tokio::select! {
            queued = queue.recv() => match queued {
                Some(message) => message,
                None => break,
            },
            _ = ping.tick() => Message::Ping(Default::default()),
        };
        let last = matches!(message, Message::Close(_));
        match tokio::time::timeout(limits.idle_timeout, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            Ok(_) => return,
            Err(_) => {
                tracing::debug!("a WebSocket peer that does not read is dropped");
                return;
            }
        }
    }
    let _ = tokio::time::timeout(limits.idle_timeout, sink.close()).await;
}

impl Connection {
    /// Takes a message: starts its calls, obeys a cancel, ignores answers.
    async fn take(self: &Arc<Self>, calls: &mut JoinSet<()>, text: &[u8]) {
        let text = text.trim_ascii();
        if frame::too_deep(text, self.endpoint.limits.depth) {
            return self.send(frame::failure(None, parse_error())).await;
        }
        if text.first() == Some(&b'[') {
            let most = self.endpoint.limits.batch;
            match frame::batch(text, most) {
                Some(Ok(batch)) if !batch.is_empty() => {
                    for request in batch {
                        self.start(calls, request).await;
                    }
                }
                Some(Err(count)) => {
                    let error = batch_too_long(count, most);
                    self.send(frame::failure(None, error)).await;
                }
                _ => self.send(frame::failure(None, parse_error())).await,
            }
            return;
        }
        match frame::first_value::<Frame>(text) {
            Some(request) => self.start(calls, request).await,
            None => self.send(frame::failure(None, parse_error())).await,
        }
    }

    async fn start(self: &Arc<Self>, calls: &mut JoinSet<()>, request: Frame) {
        let Some(method) = request.method else {
            tracing::debug!("an answer to nothing is ignored");
            return;
        };
        if method == CANCEL {
            return self.cancel(request.params.as_ref());
        }
        let id = match Id::read(request.id.as_ref()) {
            Ok(id) => id,
            Err(error) => return self.send(frame::failure(None, error)).await,
        };
        if self.endpoint.stop.is_cancelled() {
            let error = RpcError::new("the server is stopping");
            return self.send(frame::failure(id.as_ref(), error)).await;
        }
        if calls.len() >= self.endpoint.limits.calls_per_connection {
            let error = RpcError::with_code(LIMIT_REACHED, "too many calls in flight");
            return self.send(frame::failure(id.as_ref(), error)).await;
        }
        // Registered here, not in the task: a cancel may be the very next message.
        let cancelled = CancellationToken::new();
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        if let Some(id) = &id {
            let entry = (serial, cancelled.clone());
            self.running.lock().insert(id.as_str().to_owned(), entry);
        }
        let connection = Arc::clone(self);
        calls.spawn(async move {
            connection
                .run(id.as_ref(), &method, request.params, &cancelled)
                .await;
            if let Some(id) = &id {
                let mut running = connection.running.lock();
                if running.get(id.as_str()).is_some_and(|(s, _)| *s == serial) {
                    running.remove(id.as_str());
                }
            }
        });
    }

    fn cancel(&self, params: Option<&RawJson>) {
        let ids: Option<Vec<RawJson>> = params.and_then(|p| serde_json::from_str(p.get()).ok());
        for id in ids.unwrap_or_default() {
            if let Some((_, cancelled)) = self.running.lock().get(id.get()) {
                cancelled.cancel();
            }
        }
    }

    async fn run(
        &self,
        id: Option<&Id>,
        method: &str,
        params: Option<RawJson>,
        cancelled: &CancellationToken,
    ) {
        let allowed = &self.caller.allowed;
        let call = self
            .endpoint
            .run(method, params.as_ref(), allowed, CallStyle::Channels);
        let outcome = tokio::select! {
            outcome = call => outcome,
            () = cancelled.cancelled() => Err(RpcError::new("context canceled")),
        };
        let Some(id) = id else {
            if let Err(error) = outcome {
                tracing::debug!(method, %error, "a notification failed");
            }
            return;
        };
        match outcome {
            Ok(Outcome::Channel(values)) => self.channel(id, values, cancelled).await,
            Ok(outcome) => self.send(frame::success(id, &outcome)).await,
            Err(error) => self.send(frame::failure(Some(id), error)).await,
        }
    }

    /// Answers with a channel number and sends the values until there are no more, the caller has
    /// had enough or the server stops.
    async fn channel(
        &self,
        id: &Id,
        mut values: Subscription<RawJson>,
        cancelled: &CancellationToken,
    ) {
        let most = self.endpoint.limits.channels_per_connection;
        if self.channels_open.fetch_add(1, Ordering::Relaxed) >= most {
            self.channels_open.fetch_sub(1, Ordering::Relaxed);
            let error = RpcError::with_code(LIMIT_REACHED, "too many channels are open");
            return self.send(frame::failure(Some(id), error)).await;
        }
        let number = self.channels_made.fetch_add(1, Ordering::Relaxed) + 1;
        self.send(frame::success_raw(id, &number.to_string())).await;
        loop {
            let value = tokio::select! {
                value = values.next() => value,
                () = cancelled.cancelled() => None,
                () = self.endpoint.stop.cancelled() => None,
            };
            let Some(value) = value else { break };
            self.send(frame::channel(CHANNEL_VALUE, number, Some(&value)))
                .await;
        }
        drop(values);
        self.send(frame::channel(CHANNEL_CLOSE, number, None)).await;
        self.channels_open.fetch_sub(1, Ordering::Relaxed);
    }

    async fn send(&self, text: String) {
        // Fails only when the connection is gone, and then nobody waits for it.
        let _ = self.out.send(Message::text(text)).await;
    }

    async fn close(&self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = self.out.send(Message::Close(Some(frame))).await;
    }
}
