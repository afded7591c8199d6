//! A node's metadata in one file, and back into a new repo.
//!
//! | in a backup | not in it |
//! |---|---|
//! | settings and local messages of the pool, nonces | keys: the wallet is exported on its own |
//! | payment channels and vouchers | the chain: its blocks and state come from a snapshot or peers |
//! | escrow that is reserved for deals | files that were imported: only the list of them |
//! | Ledger addresses, and what else the metadata hold | the configuration, logs, the journal |
//! | deals and imports of the market client, and its port | data that were retrieved |
//!
//! # Invariants
//! - The chain is named in a backup (genesis, head, checkpoint) but not restored: its blocks are elsewhere. The
//!   genesis is compared with that of the new repo ([`check_genesis`]).
//! - Restoring writes nothing over what is there and different.
//! - Each database is copied between two of its transactions; they are not copied at the same instant,
//!   as every one of them stands a restart at any time without the others.
//!
//! # Lotus parity
//! `node/impl/backup.go` and `lotus daemon --restore`: the metadata datastore with the client's deals in
//! it, without wallet and chain; the head is left out at restoring. The file itself is another one, see
//! [`lotus_runtime::backup`].

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lotus_blockstore::MetadataStore;
use lotus_market::snapshot::{self, SnapshotError};
use lotus_runtime::{
    atomic,
    backup::{self, Backup, BackupError},
    repo::RepoKind,
};
use lotus_types::Bytes;

use crate::config::agent;

/// Databases of a repo that are metadata, by their names in it.
const DATABASES: [&str; 2] = ["client/deals.sqlite", "imports/imports.sqlite"];
/// Small files that are: providers which have not fetched a deal's data yet know the port.
const FILES: [&str; 1] = ["client/transfer-port"];
/// Keys that mean nothing without the chain's blocks.
const OF_THE_CHAIN: [&str; 2] = ["/chain/", "/state/"];
/// Under which the genesis is named.
const GENESIS: &str = "/chain/genesis";

/// Why metadata could not be collected or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The metadata store failed.
    #[error("the metadata: {0}")]
    Store(String),
    /// A database could not be copied.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A file of the repo cannot be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// "read" or "write".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The backup has a file that no backup of this program has.
    #[error("the backup has a file {0:?}, which is none of a node's metadata")]
    Unknown(String),
    /// There is another file already.
    #[error("{} is there already, and is not the one of the backup: restore into a new repo", .0.display())]
    Exists(PathBuf),
    /// The backup is of another chain.
    #[error("the backup is of a node on another chain: its genesis is not that of this repo")]
    OtherChain,
}

fn store(error: impl std::fmt::Display) -> MetadataError {
    MetadataError::Store(format!("{error:#}"))
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> MetadataError + 'a {
    move |source| MetadataError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// What a backup holds beside the metadata store, and where a caller may have it written.
#[derive(Debug, Clone, Default)]
pub struct BackupPlace {
    /// The repo; `None`: there are no files beside the metadata.
    pub repo: Option<PathBuf>,
    /// The folder for backups (`LOTUS_BACKUP_BASE_PATH`); `None`: callers get none.
    pub base: Option<PathBuf>,
}

impl BackupPlace {
    /// The file that a caller of the API may have written.
    ///
    /// # Errors
    /// [`BackupError`] when it would lie outside of the base path.
    pub fn place(&self, path: &str) -> Result<PathBuf, BackupError> {
        backup::place(self.base.as_deref(), Path::new(path))
    }

    /// Collects the metadata. Blocks.
    ///
    /// # Errors
    /// When some of it cannot be read.
    pub fn collect(&self, metadata: &dyn MetadataStore) -> Result<Backup, MetadataError> {
        let records = metadata.list("").map_err(store)?;
        let mut files = Vec::new();
        if let Some(repo) = &self.repo {
            for name in DATABASES {
                let bytes = snapshot::of_database(&repo.join(name))?;
                files.extend(bytes.map(|bytes| (name.to_owned(), Bytes::from(bytes))));
            }
            for name in FILES {
                let bytes = content(&repo.join(name))?;
                files.extend(bytes.map(|bytes| (name.to_owned(), Bytes::from(bytes))));
            }
        }
        Ok(Backup {
            kind: RepoKind::FullNode.to_string(),
            program: agent(),
            records: records
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect(),
            files,
        })
    }
}

/// Reads the backup of a full node.
///
/// # Errors
/// [`BackupError`] for every other file, and for a damaged one.
pub fn read(path: &Path) -> Result<Backup, BackupError> {
    Backup::read(path, &RepoKind::FullNode.to_string())
}

/// Puts the files of a backup into a repo and its records into an empty metadata store. The store comes
/// last, so that whoever makes it visible by its being there shows a whole restoration.
///
/// # Errors
/// [`MetadataError`]. Files that were put there before the failure stay; a second try finds them equal.
pub fn restore(
    backup: &Backup,
    repo: &Path,
    metadata: &dyn MetadataStore,
) -> Result<(), MetadataError> {
    let known = |name: &str| DATABASES.contains(&name) || FILES.contains(&name);
    if let Some((name, _)) = backup.files.iter().find(|(name, _)| !known(name)) {
        return Err(MetadataError::Unknown(name.clone()));
    }
    let mut missing = Vec::new();
    for (name, bytes) in &backup.files {
        let path = repo.join(name);
        match content(&path)? {
            Some(there) if there == **bytes => {}
            Some(_) => return Err(MetadataError::Exists(path)),
            None => missing.push((path, bytes)),
        }
    }
    for (path, bytes) in missing {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make", folder))?;
        }
        atomic::write(&path, bytes, 0o600).map_err(failed("write", &path))?;
    }
    for (key, value) in &backup.records {
        if !OF_THE_CHAIN.iter().any(|prefix| key.starts_with(prefix)) {
            metadata.set(key, value).map_err(store)?;
        }
    }
    Ok(())
}

/// Is the chain of this store the one that the backup was made on? A backup of a node that had no chain
/// fits all.
///
/// # Errors
/// [`MetadataError::OtherChain`], or when the store cannot be read.
pub fn check_genesis(backup: &Backup, metadata: &dyn MetadataStore) -> Result<(), MetadataError> {
    let here = metadata.get(GENESIS).map_err(store)?;
    match (backup.record(GENESIS), here) {
        (Some(there), Some(here)) if here != there => Err(MetadataError::OtherChain),
        _ => Ok(()),
    }
}

fn content(path: &Path) -> Result<Option<Vec<u8>>, MetadataError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use lotus_blockstore::MemoryMetadata;
    use lotus_market::imports::Imports;

    use super::*;

    const CONFIG: &str = "/mpool/config";

    /// A repo with an import and metadata of several services.
    fn node() -> (tempfile::TempDir, MemoryMetadata) {
        let repo = tempfile::tempdir().expect("folder");
        let file = repo.path().join("data");
        fs::write(&file, b"some data").expect("written");
        let imports = Imports::open(&repo.path().join("imports")).expect("imports");
        imports.import(&file, false).expect("imported");
        fs::create_dir(repo.path().join("client")).expect("folder");
        fs::write(repo.path().join("client/transfer-port"), b"4001").expect("written");
        let metadata = MemoryMetadata::new();
        for (key, value) in [
            (CONFIG, "{\"SizeLimitHigh\":7}"),
            ("/mpool/local/x", "a message"),
            ("/paych/channel/y", "a channel"),
            ("/market/funds/z", "reserved"),
            (GENESIS, "genesis"),
            ("/chain/head", "head"),
            ("/state/executed", "hints"),
        ] {
            metadata.set(key, value.as_bytes()).expect("memory");
        }
        (repo, metadata)
    }

    fn backup() -> Backup {
        let (repo, metadata) = node();
        let place = BackupPlace {
            repo: Some(repo.path().to_owned()),
            base: None,
        };
        place.collect(&metadata).expect("collected")
    }

    #[test]
    fn a_new_repo_knows_what_the_old_one_knew_but_the_chain() {
        let (backup, repo) = (backup(), tempfile::tempdir().expect("folder"));
        let metadata = MemoryMetadata::new();
        restore(&backup, repo.path(), &metadata).expect("restored");
        let keys: Vec<_> = metadata
            .list("")
            .expect("memory")
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(
            keys,
            [
                "/market/funds/z",
                CONFIG,
                "/mpool/local/x",
                "/paych/channel/y"
            ]
        );
        let port = fs::read(repo.path().join("client/transfer-port")).expect("the port");
        assert_eq!(port, b"4001");
        let imports = Imports::open(&repo.path().join("imports")).expect("imports");
        let listed = imports.list().expect("listed");
        assert_eq!(listed.len(), 1);
        // The list is there, the data are not, and that is said.
        assert!(
            listed[0].err.contains("import it again"),
            "{}",
            listed[0].err
        );
    }

    #[test]
    fn what_is_there_and_different_is_not_written_over() {
        let (backup, repo) = (backup(), tempfile::tempdir().expect("folder"));
        let port = repo.path().join("client/transfer-port");
        fs::create_dir(repo.path().join("client")).expect("folder");
        fs::write(&port, b"4002").expect("written");
        let metadata = MemoryMetadata::new();
        let error = restore(&backup, repo.path(), &metadata).expect_err("in the way");
        assert!(error.to_string().contains("is there already"), "{error}");
        assert!(metadata.list("").expect("memory").is_empty());
        assert!(!repo.path().join("imports").exists());
        // A second try after one that was broken off.
        fs::write(&port, b"4001").expect("written");
        restore(&backup, repo.path(), &metadata).expect("restored");
    }

    #[test]
    fn no_name_leads_out_of_the_repo() {
        let repo = tempfile::tempdir().expect("folder");
        let backup = Backup {
            files: vec![("../evil".to_owned(), Bytes::new())],
            ..Backup::default()
        };
        let error = restore(&backup, repo.path(), &MemoryMetadata::new()).expect_err("unknown");
        assert!(error.to_string().contains("../evil"), "{error}");
    }

    #[test]
    fn another_chain_is_noticed() {
        let backup = backup();
        let metadata = MemoryMetadata::new();
        check_genesis(&backup, &metadata).expect("no chain yet");
        metadata.set(GENESIS, b"genesis").expect("memory");
        check_genesis(&backup, &metadata).expect("the same");
        metadata.set(GENESIS, b"another").expect("memory");
        check_genesis(&backup, &metadata).expect_err("another one");
    }
}
