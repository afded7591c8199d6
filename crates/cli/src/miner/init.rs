//! `lotus-miner init`: a repo for a miner.
//!
//! # Lotus parity
//! Flags and files of `lotus-miner init`: `config.toml`, `keystore/`, `storage.json` with the
//! pre-sealed sectors' path and the repo itself, `sectorstore.json`. The actor's address is in the file
//! `miner-address` (Lotus: in a datastore). The peer id is announced on chain by `lotus-miner run`,
//! which also makes the blocks that carry the message; Lotus makes blocks inside `init` for it.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use lotus_net::HostKey;
use lotus_rpc_api::full::FullNode;
use lotus_runtime::{
    atomic,
    repo::{LockedRepo, Repo, RepoKind},
};
use lotus_sealer::layout::{LocalPath, LocalStorageMeta, META_FILE, StorageConfig, write_json};
use lotus_storage_node::{Databases, preseal};
use lotus_types::{Address, TipsetKey};

use super::Globals;
use crate::{connect, format::read_size, process, seed::files::expand};

mod create;

/// The file with the actor's address.
pub(super) const ADDRESS_FILE: &str = "miner-address";
/// The file with the storage paths.
pub(super) const STORAGE_FILE: &str = "storage.json";
/// The folder of the databases.
pub(super) const DATABASES: &str = "sqlite";

/// Initialize a lotus miner repo
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// specify the address of an already created miner actor
    #[arg(long, value_name = "ADDRESS")]
    actor: Option<Address>,
    /// enable genesis mining (DON'T USE ON BOOTSTRAPPED NETWORK)
    #[arg(long, hide = true, requires = "actor")]
    genesis_miner: bool,
    /// create separate worker key
    #[arg(long)]
    create_worker_key: bool,
    /// worker key to use (overrides --create-worker-key)
    #[arg(long, short, value_name = "ADDRESS")]
    worker: Option<Address>,
    /// owner key to use
    #[arg(long, short, value_name = "ADDRESS")]
    owner: Option<Address>,
    /// specify sector size to use
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    sector_size: Option<u64>,
    /// specify set of presealed sectors for starting as a genesis miner
    #[arg(long, value_name = "FOLDER", value_delimiter = ',')]
    pre_sealed_sectors: Vec<PathBuf>,
    /// specify the metadata file for the presealed sectors
    #[arg(long, value_name = "FILE", requires = "genesis_miner")]
    pre_sealed_metadata: Option<PathBuf>,
    /// don't check full-node sync status
    #[arg(long)]
    nosync: bool,
    /// don't use storageminer repo for sector storage
    #[arg(long)]
    no_local_storage: bool,
    /// select which address to send actor creation message from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Address>,
    /// Description of the network; LOTUS_NETWORK when it is not given
    #[arg(long, value_name = "FILE", env = "LOTUS_NETWORK")]
    network: Option<PathBuf>,
}

impl Init {
    /// Makes the repo.
    pub(super) fn run(self, globals: &Globals, out: &mut dyn Write) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(self.make(globals, out)))
    }

    async fn make(self, globals: &Globals, out: &mut dyn Write) -> anyhow::Result<()> {
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::StorageMiner, globals.miner_repo.as_deref(), env)?;
        ensure!(
            !repo.exists(),
            "repo at '{}' is already initialized",
            repo.path().display()
        );
        let network = process::find_network(self.network.as_deref(), &repo)?;
        lotus_types::address::set_mainnet_prefix(network.mainnet_addresses);
        if let Some(size) = self.sector_size {
            ensure!(
                network.sector_sizes.contains(&size),
                "--sector-size {size}: the network {} has sectors of {:?} bytes",
                network.name,
                network.sector_sizes
            );
        }
        let node = connect::full_node(globals.repo.as_deref()).await?.api;
        if !self.nosync {
            process::wait_synced(&*node, &network).await?;
        }
        let host_key = HostKey::generate();
        let actor = match self.actor.or(globals.actor) {
            Some(actor) => self.check(&*node, actor).await?,
            None => Box::pin(self.create(&*node, &network, &host_key)).await?,
        };

        repo.init()?;
        let locked = repo.lock()?;
        let made = self.fill(&locked, &network, actor, &host_key);
        if made.is_err() {
            // Half a repo would be taken for a whole one.
            drop(locked);
            let left = std::fs::remove_dir_all(repo.path());
            left.with_context(|| format!("removing {}", repo.path().display()))?;
        }
        made?;
        writeln!(
            out,
            "Miner {actor} initialized in {}; start it with 'lotus-miner run'",
            repo.path().display()
        )?;
        Ok(())
    }

    /// The ID address of an actor that is there, with sectors of the expected size.
    async fn check(&self, node: &dyn FullNode, actor: Address) -> anyhow::Result<Address> {
        let head = TipsetKey::default();
        let id = node.state_lookup_id(actor, head.clone()).await;
        let id = id.with_context(|| format!("looking up {actor}"))?;
        let info = node.state_miner_info(id, head).await;
        let info = info.with_context(|| format!("{actor} is no miner"))?;
        if let Some(size) = self.sector_size {
            ensure!(
                info.sector_size == size,
                "{actor} has sectors of {} bytes, not {size}",
                info.sector_size
            );
        }
        let worker = node
            .state_account_key(info.worker, TipsetKey::default())
            .await?;
        if !node.wallet_has(worker).await? {
            bail!(
                "the daemon's wallet has no key for the worker of {actor}, {worker}: \
                 `lotus wallet import` takes it in"
            );
        }
        Ok(id)
    }

    fn fill(
        &self,
        repo: &LockedRepo,
        network: &lotus_networks::Network,
        actor: Address,
        host_key: &HostKey,
    ) -> anyhow::Result<()> {
        process::keep_network(repo.repo(), network)?;
        host_key.keep_in(repo.keystore())?;
        let mut paths = Vec::new();
        for path in &self.pre_sealed_sectors {
            let path = absolute(path)?;
            ensure!(
                path.join(META_FILE).exists(),
                "{} is no storage path: it has no {META_FILE}",
                path.display()
            );
            paths.push(LocalPath { path });
        }
        if !self.no_local_storage {
            let path = absolute(repo.path())?;
            let meta = LocalStorageMeta::new(10, true, true);
            write_json(&path.join(META_FILE), &meta)?;
            paths.push(LocalPath { path });
        }
        let config = StorageConfig {
            storage_paths: paths,
        };
        write_json(&repo.path().join(STORAGE_FILE), &config)?;
        if let Some(file) = &self.pre_sealed_metadata {
            let text =
                std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let miner = preseal::read(&text, actor)
                .with_context(|| format!("reading {}", file.display()))?;
            let databases = Databases::open(&repo.folder(DATABASES)?)?;
            preseal::import(&databases.sectors, &miner)?;
        }
        let file = repo.path().join(ADDRESS_FILE);
        atomic::write(&file, actor.to_string().as_bytes(), 0o644)
            .with_context(|| format!("writing {}", file.display()))
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let path = expand(path);
    std::path::absolute(&path).with_context(|| format!("the folder {}", path.display()))
}

/// The actor that a repo belongs to.
pub(super) fn actor_of(repo: &Repo) -> anyhow::Result<Address> {
    let file = repo.path().join(ADDRESS_FILE);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("reading {}; `lotus-miner init` writes it", file.display()))?;
    let address = text.trim().parse();
    address.with_context(|| format!("{} holds no address", file.display()))
}
