//! The storage paths of this process: finding and placing sector files, bringing them from other
//! processes, moving them to where they stay.
//!
//! # Invariants
//! - A file under its final name is complete: copies are written under a temporary name, synced and
//!   renamed. Leftovers of a crash are removed when the path is opened.
//! - A copy is verified before its origin is deleted, and the origin is dropped from the index before
//!   its file goes.
//! - Room is reserved before it is used, so that two tasks do not count on the same bytes.

mod copy;
mod disk;
mod moving;
mod reading;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lotus_rpc_api::{
    miner::StorageIndexApi,
    types::storage::{
        AcquireMode, FsStat, HealthReport, PathType, SectorFileType, StorageId, StorageInfo,
        StoragePath,
    },
};
use lotus_types::{SectorId, sector::SectorRef};
use parking_lot::{Mutex, RwLock};

use crate::{
    SealError,
    layout::{LocalStorageMeta, META_FILE, parse_sector, read_json, sector_path, space},
    transfer::Client,
};

pub(crate) use copy::{finish as copy_finish, remove_any};
pub(crate) use reading::{PaddedReader, unpadded};

#[derive(Debug, Clone)]
struct OpenPath {
    dir: PathBuf,
    meta: LocalStorageMeta,
}

/// Paths of sector files that a task may use.
#[derive(Debug, Clone, Default)]
pub struct Acquired {
    paths: BTreeMap<SectorFileType, (StorageId, PathBuf)>,
}

impl Acquired {
    /// The file or directory of this kind.
    ///
    /// # Errors
    /// When it was not acquired.
    pub fn path(&self, kind: SectorFileType) -> Result<&Path, SealError> {
        self.paths
            .get(&kind)
            .map(|(_, path)| path.as_path())
            .ok_or_else(|| SealError::Failed(format!("no {kind} file of the sector was acquired")))
    }
}

/// Bytes that are set aside until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    reserved: Arc<Mutex<BTreeMap<StorageId, u64>>>,
    bytes: Vec<(StorageId, u64)>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.reserved.lock();
        for (id, bytes) in &self.bytes {
            if let Some(held) = reserved.get_mut(id) {
                *held = held.saturating_sub(*bytes);
            }
        }
    }
}

/// The storage of one process.
pub struct Store {
    index: Arc<dyn StorageIndexApi>,
    /// What others fetch files from this process by, such as `http://host:3456/remote`.
    url: String,
    client: Client,
    paths: RwLock<BTreeMap<StorageId, OpenPath>>,
    reserved: Arc<Mutex<BTreeMap<StorageId, u64>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

pub(crate) fn temporary(what: &str, error: impl std::fmt::Display) -> SealError {
    SealError::Temporary(format!("{what}: {error}"))
}

pub(crate) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, SealError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(temporary(what, error)),
        Err(error) => Err(temporary(what, error)),
    }
}

impl Store {
    /// A store without paths. `url` is under which others reach this process' files.
    pub fn new(index: Arc<dyn StorageIndexApi>, url: String, client: Client) -> Self {
        Self {
            index,
            url,
            client,
            paths: RwLock::default(),
            reserved: Arc::default(),
        }
    }

    /// Opens a directory with a `sectorstore.json`, removes what a crash has left half-written, and
    /// declares all sector files in it.
    ///
    /// # Errors
    /// When the directory is no storage path or cannot be used.
    pub async fn open_path(&self, dir: &Path) -> Result<StorageId, SealError> {
        let dir = dir.to_path_buf();
        let root = dir.clone();
        let opened = blocking("opening a storage path", move || {
            let meta: LocalStorageMeta = read_json(&root.join(META_FILE))?;
            let files = disk::scan(&root, true)?;
            Ok((meta, files, disk::stat(&root)?))
        });
        let (meta, files, stat) = opened.await?;
        let id = meta.id.clone();
        let stat = self.limited(&meta, stat, 0);
        let attach = self.index.storage_attach(self.info(&meta), stat);
        attach
            .await
            .map_err(|e| temporary("attaching a storage path", e))?;
        for (sector, kind) in files {
            // A finished sector lies where it stays; files of a sector being sealed are copies.
            self.declare(&id, sector, kind, meta.can_store).await?;
        }
        self.paths
            .write()
            .insert(id.clone(), OpenPath { dir, meta });
        Ok(id)
    }

    /// Attaches all open paths to the index again, and declares what lies in them: to an index that
    /// has lost what it knew.
    ///
    /// # Errors
    /// When a path cannot be read or the index cannot be asked.
    pub async fn announce(&self) -> Result<(), SealError> {
        let open: Vec<_> = self.paths.read().values().cloned().collect();
        for OpenPath { meta, .. } in open {
            let stat = self.stat(&meta.id).await?;
            let attach = self.index.storage_attach(self.info(&meta), stat);
            attach
                .await
                .map_err(|e| temporary("attaching a storage path", e))?;
        }
        self.redeclare(None, false).await
    }

    /// Declares what lies in a path, or in all paths, again; with `drop_missing` also what no longer
    /// lies there.
    ///
    /// # Errors
    /// When a path cannot be read or the index cannot be asked.
    pub async fn redeclare(
        &self,
        id: Option<&StorageId>,
        drop_missing: bool,
    ) -> Result<(), SealError> {
        let open: Vec<_> = {
            let paths = self.paths.read();
            let wanted = paths
                .iter()
                .filter(|(have, _)| id.is_none_or(|id| id == *have));
            wanted
                .map(|(id, path)| (id.clone(), path.clone()))
                .collect()
        };
        for (id, OpenPath { dir, meta }) in open {
            let files = blocking("reading a storage path", move || disk::scan(&dir, false)).await?;
            for (sector, kind) in &files {
                self.declare(&id, *sector, *kind, meta.can_store).await?;
            }
            if !drop_missing {
                continue;
            }
            let listed = self.index.storage_list().await;
            let listed = listed.map_err(|e| temporary("listing sector files", e))?;
            for decl in listed.get(&id).into_iter().flatten() {
                for kind in decl.sector_file_type.kinds() {
                    let sector = decl.sector();
                    if !files.contains(&(sector, kind)) {
                        let gone = self.index.storage_drop_sector(id.clone(), sector, kind);
                        gone.await
                            .map_err(|e| temporary("dropping a sector file", e))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Forgets a path. Its files stay.
    ///
    /// # Errors
    /// When the directory is not open or the index cannot be asked.
    pub async fn close_path(&self, dir: &Path) -> Result<(), SealError> {
        let found = self
            .paths
            .read()
            .iter()
            .find(|(_, p)| p.dir == dir)
            .map(|(id, _)| id.clone());
        let id = found.ok_or_else(|| {
            SealError::Failed(format!("{} is not an open storage path", dir.display()))
        })?;
        let detach = self.index.storage_detach(id.clone(), self.url.clone());
        detach
            .await
            .map_err(|e| temporary("detaching a storage path", e))?;
        self.paths.write().remove(&id);
        Ok(())
    }

    fn info(&self, meta: &LocalStorageMeta) -> StorageInfo {
        StorageInfo {
            id: meta.id.clone(),
            urls: vec![self.url.clone()],
            weight: meta.weight,
            max_storage: meta.max_storage,
            can_seal: meta.can_seal,
            can_store: meta.can_store,
            groups: meta.groups.clone(),
            allow_to: meta.allow_to.clone(),
            allow_types: meta.allow_types.clone(),
            deny_types: meta.deny_types.clone(),
            ..StorageInfo::default()
        }
    }

    fn limited(&self, meta: &LocalStorageMeta, stat: FsStat, used: u64) -> FsStat {
        let reserved = self.reserved.lock().get(&meta.id).copied().unwrap_or(0);
        disk::limit(stat, reserved, meta.max_storage, used)
    }

    /// Open paths, as `Paths` of the worker API lists them.
    pub fn paths(&self) -> Vec<StoragePath> {
        let path = |p: &OpenPath| StoragePath {
            id: p.meta.id.clone(),
            weight: p.meta.weight,
            local_path: p.dir.display().to_string(),
            can_seal: p.meta.can_seal,
            can_store: p.meta.can_store,
        };
        self.paths.read().values().map(path).collect()
    }

    /// The directory of a path.
    pub fn dir(&self, id: &StorageId) -> Option<PathBuf> {
        self.paths.read().get(id).map(|p| p.dir.clone())
    }

    /// Room in a path, what is reserved taken off.
    ///
    /// # Errors
    /// When the path is not open or the file system does not answer.
    pub async fn stat(&self, id: &StorageId) -> Result<FsStat, SealError> {
        let path = self.paths.read().get(id).cloned();
        let OpenPath { dir, meta } =
            path.ok_or_else(|| SealError::Failed(format!("path {id} is not open")))?;
        let limited = meta.max_storage != 0;
        let measured = blocking("reading the room in a storage path", move || {
            let used = if limited { disk::used(&dir)? } else { 0 };
            Ok((disk::stat(&dir)?, used))
        });
        let (stat, used) = measured.await?;
        Ok(self.limited(&meta, stat, used))
    }

    /// Tells the index how all paths do. To be called every [`crate::index::HEARTBEAT`].
    pub async fn report_health(&self) {
        let ids: Vec<_> = self.paths.read().keys().cloned().collect();
        for id in ids {
            let report = match self.stat(&id).await {
                Ok(stat) => HealthReport {
                    stat,
                    err: String::new(),
                },
                Err(error) => HealthReport {
                    stat: FsStat::default(),
                    err: error.to_string(),
                },
            };
            if let Err(error) = self.index.storage_report_health(id.clone(), report).await {
                tracing::warn!(path = %id, %error, "health of a storage path not reported");
            }
        }
    }

    async fn declare(
        &self,
        id: &StorageId,
        sector: SectorId,
        kind: SectorFileType,
        primary: bool,
    ) -> Result<(), SealError> {
        let declared = self
            .index
            .storage_declare_sector(id.clone(), sector, kind, primary);
        declared
            .await
            .map_err(|e| temporary("declaring a sector file", e))
    }

    /// Declares files that a task has made.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub async fn declare_made(
        &self,
        sector: SectorId,
        made: &Acquired,
        types: SectorFileType,
    ) -> Result<(), SealError> {
        for kind in types.kinds() {
            if let Some((id, _)) = made.paths.get(&kind) {
                self.declare(id, sector, kind, false).await?;
            }
        }
        Ok(())
    }

    /// Finds the `existing` files (bringing them here if they lie elsewhere) and places for the
    /// `allocate`d ones, for which room is reserved.
    ///
    /// # Errors
    /// [`SealError::Failed`] when an existing file lies nowhere; [`SealError::Temporary`] when there
    /// is no room or it cannot be brought now.
    pub async fn acquire(
        &self,
        sector: &SectorRef,
        existing: SectorFileType,
        allocate: SectorFileType,
        path_type: PathType,
        mode: AcquireMode,
    ) -> Result<(Acquired, Reservation), SealError> {
        let mut acquired = Acquired::default();
        let mut reservation = Reservation {
            reserved: Arc::clone(&self.reserved),
            bytes: Vec::new(),
        };
        for kind in existing.minus(allocate).kinds() {
            let place = match self.local(sector.id, kind).await? {
                Some(place) => place,
                None => self.bring(sector, kind, path_type, mode).await?,
            };
            acquired.paths.insert(kind, place);
        }
        for kind in allocate.kinds() {
            // Work that is done again goes on where it was begun.
            let place = match self.local(sector.id, kind).await? {
                Some(place) => place,
                None => {
                    self.place(sector, kind, path_type, &mut reservation)
                        .await?
                }
            };
            acquired.paths.insert(kind, place);
        }
        Ok((acquired, reservation))
    }

    /// The file, if it lies in a path of this process.
    async fn local(
        &self,
        sector: SectorId,
        kind: SectorFileType,
    ) -> Result<Option<(StorageId, PathBuf)>, SealError> {
        let found = self.index.storage_find_sector(sector, kind, 0, false).await;
        let found = found.map_err(|e| temporary("finding a sector file", e))?;
        let here = found
            .iter()
            .find_map(|place| Some((place.id.clone(), self.dir(&place.id)?)));
        let Some((id, dir)) = here else {
            return Ok(None);
        };
        let path = sector_path(&dir, kind, sector);
        let look = path.clone();
        if blocking("looking for a sector file", move || look.try_exists()).await? {
            return Ok(Some((id, path)));
        }
        // The index was wrong: somebody has removed it by hand.
        let dropped = self.index.storage_drop_sector(id, sector, kind).await;
        dropped.map_err(|e| temporary("dropping a lost sector file", e))?;
        Ok(None)
    }

    async fn place(
        &self,
        sector: &SectorRef,
        kind: SectorFileType,
        path_type: PathType,
        reservation: &mut Reservation,
    ) -> Result<(StorageId, PathBuf), SealError> {
        let size = sector.proof_type.sector_size().ok_or_else(|| {
            SealError::Failed(format!(
                "seal proof type {} is not known",
                sector.proof_type
            ))
        })?;
        let best = self
            .index
            .storage_best_alloc(kind, size, path_type, Some(sector.id.miner));
        let best = best.await.map_err(|e| temporary("finding room", e))?;
        let needed = space(kind, size, path_type == PathType::Storage);
        for candidate in best {
            let Some(dir) = self.dir(&candidate.id) else {
                continue;
            };
            let room = u64::try_from(self.stat(&candidate.id).await?.available).unwrap_or(0);
            if room < needed {
                continue;
            }
            *self
                .reserved
                .lock()
                .entry(candidate.id.clone())
                .or_default() += needed;
            reservation.bytes.push((candidate.id.clone(), needed));
            let path = sector_path(&dir, kind, sector.id);
            let parent = path.parent().unwrap_or(&dir).to_path_buf();
            blocking("making a directory", move || {
                std::fs::create_dir_all(parent)
            })
            .await?;
            return Ok((candidate.id, path));
        }
        Err(SealError::Temporary(format!(
            "no own path has {needed} bytes for {kind} files"
        )))
    }

    /// The path of a file that lies in this process, for those who serve it.
    pub fn lookup(&self, name: &str, kind: SectorFileType) -> Option<PathBuf> {
        let sector = parse_sector(name)?;
        let paths = self.paths.read();
        let mut files = paths.values().map(|p| sector_path(&p.dir, kind, sector));
        files.find(|file| file.exists())
    }
}

#[cfg(test)]
mod tests;
