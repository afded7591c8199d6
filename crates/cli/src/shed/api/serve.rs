//! `lotus-shed api serve`.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use lotus_node::{ClientPlace, RunningNode, config as node_config, offline::OfflineChain};
use lotus_ports::proofs::Verifier as ProofVerifier;
use lotus_proofs::{FilecoinVerifier, MockVerifier};
use lotus_rpc::{Server, Verifier};
use lotus_rpc_api::full;
use lotus_runtime::{
    metrics::Metrics,
    supervisor::{Supervisor, Tasks},
};
use lotus_types::KeyInfo;

use crate::{
    process,
    shed::chain_file::{ChainFile, OpenChain, progress},
};

/// How long the services may take to wind down.
const WIND_DOWN: Duration = Duration::from_secs(5);

/// Answer the whole node API over a chain export, without a network: the chain is executed once, then
/// its head stands still. Asks for no token and keeps nothing; /rpc/v1 and /rpc/v0, HTTP and WebSocket
#[derive(Debug, clap::Args)]
pub(in crate::shed) struct Serve {
    #[command(flatten)]
    chain: ChainFile,
    /// `mock`, or the chain info of the drand chain
    #[arg(long, value_name = "mock|INFO.json")]
    beacon: Option<String>,
    /// A key for the wallet, as `lotus wallet export` prints it; may be given often, the default address'
    /// key first
    #[arg(long = "wallet-key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Where to listen: IP:PORT, a port, or a multiaddr; default: a free port of this machine
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Serve {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<bool> {
        let open = self.chain.open(self.beacon.as_deref())?;
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|p| read_key(p))
            .collect::<Result<_, _>>()?;
        let listen = listen_address(self.listen.as_deref())?;
        // What `lotus client import` is given while the node runs.
        let scratch = tempfile::tempdir().context("making a folder for imports")?;
        process::block_on(Box::pin(async {
            let supervisor = Supervisor::new(WIND_DOWN);
            let folder = scratch.path().to_owned();
            let (node, address) = start(open, keys, folder, listen, &supervisor.tasks()).await?;
            writeln!(out, "http://{address}/rpc/v1")?;
            out.flush()?;
            let outcome = supervisor.run().await?;
            drop(node);
            if outcome.reason.is_orderly() {
                return Ok(true);
            }
            Err(anyhow::anyhow!("{}", outcome.reason))
        }))
    }
}

/// Starts the node and its API; gives the address that it listens on. Imports and deals lie in `folder`.
pub(super) async fn start(
    open: OpenChain,
    keys: Vec<KeyInfo>,
    folder: PathBuf,
    listen: SocketAddr,
    tasks: &Tasks,
) -> anyhow::Result<(RunningNode, SocketAddr)> {
    let verifier: Arc<dyn ProofVerifier> = if open.mock {
        Arc::new(MockVerifier)
    } else {
        Arc::new(FilecoinVerifier::new())
    };
    let tipsets = open.chain.tipsets();
    let head = tipsets.last().context("the export has no tipset")?;
    let chain = OfflineChain {
        blocks: open.executor.store.clone(),
        head: head.key().clone(),
        network: (*open.executor.network).clone(),
        vm: Arc::clone(&open.executor.vm),
        verifier,
        beacons: open.beacons.clone(),
        keys,
        client: Some(ClientPlace {
            folder,
            listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            announce: None,
        }),
    };
    let bar = progress(tipsets.len());
    let shown = bar.clone();
    let metrics = Metrics::new(&node_config::version());
    let starting = chain.start(tasks, &metrics, move |tipset| {
        shown.inc(1);
        shown.set_message(format!("height {}", tipset.height()));
    });
    let node = Box::pin(starting).await?;
    bar.finish_and_clear();
    let bound = Server::new(Verifier::Open)
        .endpoint("/rpc/v1", full::dispatcher(&node.api))
        .endpoint("/rpc/v0", full::v0::dispatcher(&node.api))
        .bind(listen)
        .await
        .with_context(|| format!("the API cannot listen on {listen}"))?;
    let address = bound.address();
    tasks.critical("api", bound.serve(tasks.stop_token()));
    Ok((node, address))
}

fn read_key(path: &Path) -> anyhow::Result<KeyInfo> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {name}"))?;
    lotus_crypto::parse_exported_key(text.trim())
        .with_context(|| format!("{name} is not an exported key"))
}

fn listen_address(given: Option<&str>) -> anyhow::Result<SocketAddr> {
    let Some(text) = given else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    };
    match text.parse() {
        Ok(address) => Ok(address),
        Err(_) => process::listen_address(text),
    }
}
