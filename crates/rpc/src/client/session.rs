//! One WebSocket connection of a client, from its making to its breaking.

use std::{collections::HashMap, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use lotus_rpc_api::{RawJson, RpcError};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::ws::{Socket, Target};
use crate::frame::{self, CHANNEL_CLOSE, CHANNEL_VALUE, Frame};

/// A request to be sent.
pub(super) struct Command {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) answer: Answer,
}

/// Who waits for an answer.
pub(super) enum Answer {
    /// For a result.
    Value(oneshot::Sender<Result<Option<RawJson>, RpcError>>),
    /// For a channel.
    Channel(oneshot::Sender<Result<mpsc::Receiver<RawJson>, RpcError>>),
}

impl Answer {
    /// Whoever waited may be gone; nobody misses the answer then.
    pub(super) fn fail(self, error: RpcError) {
        match self {
            Self::Value(sender) => drop(sender.send(Err(error))),
            Self::Channel(sender) => drop(sender.send(Err(error))),
        }
    }
}

struct Channel {
    request: u64,
    values: mpsc::Sender<RawJson>,
}

pub(super) struct Session<'a> {
    target: &'a Target,
    socket: Socket,
    waiting: HashMap<u64, Answer>,
    channels: HashMap<u64, Channel>,
}

impl<'a> Session<'a> {
    pub(super) fn new(target: &'a Target, socket: Socket) -> Self {
        Self {
            target,
            socket,
            waiting: HashMap::new(),
            channels: HashMap::new(),
        }
    }

    /// Serves the queue until the connection breaks (the reason) or the client is gone (`None`).
    pub(super) async fn run(
        mut self,
        queue: &mut mpsc::Receiver<Command>,
        cancels: &mut mpsc::UnboundedReceiver<u64>,
    ) -> Option<String> {
        let reason = self.serve(queue, cancels).await;
        if let Some(reason) = &reason {
            let error = self.target.unreachable(reason.clone());
            for (_, answer) in self.waiting.drain() {
                answer.fail(error.clone());
            }
        } else {
            let _ = timeout(Duration::from_secs(1), self.socket.close(None)).await;
        }
        reason
    }

    async fn serve(
        &mut self,
        queue: &mut mpsc::Receiver<Command>,
        cancels: &mut mpsc::UnboundedReceiver<u64>,
    ) -> Option<String> {
        let options = &self.target.options;
        let idle = options.idle_timeout;
        let mut ping = tokio::time::interval_at(
            Instant::now() + options.ping_interval,
            options.ping_interval,
        );
        let mut last_heard = Instant::now();
        loop {
            let to_send = tokio::select! {
                message = self.socket.next() => {
                    last_heard = Instant::now();
                    match message {
                        Some(Ok(message)) => match self.take(message) {
                            Ok(reply) => reply,
                            Err(reason) => return Some(reason),
                        },
                        Some(Err(error)) => return Some(error.to_string()),
                        None => return Some("the server closed the connection".to_owned()),
                    }
                }
                command = queue.recv() => {
                    let Command { id, text, answer } = command?;
                    self.waiting.insert(id, answer);
                    Some(Message::text(text))
                }
                Some(id) = cancels.recv() => self.forget(id),
                _ = ping.tick() => {
                    if last_heard.elapsed() > idle {
                        return Some(format!("the server was silent for {idle:?}"));
                    }
                    Some(Message::Ping(Default::default()))
                }
            };
            let Some(message) = to_send else { continue };
            match timeout(idle, self.socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(error.to_string()),
                Err(_) => return Some(format!("the server took nothing for {idle:?}")),
            }
        }
    }

    /// Takes a message; the reply to it, or the reason why this is the end.
    fn take(&mut self, message: Message) -> Result<Option<Message>, String> {
        let frame = match &message {
            Message::Text(text) => frame::first_value::<Frame>(text.as_bytes()),
            Message::Binary(bytes) => frame::first_value::<Frame>(bytes),
            Message::Close(close) => {
                let reason = close
                    .as_ref()
                    .map(|c| c.reason.as_str())
                    .unwrap_or_default();
                return Err(format!("the server closed the connection {reason}")
                    .trim()
                    .to_owned());
            }
            _ => return Ok(None),
        };
        let Some(frame) = frame else {
            tracing::warn!("the server sent something that is not JSON-RPC");
            return Ok(None);
        };
        match frame.method.as_deref() {
            Some(CHANNEL_VALUE) => Ok(self.channel_value(frame.params.as_ref())),
            Some(CHANNEL_CLOSE) => {
                let number = frame
                    .params
                    .and_then(|p| frame::first_value::<(u64,)>(p.get().as_bytes()));
                if let Some((number,)) = number {
                    self.channels.remove(&number);
                }
                Ok(None)
            }
            Some(method) => {
                tracing::debug!(method, "a call from the server is not answered");
                Ok(None)
            }
            None => Ok(self.answer(frame)),
        }
    }

    fn channel_value(&mut self, params: Option<&RawJson>) -> Option<Message> {
        let (number, value): (u64, RawJson) = frame::first_value(params?.get().as_bytes())?;
        let channel = self.channels.get(&number)?;
        match channel.values.try_send(value) {
            Ok(()) => None,
            Err(error) => {
                if matches!(error, mpsc::error::TrySendError::Full(_)) {
                    tracing::warn!(number, "a channel whose reader is too slow is closed");
                }
                let request = channel.request;
                self.channels.remove(&number);
                Some(Message::text(frame::cancel(request)))
            }
        }
    }

    fn answer(&mut self, frame: Frame) -> Option<Message> {
        let id: u64 = frame.id.as_ref()?.get().parse().ok()?;
        let answer = self.waiting.remove(&id)?;
        if let Some(object) = frame.error {
            answer.fail(object.into());
            return None;
        }
        match answer {
            Answer::Value(sender) => drop(sender.send(Ok(frame.result))),
            Answer::Channel(sender) => {
                let number = frame
                    .result
                    .as_ref()
                    .and_then(|r| r.get().parse::<u64>().ok());
                let Some(number) = number else {
                    let text = "the server did not answer with a channel number";
                    drop(sender.send(Err(RpcError::new(text))));
                    return None;
                };
                let (values, receiver) = mpsc::channel(self.target.options.channel_buffer);
                self.channels.insert(
                    number,
                    Channel {
                        request: id,
                        values,
                    },
                );
                if sender.send(Ok(receiver)).is_err() {
                    return self.forget(id);
                }
            }
        }
        None
    }

    /// Nobody waits for request `id` any more: the message that tells the server, if it matters.
    fn forget(&mut self, id: u64) -> Option<Message> {
        let before = self.waiting.len() + self.channels.len();
        self.waiting.remove(&id);
        self.channels.retain(|_, channel| channel.request != id);
        let known = self.waiting.len() + self.channels.len() < before;
        known.then(|| Message::text(frame::cancel(id)))
    }
}
