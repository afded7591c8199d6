//! Storage paths and sector files: what the storage index keeps.
//!
//! # Lotus parity
//! `storage/sealer/storiface` and `fsutil`.

use std::{collections::BTreeMap, fmt};

use lotus_types::{ActorId, SectorId, SectorNumber};
use serde::{Deserialize, Serialize};

use super::go;

/// The name of a storage path: a UUID, in the path's `sectorstore.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StorageId(pub String);

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for StorageId {
    fn from(s: &str) -> Self {
        Self(s.to_owned())
    }
}

/// Kinds of sector files, as a set of bits. JSON: the number.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SectorFileType(pub i64);

impl SectorFileType {
    /// No file.
    pub const NONE: Self = Self(0);
    /// The data, padded.
    pub const UNSEALED: Self = Self(1);
    /// The replica.
    pub const SEALED: Self = Self(2);
    /// Merkle trees and auxiliary data.
    pub const CACHE: Self = Self(4);
    /// The replica after an upgrade.
    pub const UPDATE: Self = Self(8);
    /// Trees of the replica after an upgrade.
    pub const UPDATE_CACHE: Self = Self(16);
    /// Every single kind, in order of its bit.
    pub const KINDS: [Self; 5] = [
        Self::UNSEALED,
        Self::SEALED,
        Self::CACHE,
        Self::UPDATE,
        Self::UPDATE_CACHE,
    ];

    /// Are all kinds of `other` in it?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is a kind of `other` in it?
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds that `other` does not have.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The single kinds in it.
    pub fn kinds(self) -> impl Iterator<Item = Self> {
        Self::KINDS.into_iter().filter(move |k| self.contains(*k))
    }

    /// The directory of a single kind in a storage path and in URLs; `None` for a set.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::UNSEALED => Some("unsealed"),
            Self::SEALED => Some("sealed"),
            Self::CACHE => Some("cache"),
            Self::UPDATE => Some("update"),
            Self::UPDATE_CACHE => Some("update-cache"),
            _ => None,
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::KINDS.into_iter().find(|k| k.name() == Some(name))
    }
}

impl fmt::Display for SectorFileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.kinds().filter_map(Self::name).collect();
        f.pad(&if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        })
    }
}

/// What a path is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathType {
    /// Long-term storage.
    Storage,
    /// Work in progress.
    Sealing,
}

/// What happens to the source of a fetched file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcquireMode {
    /// It is removed.
    Move,
    /// It stays.
    Copy,
}

/// A storage path as the index knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageInfo {
    /// Its name.
    #[serde(rename = "ID")]
    pub id: StorageId,
    /// Where its files can be had: `http://host:port/remote`.
    #[serde(rename = "URLs", with = "go::nil")]
    pub urls: Vec<String>,
    /// Preference; higher is filled first.
    pub weight: u64,
    /// Most bytes to be used; 0: all.
    pub max_storage: u64,
    /// May sectors be sealed in it?
    pub can_seal: bool,
    /// May sectors stay in it?
    pub can_store: bool,
    /// Groups that it belongs to.
    #[serde(default, with = "go::nil")]
    pub groups: Vec<String>,
    /// Groups whose paths may fetch from it; empty: all.
    #[serde(default, with = "go::nil")]
    pub allow_to: Vec<String>,
    /// Kinds of files that may lie in it; empty: all.
    #[serde(default, deserialize_with = "go::or_default")]
    pub allow_types: Vec<String>,
    /// Kinds of files that may not.
    #[serde(default, deserialize_with = "go::or_default")]
    pub deny_types: Vec<String>,
    /// Miners whose sectors may lie in it; empty: all.
    #[serde(default, with = "go::nil")]
    pub allow_miners: Vec<String>,
    /// Miners whose sectors may not.
    #[serde(default, with = "go::nil")]
    pub deny_miners: Vec<String>,
}

/// Room in a path, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FsStat {
    /// Of the file system.
    pub capacity: i64,
    /// Free for sectors.
    pub available: i64,
    /// Free in the file system.
    #[serde(rename = "FSAvailable")]
    pub fs_available: i64,
    /// Promised to running tasks.
    pub reserved: i64,
    /// Most to be used; 0: all.
    #[serde(default)]
    pub max: i64,
    /// Used by sectors, when there is a most.
    #[serde(default)]
    pub used: i64,
}

/// How a path does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthReport {
    /// Its room.
    pub stat: FsStat,
    /// What is wrong; empty when nothing is.
    pub err: String,
}

/// Files of a sector that lie in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decl {
    /// The sector's miner.
    pub miner: ActorId,
    /// The sector.
    pub number: SectorNumber,
    /// Kinds of files.
    pub sector_file_type: SectorFileType,
}

impl Decl {
    /// The sector.
    pub const fn sector(&self) -> SectorId {
        SectorId {
            miner: self.miner,
            number: self.number,
        }
    }
}

/// Where files of a sector can be had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorStorageInfo {
    /// The path.
    #[serde(rename = "ID")]
    pub id: StorageId,
    /// Of the files.
    #[serde(rename = "URLs", with = "go::nil")]
    pub urls: Vec<String>,
    /// Of the path.
    #[serde(rename = "BaseURLs", with = "go::nil")]
    pub base_urls: Vec<String>,
    /// Of the path.
    pub weight: u64,
    /// Of the path.
    pub can_seal: bool,
    /// Of the path.
    pub can_store: bool,
    /// Is it the copy that counts (not one fetched for some work)?
    pub primary: bool,
    /// Of the path.
    #[serde(default, deserialize_with = "go::or_default")]
    pub allow_types: Vec<String>,
    /// Of the path.
    #[serde(default, deserialize_with = "go::or_default")]
    pub deny_types: Vec<String>,
    /// Of the path.
    #[serde(default, with = "go::nil")]
    pub allow_miners: Vec<String>,
    /// Of the path.
    #[serde(default, with = "go::nil")]
    pub deny_miners: Vec<String>,
}

/// A path of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoragePath {
    /// Its name.
    #[serde(rename = "ID")]
    pub id: StorageId,
    /// Preference.
    pub weight: u64,
    /// Directory on the worker's machine.
    pub local_path: String,
    /// May sectors be sealed in it?
    pub can_seal: bool,
    /// May sectors stay in it?
    pub can_store: bool,
}

/// Locks held on a sector's files, one count per kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorLock {
    /// The sector.
    pub sector: SectorId,
    /// Held to write.
    pub write: [u64; 5],
    /// Held to read.
    pub read: [u64; 5],
}

/// All locks held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorLocks {
    /// One per sector.
    #[serde(deserialize_with = "go::or_default")]
    pub locks: Vec<SectorLock>,
}

/// What lies in which path.
pub type StorageList = BTreeMap<StorageId, Vec<Decl>>;
