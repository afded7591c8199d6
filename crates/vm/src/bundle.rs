//! Actor bundles: CAR files with the actors' WASM and their manifest.
//!
//! # Invariants
//! - Content-addressed: a bundle is known by the CID of its manifest, and every block of it is
//!   checked against its CID when it is read.
//!
//! # Lotus parity
//! Lotus embeds bundles in its binary (`build/actors`); here they lie in a folder as
//! `<manifest CID>.car`, and a path can always be given instead.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use lotus_blockstore::{Blockstore, MemoryBlockstore, car};
use lotus_types::{Cid, wire};

/// Environment variable that names the folder of bundles.
pub const BUNDLE_DIR_ENV: &str = "LOTUS_BUNDLE_DIR";

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be opened.
    #[error("cannot read the actor bundle {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no bundle, or a damaged one.
    #[error("{path} is not an actor bundle: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No bundle of that manifest in the folders searched.
    #[error(
        "no actor bundle with manifest {manifest} in {}: build it with `cargo xtask bundle`, or give a file with --bundle",
        searched.display()
    )]
    NotFound {
        /// What was looked for.
        manifest: Cid,
        /// Where.
        searched: PathBuf,
    },
    /// The store refused the blocks.
    #[error("cannot store the actor bundle: {0}")]
    Store(anyhow::Error),
}

/// A bundle in memory, checked.
#[derive(Debug)]
pub struct Bundle {
    manifest: Cid,
    actors: BTreeMap<String, Cid>,
    blocks: Vec<(Cid, Vec<u8>)>,
}

impl Bundle {
    /// Reads and checks a bundle file.
    ///
    /// # Errors
    /// [`BundleError::Read`] or [`BundleError::Malformed`].
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let file = File::open(path).map_err(|source| BundleError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(file).map_err(|reason| BundleError::Malformed {
            path: path.to_owned(),
            reason,
        })
    }

    fn parse(file: File) -> Result<Self, String> {
        let mut reader =
            car::CarReader::new(file, car::CarLimits::default()).map_err(|e| e.to_string())?;
        let [manifest] = *reader.roots() else {
            return Err("it must have exactly one root".to_owned());
        };
        let manifest = Cid::from(manifest);
        let store = MemoryBlockstore::new();
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block().map_err(|e| e.to_string())? {
            store
                .put_keyed(&block.cid, &block.data)
                .map_err(|e| e.to_string())?;
            blocks.push((Cid::from(block.cid), block.data));
        }
        let get = |cid: &Cid| -> Result<Vec<u8>, String> {
            let found = store.get(cid).map_err(|e| e.to_string())?;
            found.ok_or_else(|| format!("block {cid} is missing"))
        };
        let (version, data): (u64, Cid) =
            wire::from_cbor(&get(&manifest)?).map_err(|e| e.to_string())?;
        if version != 1 {
            return Err(format!("manifest version {version} is not supported"));
        }
        let entries: Vec<(String, Cid)> =
            wire::from_cbor(&get(&data)?).map_err(|e| e.to_string())?;
        for (name, code) in &entries {
            get(code).map_err(|e| format!("code of {name}: {e}"))?;
        }
        Ok(Self {
            manifest,
            actors: entries.into_iter().collect(),
            blocks,
        })
    }

    /// CID of the manifest, by which the bundle is known.
    pub fn manifest(&self) -> Cid {
        self.manifest
    }

    /// Code CIDs by the actors' manifest names (`storageminer`).
    pub fn actors(&self) -> &BTreeMap<String, Cid> {
        &self.actors
    }

    /// Puts all blocks into a store.
    ///
    /// # Errors
    /// [`BundleError::Store`].
    pub fn load_into(&self, store: &dyn Blockstore) -> Result<(), BundleError> {
        for (cid, block) in &self.blocks {
            store.put_keyed(cid, block).map_err(BundleError::Store)?;
        }
        Ok(())
    }
}

/// A folder of bundles.
#[derive(Debug, Clone)]
pub struct BundleStore {
    dir: PathBuf,
}

impl BundleStore {
    /// A folder given by hand.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder that `LOTUS_BUNDLE_DIR` names, else the cache that `cargo xtask bundle` fills.
    pub fn from_environment() -> Self {
        let from = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let dir = from(BUNDLE_DIR_ENV)
            .or_else(|| from("LOTUS_RS_CACHE").map(|d| d.join("bundles")))
            .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lotus-rs/bundles")))
            .or_else(|| from("HOME").map(|d| d.join(".cache/lotus-rs/bundles")))
            .unwrap_or_else(|| PathBuf::from("bundles"));
        Self { dir }
    }

    /// Where compiled actors are kept, beside the bundles.
    pub fn compiled(&self) -> PathBuf {
        self.dir.join("compiled")
    }

    /// Where the bundle of a manifest lies, or would.
    pub fn path_of(&self, manifest: &Cid) -> PathBuf {
        self.dir.join(format!("{manifest}.car"))
    }

    /// Reads the bundle of a manifest.
    ///
    /// # Errors
    /// [`BundleError`]; a bundle under a false name is malformed.
    pub fn load(&self, manifest: &Cid) -> Result<Bundle, BundleError> {
        let path = self.path_of(manifest);
        if !path.exists() {
            return Err(BundleError::NotFound {
                manifest: *manifest,
                searched: self.dir.clone(),
            });
        }
        let bundle = Bundle::read(&path)?;
        if bundle.manifest != *manifest {
            let reason = format!("its manifest is {}, not {manifest}", bundle.manifest);
            return Err(BundleError::Malformed { path, reason });
        }
        Ok(bundle)
    }

    /// Every bundle of the folder whose code CIDs contain `code`: finds the bundle of a chain from
    /// the code of any of its actors.
    ///
    /// # Errors
    /// [`BundleError`] when the folder or a bundle in it cannot be read.
    pub fn find_by_code(&self, code: &Cid) -> Result<Option<Bundle>, BundleError> {
        let read = |source| BundleError::Read {
            path: self.dir.clone(),
            source,
        };
        let mut paths = std::fs::read_dir(&self.dir)
            .map_err(read)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(read)?;
        paths.retain(|p| p.extension().is_some_and(|e| e == "car"));
        paths.sort();
        for path in paths {
            let bundle = Bundle::read(&path)?;
            if bundle.actors.values().any(|c| c == code) {
                return Ok(Some(bundle));
            }
        }
        Ok(None)
    }
}
