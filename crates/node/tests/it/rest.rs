//! Files of deals over plain HTTP, on a node with a market client.

use std::{fs::File, sync::Arc, time::Duration};

use lotus_beacon::MockBeacon;
use lotus_networks::Network;
use lotus_node::{ClientPlace, FullNodeConfig, NodeHealth, ensure_genesis, rest, start_full_node};
use lotus_ports::beacon::BeaconSchedule;
use lotus_proofs::MockVerifier;
use lotus_rpc::{JwtSecret, Server, Verifier};
use lotus_rpc_api::Permission;
use lotus_runtime::{metrics::Metrics, supervisor::Supervisor};
use lotus_vm::FilecoinVm;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

struct Served {
    address: String,
    secret: JwtSecret,
    folder: TempDir,
    _supervisor: Supervisor,
}

/// Status and body.
type Answer = (u16, Vec<u8>);

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let beacons = BeaconSchedule::new(Arc::new(MockBeacon));
        let (vm, verifier) = (Arc::new(FilecoinVm::new()), Arc::new(MockVerifier));
        let network = Network::devnet("localnet");
        let mut config = FullNodeConfig::in_memory(network, vm, verifier, beacons);
        config.client = Some(ClientPlace {
            folder: folder.path().to_owned(),
            listen: None,
            announce: None,
        });
        let genesis = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/lotus/real-chain/genesis.car"
        );
        let file = File::open(genesis).unwrap();
        ensure_genesis(&config.stores, &config.network, Some(file)).unwrap();
        let supervisor = Supervisor::new(Duration::from_secs(1));
        let (tasks, metrics) = (supervisor.tasks(), Metrics::new("test"));
        let node = start_full_node(config, &tasks, &metrics).await.unwrap();
        let secret = JwtSecret::generate();
        let verifier = Verifier::Secret(secret.clone());
        let api = Arc::clone(&node.api);
        let health = NodeHealth::watch(Arc::clone(&api), &node.chain, &metrics, &tasks);
        let server = Server::new(verifier.clone())
            .merge(rest::routes(api, verifier, folder.path()))
            .merge(lotus_rpc::health_routes(Arc::new(health)))
            .merge(lotus_rpc::metrics_routes(metrics))
            .bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let address = server.address().to_string();
        tokio::spawn(server.serve(tasks.stop_token()));
        Self {
            address,
            secret,
            folder,
            _supervisor: supervisor,
        }
    }

    async fn ask(&self, line: &str, may: Option<Permission>, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let token = may.map_or_else(String::new, |may| {
            let token = self.secret.token(&may.up_to()).unwrap();
            format!("Authorization: Bearer {token}\r\n")
        });
        let head = format!(
            "{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{token}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_off(end + 4);
        let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
            unchunked(&body)
        } else {
            body
        };
        (status, body)
    }

    /// Files that wait in the staging folder.
    fn staged(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("rest")).map_or(0, Iterator::count)
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|w| w == b"\r\n").unwrap();
        let digits = std::str::from_utf8(&body[..line]).unwrap();
        let size = usize::from_str_radix(digits, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[line + 2..line + 2 + size]);
        body = &body[line + 2 + size + 2..];
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.1).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_taken_in_and_given_out() {
    let node = Served::start().await;
    let write = Some(Permission::Write);
    let payload: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let imported = node.ask("PUT /rest/v0/import", write, &payload).await;
    assert_eq!(imported.0, 200, "{}", text(&imported));
    let root: Value = serde_json::from_slice(&imported.1).unwrap();
    let export = json!({ "Root": root["Cid"] }).to_string();
    let escaped: String = export.bytes().map(|b| format!("%{b:02X}")).collect();
    let line = format!("GET /rest/v0/export?export={escaped}");
    let file = node.ask(&line, write, &[]).await;
    assert_eq!(file.0, 200);
    assert!(file.1 == payload, "{} bytes came back", file.1.len());
    let car = node.ask(&format!("{line}&car=true"), write, &[]).await;
    assert_eq!(car.0, 200);
    assert!(car.1.len() > payload.len());
    assert_eq!(node.staged(), 0, "nothing stays in the staging folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_refused_as_lotus_does() {
    let node = Served::start().await;
    let (read, write) = (Some(Permission::Read), Some(Permission::Write));
    let got = node.ask("GET /rest/v0/import", None, &[]).await;
    assert_eq!(got, (404, Vec::new()), "as recorded");
    let got = node.ask("GET /rest/v0/export/x", None, &[]).await;
    assert_eq!((got.0, text(&got).as_str()), (404, "404 page not found\n"));
    for may in [None, read] {
        let got = node.ask("PUT /rest/v0/import", may, b"x").await;
        let refusal = "{\"Error\":\"unauthorized: missing write permission\"}\n";
        assert_eq!((got.0, text(&got).as_str()), (401, refusal));
        assert_eq!(node.ask("GET /rest/v0/export", may, &[]).await.0, 401);
    }
    assert_eq!(node.ask("GET /rest/v0/export", write, &[]).await.0, 400);
    let passwd = json!({
        "Root": { "/": "bafkqaaa" }, "FromLocalCAR": "/etc/passwd"
    });
    let escaped: String = passwd
        .to_string()
        .bytes()
        .map(|b| format!("%{b:02X}"))
        .collect();
    let line = format!("GET /rest/v0/export?export={escaped}");
    let got = node.ask(&line, write, &[]).await;
    assert_eq!(got.0, 401, "a path needs admin: {}", text(&got));
    let got = node.ask(&line, Some(Permission::Admin), &[]).await;
    assert_eq!(got.0, 500, "and is no CAR: {}", text(&got));
    assert_eq!(node.staged(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stand_beside_health_and_metrics() {
    let node = Served::start().await;
    assert_eq!(node.ask("GET /health/livez", None, &[]).await.0, 200);
    let ready = node.ask("GET /health/readyz", None, &[]).await;
    assert_eq!(ready, (503, Vec::new()), "as recorded: nobody is connected");
    let metrics = node.ask("GET /debug/metrics", None, &[]).await;
    let page = text(&metrics);
    assert_eq!(metrics.0, 200);
    assert!(page.contains("lotus_chain_node_height 0"), "{page}");
}
