//! The JavaScript clients of other people, as they are, against a node of this workspace.

use std::{path::Path, process::Stdio, time::Duration};

use lotus_rpc::{JwtSecret, Server, Verifier};
use lotus_rpc_api::{Permission, full};
use lotus_testkit::Ensemble;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(180);
const SOURCES: [&str; 2] = ["client.mjs", "package.json"];

/// Installs the clients; `false` where there is no npm.
async fn install(folder: &Path) -> bool {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/javascript");
    std::fs::create_dir_all(folder).unwrap();
    for name in SOURCES {
        std::fs::copy(sources.join(name), folder.join(name)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefer-offline"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let done = match tokio::time::timeout(PATIENCE, npm).await.expect("npm ends") {
        Ok(done) => done,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
        Err(error) => panic!("npm: {error}"),
    };
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "npm install: {text}");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmodified_clients_read_follow_sign_and_push() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript-clients");
    if !install(&folder).await {
        eprintln!("SKIPPED: npm is not installed, so no JavaScript client was tried");
        return;
    }
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let api = net.node(0).api();
    api.wallet_set_default(net.miner(0).worker).await.unwrap();
    let secret = JwtSecret::generate();
    let server = Server::new(Verifier::Secret(secret.clone()))
        .endpoint("/rpc/v1", full::dispatcher(&api))
        .endpoint("/rpc/v0", full::v0::dispatcher(&api))
        .bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let client = Command::new("node")
        .arg("client.mjs")
        .arg(server.address().to_string())
        .arg(secret.token(&Permission::Sign.up_to()).unwrap())
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(stop.clone()));
    let mut client = std::pin::pin!(tokio::time::timeout(PATIENCE, client));
    let done = loop {
        let moment = tokio::time::timeout(Duration::from_millis(200), &mut client);
        match moment.await {
            Ok(done) => break done.expect("the client ends").unwrap(),
            Err(_) => net.mine(1).await,
        }
    };
    stop.cancel();
    serving.await.unwrap().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{out}\n{err}");
    assert_eq!(out.trim(), "done", "{err}");
}
