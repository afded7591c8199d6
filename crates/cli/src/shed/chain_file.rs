//! A chain export on disk, opened with all that it takes to execute it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use lotus_actors::StateTree;
use lotus_beacon::{FilecoinTime, MockBeacon, schedule_of};
use lotus_blockstore::{SharedBlockstore, car};
use lotus_networks::{BeaconConfig, ChainInfo, Network};
use lotus_ports::{Blockstore as _, beacon::BeaconSchedule, clock::SystemClock};
use lotus_proofs::params::{Circuit, ParameterCache, use_parameter_cache};
use lotus_state::{ChainView as _, execute::Executor, exported::ExportedChain};
use lotus_types::{Cid, Tipset};
use lotus_vm::{Bundle, BundleStore, FilecoinVm};

/// Where the proof parameters of local networks are cached, below the cache folder.
const LOCAL_PARAMETERS: &str = "params-2048";
/// Methods of a miner actor whose execution verifies a proof: ProveCommitSector,
/// DisputeWindowedPoSt, ProveCommitAggregate, ProveReplicaUpdates.
const PROOF_METHODS: [u64; 4] = [7, 24, 26, 27];

/// What tools that execute a chain are told about it. All of it can be found out, except which
/// drand chain it used.
#[derive(Debug, clap::Args)]
pub(super) struct ChainFile {
    /// Chain export: CAR version 1 or 2, zstd or plain, with the genesis state
    #[arg(value_name = "CHAIN.car[.zst]")]
    chain: PathBuf,
    /// Actor bundle (CAR). Without it the bundle with the chain's actor code is looked for in
    /// LOTUS_BUNDLE_DIR and in the cache
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Seconds of an epoch; found out from the timestamps unless given
    #[arg(long, value_name = "SECS")]
    block_delay: Option<u64>,
    /// Proof parameters (only the verifying keys are needed)
    #[arg(long, value_name = "DIR", env = "FIL_PROOFS_PARAMETER_CACHE")]
    params: Option<PathBuf>,
}

/// A chain, ready to execute.
pub(super) struct OpenChain {
    pub(super) chain: Arc<ExportedChain>,
    pub(super) executor: Executor,
    pub(super) beacons: BeaconSchedule,
    /// It used the mock beacon, and with it mock proofs.
    pub(super) mock: bool,
}

impl ChainFile {
    /// Names the proof parameters to this process and loads the chain. Must be called before the
    /// process has a second thread.
    pub(super) fn open(&self, beacon: Option<&str>) -> anyhow::Result<OpenChain> {
        if let Some(dir) = self.params.clone().or_else(local_parameters) {
            ensure!(
                dir.is_dir(),
                "parameter directory {} does not exist",
                dir.display()
            );
            use_parameter_cache(&dir)?;
        }
        self.load(beacon)
    }

    /// Loads the chain. `beacon` is `mock`, a drand chain info file, or nothing: then the chain must
    /// show that it used the mock beacon.
    pub(super) fn load(&self, beacon: Option<&str>) -> anyhow::Result<OpenChain> {
        let store = SharedBlockstore::memory();
        let name = self.chain.display();
        let loaded =
            car::load_file(&self.chain, &store).with_context(|| format!("reading {name}"))?;
        let head: Vec<Cid> = loaded.roots.into_iter().map(Cid::from).collect();
        let chain = ExportedChain::open(store.clone(), &head)
            .map_err(|e| anyhow::anyhow!("{name} is not a whole chain: {e}"))?;
        self.load_actors(&chain)?;
        let block_delay = self.block_delay(chain.tipsets())?;
        let config = beacon_config(beacon, &chain)?;
        if config != BeaconConfig::Mock {
            check_verifying_keys(&chain)?;
        }
        let network = Network {
            block_delay_secs: block_delay,
            ..Network::devnet("replay")
        };
        let time = FilecoinTime {
            genesis: chain.genesis().min_timestamp(),
            block_delay,
        };
        let clock = SystemClock::new(|_| Box::pin(std::future::pending()));
        let beacons = schedule_of(&config, time, Arc::new(clock))?;
        let chain = Arc::new(chain);
        let rounds = beacons.clone();
        let executor = Executor {
            view: Arc::clone(&chain) as _,
            store,
            vm: Arc::new(FilecoinVm::from_environment()),
            network: Arc::new(network),
            round_of: Arc::new(move |epoch| rounds.max_round_for_epoch(epoch)),
        };
        Ok(OpenChain {
            chain,
            executor,
            beacons,
            mock: config == BeaconConfig::Mock,
        })
    }

    /// Puts the actors' code into the store, unless the export has it.
    fn load_actors(&self, chain: &ExportedChain) -> anyhow::Result<()> {
        let store = chain.store();
        let genesis = chain.genesis().parent_state_root();
        let tree = StateTree::load(store, &genesis)
            .context("the export has no genesis state to begin from")?;
        let system = tree
            .actor_by_id(0)?
            .context("the genesis state has no system actor")?;
        if let Some(path) = &self.bundle {
            let bundle = Bundle::read(path)?;
            ensure!(
                bundle.actors().values().any(|code| *code == system.code),
                "bundle {} (manifest {}) is not the one of this chain: it has no code {}",
                path.display(),
                bundle.manifest(),
                system.code
            );
            return Ok(bundle.load_into(store)?);
        }
        if store.has(&system.code)? {
            return Ok(());
        }
        let found = BundleStore::from_environment().find_by_code(&system.code)?;
        let bundle = found.with_context(|| {
            format!(
                "no bundle has the actor code {} of this chain: build the bundles with \
                 `cargo xtask bundle`, or give one with --bundle",
                system.code
            )
        })?;
        Ok(bundle.load_into(store)?)
    }

    fn block_delay(&self, chain: &[Tipset]) -> anyhow::Result<u64> {
        if let Some(secs) = self.block_delay {
            ensure!(secs > 0, "--block-delay must be at least 1");
            return Ok(secs);
        }
        let [genesis, .., head] = chain else {
            bail!("the chain has one tipset only: give --block-delay")
        };
        let seconds = head.min_timestamp().saturating_sub(genesis.min_timestamp());
        let epochs = u64::try_from(head.height())?;
        ensure!(
            seconds > 0 && seconds.is_multiple_of(epochs),
            "the timestamps give no whole block time: give --block-delay"
        );
        Ok(seconds / epochs)
    }
}

/// The parameters that a local network made for itself, if it did.
fn local_parameters() -> Option<PathBuf> {
    let cache = std::env::var_os("LOTUS_RS_CACHE")
        .map(PathBuf::from)
        .or_else(|| {
            let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let base =
                base.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
            Some(base.join("lotus-rs"))
        })?;
    Some(cache.join(LOCAL_PARAMETERS)).filter(|dir| dir.is_dir())
}

fn beacon_config(beacon: Option<&str>, chain: &ExportedChain) -> anyhow::Result<BeaconConfig> {
    match beacon {
        Some("mock") => Ok(BeaconConfig::Mock),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
            let chain: ChainInfo = serde_json::from_str(&text)
                .with_context(|| format!("{path} is not a drand chain info"))?;
            Ok(BeaconConfig::Drand {
                servers: Vec::new(),
                chain,
            })
        }
        None => {
            let mut entries = chain
                .tipsets()
                .iter()
                .skip(1)
                .flat_map(|t| &t.min_ticket_block().beacon_entries);
            ensure!(
                entries.all(|e| *e == MockBeacon::entry_of(e.round)),
                "this chain used a drand beacon: give its chain info with --beacon INFO.json"
            );
            Ok(BeaconConfig::Mock)
        }
    }
}

/// Without verifying keys the VM would call every seal proof wrong, and the chain with it.
fn check_verifying_keys(chain: &ExportedChain) -> anyhow::Result<()> {
    for tipset in chain.tipsets() {
        for header in tipset.blocks() {
            let messages = chain
                .block_messages(header)
                .map_err(|e| anyhow::anyhow!("block {}: {e}", header.cid()))?;
            let bls = messages.bls.iter();
            let mut all = bls.chain(messages.secpk.iter().map(|m| &m.message));
            if all.any(|m| PROOF_METHODS.contains(&m.method)) {
                let cache = ParameterCache::of_this_process();
                cache
                    .check_key(Circuit::PoRep, 2048)
                    .and_then(|()| cache.check_key(Circuit::WindowPoSt, 2048))
                    .context(
                        "the chain holds seal proofs, which cannot be verified (--params DIR)",
                    )?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A progress bar on stderr; silent where stderr is no terminal.
pub(super) fn progress(tipsets: usize) -> indicatif::ProgressBar {
    let style =
        indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} tipsets, {elapsed}, {msg}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
    indicatif::ProgressBar::new(tipsets as u64).with_style(style)
}
