//! Bringing, moving and removing sector files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lotus_rpc_api::types::storage::{AcquireMode, PathType, SectorFileType, StorageId};
use lotus_types::{SectorId, sector::SectorRef};

use super::{Reservation, Store, blocking, copy, remove_any, temporary};
use crate::{SealError, layout::sector_path};

impl Store {
    /// Brings a file from another process here; with [`AcquireMode::Move`] it is deleted there.
    pub(super) async fn bring(
        &self,
        sector: &SectorRef,
        kind: SectorFileType,
        path_type: PathType,
        mode: AcquireMode,
    ) -> Result<(StorageId, PathBuf), SealError> {
        let id = sector.id;
        let found = self.index.storage_find_sector(id, kind, 0, false).await;
        let found = found.map_err(|e| temporary("finding a sector file", e))?;
        if found.is_empty() {
            return Err(SealError::Failed(format!("{kind} of {id} lies nowhere")));
        }
        let mut room = Reservation {
            reserved: Arc::clone(&self.reserved),
            bytes: Vec::new(),
        };
        let (to, path) = self.place(sector, kind, path_type, &mut room).await?;
        let mut errors = Vec::new();
        for url in found.iter().flat_map(|place| &place.urls) {
            match self.client.fetch(url, &path).await {
                Ok(false) if path_type == PathType::Storage => {
                    errors.push(format!("{url}: not sure that it is complete"));
                    let path = path.clone();
                    blocking("removing an incomplete copy", move || remove_any(&path)).await?;
                }
                Ok(complete) => {
                    let primary = path_type == PathType::Storage;
                    self.declare(&to, id, kind, primary).await?;
                    if mode == AcquireMode::Move && complete {
                        self.delete_elsewhere(id, kind, &to).await;
                    }
                    return Ok((to, path));
                }
                Err(error) => errors.push(format!("{url}: {error}")),
            }
        }
        Err(SealError::Temporary(format!(
            "{kind} of {id} cannot be fetched: {}",
            errors.join("; ")
        )))
    }

    /// Deletes all other copies. What cannot be deleted now is only wasted room.
    async fn delete_elsewhere(&self, sector: SectorId, kind: SectorFileType, keep: &StorageId) {
        let found = match self.index.storage_find_sector(sector, kind, 0, false).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%sector, %kind, %error, "spare copies not deleted");
                return;
            }
        };
        for place in found.iter().filter(|place| place.id != *keep) {
            let result = if self.dir(&place.id).is_some() {
                self.remove_from(&place.id, sector, kind).await
            } else {
                let mut result = Err(SealError::Temporary("no URL".to_owned()));
                for url in &place.urls {
                    result = self.client.delete(url, keep).await;
                    if result.is_ok() {
                        break;
                    }
                }
                result
            };
            if let Err(error) = result {
                tracing::warn!(%sector, %kind, path = %place.id, %error, "spare copy not deleted");
            }
        }
    }

    /// Brings files to a path where they stay and deletes all other copies.
    ///
    /// # Errors
    /// [`SealError`]; the files are then still complete somewhere.
    pub async fn move_to_storage(
        &self,
        sector: &SectorRef,
        types: SectorFileType,
    ) -> Result<(), SealError> {
        for kind in types.kinds() {
            if let Some((id, path)) = self.local(sector.id, kind).await? {
                if self.can_store(&id) {
                    self.declare(&id, sector.id, kind, true).await?;
                    self.delete_elsewhere(sector.id, kind, &id).await;
                    continue;
                }
                self.move_here(sector, kind, &path).await?;
                continue;
            }
            self.bring(sector, kind, PathType::Storage, AcquireMode::Move)
                .await?;
        }
        Ok(())
    }

    fn can_store(&self, id: &StorageId) -> bool {
        self.paths.read().get(id).is_some_and(|p| p.meta.can_store)
    }

    /// From one path of this process to another.
    async fn move_here(
        &self,
        sector: &SectorRef,
        kind: SectorFileType,
        from: &Path,
    ) -> Result<(), SealError> {
        let mut room = Reservation {
            reserved: Arc::clone(&self.reserved),
            bytes: Vec::new(),
        };
        let (id, to) = self
            .place(sector, kind, PathType::Storage, &mut room)
            .await?;
        let from = from.to_path_buf();
        blocking("copying a sector file", move || {
            copy::copy_verified(&from, &to)
        })
        .await?;
        self.declare(&id, sector.id, kind, true).await?;
        self.delete_elsewhere(sector.id, kind, &id).await;
        Ok(())
    }

    /// Removes files of a sector from a path of this process.
    async fn remove_from(
        &self,
        id: &StorageId,
        sector: SectorId,
        kind: SectorFileType,
    ) -> Result<(), SealError> {
        let Some(dir) = self.dir(id) else {
            return Ok(());
        };
        let dropped = self
            .index
            .storage_drop_sector(id.clone(), sector, kind)
            .await;
        dropped.map_err(|e| temporary("dropping a sector file", e))?;
        let path = sector_path(&dir, kind, sector);
        blocking("removing a sector file", move || remove_any(&path)).await
    }

    /// Removes files of a sector from all paths of this process but those in `keep`.
    ///
    /// # Errors
    /// [`SealError::Temporary`].
    pub async fn remove(
        &self,
        sector: SectorId,
        types: SectorFileType,
        keep: &[StorageId],
    ) -> Result<(), SealError> {
        let ids: Vec<_> = self
            .paths
            .read()
            .keys()
            .filter(|id| !keep.contains(id))
            .cloned()
            .collect();
        for id in ids {
            for kind in types.kinds() {
                self.remove_from(&id, sector, kind).await?;
            }
        }
        Ok(())
    }

    /// Removes files of a sector everywhere.
    ///
    /// # Errors
    /// [`SealError::Temporary`] when a process that has some cannot be reached.
    pub async fn remove_everywhere(
        &self,
        sector: SectorId,
        types: SectorFileType,
    ) -> Result<(), SealError> {
        self.remove(sector, types, &[]).await?;
        for kind in types.kinds() {
            let found = self.index.storage_find_sector(sector, kind, 0, false).await;
            let found = found.map_err(|e| temporary("finding a sector file", e))?;
            for url in found.iter().flat_map(|place| &place.urls) {
                self.client.delete(url, &StorageId::default()).await?;
            }
        }
        Ok(())
    }
}
