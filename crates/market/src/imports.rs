//! The client's files: imported, listed, removed, and given out as payloads of deals.
//!
//! # Invariants
//! - An import is a row in the index and a payload file `<id>.car`; the row comes last and goes first.
//!   Files without a row are removed when the folder is opened, so nothing half-written stays.
//! - A payload holds the whole DAG of its root, every block checked against its CID.
//!
//! # Lotus parity
//! `$LOTUS_PATH/imports` with the ids (the time in nanoseconds) and the one CAR per import of Lotus.
//! Unlike Lotus, which keeps references into the imported file, the payload is a copy: the file may be
//! changed or removed afterwards, at the price of its size in disk space. A CAR that is imported is
//! copied as well, so that its payload is there in the one order of blocks; one that lacks blocks of
//! its DAG is refused at once.
//!
//! All calls block: from async code, run them on a blocking thread.

mod error;
mod index;
mod payload;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

pub use error::ImportError;
use index::Index;
use lotus_rpc_api::types::deals::{CommPRet, DataCidSize, Import, ImportRes};
use lotus_types::Cid;
pub use payload::generate_car;

use crate::{
    piece::source::CarFile,
    unixfs::export::{self, ExportLimits},
};

const INDEX: &str = "imports.sqlite";
const CAR: &str = "car";
/// Marks files that are being written.
const PARTIAL: &str = "part";

/// The store of imports.
#[derive(Debug)]
pub struct Imports {
    folder: PathBuf,
    index: Index,
}

impl Imports {
    /// Opens the store in `folder` (made if it is not there), and removes what an import that was
    /// broken off has left.
    ///
    /// # Errors
    /// [`ImportError::Io`] or [`ImportError::Index`].
    pub fn open(folder: &Path) -> Result<Self, ImportError> {
        fs::create_dir_all(folder).map_err(error::io("creating", folder))?;
        let imports = Self {
            folder: folder.to_path_buf(),
            index: Index::open(&folder.join(INDEX))?,
        };
        imports.sweep()?;
        Ok(imports)
    }

    /// Imports the file at `path`: chunked as a UnixFS file or, when `is_car`, as the CAR that it is
    /// (version 1 or 2, one root).
    ///
    /// # Errors
    /// [`ImportError::Refused`] when the file is none, or not a good CAR; [`ImportError::Io`].
    pub fn import(&self, path: &Path, is_car: bool) -> Result<ImportRes, ImportError> {
        let id = self.next_id()?;
        let (car, partial) = (self.car_path(id), self.partial_path(id));
        let outcome = payload::write(path, is_car, &partial).and_then(|root| {
            fs::rename(&partial, &car).map_err(error::io("renaming", &partial))?;
            lotus_runtime::atomic::sync_folder(&self.folder)
                .map_err(error::io("syncing", &self.folder))?;
            self.index.add(id, &root, path)?;
            Ok(root)
        });
        match outcome {
            Ok(root) => Ok(ImportRes {
                root,
                import_id: id,
            }),
            Err(error) => {
                // The first error matters more than one of the clean-up.
                let _ = fs::remove_file(&partial);
                let _ = fs::remove_file(&car);
                Err(error)
            }
        }
    }

    /// All imports, oldest first.
    ///
    /// # Errors
    /// [`ImportError::Index`].
    pub fn list(&self) -> Result<Vec<Import>, ImportError> {
        let rows = self.index.all()?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let car = self.car_path(row.id);
                let err = if car.exists() {
                    String::new()
                } else {
                    format!("its payload {} is gone; import it again", car.display())
                };
                Import {
                    key: row.id,
                    err,
                    root: Some(row.root),
                    source: "import".to_owned(),
                    file_path: row.file,
                    car_path: car.display().to_string(),
                }
            })
            .collect())
    }

    /// Forgets an import and removes its payload.
    ///
    /// # Errors
    /// [`ImportError::NoSuchImport`]; [`ImportError::Io`].
    pub fn remove(&self, id: u64) -> Result<(), ImportError> {
        if !self.index.remove(id)? {
            return Err(ImportError::NoSuchImport(id));
        }
        let car = self.car_path(id);
        lotus_runtime::atomic::remove(&car).map_err(error::io("removing", &car))
    }

    /// Was a DAG with this root imported?
    ///
    /// # Errors
    /// [`ImportError::Index`].
    pub fn has(&self, root: &Cid) -> Result<bool, ImportError> {
        match self.car(root) {
            Ok(_) => Ok(true),
            Err(ImportError::UnknownRoot(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The payload of a DAG: a CAR v1 whose bytes are those of the piece.
    ///
    /// # Errors
    /// [`ImportError::UnknownRoot`] when it was not imported, or its payload is gone.
    pub fn car(&self, root: &Cid) -> Result<PathBuf, ImportError> {
        let ids = self.index.ids_of(root)?;
        ids.into_iter()
            .map(|id| self.car_path(id))
            .find(|car| car.exists())
            .ok_or(ImportError::UnknownRoot(*root))
    }

    /// Sizes and CommP of a DAG's payload. CommP is computed once per root and kept.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn data_cid_size(&self, root: &Cid) -> Result<DataCidSize, ImportError> {
        let car = self.car(root)?;
        if let Some(known) = self.index.commitment(root)? {
            return Ok(known);
        }
        let size = payload::data_cid_size(&car)?;
        self.index.set_commitment(root, &size)?;
        Ok(size)
    }

    /// Writes an imported DAG to `to`, which must not exist: as the file that it is or, when
    /// `as_car`, as its payload.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn export(&self, root: &Cid, to: &Path, as_car: bool) -> Result<(), ImportError> {
        export_car(&self.car(root)?, root, to, as_car)
    }

    fn car_path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string()).with_extension(CAR)
    }

    fn partial_path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string()).with_extension(PARTIAL)
    }

    /// The time in nanoseconds, or one more than the last id.
    fn next_id(&self) -> Result<u64, ImportError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0));
        Ok(self.index.reserve(now)?)
    }

    fn sweep(&self) -> Result<(), ImportError> {
        let reading = || error::io("reading", &self.folder);
        for entry in fs::read_dir(&self.folder).map_err(reading())? {
            let path = entry.map_err(reading())?.path();
            let kind = path.extension().and_then(|kind| kind.to_str());
            let id = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let Some(id) = id else { continue };
            let leftover = match kind {
                Some(PARTIAL) => true,
                Some(CAR) => !self.index.has(id)?,
                _ => false,
            };
            if leftover {
                tracing::warn!(file = %path.display(), "removing what a broken import has left");
                fs::remove_file(&path).map_err(error::io("removing", &path))?;
            }
        }
        Ok(())
    }
}

/// Writes the DAG of `root` in the payload `car` to `to`, which must not exist: as the file or
/// directory that it is or, when `as_car`, as it stands.
///
/// # Errors
/// [`ImportError`]. Nothing is left at `to`.
pub fn export_car(car: &Path, root: &Cid, to: &Path, as_car: bool) -> Result<(), ImportError> {
    if !as_car {
        let mut source = CarFile::open(car)?;
        return Ok(export::export(
            &mut source,
            &(*root).into(),
            to,
            ExportLimits::default(),
        )?);
    }
    let copied = File::open(car).and_then(|mut from| {
        let mut target = File::create_new(to)?;
        let copied = io::copy(&mut from, &mut target).and_then(|_| target.sync_all());
        if copied.is_err() {
            let _ = fs::remove_file(to);
        }
        copied
    });
    copied.map_err(error::io("writing", to))
}

/// CommP of a CAR file as it stands, whatever its order of blocks, for offline deals.
///
/// # Errors
/// [`ImportError::Refused`] when it is no CAR.
pub fn commp_of_car(path: &Path) -> Result<CommPRet, ImportError> {
    payload::check_is_car(path)?;
    let size = payload::data_cid_size(path)?;
    Ok(CommPRet {
        root: size.piece_cid,
        size: size.piece_size.unpadded(),
    })
}

#[cfg(test)]
mod tests;
