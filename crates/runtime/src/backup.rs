//! The file that a node's metadata is copied into.
//!
//! ```text
//! "lotus-rs backup\n"   16 bytes
//! version               4 bytes, big-endian: 1
//! body                  DAG-CBOR of a Backup
//! checksum              32 bytes, blake2b-256 of all before
//! ```
//!
//! # Invariants
//! - A file appears as a whole or not at all, and one that was changed in any byte is refused.
//! - What is read is not believed further than the checksum goes: whoever restores it takes no name for a
//!   path.
//!
//! # Lotus parity
//! `lib/backupds` writes a CBOR log of one datastore's keys. The databases here are others, so the file
//! is one of its own, which no Lotus takes for its own; a file of Lotus is known and refused by name.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use lotus_types::{Bytes, block::blake2b256, wire};
use serde::{Deserialize, Serialize};

use crate::atomic;

/// The environment variable with the folder that a running process writes backups into.
pub const BASE_ENV: &str = "LOTUS_BACKUP_BASE_PATH";

const MAGIC: &[u8; 16] = b"lotus-rs backup\n";
const VERSION: u32 = 1;
const CHECKSUM: usize = 32;
const HEAD: usize = MAGIC.len() + size_of::<u32>();
/// A larger file is none of ours: metadata are small.
const LARGEST: u64 = 2 << 30;

/// Why there is no backup, or why one is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The process was not told where it may write.
    #[error("LOTUS_BACKUP_BASE_PATH env var not set: start the process with it, or use --offline")]
    NoBase,
    /// The file would lie somewhere else.
    #[error("backup file name ({}) must be inside base path ({})", path.display(), base.display())]
    Outside {
        /// What was asked for.
        path: PathBuf,
        /// Where it would have to be.
        base: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// "read", "write", …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is no backup.
    #[error("{} is no backup of this program{hint}", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// What it seems to be, or nothing.
        hint: &'static str,
    },
    /// It was written by a newer program.
    #[error("{} is a backup of version {version}, this program knows up to {VERSION}: use a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It was cut off or changed.
    #[error("the backup {} is damaged: {reason}; take another copy of it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that was found.
        reason: String,
    },
    /// It is of another kind of node.
    #[error("{} is the backup of a {found}, not of a {wanted}", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// Its kind.
        found: String,
        /// The kind that was looked for.
        wanted: String,
    },
}

/// The metadata of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// What kind of node, as `RepoKind` prints itself.
    pub kind: String,
    /// The program that wrote it.
    pub program: String,
    /// Values by key, in the order of the keys.
    pub records: Vec<(String, Bytes)>,
    /// Files of the repo by their names in it, `/` between folders.
    pub files: Vec<(String, Bytes)>,
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

impl Backup {
    /// Writes it to `path`, readable by its owner only, in the place of what is there.
    ///
    /// # Errors
    /// [`BackupError::Io`]; an older file is whole then.
    pub fn write(&self, path: &Path) -> Result<(), BackupError> {
        let mut text = Vec::from(MAGIC);
        text.extend(VERSION.to_be_bytes());
        text.extend(wire::to_cbor(self));
        text.extend(blake2b256(&text));
        atomic::write(path, &text, 0o600).map_err(failed("write", path))
    }

    /// Reads the backup of a `kind` of node.
    ///
    /// # Errors
    /// [`BackupError`] for every other file, one that was changed in whatever way included.
    pub fn read(path: &Path, kind: &str) -> Result<Self, BackupError> {
        let text = content(path)?;
        let damaged = |reason: &str| BackupError::Damaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let Some(rest) = text.strip_prefix(MAGIC) else {
            return Err(BackupError::NoBackup {
                path: path.to_owned(),
                hint: hint(&text),
            });
        };
        let (version, _) = rest
            .split_first_chunk()
            .ok_or_else(|| damaged("it ends too early"))?;
        let version = u32::from_be_bytes(*version);
        if version > VERSION {
            let path = path.to_owned();
            return Err(BackupError::Newer { path, version });
        }
        let (signed, checksum) = text
            .split_last_chunk::<CHECKSUM>()
            .filter(|(signed, _)| signed.len() >= HEAD)
            .ok_or_else(|| damaged("it ends too early"))?;
        if blake2b256(signed) != *checksum {
            return Err(damaged("its checksum is another one"));
        }
        let body = signed.get(HEAD..).unwrap_or_default();
        let backup: Self = wire::from_cbor(body).map_err(|error| damaged(&error.to_string()))?;
        if backup.kind != kind {
            return Err(BackupError::OtherKind {
                path: path.to_owned(),
                found: backup.kind,
                wanted: kind.to_owned(),
            });
        }
        Ok(backup)
    }

    /// The value of a key.
    pub fn record(&self, key: &str) -> Option<&[u8]> {
        let mut records = self.records.iter();
        let found = records.find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }
}

fn content(path: &Path) -> Result<Vec<u8>, BackupError> {
    let reading = || failed("read", path);
    let file = File::open(path).map_err(reading())?;
    let mut text = Vec::new();
    // One byte more than may be, so that a larger file is seen to be larger.
    let read = file.take(LARGEST + 1).read_to_end(&mut text);
    if read.map_err(reading())? as u64 > LARGEST {
        return Err(BackupError::NoBackup {
            path: path.to_owned(),
            hint: ": it is far too large",
        });
    }
    Ok(text)
}

/// What a file that is no backup may be.
fn hint(text: &[u8]) -> &'static str {
    match text {
        // An array of two, the first of which is an open array: what Lotus writes.
        [0x82, 0x9f, ..] => {
            ": it seems to be one of Go Lotus, whose databases are other ones; export and import its \
             wallets, and begin with a snapshot of the chain"
        }
        [] => ": it is empty",
        _ => "",
    }
}

/// Where a running process writes the backup that a caller wants at `path`: inside of `base` and nowhere
/// else, whatever links and `..` there are. A path that does not begin at the root begins at `base`.
///
/// # Errors
/// [`BackupError::NoBase`], [`BackupError::Outside`], or [`BackupError::Io`] when a folder is missing.
pub fn place(base: Option<&Path>, path: &Path) -> Result<PathBuf, BackupError> {
    let given = base.ok_or(BackupError::NoBase)?;
    let base = fs::canonicalize(given).map_err(failed("find the base path", given))?;
    let path = base.join(path);
    let outside = || BackupError::Outside {
        path: path.clone(),
        base: base.clone(),
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(outside());
    };
    let folder = fs::canonicalize(folder).map_err(failed("find the folder", folder))?;
    if folder.starts_with(&base) {
        Ok(folder.join(name))
    } else {
        Err(outside())
    }
}

#[cfg(test)]
mod tests;
