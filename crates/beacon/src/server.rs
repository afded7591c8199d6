//! A drand-compatible beacon with a single key, so that a devnet runs the code paths of a real one.
//!
//! `GET /chains`, `/health`, `[/{hash}]/info`, `[/{hash}]/public/latest`, `[/{hash}]/public/{round}`,
//! with drand's JSON. The next round to come is answered when it is there, later ones with 425.
//!
//! # Invariants
//! - The chain is a function of key, period and genesis time: a restart, even without the file of
//!   rounds, continues the same one.
//! - No round is given out before its time.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use data_encoding::HEXLOWER;
use lotus_crypto::drand::randomness;
use lotus_networks::ChainInfo;
use lotus_ports::clock::Clock;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

mod key;
mod rounds;

pub use key::{KeyFileError, load_or_create_key};
pub use rounds::{DevnetChain, RoundsError};

/// Rounds that are signed between two looks at the clock and at the stop signal.
const BATCH: u64 = 256;
/// How long a request may wait for a round that should be there but is not signed yet.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);

/// A devnet's beacon, listening.
#[derive(Debug)]
pub struct DevnetBeacon {
    listener: TcpListener,
    chain: Arc<DevnetChain>,
    clock: Arc<dyn Clock>,
}

/// Why the beacon ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconServerError {
    /// The rounds could not be read or written.
    #[error(transparent)]
    Rounds(#[from] RoundsError),
    /// The listener failed.
    #[error("beacon server")]
    Http(#[from] io::Error),
}

impl DevnetBeacon {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(
        address: SocketAddr,
        chain: DevnetChain,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            chain: Arc::new(chain),
            clock,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it serves as `/info`.
    pub fn info(&self) -> &ChainInfo {
        self.chain.info()
    }

    /// Makes rounds in time and serves them until `stop`.
    ///
    /// # Errors
    /// [`BeaconServerError`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), BeaconServerError> {
        let (made, latest) = watch::channel(self.chain.latest());
        let shared = Shared {
            chain: Arc::clone(&self.chain),
            clock: Arc::clone(&self.clock),
            latest,
        };
        let server = axum::serve(self.listener, router(shared))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        // The sender goes when the ticker ends: requests that wait for a round then end, too.
        let ticker = tick(Arc::clone(&self.chain), self.clock, made, stop.clone());
        let serve = async { server.await.map_err(BeaconServerError::from) };
        let tick = async {
            let ended = ticker.await;
            stop.cancel();
            ended
        };
        let ((), ()) = tokio::try_join!(serve, tick)?;
        Ok(())
    }
}

/// Signs every round that is due, then sleeps until the next.
async fn tick(
    chain: Arc<DevnetChain>,
    clock: Arc<dyn Clock>,
    made: watch::Sender<u64>,
    stop: CancellationToken,
) -> Result<(), BeaconServerError> {
    loop {
        let due = chain.due(clock.unix_seconds());
        let latest = chain.latest();
        if latest < due {
            let target = due.min(latest + BATCH);
            let extended = Arc::clone(&chain);
            tokio::task::spawn_blocking(move || extended.extend_to(target))
                .await
                .map_err(io::Error::other)??;
            made.send_replace(target);
            if stop.is_cancelled() {
                return Ok(());
            }
            continue;
        }
        let next = Duration::from_secs(chain.time_of_round(due + 1));
        if stop
            .run_until_cancelled(clock.sleep_until(next))
            .await
            .is_none()
        {
            return Ok(());
        }
    }
}

#[derive(Clone)]
struct Shared {
    chain: Arc<DevnetChain>,
    clock: Arc<dyn Clock>,
    latest: watch::Receiver<u64>,
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/chains", get(chains))
        .route("/health", get(health))
        .route("/info", get(info))
        .route("/public/{round}", get(public))
        .route("/{hash}/info", get(info_of))
        .route("/{hash}/public/{round}", get(public_of))
        .with_state(shared)
}

/// An answer that is no round.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

async fn chains(State(shared): State<Shared>) -> Response {
    Json(vec![shared.chain.info().hash.clone()]).into_response()
}

async fn health(State(shared): State<Shared>) -> Response {
    let expected = shared.chain.due(shared.clock.unix_seconds());
    let current = *shared.latest.borrow();
    let status = if current >= expected {
        StatusCode::OK
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    (
        status,
        Json(json!({ "current": current, "expected": expected })),
    )
        .into_response()
}

async fn info(State(shared): State<Shared>) -> Response {
    Json(shared.chain.info()).into_response()
}

async fn info_of(
    State(shared): State<Shared>,
    Path(hash): Path<String>,
) -> Result<Response, Refusal> {
    shared.expect_chain(&hash)?;
    Ok(info(State(shared)).await)
}

async fn public(
    State(shared): State<Shared>,
    Path(round): Path<String>,
) -> Result<Response, Refusal> {
    shared.round(&round).await
}

async fn public_of(
    State(shared): State<Shared>,
    Path((hash, round)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    shared.expect_chain(&hash)?;
    shared.round(&round).await
}

impl Shared {
    fn expect_chain(&self, hash: &str) -> Result<(), Refusal> {
        if hash == self.chain.info().hash {
            return Ok(());
        }
        let text = format!("this beacon serves chain {} only", self.chain.info().hash);
        Err(Refusal(StatusCode::NOT_FOUND, text))
    }

    /// A round by number, or `latest` (which is also drand's round 0).
    async fn round(mut self, text: &str) -> Result<Response, Refusal> {
        let now = self.clock.unix_seconds();
        let due = self.chain.due(now);
        let asked = match text {
            "latest" => 0,
            number => number.parse::<u64>().map_err(|_| {
                Refusal(
                    StatusCode::BAD_REQUEST,
                    format!("{number:?} is not a round"),
                )
            })?,
        };
        if asked > due.saturating_add(1) || due == 0 && asked == 0 {
            let wait = self.chain.time_of_round(asked).saturating_sub(now);
            let text = format!("round {asked} comes in {wait} s");
            return Err(Refusal(StatusCode::TOO_EARLY, text));
        }
        let round = if asked == 0 { due } else { asked };
        self.wait_for(round, now).await?;
        let mut answer = self.read(round).await?;
        let age = if asked == 0 {
            let next = self.chain.time_of_round(due + 1);
            format!("public, max-age={}", next.saturating_sub(now))
        } else {
            "public, max-age=604800, immutable".to_owned()
        };
        let age = HeaderValue::from_str(&age).expect("digits and letters");
        answer.headers_mut().insert(header::CACHE_CONTROL, age);
        Ok(answer)
    }

    async fn wait_for(&mut self, round: u64, now: u64) -> Result<(), Refusal> {
        let until_due = self.chain.time_of_round(round).saturating_sub(now);
        let limit = Duration::from_secs(until_due) + CATCH_UP_LIMIT;
        let waited = Instant::now();
        match tokio::time::timeout(limit, self.latest.wait_for(|latest| *latest >= round)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "the beacon is stopping".to_owned(),
            )),
            Err(_) => {
                let text = format!("round {round} is not there after {:?}", waited.elapsed());
                Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text))
            }
        }
    }

    async fn read(&self, round: u64) -> Result<Response, Refusal> {
        let chain = Arc::clone(&self.chain);
        let read = tokio::task::spawn_blocking(move || chain.signatures(round)).await;
        match read {
            Ok(Ok((previous, signature))) => Ok(Json(json!({
                "round": round,
                "randomness": HEXLOWER.encode(&randomness(&signature)),
                "signature": HEXLOWER.encode(&signature),
                "previous_signature": HEXLOWER.encode(&previous),
            }))
            .into_response()),
            Ok(Err(error)) => {
                tracing::error!(round, %error, "cannot read a beacon round");
                Err(Refusal(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    error.to_string(),
                ))
            }
            Err(error) => Err(Refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                error.to_string(),
            )),
        }
    }
}
