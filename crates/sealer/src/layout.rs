//! Where the files of a sector lie, and what a storage path says about itself.
//!
//! ```text
//! <path>/sectorstore.json                     LocalStorageMeta
//! <path>/{unsealed,sealed,cache,update,update-cache}/s-t01000-2
//! ```
//!
//! # Lotus parity
//! Names and JSON are those of `storiface` and `paths`, so paths of a Go worker can be attached.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use lotus_rpc_api::types::{
    go,
    storage::{SectorFileType, StorageId},
};
use lotus_types::{SectorId, SectorSize};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of the file that makes a directory a storage path.
pub const META_FILE: &str = "sectorstore.json";
/// Files with this suffix are being written; after a crash they are removed.
pub const TEMP_SUFFIX: &str = ".tmp";

/// `sectorstore.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocalStorageMeta {
    /// The path's id, the same wherever it is mounted.
    #[serde(rename = "ID")]
    pub id: StorageId,
    /// Higher takes more of new sectors; 0 is read-only.
    pub weight: u64,
    /// Sectors may be sealed here.
    pub can_seal: bool,
    /// Finished sectors may be kept here.
    pub can_store: bool,
    /// Most bytes to be used here; 0 is no limit.
    #[serde(default)]
    pub max_storage: u64,
    /// Groups that the path belongs to.
    #[serde(default, with = "go::nil")]
    pub groups: Vec<String>,
    /// Groups to which files may go from here; empty is anywhere.
    #[serde(default, with = "go::nil")]
    pub allow_to: Vec<String>,
    /// File types that may lie here; empty is all.
    #[serde(default, with = "go::nil")]
    pub allow_types: Vec<String>,
    /// File types that may not lie here.
    #[serde(default, with = "go::nil")]
    pub deny_types: Vec<String>,
}

impl LocalStorageMeta {
    /// A new path with a new id.
    pub fn new(weight: u64, can_seal: bool, can_store: bool) -> Self {
        Self {
            id: StorageId(Uuid::new_v4().to_string()),
            weight,
            can_seal,
            can_store,
            max_storage: 0,
            groups: Vec::new(),
            allow_to: Vec::new(),
            allow_types: Vec::new(),
            deny_types: Vec::new(),
        }
    }
}

/// `storage.json` of a repository: its storage paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageConfig {
    /// Directories.
    #[serde(default, deserialize_with = "go::or_default")]
    pub storage_paths: Vec<LocalPath>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocalPath {
    /// The directory.
    pub path: PathBuf,
}

/// Reads a JSON file.
///
/// # Errors
/// When it cannot be read or is not a `T`.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> std::io::Result<T> {
    let bytes = std::fs::read(path)?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::other)
}

/// Writes a JSON file so that after a crash either the old or the new one is there.
///
/// # Errors
/// When it cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> std::io::Result<()> {
    let bytes = serde_json::to_vec_pretty(value).map_err(std::io::Error::other)?;
    let temp = temp_name(path);
    let mut file = std::fs::File::create(&temp)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&temp, path)?;
    sync_parent(path)
}

/// The name under which `path` is written.
pub fn temp_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(TEMP_SUFFIX);
    path.with_file_name(name)
}

/// Makes a rename in the directory of `path` last.
///
/// # Errors
/// When the directory cannot be synced.
pub fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(parent)?.sync_all()
}

/// Where a sector's file of this kind lies in a path.
pub fn sector_path(root: &Path, kind: SectorFileType, sector: SectorId) -> PathBuf {
    root.join(kind.name().unwrap_or("unknown"))
        .join(sector.to_string())
}

/// Reads `s-t01000-2` (or `s-f01000-2`).
pub fn parse_sector(name: &str) -> Option<SectorId> {
    let rest = name
        .strip_prefix("s-t0")
        .or_else(|| name.strip_prefix("s-f0"))?;
    let (miner, number) = rest.split_once('-')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(miner) && digits(number)).then_some(())?;
    Some(SectorId {
        miner: miner.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// Tenths of a sector's size that a kind of file takes while sealing and when finished.
const fn overhead(kind: SectorFileType, finished: bool) -> u64 {
    match (kind, finished) {
        (SectorFileType::CACHE, false) => 141,
        (SectorFileType::UPDATE_CACHE, false) => 21,
        (SectorFileType::CACHE | SectorFileType::UPDATE_CACHE, true) => 1,
        _ => 10,
    }
}

/// Bytes that these files of one sector take.
pub fn space(types: SectorFileType, size: SectorSize, finished: bool) -> u64 {
    types
        .kinds()
        .map(|kind| size.saturating_mul(overhead(kind, finished)) / 10)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sector_files_are_lotus_names_and_read_back() {
        let sector = SectorId {
            miner: 1000,
            number: 2,
        };
        let path = sector_path(Path::new("/p"), SectorFileType::UPDATE_CACHE, sector);
        assert_eq!(path, Path::new("/p/update-cache/s-t01000-2"));
        assert_eq!(parse_sector("s-t01000-2"), Some(sector));
        assert_eq!(parse_sector("s-f01000-2"), Some(sector));
        for bad in [
            "",
            "s-t01000-",
            "s-t0-1",
            "s-t01000-2.tmp",
            "s-t01000--2",
            "s-t01000-+2",
            "../x",
        ] {
            assert_eq!(parse_sector(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_path_of_lotus_is_read_with_what_it_leaves_out() {
        let json = r#"{"ID":"x","Weight":10,"CanSeal":true,"CanStore":false,"MaxStorage":0,
            "Groups":null,"AllowTo":null}"#;
        let meta: LocalStorageMeta = serde_json::from_str(json).unwrap();
        assert_eq!(
            (meta.id.0.as_str(), meta.weight, meta.can_seal),
            ("x", 10, true)
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(META_FILE);
        write_json(&file, &meta).unwrap();
        assert_eq!(read_json::<LocalStorageMeta>(&file).unwrap(), meta);
        assert!(!temp_name(&file).exists());
    }

    #[test]
    fn a_32_gib_sector_takes_about_half_a_tebibyte_while_it_is_sealed() {
        let sealing = SectorFileType::SEALED.union(SectorFileType::CACHE);
        assert_eq!(space(sealing, 32 << 30, false) >> 30, 483);
        assert_eq!(space(sealing, 32 << 30, true) >> 30, 35);
        assert_eq!(
            space(sealing, u64::MAX, false),
            u64::MAX / 10 + u64::MAX / 10
        );
    }
}
