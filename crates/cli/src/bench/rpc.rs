//! `lotus-bench rpc`: how many requests a node answers, and how fast.
//!
//! # Invariants
//! - Workers share nothing while they measure; results are put together at the end.
//! - It ends when its time is over, at the latest once the requests under way are answered or refused.
//!
//! # Lotus parity
//! Flags and report of Lotus. The endpoint may be a WebSocket, too (`ws://…`), each worker with a
//! connection of its own; HTTP status codes are not counted. A token is needed only for methods that
//! are not for everyone.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lotus_rpc::{ClientOptions, HttpClient, WsClient};
use lotus_rpc_api::{MethodInfo, MethodKind, Permission, RawJson, Transport, full};
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::report::Results;
use crate::{common::duration, format::CLEAR_SCREEN};

/// Runs a concurrent stress test on one or more rpc methods and prints the performance metrics
/// including latency distribution and histogram
#[derive(Debug, clap::Args)]
pub(super) struct Rpc {
    /// The rpc endpoint to benchmark; http:// or ws://
    #[arg(long, default_value = "http://127.0.0.1:1234/rpc/v1")]
    endpoint: String,
    /// Token for methods that are not for everyone
    #[arg(long, env = "LOTUS_BENCH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Duration of benchmark in seconds
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// How many workers should be used per rpc method (can be overridden per method)
    #[arg(long, default_value_t = 10)]
    concurrency: usize,
    /// How many requests per second should be sent per rpc method (can be overridden per method), a
    /// value of 0 means no limit
    #[arg(long, default_value_t = 0)]
    qps: u64,
    /// Method to benchmark, you can specify multiple methods by repeating this flag:
    /// NAME[:CONCURRENCY][:QPS][:PARAMS]
    #[arg(long = "method", required = true)]
    methods: Vec<String>,
    /// If >0 then generates reports every N seconds
    #[arg(long, default_value = "0s", value_parser = duration)]
    watch: Duration,
    /// print the response of each request
    #[arg(long)]
    print_response: bool,
}

/// What is measured.
#[derive(Debug, Clone)]
struct Target {
    method: &'static MethodInfo,
    concurrency: usize,
    /// Requests per second; 0: as many as go.
    qps: u64,
    params: RawJson,
}

/// Most workers of one method: each holds a connection.
const MOST_WORKERS: usize = 10_000;

impl Target {
    /// Reads `NAME[:CONCURRENCY][:QPS][:PARAMS]`.
    fn read(text: &str, concurrency: usize, qps: u64) -> anyhow::Result<Self> {
        let mut parts = text.splitn(4, ':');
        let name = parts.next().unwrap_or_default();
        let concurrency = match parts.next() {
            None | Some("") => concurrency,
            Some(number) => number.parse().with_context(|| {
                format!("could not parse concurrency value from method {name}: {number:?}")
            })?,
        };
        let qps = match parts.next() {
            None | Some("") => qps,
            Some(number) => number.parse().with_context(|| {
                format!("could not parse qps value from method {name}: {number:?}")
            })?,
        };
        let params = parts.next().unwrap_or("[]").to_owned();
        let params = RawValue::from_string(params.clone())
            .with_context(|| format!("the parameters of {name} are not JSON: {params}"))?;
        anyhow::ensure!(!name.is_empty(), "invalid method format: {text:?}");
        anyhow::ensure!(
            (1..=MOST_WORKERS).contains(&concurrency),
            "{concurrency} workers for {name}: 1 to {MOST_WORKERS} are possible"
        );
        Ok(Self {
            method: method(name),
            concurrency,
            qps,
            params,
        })
    }
}

/// A method by its full or short name; a name that no API of ours has is asked for as it is.
fn method(name: &str) -> &'static MethodInfo {
    let known = full::methods().find(|info| info.name == name || info.short_name() == name);
    known.unwrap_or_else(|| {
        // One per flag of a program that soon ends.
        Box::leak(Box::new(MethodInfo {
            name: String::leak(name.to_owned()),
            permission: Permission::Read,
            params: &[],
            result: None,
            kind: MethodKind::Call,
            doc: "",
        }))
    })
}

/// When the next request of a method may go.
#[derive(Debug)]
struct Pace {
    begun: Instant,
    qps: u64,
    sent: AtomicU64,
}

impl Pace {
    fn next(&self) -> Option<Instant> {
        if self.qps == 0 {
            return None;
        }
        let place = self.sent.fetch_add(1, Ordering::Relaxed);
        Some(self.begun + Duration::from_secs_f64(place as f64 / self.qps as f64))
    }
}

impl Rpc {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        let targets: Vec<_> = self
            .methods
            .iter()
            .map(|text| Target::read(text, self.concurrency, self.qps))
            .collect::<anyhow::Result<_>>()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(self.measure(&targets, out)))
    }

    /// Measures all methods at once, in rounds of `--watch`.
    async fn measure(&self, targets: &[Target], out: &mut dyn Write) -> anyhow::Result<bool> {
        let mut all: Vec<Results> = targets.iter().map(|_| Results::default()).collect();
        let watched = !self.watch.is_zero();
        let begun = Instant::now();
        let (mut left, mut measured) = (self.duration, Duration::ZERO);
        while !left.is_zero() {
            let round = if watched { self.watch.min(left) } else { left };
            left = left.saturating_sub(round);
            let end = Instant::now() + round;
            let stopped = tokio::select! {
                done = self.round(targets, end) => {
                    for (results, new) in all.iter_mut().zip(done?) {
                        results.merge(new);
                    }
                    false
                }
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    eprintln!("Received interrupt, stopping...");
                    true
                }
            };
            measured = begun.elapsed();
            if stopped {
                break;
            }
            if watched {
                write!(out, "{CLEAR_SCREEN}")?;
                report(targets, &all, measured, out)?;
            }
        }
        if !watched {
            report(targets, &all, measured, out)?;
        }
        Ok(all.iter().all(|results| results.good() > 0))
    }

    /// Lets all workers of all methods ask until `end`.
    async fn round(&self, targets: &[Target], end: Instant) -> anyhow::Result<Vec<Results>> {
        let mut workers = JoinSet::new();
        for (k, target) in targets.iter().enumerate() {
            let pace = Arc::new(Pace {
                begun: Instant::now(),
                qps: target.qps,
                sent: AtomicU64::new(0),
            });
            let shared = self.connect_shared()?;
            for _ in 0..target.concurrency {
                let connection: Arc<dyn Transport> = match &shared {
                    Some(http) => Arc::clone(http) as _,
                    None => Arc::new(self.connect().await?),
                };
                let (target, pace) = (target.clone(), Arc::clone(&pace));
                let print = self.print_response;
                workers
                    .spawn(async move { (k, work(connection, target, &pace, end, print).await) });
            }
        }
        let mut all: Vec<Results> = targets.iter().map(|_| Results::default()).collect();
        while let Some(done) = workers.join_next().await {
            let (k, results) = done.context("a worker died")?;
            if let Some(of_method) = all.get_mut(k) {
                of_method.merge(results);
            }
        }
        Ok(all)
    }

    /// One client for all workers of a method, which keeps a pool of connections; `None` over a
    /// WebSocket.
    fn connect_shared(&self) -> anyhow::Result<Option<Arc<HttpClient>>> {
        if self.endpoint.starts_with("ws://") || self.endpoint.starts_with("wss://") {
            return Ok(None);
        }
        let options = ClientOptions::default();
        let client = HttpClient::new(&self.endpoint, self.token.clone(), options)?;
        Ok(Some(Arc::new(client)))
    }

    async fn connect(&self) -> anyhow::Result<WsClient> {
        let options = ClientOptions::default();
        Ok(WsClient::connect(&self.endpoint, self.token.clone(), options).await?)
    }
}

async fn work(
    connection: Arc<dyn Transport>,
    target: Target,
    pace: &Pace,
    end: Instant,
    print: bool,
) -> Results {
    let mut results = Results::default();
    while Instant::now() < end {
        if let Some(at) = pace.next() {
            if at >= end {
                break;
            }
            tokio::time::sleep_until(at.into()).await;
        }
        let begun = Instant::now();
        let answer = connection.call(target.method, target.params.clone()).await;
        let took = begun.elapsed();
        if print {
            // To stderr: the report alone is the result.
            match &answer {
                Ok(result) => {
                    let text = result.as_ref().map_or("null", |raw| raw.get());
                    eprintln!("[{}] {text}", target.method.name);
                }
                Err(error) => eprintln!("[{}] {error}", target.method.name),
            }
        }
        results.note(took, answer.map(drop).map_err(|error| error.to_string()));
    }
    results
}

fn report(
    targets: &[Target],
    all: &[Results],
    elapsed: Duration,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for (k, (target, results)) in targets.iter().zip(all).enumerate() {
        if k > 0 {
            writeln!(out)?;
        }
        writeln!(out, "[{}]:", target.method.name)?;
        writeln!(out, "- Options:")?;
        writeln!(out, "  - concurrency: {}", target.concurrency)?;
        writeln!(out, "  - params: {}", target.params.get())?;
        writeln!(out, "  - qps: {}", target.qps)?;
        results.write(elapsed, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_with_and_without_its_settings() {
        let plain = Target::read("ChainHead", 10, 0).expect("read");
        assert_eq!(plain.method.name, "Filecoin.ChainHead");
        assert_eq!(
            (plain.concurrency, plain.qps, plain.params.get()),
            (10, 0, "[]")
        );
        let full = Target::read("eth_chainId:3:100:[\"a:b\", 1]", 10, 0).expect("read");
        assert_eq!(full.method.name, "eth_chainId");
        assert_eq!((full.concurrency, full.qps), (3, 100));
        assert_eq!(full.params.get(), "[\"a:b\", 1]");
        assert_eq!(
            Target::read("ChainHead::5", 7, 0)
                .expect("read")
                .concurrency,
            7
        );
    }

    #[test]
    fn a_method_that_makes_no_sense_is_refused() {
        for (text, complaint) in [
            (":1", "invalid method format"),
            ("ChainHead:many", "concurrency"),
            ("ChainHead:0", "1 to 10000"),
            ("ChainHead:1:-5", "qps"),
            ("ChainHead:::nonsense", "not JSON"),
        ] {
            let refused = Target::read(text, 1, 0).expect_err(text).to_string();
            assert!(refused.contains(complaint), "{text}: {refused}");
        }
    }

    #[test]
    fn a_pace_spaces_requests_evenly() {
        let pace = Pace {
            begun: Instant::now(),
            qps: 4,
            sent: AtomicU64::new(0),
        };
        let offsets: Vec<_> = (0..3)
            .filter_map(|_| pace.next())
            .map(|at| at - pace.begun)
            .collect();
        assert_eq!(offsets, [0, 250, 500].map(Duration::from_millis));
        assert_eq!(Pace { qps: 0, ..pace }.next(), None);
    }
}
