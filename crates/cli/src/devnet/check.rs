//! `lotus-devnet check`: the whole round trip in a folder of its own, with an exit code.
//!
//! # Invariants
//! - Whatever happens, no process is left, and the last line says how it went.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lotus_actors::miner::Schedule;
use lotus_networks::{BeaconConfig, Network};
use lotus_rpc_api::{
    ApiClient,
    full::{ChainApi as _, StateMinerApi as _},
    node::{CommonApi as _, NetApi as _},
};
use lotus_runtime::repo::RepoKind;
use lotus_types::{Address, TipsetKey};
use serde::Deserialize;

use super::{
    api::Endpoint,
    block_time::BlockTime,
    fleet::{Fleet, Probe, Restarts},
    layout::{Layout, MINER},
    network,
    ports::{Localhost, Machine as _, Ports},
    process::{Identity, Role},
    report::{Reporter, seconds},
    steps::Net,
    up::{self, Wish},
};

/// An export and its replay take seconds.
const REPLAY_LIMIT: Duration = Duration::from_secs(600);
/// Epochs in which a new node must have caught up.
const FOLLOW_EPOCHS: u32 = 40;
/// Epochs that a follower must follow on.
const FOLLOWED_ON: i64 = 2;
/// Epochs from the start of the chain in which a WindowPoSt must be accepted: those up to the
/// window, and the window itself.
const WINDOW_EPOCHS: u32 = 130;
const STOP_LIMIT: Duration = Duration::from_secs(25);

/// Store a file in a new devnet, read it back, replay its chain, let a second node follow; exit code
/// 0 when all of it worked
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Instead: begin the chain shortly before the miner's first deadline, and wait for a WindowPoSt
    /// that the chain accepts
    #[arg(long)]
    windowpost: bool,
    /// Seal a sector without data instead of a deal
    #[arg(long, conflicts_with = "windowpost")]
    pledge: bool,
    /// Store a file for each of these processes (default: daemon, miner, worker) and kill it meanwhile
    /// in PreCommit2, WaitSeed and Commit2
    #[arg(long, value_name = "PROCESS", num_args = 0.., value_delimiter = ',',
        conflicts_with_all = ["windowpost", "pledge"])]
    kill: Option<Vec<Role>>,
    /// With actors that take anything for a proof, and blocks every second
    #[arg(long)]
    mock_proofs: bool,
    /// Leave the folder
    #[arg(long)]
    keep: bool,
    /// Seconds of an epoch, or auto
    #[arg(long, value_name = "auto|SECS")]
    block_time: Option<BlockTime>,
}

impl Check {
    pub(super) async fn run(self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let report = Reporter::new(out);
        let folder = tempfile::Builder::new().prefix("lotus-check-").tempdir()?;
        // The devnet's own folder is inside: it must be new.
        let layout = Layout::at(&folder.path().join("devnet"))?;
        let checked = self.check(&layout, &report).await;
        if self.keep {
            let kept = folder.keep();
            report.line(&format!("kept: {}", kept.join("devnet").display()));
        }
        let took = seconds(report.elapsed());
        match checked {
            Ok(story) => {
                report.line(&format!("check passed in {took}: {story}"));
                Ok(true)
            }
            Err(error) => {
                let text = format!("{error:#}");
                report.line(&text);
                let first = text.lines().next().unwrap_or_default();
                report.line(&format!("check FAILED after {took}: {first}"));
                Ok(false)
            }
        }
    }

    async fn check(&self, layout: &Layout, report: &Reporter<'_>) -> anyhow::Result<String> {
        layout.create()?;
        let _lock = layout.try_lock()?.context("the folder is in use")?;
        let restarts = match self.kill {
            Some(_) => Restarts::limited(),
            None => Restarts::never(),
        };
        let fleet = Fleet::new(layout, report, restarts)?;
        let work = self.work(layout, report, &fleet);
        let done = tokio::select! {
            failed = fleet.watch() => failed.map(|never| match never {}),
            done = work => done,
            by = up::asked_to_stop() => by.and_then(|by| anyhow::bail!("stopped by {by}")),
        };
        up::stop(&fleet).await?;
        done
    }

    async fn work<'w>(
        &self,
        layout: &Layout,
        report: &Reporter<'w>,
        fleet: &Fleet<'_, 'w>,
    ) -> anyhow::Result<String> {
        let wish = Wish {
            mock_proofs: self.mock_proofs,
            block_time: self.block_time,
            ports: Ports::ANY,
            at_deadline: self.windowpost,
        };
        let settings = up::prepare(layout, report, wish).await?;
        let mut net = Net {
            layout,
            report,
            fleet,
            settings,
        };
        let (node, miner) = up::bring_up(&mut net).await?;
        if self.windowpost {
            return net.window_post(&node).await;
        }
        let story = if let Some(victims) = &self.kill {
            let victims = match &victims[..] {
                [] => &[Role::Daemon, Role::Miner, Role::Worker],
                some => some,
            };
            net.survive(&node, &miner, victims).await?
        } else if self.pledge {
            let sector = net.pledge(&node, &miner).await?;
            format!("sector {sector} sealed and proven")
        } else {
            let stored = net.round_trip(&node, &miner).await?;
            format!(
                "deal {} in sector {} active, file back with equal bytes",
                stored.deal, stored.sector
            )
        };
        let replayed = net.replay().await?;
        let followed = net.follow(&node).await?;
        Ok(format!("{story}; {replayed}; {followed}"))
    }
}

/// What `lotus-shed replay --json` prints, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Replayed {
    tipsets: u64,
    messages: u64,
    mismatches: Vec<serde_json::Value>,
}

impl Net<'_, '_> {
    /// Exports the chain and executes it anew, every state against the next header.
    async fn replay(&self) -> anyhow::Result<String> {
        let step = self.report.step("chain exported and replayed");
        let car = self.layout.root().join("chain.car");
        let export = self
            .call("lotus", network::SETUP)?
            .args(["chain", "export"])
            .args([&car]);
        export.run(REPLAY_LIMIT).await?;
        let info = self.write_beacon_info()?;
        let replay = self
            .call("lotus-shed", network::SETUP)?
            .args(["replay".as_ref(), car.as_os_str()])
            .args(["--beacon".as_ref(), info.as_os_str()])
            .args(["--block-delay", &self.settings.block_time.to_string()])
            .args(["--json"]);
        let printed = replay.output(REPLAY_LIMIT).await?;
        let replayed: Replayed = serde_json::from_str(&printed).context("lotus-shed's answer")?;
        ensure!(
            replayed.mismatches.is_empty() && replayed.tipsets > 0,
            "the chain's replay gave other states: {:?}",
            replayed.mismatches
        );
        let told = format!(
            "{} tipsets with {} messages replayed to the same roots",
            replayed.tipsets, replayed.messages
        );
        step.done(&told);
        Ok(told)
    }

    fn write_beacon_info(&self) -> anyhow::Result<PathBuf> {
        let network = Network::load(&self.layout.network())?;
        let BeaconConfig::Drand { chain, .. } = network.beacon else {
            anyhow::bail!("the network has no drand beacon");
        };
        let path = self.layout.root().join("beacon-info.json");
        super::json::write_json(&path, &chain)?;
        Ok(path)
    }

    /// Starts a second node from the genesis file, and lets it follow the first.
    async fn follow(&self, node: &ApiClient) -> anyhow::Result<String> {
        let step = self.report.step("second node follows");
        let repo = self.layout.root().join("follower");
        let port = Localhost.any()?.to_string();
        let call = self
            .call("lotus", "follower")?
            .env("LOTUS_PATH", &repo)
            .env("LOTUS_LIBP2P_LISTENADDRESSES", "/ip4/127.0.0.1/tcp/0")
            .args(["daemon", "--bootstrap=false", "--api", &port, "--genesis"])
            .args([self.layout.genesis()]);
        // Killed when this function is left early.
        let child = call.spawn()?;
        let follower = self.follower_api(&repo).await;
        let height = match follower {
            Ok(follower) => self.wait_follower(node, &follower).await,
            Err(error) => Err(error),
        };
        let tail = super::process::tail_text(&call.log, 0, 15);
        let height = height.with_context(|| tail)?;
        if let Some(identity) = child.id().and_then(Identity::of) {
            ensure!(
                identity.stop(STOP_LIMIT).await,
                "the second node had to be killed"
            );
        }
        let told = format!("a second node followed to height {height}");
        step.done(&format!("to height {height}"));
        Ok(told)
    }

    async fn follower_api(&self, repo: &Path) -> anyhow::Result<ApiClient> {
        let probe = async || {
            let Some(endpoint) = Endpoint::of(repo, RepoKind::FullNode) else {
                return Ok(Probe::NotYet("its API is not up".to_owned()));
            };
            match endpoint.connect("v1").await {
                Ok(client) if client.session().await.is_ok() => Ok(Probe::Ready(client)),
                Ok(_) => Ok(Probe::NotYet("it does not answer".to_owned())),
                Err(error) => Ok(Probe::NotYet(error.to_string())),
            }
        };
        let limit = Duration::from_secs(120);
        self.fleet
            .wait_for("the second node's start", limit, &[], probe)
            .await
    }

    async fn wait_follower(&self, node: &ApiClient, follower: &ApiClient) -> anyhow::Result<i64> {
        follower.net_connect(node.net_addrs_listen().await?).await?;
        let target = node.chain_head().await?.height() + FOLLOWED_ON;
        let probe = async || {
            let height = follower.chain_head().await?.height();
            if height < target {
                let missing = format!("it is at height {height}, not {target}");
                return Ok(Probe::NotYet(missing));
            }
            let empty = TipsetKey::default;
            let theirs = follower.chain_get_tipset_by_height(target, empty()).await?;
            let ours = node.chain_get_tipset_by_height(target, empty()).await?;
            Ok(if ours.key() == theirs.key() {
                Probe::Ready(height)
            } else {
                Probe::NotYet(format!("the nodes disagree about height {target}"))
            })
        };
        let limit = self.epochs(FOLLOW_EPOCHS);
        self.fleet
            .wait_for("following the chain", limit, &[Role::Daemon], probe)
            .await
    }

    /// Waits until the chain has accepted a proof of the first deadline with sectors.
    async fn window_post(&self, node: &ApiClient) -> anyhow::Result<String> {
        let step = self.report.step("WindowPoSt accepted");
        let actor: Address = MINER.parse()?;
        let head = TipsetKey::default;
        let place = node.state_sector_partition(actor, 0, head()).await?;
        let place = place.context("sector 0 is in no deadline")?;
        let now = node.state_miner_proving_deadline(actor, head()).await?;
        let schedule = Schedule::default();
        let due = schedule
            .deadline(now.period_start, place.deadline, now.current_epoch)
            .next_not_elapsed(&schedule);
        step.note(&format!(
            "deadline {} is open in epochs {} to {}",
            place.deadline, due.open, due.close
        ));
        let at = usize::try_from(place.deadline)?;
        let probe = async || {
            let height = node.chain_head().await?.height();
            let deadlines = node.state_miner_deadlines(actor, head()).await?;
            let deadline = deadlines.get(at).context("there is no such deadline")?;
            ensure!(
                height < due.close,
                "the deadline closed at epoch {} without a proof",
                due.close
            );
            Ok(if deadline.post_submissions.contains(place.partition) {
                Probe::Ready(height)
            } else {
                Probe::NotYet(format!("no proof at epoch {height}"))
            })
        };
        let limit = self.epochs(WINDOW_EPOCHS);
        let blame = [Role::Miner, Role::Daemon];
        let epoch = self
            .fleet
            .wait_for("a WindowPoSt", limit, &blame, probe)
            .await?;
        let told = format!(
            "WindowPoSt of deadline {} accepted, seen at epoch {epoch}",
            place.deadline
        );
        step.done(&told);
        Ok(told)
    }
}
