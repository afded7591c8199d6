//! The devnet's beacon and the client, over loopback.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use lotus_beacon::{
    DrandBeacon, DrandChain, FilecoinTime, HttpClient, entries_for_block,
    server::{DevnetBeacon, DevnetChain},
    validate_block_entries,
};
use lotus_crypto::bls;
use lotus_networks::{BeaconConfig, ChainInfo};
use lotus_ports::{
    beacon::{Beacon, BeaconError, BeaconSchedule},
    clock::{Clock, ManualClock},
};
use lotus_types::BeaconEntry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PERIOD: u64 = 4;
const GENESIS: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A running beacon.
struct Running {
    url: String,
    info: ChainInfo,
    clock: ManualClock,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

fn chain(dir: &Path) -> DevnetChain {
    let key = bls::SecretKey::from_key_material(&[9; 32]);
    DevnetChain::open(key, PERIOD, GENESIS, &dir.join("rounds")).expect("opens")
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Running {
    /// With the clock at the moment of `round`.
    async fn at_round(round: u64) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let chain = chain(dir.path());
        let clock = ManualClock::at(Duration::from_secs(chain.time_of_round(round)));
        let beacon = DevnetBeacon::bind(loopback(), chain, Arc::new(clock.clone()))
            .await
            .expect("a free port");
        let url = format!("http://{}", beacon.local_addr().expect("bound"));
        let info = beacon.info().clone();
        let stop = CancellationToken::new();
        let run = beacon.run(stop.clone());
        let task = tokio::spawn(async move { run.await.expect("runs") });
        Self {
            url,
            info,
            clock,
            stop,
            task,
            _dir: dir,
        }
    }

    fn drand(&self) -> DrandChain {
        DrandChain::new(&self.info).expect("its own info")
    }

    fn beacon(&self, servers: &[String]) -> DrandBeacon {
        let time = FilecoinTime {
            genesis: GENESIS + 400,
            block_delay: PERIOD,
        };
        let client = HttpClient::new(servers).expect("URLs");
        DrandBeacon::new(self.drand(), time, client, Arc::new(self.clock.clone()))
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("client")
            .get(format!("{}/{path}", self.url))
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("stops")
            .expect("did not panic");
    }
}

/// A server that answers every request alike.
async fn liar(answer: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind(loopback())
        .await
        .expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let app = Router::new().fallback(get(move || async move { answer }));
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    url
}

/// A URL where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind(loopback())
        .await
        .expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

mod the_server {
    use super::*;

    #[tokio::test]
    async fn answers_as_drand_does() {
        let server = Running::at_round(3).await;
        let hash = server.info.hash.clone();
        assert_eq!(server.get("chains").await, (200, format!("[\"{hash}\"]")));
        for path in ["info".to_owned(), format!("{hash}/info")] {
            let (status, text) = server.get(&path).await;
            let info: ChainInfo = serde_json::from_str(&text).expect("chain info");
            assert_eq!((status, &info), (200, &server.info));
        }
        let first = server.get("public/1").await;
        assert_eq!(first, server.get(&format!("{hash}/public/1")).await);
        let round: serde_json::Value = serde_json::from_str(&first.1).expect("JSON");
        assert_eq!(round["round"], 1);
        assert_eq!(round["previous_signature"], server.info.group_hash.as_str());
        assert_eq!(
            server.get("public/latest").await,
            server.get("public/3").await
        );
        let (status, health) = server.get("health").await;
        assert_eq!(
            (status, health.as_str()),
            (200, r#"{"current":3,"expected":3}"#)
        );
        server.stop().await;
    }

    #[tokio::test]
    async fn gives_no_round_before_its_time() {
        let server = Running::at_round(3).await;
        assert_eq!(server.get("public/5").await.0, 425);
        assert_eq!(server.get("public/18446744073709551615").await.0, 425);
        let clock = server.clock.clone();
        let next = server.get("public/4");
        let advance = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            clock.advance(Duration::from_secs(PERIOD));
        };
        let ((status, text), ()) = tokio::join!(next, advance);
        assert_eq!(status, 200, "{text}");
        server.stop().await;
    }

    #[tokio::test]
    async fn refuses_other_chains_and_nonsense() {
        let server = Running::at_round(3).await;
        assert_eq!(server.get("0123abcd/info").await.0, 404);
        assert_eq!(server.get("0123abcd/public/1").await.0, 404);
        assert_eq!(server.get("public/-1").await.0, 400);
        assert_eq!(server.get("public/x").await.0, 400);
        assert_eq!(server.get("nothing/here/at/all").await.0, 404);
        server.stop().await;
    }

    #[tokio::test]
    async fn stops_while_somebody_waits_for_a_round() {
        let server = Running::at_round(3).await;
        let url = format!("{}/public/4", server.url);
        let waiting = tokio::spawn(async move {
            let http = reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("client");
            http.get(url)
                .send()
                .await
                .map(|answer| answer.status().as_u16())
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.stop().await;
        let answer = waiting.await.expect("did not panic");
        assert!(!matches!(answer, Ok(200)), "{answer:?}");
    }

    #[tokio::test]
    async fn has_no_round_before_its_chain_begins() {
        let server = Running::at_round(1).await;
        server.clock.set(Duration::from_secs(GENESIS - 100));
        assert_eq!(server.get("public/latest").await.0, 425);
        server.stop().await;
    }
}

mod the_client {
    use super::*;

    #[tokio::test]
    async fn gets_what_a_chain_of_blocks_needs() {
        let server = Running::at_round(150).await;
        let schedule =
            BeaconSchedule::new(Arc::new(server.beacon(std::slice::from_ref(&server.url))));
        let genesis = BeaconEntry {
            round: 0,
            data: vec![0; 32].into(),
        };
        let (mut parent, mut previous) = (0, genesis);
        for epoch in [1, 2, 3, 7, 20] {
            let entries = entries_for_block(&schedule, epoch, parent, &previous)
                .await
                .expect("the rounds are there");
            let expected = if parent == 0 { 1 } else { epoch - parent };
            assert_eq!(i64::try_from(entries.len()), Ok(expected), "epoch {epoch}");
            validate_block_entries(&schedule, epoch, &entries, parent, &previous)
                .expect("own entries");
            (parent, previous) = (epoch, entries.last().expect("one at least").clone());
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn waits_for_a_round_to_come() {
        let server = Running::at_round(3).await;
        let beacon = server.beacon(std::slice::from_ref(&server.url));
        let clock = server.clock.clone();
        let advance = async {
            while clock.now() < Duration::from_secs(GENESIS + 5 * PERIOD) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                clock.advance(Duration::from_secs(1));
            }
        };
        let wait = async {
            tokio::time::timeout(PATIENCE, beacon.entry(5))
                .await
                .expect("in time")
        };
        let (entry, ()) = tokio::join!(wait, advance);
        assert_eq!(entry.expect("it came").round, 5);
        server.stop().await;
    }

    #[tokio::test]
    async fn checks_what_a_server_says_of_its_chain() {
        let server = Running::at_round(1).await;
        let client = HttpClient::new(&[&server.url]).expect("URL");
        assert_eq!(
            client.info(&server.info.hash).await.expect("its hash"),
            server.info
        );
        let error = client
            .info(&"00".repeat(32))
            .await
            .expect_err("another chain")
            .to_string();
        assert!(
            error.contains(&server.url) && error.contains("404"),
            "{error}"
        );
        server.stop().await;
    }

    #[tokio::test]
    async fn passes_over_servers_that_are_down_or_lie() {
        let server = Running::at_round(3).await;
        let wrong_round = r#"{"round":2,"signature":"00","previous_signature":"00"}"#;
        let not_hex = r#"{"round":3,"signature":"zz"}"#;
        // A true point, but nobody's signature of round 3.
        let forged = Box::leak(
            format!(
                r#"{{"round":3,"signature":"c0{}","previous_signature":""}}"#,
                "00".repeat(95)
            )
            .into_boxed_str(),
        );
        let bad = [
            nobody().await,
            liar("").await,
            liar("<html>").await,
            liar(wrong_round).await,
            liar(not_hex).await,
            liar(forged).await,
        ];
        let only_bad = HttpClient::new(&bad).expect("URLs");
        let error = only_bad
            .round(&server.drand(), 3)
            .await
            .expect_err("all bad")
            .to_string();
        for url in &bad {
            assert!(error.contains(url), "{error}");
        }
        let all: Vec<String> = bad.iter().cloned().chain([server.url.clone()]).collect();
        let entry = server
            .beacon(&all)
            .entry(3)
            .await
            .expect("the last one is honest");
        assert_eq!(entry.round, 3);
        server.stop().await;
    }

    #[tokio::test]
    async fn gives_up_on_an_answer_without_end() {
        let endless = Box::leak(" ".repeat(1 << 20).into_boxed_str());
        let server = Running::at_round(1).await;
        let client = HttpClient::new(&[liar(endless).await]).expect("URL");
        let error = client
            .round(&server.drand(), 1)
            .await
            .expect_err("too long")
            .to_string();
        assert!(error.contains("65536 bytes"), "{error}");
        server.stop().await;
    }

    #[tokio::test]
    async fn remembers_what_it_verified() {
        let server = Running::at_round(3).await;
        let beacon = server.beacon(std::slice::from_ref(&server.url));
        let entry = beacon.entry(2).await.expect("is there");
        server.stop().await;
        assert_eq!(beacon.entry(2).await, Ok(entry));
    }

    #[tokio::test]
    async fn without_servers_says_so_at_once() {
        let server = Running::at_round(3).await;
        let error = server
            .beacon(&[])
            .entry(2)
            .await
            .expect_err("nobody to ask");
        assert!(matches!(&error, BeaconError::Unavailable { round: 2, .. }));
        assert!(
            error.to_string().contains("no drand server is configured"),
            "{error}"
        );
        assert!(server.beacon(&[]).entry(0).await.is_err());
        server.stop().await;
    }

    #[test]
    fn refuses_urls_that_are_none() {
        for url in ["", "api.drand.sh", "ftp://api.drand.sh", "http://"] {
            let error = HttpClient::new(&[url]).expect_err("no URL").to_string();
            assert!(error.contains(&format!("{url:?}")), "{error}");
        }
    }
}

#[tokio::test]
async fn a_networks_description_becomes_its_beacon() {
    let server = Running::at_round(200).await;
    let config = BeaconConfig::Drand {
        servers: vec![server.url.clone()],
        chain: server.info.clone(),
    };
    let time = FilecoinTime {
        genesis: GENESIS + 400,
        block_delay: PERIOD,
    };
    let schedule =
        lotus_beacon::schedule_of(&config, time, Arc::new(server.clock.clone())).expect("usable");
    let round = schedule.max_round_for_epoch(10);
    assert_eq!(round, (400 + 9 * PERIOD) / PERIOD + 1);
    let entry = schedule
        .beacon_for_epoch(10)
        .entry(round)
        .await
        .expect("is there");
    assert_eq!(entry.round, round);
    server.stop().await;
}
