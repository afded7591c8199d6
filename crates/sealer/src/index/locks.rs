//! Locks on the files of sectors.

use std::{collections::BTreeMap, sync::Arc};

use lotus_rpc_api::types::storage::{SectorFileType, SectorLock, SectorLocks};
use lotus_types::SectorId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// For each kind of file: how many read it, and whether somebody writes it.
type Held = [(u64, bool); 5];

/// All locks.
#[derive(Debug, Default, Clone)]
pub struct Locks(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<BTreeMap<SectorId, Held>>,
    freed: Notify,
}

/// Holds locks until it is dropped.
#[derive(Debug)]
pub struct LockGuard {
    locks: Arc<Inner>,
    sector: SectorId,
    read: SectorFileType,
    write: SectorFileType,
}

impl Locks {
    /// Waits for locks on files of a sector.
    pub async fn lock(
        &self,
        sector: SectorId,
        read: SectorFileType,
        write: SectorFileType,
    ) -> LockGuard {
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(guard) = self.try_lock(sector, read, write) {
                return guard;
            }
            freed.await;
        }
    }

    /// The same, at once or not at all.
    pub fn try_lock(
        &self,
        sector: SectorId,
        read: SectorFileType,
        write: SectorFileType,
    ) -> Option<LockGuard> {
        // Who writes a file may read it too.
        let read = read.minus(write);
        let mut held = self.0.held.lock();
        let entry = held.entry(sector).or_default();
        let free =
            SectorFileType::KINDS
                .iter()
                .zip(entry.iter())
                .all(|(kind, (readers, writer))| {
                    !(write.contains(*kind) && (*readers > 0 || *writer)
                        || read.contains(*kind) && *writer)
                });
        if !free {
            return None;
        }
        for (kind, (readers, writer)) in SectorFileType::KINDS.iter().zip(entry.iter_mut()) {
            *readers += u64::from(read.contains(*kind));
            *writer |= write.contains(*kind);
        }
        Some(LockGuard {
            locks: Arc::clone(&self.0),
            sector,
            read,
            write,
        })
    }

    /// All that are held.
    pub fn list(&self) -> SectorLocks {
        let held = self.0.held.lock();
        let lock = |(sector, kinds): (&SectorId, &Held)| SectorLock {
            sector: *sector,
            write: kinds.map(|(_, writer)| u64::from(writer)),
            read: kinds.map(|(readers, _)| readers),
        };
        SectorLocks {
            locks: held.iter().map(lock).collect(),
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let mut held = self.locks.held.lock();
        if let Some(entry) = held.get_mut(&self.sector) {
            for (kind, (readers, writer)) in SectorFileType::KINDS.iter().zip(entry.iter_mut()) {
                *readers -= u64::from(self.read.contains(*kind)).min(*readers);
                *writer &= !self.write.contains(*kind);
            }
            if entry
                .iter()
                .all(|(readers, writer)| *readers == 0 && !writer)
            {
                held.remove(&self.sector);
            }
        }
        drop(held);
        self.locks.freed.notify_waiters();
    }
}
