//! The process that makes a devnet's randomness: `lotus-devnet beacon`, a drand-compatible server.
//!
//! Rounds are [`BLOCKS_PER_ROUND`] block times long, see ADR
//! `docs/adr/0004-devnet-beacon-rounds-span-several-blocks.md`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use lotus_beacon::server::{DevnetBeacon, DevnetChain, load_or_create_key};
use lotus_networks::{BeaconConfig, ChainInfo};
use lotus_runtime::clock::system_clock;
use lotus_runtime::{logging, supervisor::Supervisor};

use super::layout::Layout;

/// Block times in a round. Blocks look for their round among the newest 20 tipsets, so it must stay
/// well below that; the more there are, the longer a devnet may be down.
pub(super) const BLOCKS_PER_ROUND: u64 = 10;
/// Requests may take so long to end when the process is stopped.
const WIND_DOWN: Duration = Duration::from_secs(3);

/// When rounds begin and how long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    /// Seconds of a round.
    pub(super) period: u64,
    /// Unix seconds of round 1.
    pub(super) genesis: u64,
}

impl Timing {
    /// Of a network with this block time and genesis (Unix seconds). The first round is there before
    /// the first block, which needs it.
    pub(super) fn of(block_time: u64, genesis: u64) -> Self {
        let period = block_time.saturating_mul(BLOCKS_PER_ROUND);
        Self {
            period,
            genesis: genesis.saturating_sub(period),
        }
    }

    /// Rounds that have begun between two times.
    pub(super) fn rounds_between(self, from: u64, to: u64) -> u64 {
        let round = |time: u64| time.saturating_sub(self.genesis) / self.period.max(1);
        round(to).saturating_sub(round(from))
    }
}

/// Runs the beacon
#[derive(Debug, clap::Args)]
pub(super) struct Beacon {
    /// Folder of key and rounds
    #[arg(long)]
    folder: PathBuf,
    /// Port on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// Seconds of a round
    #[arg(long)]
    period: u64,
    /// Unix seconds of round 1
    #[arg(long)]
    genesis_time: u64,
}

impl Beacon {
    pub(super) fn run(self) -> anyhow::Result<bool> {
        logging::init(&Default::default(), |name| std::env::var(name).ok())?;
        let timing = Timing {
            period: self.period,
            genesis: self.genesis_time,
        };
        let chain = open(&self.folder, timing)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(self.serve(chain))
    }

    async fn serve(self, chain: DevnetChain) -> anyhow::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let beacon = DevnetBeacon::bind(address, chain, system_clock())
            .await
            .with_context(|| format!("the beacon cannot listen on {address}"))?;
        tracing::info!(%address, hash = beacon.info().hash, "beacon is up");
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        let stop = tasks.stop_token();
        tasks.critical("beacon", beacon.run(stop));
        let outcome = supervisor.run().await?;
        if outcome.reason.is_orderly() {
            return Ok(true);
        }
        Err(anyhow!("{}", outcome.reason))
    }
}

fn open(folder: &std::path::Path, timing: Timing) -> anyhow::Result<DevnetChain> {
    let key = load_or_create_key(&folder.join("key"))?;
    let rounds = folder.join("rounds");
    Ok(DevnetChain::open(
        key,
        timing.period,
        timing.genesis,
        &rounds,
    )?)
}

/// What the devnet's beacon says of itself; makes its key when there is none.
///
/// # Errors
/// When key or rounds cannot be used.
pub(super) fn chain_info(layout: &Layout, timing: Timing) -> anyhow::Result<ChainInfo> {
    Ok(open(&layout.beacon(), timing)?.info().clone())
}

/// The beacon as the network's description names it.
pub(super) fn config(chain: ChainInfo, port: u16) -> BeaconConfig {
    BeaconConfig::Drand {
        servers: vec![format!("http://127.0.0.1:{port}")],
        chain,
    }
}

#[cfg(test)]
mod tests {
    use lotus_beacon::{DrandChain, FilecoinTime};

    use super::*;

    #[test]
    fn the_first_block_finds_its_round() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        std::fs::create_dir_all(layout.beacon()).expect("folder");
        let timing = Timing::of(4, 1_000_000);
        let info = chain_info(&layout, timing).expect("opens");
        assert_eq!(info.period, 40);
        let chain = DrandChain::new(&info).expect("a chain");
        let time = FilecoinTime {
            genesis: 1_000_000,
            block_delay: 4,
        };
        let round = chain.max_round_for_epoch(time, 1);
        assert_eq!(round, 2);
        assert!(chain.time_of_round(round) <= 1_000_000);
    }

    #[test]
    fn the_beacon_keeps_its_key() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        std::fs::create_dir_all(layout.beacon()).expect("folder");
        let timing = Timing::of(4, 1_000_000);
        let info = chain_info(&layout, timing).expect("opens");
        assert_eq!(chain_info(&layout, timing).expect("opens again"), info);
    }

    #[test]
    fn rounds_are_counted_between_times() {
        let timing = Timing::of(4, 1_000_000);
        assert_eq!(timing.rounds_between(1_000_000, 1_000_039), 0);
        assert_eq!(timing.rounds_between(1_000_000, 1_000_400), 10);
        assert_eq!(timing.rounds_between(1_000_400, 1_000_000), 0);
    }
}
