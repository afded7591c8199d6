//! The chain's database inside the repo.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lotus_blockstore::{DiskDatabase, DiskOptions, SharedBlockstore, Store as _};
use lotus_node::{Stores, genesis::open_chain};
use lotus_runtime::{atomic, repo::LockedRepo, supervisor::Tasks};

use super::restore::{self, Restoration};

/// How often the database is asked whether it still takes writes.
const LOOK: Duration = Duration::from_secs(1);

/// Its folder.
pub(super) const FOLDER: &str = "datastore";
/// Its folder while it is being made.
const UNFINISHED: &str = "datastore.new";

/// The database, open.
pub(in crate::lotus) struct Datastore {
    pub(in crate::lotus) stores: Stores,
    database: DiskDatabase,
    folder: PathBuf,
    /// It has no genesis: no start has come to its end yet.
    is_new: bool,
}

impl Datastore {
    /// Opens the database of a repo, or makes one, with what is to be restored.
    ///
    /// # Errors
    /// When it cannot be read or written, or is there although something is to be restored.
    pub(super) fn open(
        repo: &LockedRepo,
        restoration: Option<&Restoration>,
    ) -> anyhow::Result<Self> {
        let folder = repo.path().join(FOLDER);
        if restoration.is_some() {
            restore::check_fresh(repo.repo())?;
        }
        if !folder.exists() {
            make(repo, &folder, restoration)?;
        }
        Self::at(folder)
    }

    /// Opens the database of a repo that has one.
    ///
    /// # Errors
    /// When it has none, or it cannot be read.
    pub(in crate::lotus) fn open_existing(repo: &LockedRepo) -> anyhow::Result<Self> {
        let folder = repo.path().join(FOLDER);
        ensure!(
            folder.exists(),
            "the repo at {} has no database yet: `lotus daemon` makes it",
            repo.path().display()
        );
        Self::at(folder)
    }

    fn at(folder: PathBuf) -> anyhow::Result<Self> {
        let (database, stores) = open(&folder)?;
        let is_new = open_chain(&stores)?.genesis().is_none();
        Ok(Self {
            stores,
            database,
            folder,
            is_new,
        })
    }

    /// The first start has failed: takes away what it wrote, so that the next one begins anew. A
    /// database that was there before is left as it is.
    pub(super) fn abandon(self) {
        let Self {
            stores,
            database,
            folder,
            is_new,
        } = self;
        // The last handles: with them the database's own threads end.
        drop((stores, database));
        if !is_new {
            return;
        }
        // By its other name first: one that a kill left half removed could not be opened.
        let unfinished = folder.with_file_name(UNFINISHED);
        let removed =
            fs::rename(&folder, &unfinished).and_then(|()| fs::remove_dir_all(&unfinished));
        if let Err(error) = removed {
            tracing::warn!(folder = %folder.display(), %error, "an unfinished database stays");
        }
    }

    /// Ends the process in order once the database takes no more writes, as on a full disk: what
    /// cannot be kept must not be built upon. All that was durable before is there at the next start.
    pub(super) fn watch(&self, tasks: &Tasks) {
        let (database, folder) = (self.database.clone(), self.folder.clone());
        let stop = tasks.stop_token();
        tasks.critical("datastore", async move {
            while stop
                .run_until_cancelled(tokio::time::sleep(LOOK))
                .await
                .is_some()
            {
                look(database.clone(), &folder).await?;
            }
            Ok::<(), String>(())
        });
    }
}

fn open(folder: &Path) -> anyhow::Result<(DiskDatabase, Stores)> {
    let database = DiskDatabase::open(folder, DiskOptions::default())?;
    let stores = Stores {
        blocks: SharedBlockstore::new(database.blocks("chain")?),
        metadata: Arc::new(database.metadata("metadata")?),
    };
    Ok((database, stores))
}

/// Makes an empty database, which gets its name when it is whole: one that a kill left half made could
/// neither be opened nor made again.
fn make(repo: &LockedRepo, folder: &Path, restoration: Option<&Restoration>) -> anyhow::Result<()> {
    let unfinished = repo.path().join(UNFINISHED);
    let making = || format!("making the database {}", folder.display());
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(making);
        }
        _ => {}
    }
    let (database, stores) = open(&unfinished)?;
    if let Some(restoration) = restoration {
        restoration.put(repo, &stores)?;
    }
    stores.blocks.flush().with_context(making)?;
    // Closed, since it knows its files by their path.
    drop((stores, database));
    let named = fs::rename(&unfinished, folder);
    let durable = named.and_then(|()| atomic::sync_folder(repo.path()));
    durable.with_context(making)
}

/// Asks a database whether it takes writes. The error is one line, as the supervisor tells it.
async fn look(database: DiskDatabase, folder: &Path) -> Result<(), String> {
    let looked = tokio::task::spawn_blocking(move || database.check()).await;
    let looked = looked.map_err(anyhow::Error::from).flatten();
    let looked = looked.with_context(|| failure(folder));
    looked.map_err(|error| format!("{error:#}"))
}

fn failure(folder: &Path) -> String {
    let shown = folder.display();
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            format!("the database {shown} cannot be written, {free} bytes are free on its disk")
        }
        Err(_) => format!("the database {shown} cannot be written"),
    }
}
