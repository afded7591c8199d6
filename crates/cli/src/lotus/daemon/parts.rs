//! What a daemon looks for before it starts: bundle and genesis.

use std::{
    fs::File,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use lotus_actors::{StateTree, init};
use lotus_blockstore::{SharedBlockstore, car};
use lotus_chain::Imported;
use lotus_genesis::{Drawn, Template, make_genesis, write_car};
use lotus_networks::{
    Network,
    singletons::{INIT_ACTOR, SYSTEM_ACTOR},
};
use lotus_node::{Stores, ensure_genesis, import};
use lotus_ports::{Blockstore as _, vm::MachineContext};
use lotus_runtime::atomic;
use lotus_types::{BlockHeader, ChainEpoch, Cid, TokenAmount};
use lotus_vm::{Bundle, BundleStore, FilecoinVm};

/// Where the genesis of a new repo comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum GenesisFrom<'a> {
    /// A genesis CAR.
    File(&'a Path),
    /// Made from a template, and written to a file.
    Template {
        /// The template.
        template: &'a Path,
        /// The genesis CAR to write.
        out: &'a Path,
    },
    /// The chain that is imported has it.
    Import(&'a Path),
    /// The repo has one already.
    Repo,
}

/// Network, genesis and actors that belong together.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) network: Arc<Network>,
    pub(super) genesis: Arc<BlockHeader>,
    /// The actor bundle's manifest.
    pub(super) manifest: Cid,
    /// The chain that the genesis came with. It is loaded, not the head.
    pub(super) imported: Option<Imported>,
}

/// Brings genesis and bundle into the stores and checks that they belong together.
pub(super) fn choose(
    vm: &FilecoinVm,
    stores: &Stores,
    network: Network,
    bundle: Option<&Path>,
    source: GenesisFrom<'_>,
) -> anyhow::Result<Chosen> {
    let known = match (bundle, network.actors_manifest) {
        (Some(path), _) => Some(Bundle::read(path)?),
        (None, Some(manifest)) => Some(BundleStore::from_environment().load(&manifest)?),
        (None, None) => None,
    };
    if let (Some(bundle), Some(expected)) = (&known, network.actors_manifest) {
        ensure!(
            bundle.manifest() == expected,
            "the actor bundle's manifest is {}, but the network's is {expected}",
            bundle.manifest()
        );
    }
    let mut imported = None;
    let path = match source {
        GenesisFrom::File(path) => Some(path),
        GenesisFrom::Template { template, out } => {
            let bundle = known.as_ref().context(
                "to make a genesis the actor bundle must be known: actors_manifest in the network's \
                 description, or --bundle FILE",
            )?;
            make(vm, bundle, template, out)?;
            Some(out)
        }
        GenesisFrom::Import(path) => {
            imported = Some(load(stores, &network, path)?);
            None
        }
        GenesisFrom::Repo => None,
    };
    let file = path
        .map(|p| File::open(p).with_context(|| format!("reading the genesis {}", p.display())))
        .transpose()?;
    let (_, genesis) = ensure_genesis(stores, &network, file)?;
    check_name(stores, &genesis, &network)?;
    let manifest = load_bundle(stores, &genesis, known)?;
    Ok(Chosen {
        network: Arc::new(network),
        genesis,
        manifest,
        imported,
    })
}

fn make(vm: &FilecoinVm, bundle: &Bundle, template: &Path, out: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(template)
        .with_context(|| format!("reading the template {}", template.display()))?;
    let template: Template = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a genesis template", template.display()))?;
    let store = SharedBlockstore::memory();
    bundle.load_into(&store)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.context("the clock is before 1970")?.as_secs();
    let drawn = Drawn::random(&mut rand::rngs::OsRng)?.or_now(&template, now);
    let genesis = make_genesis(vm, &store, &bundle.manifest(), &template, &drawn)?;
    let mut file = Vec::new();
    write_car(&store, &genesis.cid, &mut file)?;
    atomic::write(out, &file, 0o644).with_context(|| format!("writing {}", out.display()))
}

/// Loads a chain export, without making it the chain.
pub(super) fn load(stores: &Stores, network: &Network, path: &Path) -> anyhow::Result<Imported> {
    let shown = path.display();
    let file = car::CarReader::open(path).with_context(|| format!("importing {shown}"))?;
    let loaded = import::load(stores, network, file, |_| ControlFlow::Continue(()));
    let loaded = loaded.with_context(|| format!("importing {shown}"))?;
    tracing::info!(
        head = %loaded.head.key(),
        height = loaded.head.height(),
        tipsets = loaded.tipsets,
        "{shown} is loaded"
    );
    Ok(loaded)
}

/// Tells from time to time how far a validation has come.
pub(super) struct Progress {
    head: ChainEpoch,
    told: Instant,
}

impl Progress {
    const PAUSE: Duration = Duration::from_secs(10);

    pub(super) fn new(head: ChainEpoch) -> Self {
        Self {
            head,
            told: Instant::now(),
        }
    }

    pub(super) fn at(&mut self, height: ChainEpoch) {
        if height == self.head || self.told.elapsed() >= Self::PAUSE {
            self.told = Instant::now();
            tracing::info!(height, head = self.head, "imported chain validated");
        }
    }
}

/// The genesis state knows its network's name, which is part of every gossip topic.
fn check_name(stores: &Stores, genesis: &BlockHeader, network: &Network) -> anyhow::Result<()> {
    let tree = StateTree::load(&stores.blocks, &genesis.parent_state_root)?;
    let init = tree.actor(&INIT_ACTOR)?;
    let init = init.context("the genesis has no init actor")?;
    let state: init::State = lotus_actors::load(&stores.blocks, &init.head, "init actor's state")?;
    ensure!(
        state.network_name == network.name,
        "genesis block {} is of the network {:?}, but the network description says {:?}",
        genesis.cid(),
        state.network_name,
        network.name
    );
    Ok(())
}

/// Puts the actors' code into the store and checks that it is what the genesis runs.
fn load_bundle(
    stores: &Stores,
    genesis: &BlockHeader,
    known: Option<Bundle>,
) -> anyhow::Result<Cid> {
    let tree = StateTree::load(&stores.blocks, &genesis.parent_state_root)?;
    let system = tree
        .actor(&SYSTEM_ACTOR)?
        .context("the genesis has no system actor")?;
    let bundle = match known {
        Some(bundle) => bundle,
        None => BundleStore::from_environment().find_by_code(&system.code)?.ok_or_else(|| {
            anyhow!(
                "no actor bundle with the genesis' code {}: build it with `make bundle`, or give it \
                 with --bundle FILE",
                system.code
            )
        })?,
    };
    ensure!(
        bundle.actors().values().any(|code| *code == system.code),
        "the genesis runs other actors (system actor {}) than the bundle {}",
        system.code,
        bundle.manifest()
    );
    if !stores.blocks.has(bundle.manifest().inner())? || !stores.blocks.has(system.code.inner())? {
        bundle.load_into(&stores.blocks)?;
    }
    Ok(bundle.manifest())
}

/// Compiles the actors on a thread of its own, so that the first message does not wait for it.
pub(super) fn warm_up(vm: Arc<FilecoinVm>, chosen: &Chosen, stores: &Stores) {
    let context = MachineContext {
        epoch: 0,
        state_root: chosen.genesis.parent_state_root,
        base_fee: TokenAmount::zero(),
        circulating_supply: TokenAmount::zero(),
        network_version: chosen.network.version_at(0),
        actor_debugging: chosen.network.actor_debugging,
        tracing: false,
    };
    let store = Arc::new(stores.blocks.clone());
    let thread = std::thread::Builder::new().name("vm-warm-up".to_owned());
    let spawned = thread.spawn(move || {
        if let Err(error) = vm.warm_up(&context, store) {
            tracing::warn!(%error, "the actors could not be compiled ahead");
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread to compile the actors ahead");
    }
}
