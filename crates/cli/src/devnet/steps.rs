//! The steps that bring a devnet up, each reported and each with a limit.
//!
//! # Invariants
//! - A step looks for its result first, so a second start skips what is there and an interrupted one
//!   goes on where it was.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lotus_actors::{
    call,
    miner::{method, params::ChangeMultiaddrsParams},
};
use lotus_proofs::params::PARAMETER_CACHE_ENV;
use lotus_rpc_api::{
    ApiClient,
    full::{ChainApi as _, MpoolApi as _, StateApi as _, StateMinerApi as _, WalletApi as _},
    miner::WorkersApi as _,
    node::{CommonApi as _, NetApi as _},
    types::worker::{TaskType, WorkerStats},
};
use lotus_runtime::repo::RepoKind;
use lotus_types::{Address, ChainEpoch, Cid, TipsetKey, TokenAmount};

use super::{
    api::Endpoint,
    beacon::Timing,
    fleet::{Fleet, Probe},
    layout::{Layout, MINER},
    network, parameters,
    process::{Call, Role},
    report::Reporter,
    settings::Settings,
};

/// A daemon that has to catch up with null rounds after a long pause takes its time.
const API_LIMIT: Duration = Duration::from_secs(180);
/// `lotus-miner init` waits for a message on chain.
const INIT_BLOCKS: u32 = 60;
/// Epochs that a message may take to get on chain.
const MESSAGE_EPOCHS: u32 = 30;
/// Epochs that a message which was just sent is looked for in the past.
const LOOKBACK: ChainEpoch = 100;
/// How the devnet's miner differs from Lotus' defaults: it waits seconds where they wait hours for
/// more of the same, and it leaves sealing to the worker.
const MINER_SETTINGS: [(&str, &str); 13] = [
    ("LOTUS_SEALING_WAITDEALSDELAY", "5s"),
    ("LOTUS_SEALING_BATCHPRECOMMITS", "false"),
    ("LOTUS_SEALING_AGGREGATECOMMITS", "false"),
    ("LOTUS_SEALING_FINALIZEEARLY", "false"),
    ("LOTUS_DEALMAKING_PUBLISHMSGPERIOD", "5s"),
    ("LOTUS_DEALMAKING_MAXDEALSPERPUBLISHMSG", "1"),
    ("LOTUS_DEALMAKING_EXPECTEDSEALDURATION", "1h0m0s"),
    ("LOTUS_SUBSYSTEMS_ENABLEMARKETS", "true"),
    ("LOTUS_STORAGE_ALLOWADDPIECE", "false"),
    ("LOTUS_STORAGE_ALLOWPRECOMMIT1", "false"),
    ("LOTUS_STORAGE_ALLOWPRECOMMIT2", "false"),
    ("LOTUS_STORAGE_ALLOWCOMMIT", "false"),
    ("LOTUS_STORAGE_ALLOWUNSEAL", "false"),
];

/// A devnet that is being brought up, or is up.
pub(super) struct Net<'a, 'w> {
    pub(super) layout: &'a Layout,
    pub(super) report: &'a Reporter<'w>,
    pub(super) fleet: &'a Fleet<'a, 'w>,
    pub(super) settings: Settings,
}

impl Net<'_, '_> {
    /// The time that so many epochs take, and a minute more.
    pub(super) fn epochs(&self, count: u32) -> Duration {
        let epoch = Duration::from_secs(self.settings.block_time);
        epoch.saturating_mul(count) + Duration::from_secs(60)
    }

    /// A call of a program with the devnet's environment.
    pub(super) fn call(&self, program: &str, log: &str) -> anyhow::Result<Call> {
        let layout = self.layout;
        Ok(Call::new(layout.program(program), layout.log(log))
            .env("LOTUS_PATH", layout.daemon_repo())
            .env("LOTUS_MINER_PATH", layout.miner_repo())
            .env("LOTUS_WORKER_PATH", layout.worker_repo())
            .env("LOTUS_NETWORK", layout.network())
            .env(PARAMETER_CACHE_ENV, parameters::folder()?))
    }

    /// Starts the beacon.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn start_beacon(&self) -> anyhow::Result<()> {
        let step = self.report.step("beacon");
        let timing = Timing::of(self.settings.block_time, self.settings.genesis_time);
        let port = self.settings.ports.beacon;
        let folder = self.layout.beacon();
        let call = self
            .call("lotus-devnet", Role::Beacon.name())?
            .args(["beacon".as_ref(), "--folder".as_ref(), folder.as_os_str()])
            .args(["--port", &port.to_string()])
            .args(["--period", &timing.period.to_string()])
            .args(["--genesis-time", &timing.genesis.to_string()]);
        self.fleet.start(Role::Beacon, call)?;
        let address = (std::net::Ipv4Addr::LOCALHOST, port);
        let up = async || match tokio::net::TcpStream::connect(address).await {
            Ok(_) => Ok(Probe::Ready(())),
            Err(error) => Ok(Probe::NotYet(error.to_string())),
        };
        self.fleet
            .wait_for("the beacon's start", API_LIMIT, &[Role::Beacon], up)
            .await?;
        step.done(&format!(
            "http://127.0.0.1:{port}, a round every {} s",
            timing.period
        ));
        Ok(())
    }

    /// Starts the daemon; the first time it makes the genesis.
    ///
    /// # Errors
    /// When its API does not come up.
    pub(super) async fn start_daemon(&self) -> anyhow::Result<ApiClient> {
        let genesis = self.layout.genesis();
        let first = !genesis.exists();
        let step = self.report.step(if first {
            "genesis and daemon"
        } else {
            "daemon"
        });
        let call = self.daemon_call()?;
        let from_genesis = call.clone().args([flag("--genesis", &genesis)]);
        let called = if first {
            call.args([
                flag("--lotus-make-genesis", &genesis),
                flag("--genesis-template", self.layout.template()),
            ])
        } else {
            from_genesis.clone()
        };
        let repo = self.layout.daemon_repo();
        forget_api(&repo)?;
        self.fleet.start(Role::Daemon, called)?;
        let node = self.wait_api(Role::Daemon, &repo).await?;
        self.fleet.restart_with(Role::Daemon, from_genesis);
        let head = node.chain_head().await?;
        step.done(&format!(
            "{}, height {}",
            self.address(&repo),
            head.height()
        ));
        Ok(node)
    }

    fn daemon_call(&self) -> anyhow::Result<Call> {
        let ports = &self.settings.ports;
        let listen = peer_address(ports.daemon_peer);
        Ok(self
            .call("lotus", Role::Daemon.name())?
            .env("LOTUS_LIBP2P_LISTENADDRESSES", listen)
            .args(["daemon", "--bootstrap=false", "--api"])
            .args([ports.daemon.to_string()]))
    }

    fn address(&self, repo: &Path) -> String {
        let endpoint = Endpoint::of(repo, RepoKind::FullNode);
        endpoint.map(|e| e.address).unwrap_or_default()
    }

    /// Waits until a process' API answers.
    async fn wait_api(&self, role: Role, repo: &Path) -> anyhow::Result<ApiClient> {
        let (kind, version) = match role {
            Role::Daemon | Role::Beacon => (RepoKind::FullNode, "v1"),
            Role::Miner => (RepoKind::StorageMiner, "v0"),
            Role::Worker => (RepoKind::Worker, "v0"),
        };
        let what = format!("an answer of the {role}'s API");
        let probe = async || {
            let Some(endpoint) = Endpoint::of(repo, kind) else {
                return Ok(Probe::NotYet("its API is not up".to_owned()));
            };
            let client = match endpoint.connect(version).await {
                Ok(client) => client,
                Err(error) => return Ok(Probe::NotYet(error.to_string())),
            };
            match client.session().await {
                Ok(_) => Ok(Probe::Ready(client)),
                Err(error) => Ok(Probe::NotYet(error.to_string())),
            }
        };
        self.fleet.wait_for(&what, API_LIMIT, &[role], probe).await
    }

    /// Puts the genesis miner's key into the wallet, as its default.
    ///
    /// # Errors
    /// When the wallet refuses.
    pub(super) async fn import_key(&self, node: &ApiClient) -> anyhow::Result<Address> {
        let path = self.layout.miner_key();
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        let info = lotus_crypto::parse_exported_key(text.trim())?;
        let address = lotus_crypto::SigningKey::from_key_info(&info)?.address();
        if !node.wallet_has(address).await? {
            let step = self.report.step("key of the genesis miner");
            node.wallet_import(info).await?;
            node.wallet_set_default(address).await?;
            step.done(&address.to_string());
        }
        Ok(address)
    }

    /// Makes the miner's repo, once.
    ///
    /// # Errors
    /// When `lotus-miner init` fails.
    pub(super) async fn init_miner(&mut self) -> anyhow::Result<()> {
        if self.settings.miner_ready {
            return Ok(());
        }
        let step = self.report.step("miner's repo");
        let repo = self.layout.miner_repo();
        if repo.exists() {
            // Of an earlier attempt: half a repo cannot be told from a whole one.
            fs::remove_dir_all(&repo).with_context(|| format!("removing {}", repo.display()))?;
        }
        let call = self
            .miner_call(network::SETUP)?
            .args(["init", "--genesis-miner", "--nosync", "--sector-size=2KiB"])
            .args([format!("--actor={MINER}")])
            .args([
                flag("--pre-sealed-sectors", self.layout.sectors()),
                flag("--pre-sealed-metadata", self.layout.presealed()),
            ]);
        call.run(self.epochs(INIT_BLOCKS)).await?;
        self.settings.miner_ready = true;
        self.settings.save(self.layout)?;
        step.done(&repo.display().to_string());
        Ok(())
    }

    fn miner_call(&self, log: &str) -> anyhow::Result<Call> {
        let listen = peer_address(self.settings.ports.miner_peer);
        let mut call = self.call("lotus-miner", log)?;
        call = call.env("LOTUS_LIBP2P_LISTENADDRESSES", listen);
        for (name, value) in MINER_SETTINGS {
            // What the user set on purpose counts.
            if std::env::var_os(name).is_none() {
                call = call.env(name, value);
            }
        }
        Ok(call)
    }

    /// Starts the miner.
    ///
    /// # Errors
    /// When its API does not come up.
    pub(super) async fn start_miner(&self) -> anyhow::Result<ApiClient> {
        let step = self.report.step("miner");
        let repo = self.layout.miner_repo();
        forget_api(&repo)?;
        let port = self.settings.ports.miner;
        let call = self.miner_call(Role::Miner.name())?.args([
            "run",
            "--nosync",
            "--miner-api",
            &port.to_string(),
        ]);
        self.fleet.start(Role::Miner, call)?;
        let miner = self.wait_api(Role::Miner, &repo).await?;
        step.done(&self.address(&repo));
        Ok(miner)
    }

    /// Starts the worker, and waits until the miner has it.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn start_worker(&self, miner: &ApiClient) -> anyhow::Result<()> {
        let step = self.report.step("worker");
        let repo = self.layout.worker_repo();
        forget_api(&repo)?;
        let endpoint = Endpoint::of(&self.layout.miner_repo(), RepoKind::StorageMiner);
        let endpoint = endpoint.context("the miner's API is gone")?;
        let listen = format!("127.0.0.1:{}", self.settings.ports.worker);
        let call = self
            .call("lotus-worker", Role::Worker.name())?
            .env("MINER_API_INFO", endpoint.info())
            // Sealing takes minutes of all processors, a block has seconds.
            .standing_back()
            .args(["run", "--listen", &listen]);
        self.fleet.start(Role::Worker, call)?;
        let known = async || {
            let workers = match miner.worker_stats().await {
                Ok(workers) => workers,
                Err(error) => return Ok(Probe::NotYet(error.to_string())),
            };
            // The miner itself is one of them, but seals nothing.
            let seals = |w: &WorkerStats| w.enabled && w.tasks.contains(&TaskType::PRE_COMMIT1);
            if workers.values().any(seals) {
                return Ok(Probe::Ready(()));
            }
            Ok(Probe::NotYet("the miner does not know it yet".to_owned()))
        };
        let blame = [Role::Worker, Role::Miner];
        self.fleet
            .wait_for("the worker's registration", API_LIMIT, &blame, known)
            .await?;
        step.done(&self.address(&repo));
        Ok(())
    }

    /// Waits for a block above a height.
    ///
    /// # Errors
    /// When none comes.
    pub(super) async fn wait_block(
        &self,
        node: &ApiClient,
        title: &str,
        above: i64,
    ) -> anyhow::Result<()> {
        let step = self.report.step(title);
        let probe = async || {
            Ok(match node.chain_head().await {
                Ok(head) if head.height() > above => Probe::Ready(head.height()),
                Ok(head) => Probe::NotYet(format!("the head is at height {}", head.height())),
                Err(error) => Probe::NotYet(error.to_string()),
            })
        };
        let limit = self.epochs(MESSAGE_EPOCHS);
        let blame = [Role::Miner, Role::Daemon];
        let height = self.fleet.wait_for(title, limit, &blame, probe).await?;
        step.done(&format!("height {height}"));
        Ok(())
    }

    /// Writes on chain where the miner can be reached, unless that is there.
    ///
    /// # Errors
    /// When the message fails.
    pub(super) async fn announce(&self, node: &ApiClient, miner: &ApiClient) -> anyhow::Result<()> {
        let actor: Address = MINER.parse()?;
        let step = self.report.step("miner's peer and addresses on chain");
        let peer = miner.id().await?;
        // The miner itself announces its peer.
        let announced = async || {
            let info = node.state_miner_info(actor, TipsetKey::default()).await;
            Ok(match info {
                Ok(info) if info.peer_id.as_ref() == Some(&peer) => Probe::Ready(info),
                Ok(_) => Probe::NotYet("the chain names another peer".to_owned()),
                Err(error) => Probe::NotYet(error.to_string()),
            })
        };
        let limit = self.epochs(MESSAGE_EPOCHS);
        let info = self
            .fleet
            .wait_for(
                "the miner's peer on chain",
                limit,
                &[Role::Miner],
                announced,
            )
            .await?;
        let wanted = multiaddrs(&self.settings);
        let shown = multiaddr_texts(&self.settings).join(", ");
        if info.multiaddrs == wanted {
            step.done(&shown);
            return Ok(());
        }
        let params = ChangeMultiaddrsParams {
            new_multiaddrs: wanted,
        };
        let message = call::call(
            info.worker,
            actor,
            TokenAmount::zero(),
            method::CHANGE_MULTIADDRS,
            &params,
        )?;
        let sent = node.mpool_push_message(message, None).await?;
        self.executed(node, sent.cid()).await?;
        step.done(&shown);
        Ok(())
    }

    /// Waits until a message is on chain and has done what it should.
    ///
    /// # Errors
    /// When it failed there, or does not get there.
    pub(super) async fn executed(&self, node: &ApiClient, message: Cid) -> anyhow::Result<()> {
        let what = format!("message {message}");
        let probe = async || {
            let found = node.state_wait_msg(message, 0, LOOKBACK, true).await;
            Ok(match found {
                Ok(found) => Probe::Ready(found),
                Err(error) => Probe::NotYet(error.to_string()),
            })
        };
        let limit = self.epochs(MESSAGE_EPOCHS);
        let blame = [Role::Daemon, Role::Miner];
        let found = self.fleet.wait_for(&what, limit, &blame, probe).await?;
        let code = found.receipt.exit_code;
        ensure!(
            code.is_success(),
            "message {message} failed on chain with exit code {}",
            code.0
        );
        Ok(())
    }
}

/// `--name=value`, as an argument.
fn flag(name: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut text = OsString::from(name);
    text.push("=");
    text.push(value);
    text
}

/// An `api` file that a killed process left would lead to whoever listens there now.
fn forget_api(repo: &Path) -> anyhow::Result<()> {
    let api = repo.join("api");
    match fs::remove_file(&api) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", api.display()))
        }
        _ => Ok(()),
    }
}

fn peer_address(port: u16) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// Where the miner can be reached: by libp2p for deals, by HTTP for retrievals.
fn multiaddr_texts(settings: &Settings) -> [String; 2] {
    [
        peer_address(settings.ports.miner_peer),
        format!("{}/http", peer_address(settings.ports.miner)),
    ]
}

/// The same in the binary form of the chain.
fn multiaddrs(settings: &Settings) -> Vec<lotus_types::Bytes> {
    const IP4: u8 = 4;
    const TCP: u8 = 6;
    /// 480 as a varint.
    const HTTP: [u8; 2] = [0xe0, 0x03];
    let tcp = |port: u16| {
        let [high, low] = port.to_be_bytes();
        vec![IP4, 127, 0, 0, 1, TCP, high, low]
    };
    let peer = tcp(settings.ports.miner_peer);
    let mut http = tcp(settings.ports.miner);
    http.extend(HTTP);
    vec![peer.into(), http.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_miners_addresses_on_chain_are_those_that_are_shown() {
        let settings = Settings::example();
        let shown = multiaddr_texts(&settings);
        let on_chain = multiaddrs(&settings);
        let read: Vec<String> = on_chain.iter().map(|a| crate::multiaddr::text(a)).collect();
        assert_eq!(read, shown);
        assert_eq!(shown[1], "/ip4/127.0.0.1/tcp/2345/http");
    }

    #[test]
    fn a_stale_api_file_is_forgotten() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join("api"), "/ip4/127.0.0.1/tcp/9/http").expect("file");
        forget_api(dir.path()).expect("removes");
        forget_api(dir.path()).expect("nothing to remove");
        assert!(!dir.path().join("api").exists());
    }
}
