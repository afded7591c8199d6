//! The store on disk: one fjall database, one keyspace per set of blocks, one for metadata.
//!
//! # Invariants
//! - What was put before a successful [`Store::flush`] (or [`MetadataStore::set`], which flushes) is
//!   there after a crash, a `kill -9` or a power cut: fjall writes all keyspaces through one
//!   journal, so a durable write makes every earlier one durable too.
//! - A batch is there as a whole or not at all.
//! - A block that the read cache holds has been written: putting it again costs nothing.
//! - After a write that failed (a full disk, most often) nothing more is written, since nobody can say
//!   how far it came; a restart finds all that was durable before. [`DiskDatabase::check`] tells.
//!
//! # Lotus parity
//! Stands where Lotus has badger (`datastore/chain`) and leveldb (`datastore/metadata`). Keys are the
//! CID's bytes (Lotus: the multihash), so that an export can tell codecs apart.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::{Context, Result, anyhow};
use cid::Cid;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use fvm_ipld_blockstore::Blockstore;
use parking_lot::RwLock;
use quick_cache::{Weighter, sync::Cache};

use crate::{meta::MetadataStore, shared::Store, verify::inlined};

/// Memory that a [`DiskDatabase`] and its stores may use.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// Bytes of whole blocks kept by each block store. Default: 128 MiB.
    pub read_cache_bytes: u64,
    /// Bytes of table pages kept by the database. Default: 64 MiB.
    pub page_cache_bytes: u64,
    /// Bytes of new data that one keyspace holds in memory before it is written to a table.
    /// Default: 64 MiB.
    pub write_buffer_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            read_cache_bytes: 128 * MIB,
            page_cache_bytes: 64 * MIB,
            write_buffer_bytes: 64 * MIB,
        }
    }
}

/// What the first write that failed said.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<OnceLock<String>>);

impl Failure {
    /// Passes a result on; remembers why the database stopped writing.
    fn note<T>(&self, done: Result<T, fjall::Error>) -> Result<T> {
        done.map_err(|error| match error {
            fjall::Error::Poisoned => match self.0.get() {
                Some(first) => {
                    anyhow!("the database takes no more writes since one failed: {first}")
                }
                None => anyhow!("the database takes no more writes since one failed"),
            },
            fjall::Error::Io(error) => {
                self.0.get_or_init(|| error.to_string());
                anyhow::Error::new(error)
            }
            error => {
                let error = anyhow::Error::new(error);
                self.0.get_or_init(|| format!("{error:#}"));
                error
            }
        })
    }
}

/// An open database folder. Clones share it; it closes with the last clone.
#[derive(Clone)]
pub struct DiskDatabase {
    db: Database,
    options: DiskOptions,
    failure: Failure,
}

impl std::fmt::Debug for DiskDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskDatabase")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl DiskDatabase {
    /// Opens the database in `folder`, or makes one; replays what a crash left in the journal.
    ///
    /// # Errors
    /// When another process has it open, when the folder cannot be used, or when its content is not
    /// a database of this version.
    pub fn open(folder: &Path, options: DiskOptions) -> Result<Self> {
        let db = Database::builder(folder)
            .cache_size(options.page_cache_bytes)
            .open();
        let shown = folder.display();
        let db = db.map_err(|error| match error {
            fjall::Error::Locked => anyhow!("database {shown} is open in another process"),
            fjall::Error::Io(error) => {
                anyhow::Error::new(error).context(format!("opening the database {shown}"))
            }
            error => anyhow::Error::new(error).context(format!("opening the database {shown}")),
        })?;
        Ok(Self {
            db,
            options,
            failure: Failure::default(),
        })
    }

    /// Does it still take writes? Threads of its own write, too, and fail unseen; so this is worth
    /// asking from time to time. Costs next to nothing.
    ///
    /// # Errors
    /// When it does not, with what the first failed write said. Only opening it again helps.
    pub fn check(&self) -> Result<()> {
        self.failure.note(self.db.persist(PersistMode::Buffer))
    }

    /// The block store called `name`, made when it is not there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn blocks(&self, name: &str) -> Result<DiskBlockstore> {
        let keyspace = self.keyspace(name)?;
        // The estimate only sizes the cache's tables; 1 KiB is a usual size of a state block.
        let items = usize::try_from(self.options.read_cache_bytes / 1024).unwrap_or(usize::MAX);
        let cache = Cache::with_weighter(items, self.options.read_cache_bytes, BlockWeight);
        Ok(DiskBlockstore {
            db: self.db.clone(),
            failure: self.failure.clone(),
            keyspace,
            cache: Arc::new(cache),
            deleting: Arc::default(),
        })
    }

    /// The metadata store called `name`, made when it is not there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn metadata(&self, name: &str) -> Result<DiskMetadata> {
        let keyspace = self.keyspace(name)?;
        Ok(DiskMetadata {
            db: self.db.clone(),
            failure: self.failure.clone(),
            keyspace,
        })
    }

    /// Bytes that the database takes on disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn disk_space(&self) -> Result<u64> {
        self.db.disk_space().context("measuring the database")
    }

    fn keyspace(&self, name: &str) -> Result<Keyspace> {
        let write_buffer = self.options.write_buffer_bytes;
        // Filters stay on at every level: a chain asks as often for blocks that are not there
        // (is this state known already?) as for blocks that are.
        let options = || {
            KeyspaceCreateOptions::default()
                .expect_point_read_hits(false)
                .max_memtable_size(write_buffer)
        };
        self.db
            .keyspace(name, options)
            .with_context(|| format!("opening keyspace {name}"))
    }
}

/// Weighs a cached block: its bytes and the entry around it.
#[derive(Debug, Clone)]
struct BlockWeight;

impl Weighter<Cid, Arc<[u8]>> for BlockWeight {
    fn weight(&self, _: &Cid, block: &Arc<[u8]>) -> u64 {
        const ENTRY: u64 = 160;
        ENTRY + block.len() as u64
    }
}

/// Blocks on disk. Clones share the cache.
#[derive(Clone)]
pub struct DiskBlockstore {
    db: Database,
    failure: Failure,
    keyspace: Keyspace,
    cache: Arc<Cache<Cid, Arc<[u8]>, BlockWeight>>,
    /// Held for reading while a block goes into the cache, alone while one is deleted: the cache never
    /// holds a block that is gone.
    deleting: Arc<RwLock<()>>,
}

impl std::fmt::Debug for DiskBlockstore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskBlockstore")
            .field("keyspace", &self.keyspace.name())
            .finish()
    }
}

impl DiskBlockstore {
    /// Bytes that this store's tables take on disk, without the journal.
    pub fn disk_space(&self) -> u64 {
        self.keyspace.disk_space()
    }
}

impl Blockstore for DiskBlockstore {
    fn get(&self, k: &Cid) -> Result<Option<Vec<u8>>> {
        if let Some(data) = inlined(k) {
            return Ok(Some(data.to_vec()));
        }
        if let Some(data) = self.cache.get(k) {
            return Ok(Some(data.to_vec()));
        }
        let _here = self.deleting.read();
        let Some(found) = self.keyspace.get(k.to_bytes())? else {
            return Ok(None);
        };
        self.cache.insert(*k, Arc::from(&*found));
        Ok(Some(found.to_vec()))
    }

    fn put_keyed(&self, k: &Cid, block: &[u8]) -> Result<()> {
        if inlined(k).is_some() || self.cache.contains_key(k) {
            return Ok(());
        }
        let _here = self.deleting.read();
        self.failure
            .note(self.keyspace.insert(k.to_bytes(), block))?;
        self.cache.insert(*k, Arc::from(block));
        Ok(())
    }

    fn has(&self, k: &Cid) -> Result<bool> {
        if inlined(k).is_some() || self.cache.contains_key(k) {
            return Ok(true);
        }
        Ok(self.keyspace.contains_key(k.to_bytes())?)
    }

    fn put_many_keyed<D, I>(&self, blocks: I) -> Result<()>
    where
        Self: Sized,
        D: AsRef<[u8]>,
        I: IntoIterator<Item = (Cid, D)>,
    {
        let mut batch = self.db.batch().durability(Some(PersistMode::Buffer));
        let mut fresh = Vec::new();
        for (cid, data) in blocks {
            if inlined(&cid).is_some() || self.cache.contains_key(&cid) {
                continue;
            }
            batch.insert(&self.keyspace, cid.to_bytes(), data.as_ref());
            fresh.push((cid, Arc::from(data.as_ref())));
        }
        let _here = self.deleting.read();
        self.failure.note(batch.commit())?;
        // Only after the commit: what the cache holds must be written.
        for (cid, data) in fresh {
            self.cache.insert(cid, data);
        }
        Ok(())
    }
}

impl Store for DiskBlockstore {
    fn put_batch(&self, blocks: &[(Cid, &[u8])]) -> Result<()> {
        self.put_many_keyed(blocks.iter().copied())
    }

    fn flush(&self) -> Result<()> {
        self.failure
            .note(self.db.persist(PersistMode::SyncAll))
            .context("flushing blocks to disk")
    }

    fn delete(&self, k: &Cid) -> Result<()> {
        let _alone = self.deleting.write();
        self.failure.note(self.keyspace.remove(k.to_bytes()))?;
        self.cache.remove(k);
        Ok(())
    }
}

/// Metadata on disk, every write durable when it returns.
#[derive(Clone)]
pub struct DiskMetadata {
    db: Database,
    failure: Failure,
    keyspace: Keyspace,
}

impl std::fmt::Debug for DiskMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskMetadata")
            .field("keyspace", &self.keyspace.name())
            .finish()
    }
}

impl MetadataStore for DiskMetadata {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.keyspace.get(key)?.map(|value| value.to_vec()))
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.failure
            .note(self.keyspace.insert(key, value))
            .and_then(|()| self.failure.note(self.db.persist(PersistMode::SyncAll)))
            .with_context(|| format!("making {key} durable"))
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.failure
            .note(self.keyspace.remove(key))
            .and_then(|()| self.failure.note(self.db.persist(PersistMode::SyncAll)))
            .with_context(|| format!("removing {key} durably"))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let mut pairs = Vec::new();
        for item in self.keyspace.prefix(prefix) {
            let (key, value) = item.into_inner()?;
            let key = String::from_utf8(key.to_vec()).context("metadata key is not text")?;
            pairs.push((key, value.to_vec()));
        }
        Ok(pairs)
    }
}
