//! A small API, and a server of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_rpc::{JwtSecret, Limits, PushStreams, Server, Verifier};
use lotus_rpc_api::{Dispatcher, Permission, RpcError, Subscription, rpc_api};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

rpc_api! {
    /// A toy.
    pub(crate) trait ToyApi {
        /// Adds.
        #[method("ToyAdd", Read)]
        fn toy_add(a: i64, b: i64) -> i64;
        /// Needs more than a read token.
        #[method("ToyWrite", Write)]
        fn toy_write(text: String) -> String;
        /// Never answers.
        #[method("ToyNever", Read)]
        fn toy_never() -> u64;
        /// Answers when asked to wait as long as it takes.
        #[method("ToyWait", Read, Waits)]
        fn toy_wait(millis: u64) -> u64;
        /// Has a bug.
        #[method("ToyPanic", Read)]
        fn toy_panic();
        /// Nothing there.
        #[method("ToyMissing", Read)]
        fn toy_missing();
        /// Counts from 0, `pause` milliseconds apart, `count` values or for ever.
        #[method("ToyCount", Read, Channel)]
        fn toy_count(pause: u64; count: u64) => u64;
        /// How many counts are going on.
        #[method("ToyCounting", Read)]
        fn toy_counting() -> u64;
        /// Length and sum of the bytes of a stream.
        #[method("ToySum", Admin)]
        fn toy_sum(id: Uuid) -> Sum;
    }
}

/// Of bytes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) len: u64,
    pub(crate) sum: u64,
}

#[derive(Default)]
pub(crate) struct Toy {
    counting: Arc<AtomicU64>,
    streams: PushStreams,
}

/// Says when a channel's stream is dropped.
struct Counting(Arc<AtomicU64>);

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ToyApi for Toy {
    async fn toy_add(&self, a: i64, b: i64) -> Result<i64, RpcError> {
        a.checked_add(b)
            .ok_or_else(|| RpcError::with_code(3, "too <large>"))
    }
    async fn toy_write(&self, text: String) -> Result<String, RpcError> {
        Ok(text)
    }
    async fn toy_never(&self) -> Result<u64, RpcError> {
        std::future::pending().await
    }
    async fn toy_wait(&self, millis: u64) -> Result<u64, RpcError> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(millis)
    }
    async fn toy_panic(&self) -> Result<(), RpcError> {
        panic!("a bug")
    }
    async fn toy_count(
        &self,
        pause: u64,
        count: Option<u64>,
    ) -> Result<Subscription<u64>, RpcError> {
        self.counting.fetch_add(1, Ordering::SeqCst);
        let counting = Counting(Arc::clone(&self.counting));
        let values = stream::unfold((0, counting), move |(n, counting)| async move {
            if count == Some(n) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            Some((n, (n + 1, counting)))
        });
        Ok(values.boxed())
    }
    async fn toy_counting(&self) -> Result<u64, RpcError> {
        Ok(self.counting.load(Ordering::SeqCst))
    }
    async fn toy_sum(&self, id: Uuid) -> Result<Sum, RpcError> {
        use tokio::io::AsyncReadExt as _;
        let mut reader = self.streams.open(id).await.map_err(RpcError::new)?;
        let mut data = Vec::new();
        reader.read_to_end(&mut data).await.map_err(RpcError::new)?;
        Ok(Sum {
            len: data.len() as u64,
            sum: data.iter().map(|b| u64::from(*b)).sum(),
        })
    }
}

/// A running server; stops when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) secret: JwtSecret,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(crate) fn http(&self) -> String {
        format!("http://{}/rpc/v1", self.address)
    }
    pub(crate) fn ws(&self) -> String {
        format!("ws://{}/rpc/v1", self.address)
    }
    pub(crate) fn token(&self, permission: Permission) -> String {
        self.secret.token(&permission.up_to()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn start(limits: Limits) -> Running {
    start_at(limits, "127.0.0.1:0".parse().unwrap()).await
}

pub(crate) async fn start_at(limits: Limits, address: SocketAddr) -> Running {
    let toy = Arc::new(Toy::default());
    let streams = toy.streams.clone();
    let methods = Dispatcher::new()
        .with(<dyn ToyApi>::handlers(toy))
        .alias("toy_add", "Filecoin.ToyAdd");
    serve(limits, address, methods, streams).await
}

pub(crate) async fn serve(
    limits: Limits,
    address: SocketAddr,
    methods: Dispatcher,
    streams: PushStreams,
) -> Running {
    let secret = JwtSecret::generate();
    let routes = axum::Router::new().route("/health/livez", axum::routing::get(|| async {}));
    let server = Server::new(Verifier::Secret(secret.clone()))
        .limits(limits)
        .endpoint("/rpc/v1", methods)
        .push_streams(streams)
        .merge(routes)
        .bind(address)
        .await
        .unwrap();
    let address = server.address();
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.serve(stop.clone()));
    Running {
        address,
        secret,
        stop,
        task,
    }
}

/// Tries again and again until `check` holds, for five seconds.
pub(crate) async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut check: F) {
    for _ in 0..250 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} does not happen");
}
