//! Which files of which sectors lie in which storage path, and where new ones go.
//!
//! # Invariants
//! - The index is made of what paths declare; it is in memory, and is declared again after a restart.
//! - A path whose heartbeat is overdue or that reports an error takes nothing new.
//! - A file kind of a sector has one writer or any number of readers.
//!
//! # Lotus parity
//! `paths.Index`: heartbeats every 10 s, a path is out after 50 s; new files go where weight ×
//! available room is largest.

mod api;
mod locks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lotus_ports::clock::{Clock, UnixTime};
use lotus_rpc_api::types::storage::{
    Decl, FsStat, HealthReport, PathType, SectorFileType, SectorStorageInfo, StorageId, StorageInfo,
};
use lotus_types::{ActorId, SectorId, SectorSize};
use parking_lot::RwLock;

use crate::layout::space;

pub use locks::{LockGuard, Locks};

/// Paths report their health that often.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// A path that has not reported for so long takes nothing new.
pub const OUT_AFTER: Duration = Duration::from_secs(50);

#[derive(Debug, Clone)]
struct PathEntry {
    info: StorageInfo,
    stat: FsStat,
    seen: UnixTime,
    error: String,
}

#[derive(Debug, Default)]
struct State {
    paths: BTreeMap<StorageId, PathEntry>,
    /// Where each file lies, and whether it is the primary copy there.
    files: BTreeMap<(SectorId, SectorFileType), BTreeMap<StorageId, bool>>,
}

/// The storage index of a miner.
#[derive(Debug)]
pub struct Index {
    state: RwLock<State>,
    clock: Arc<dyn Clock>,
    /// Who may use which sector's files.
    pub locks: Locks,
}

/// There is no such storage path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sector store not found: {0}")]
pub struct NoPath(pub StorageId);

impl Index {
    /// An empty index.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: RwLock::default(),
            clock,
            locks: Locks::default(),
        }
    }

    /// Adds a path, or takes over what changed of it. URLs are kept and added.
    pub fn attach(&self, info: StorageInfo, stat: FsStat) {
        let seen = self.clock.now();
        let mut state = self.state.write();
        let mut urls = state
            .paths
            .get(&info.id)
            .map(|p| p.info.urls.clone())
            .unwrap_or_default();
        for url in &info.urls {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        let info = StorageInfo { urls, ..info };
        let error = String::new();
        state.paths.insert(
            info.id.clone(),
            PathEntry {
                info,
                stat,
                seen,
                error,
            },
        );
    }

    /// Takes a URL of a path away; with the last one the path and its declarations go.
    ///
    /// # Errors
    /// [`NoPath`].
    pub fn detach(&self, id: &StorageId, url: &str) -> Result<(), NoPath> {
        let mut state = self.state.write();
        let path = state.paths.get_mut(id).ok_or_else(|| NoPath(id.clone()))?;
        path.info.urls.retain(|u| u != url);
        if path.info.urls.is_empty() || url.is_empty() {
            state.paths.remove(id);
            for places in state.files.values_mut() {
                places.remove(id);
            }
            state.files.retain(|_, places| !places.is_empty());
        }
        Ok(())
    }

    /// Takes over a path's report.
    ///
    /// # Errors
    /// [`NoPath`]: the path must attach first.
    pub fn report_health(&self, id: &StorageId, report: HealthReport) -> Result<(), NoPath> {
        let seen = self.clock.now();
        let mut state = self.state.write();
        let path = state.paths.get_mut(id).ok_or_else(|| NoPath(id.clone()))?;
        path.seen = seen;
        if report.err.is_empty() {
            path.stat = report.stat;
        }
        path.error = report.err;
        Ok(())
    }

    /// Files lie in a path now.
    pub fn declare(&self, id: &StorageId, sector: SectorId, types: SectorFileType, primary: bool) {
        let mut state = self.state.write();
        for kind in types.kinds() {
            let places = state.files.entry((sector, kind)).or_default();
            let entry = places.entry(id.clone()).or_default();
            // Declaring again must not make a primary copy a spare one.
            *entry = *entry || primary;
        }
    }

    /// Files no longer lie in a path.
    pub fn drop_files(&self, id: &StorageId, sector: SectorId, types: SectorFileType) {
        let mut state = self.state.write();
        for kind in types.kinds() {
            if let Some(places) = state.files.get_mut(&(sector, kind)) {
                places.remove(id);
            }
        }
        state.files.retain(|_, places| !places.is_empty());
    }

    /// Where any of these files of the sector lie, most kinds first; with `allow_fetch` also paths to
    /// which they could be brought.
    pub fn find(
        &self,
        sector: SectorId,
        types: SectorFileType,
        size: SectorSize,
        allow_fetch: bool,
    ) -> Vec<SectorStorageInfo> {
        let state = self.state.read();
        let mut found: BTreeMap<&StorageId, (u64, bool)> = BTreeMap::new();
        for kind in types.kinds() {
            for (id, primary) in state.files.get(&(sector, kind)).into_iter().flatten() {
                let entry = found.entry(id).or_default();
                entry.0 += 1;
                entry.1 |= primary;
            }
        }
        let groups: BTreeSet<&String> = found
            .keys()
            .filter_map(|id| state.paths.get(*id))
            .flat_map(|p| &p.info.allow_to)
            .collect();
        let mut out = Vec::new();
        for (id, (kinds, primary)) in &found {
            if let Some(path) = state.paths.get(*id) {
                let weight = path.info.weight.saturating_mul(*kinds);
                out.push(storage_info(&path.info, sector, types, weight, *primary));
            }
        }
        out.sort_by_key(|place| std::cmp::Reverse(place.weight));
        if allow_fetch && !found.is_empty() {
            let needed = space(types, size, false);
            let now = self.clock.now();
            let reachable = state.paths.values().filter(|p| {
                !found.contains_key(&p.info.id)
                    && (p.info.can_seal || p.info.can_store)
                    && is_usable(p, types, needed, now)
                    && (groups.is_empty() || p.info.groups.iter().any(|g| groups.contains(g)))
            });
            out.extend(reachable.map(|p| storage_info(&p.info, sector, types, 0, false)));
        }
        out
    }

    /// Paths for new files, best first.
    pub fn best_alloc(
        &self,
        types: SectorFileType,
        size: SectorSize,
        path_type: PathType,
        miner: Option<ActorId>,
    ) -> Vec<StorageInfo> {
        let now = self.clock.now();
        let finished = path_type == PathType::Storage;
        let needed = space(types, size, finished);
        let state = self.state.read();
        let mut candidates: Vec<&PathEntry> = state
            .paths
            .values()
            .filter(|p| {
                if finished {
                    p.info.can_store
                } else {
                    p.info.can_seal
                }
            })
            .filter(|p| is_usable(p, types, needed, now))
            .filter(|p| miner.is_none_or(|m| takes_miner(&p.info, m)))
            .collect();
        let worth =
            |p: &PathEntry| i128::from(p.stat.available).saturating_mul(i128::from(p.info.weight));
        candidates.sort_by_key(|p| std::cmp::Reverse(worth(p)));
        candidates.into_iter().map(|p| p.info.clone()).collect()
    }

    /// A path.
    ///
    /// # Errors
    /// [`NoPath`].
    pub fn info(&self, id: &StorageId) -> Result<StorageInfo, NoPath> {
        let state = self.state.read();
        state
            .paths
            .get(id)
            .map(|p| p.info.clone())
            .ok_or_else(|| NoPath(id.clone()))
    }

    /// Room in a path, as it was reported last.
    ///
    /// # Errors
    /// [`NoPath`].
    pub fn stat(&self, id: &StorageId) -> Result<FsStat, NoPath> {
        let state = self.state.read();
        state
            .paths
            .get(id)
            .map(|p| p.stat)
            .ok_or_else(|| NoPath(id.clone()))
    }

    /// What lies where.
    pub fn list(&self) -> BTreeMap<StorageId, Vec<Decl>> {
        let state = self.state.read();
        let mut merged: BTreeMap<(&StorageId, SectorId), SectorFileType> = BTreeMap::new();
        for ((sector, kind), places) in &state.files {
            for id in places.keys() {
                let types = merged.entry((id, *sector)).or_default();
                *types = types.union(*kind);
            }
        }
        let mut list: BTreeMap<_, Vec<Decl>> = state
            .paths
            .keys()
            .map(|id| (id.clone(), Vec::new()))
            .collect();
        for ((id, sector), sector_file_type) in merged {
            let decl = Decl {
                miner: sector.miner,
                number: sector.number,
                sector_file_type,
            };
            list.entry(id.clone()).or_default().push(decl);
        }
        list
    }
}

fn storage_info(
    info: &StorageInfo,
    sector: SectorId,
    types: SectorFileType,
    weight: u64,
    primary: bool,
) -> SectorStorageInfo {
    let kind = types
        .kinds()
        .next()
        .and_then(SectorFileType::name)
        .unwrap_or("unknown");
    SectorStorageInfo {
        id: info.id.clone(),
        urls: info
            .urls
            .iter()
            .map(|url| format!("{url}/{kind}/{sector}"))
            .collect(),
        base_urls: info.urls.clone(),
        weight,
        can_seal: info.can_seal,
        can_store: info.can_store,
        primary,
        allow_types: info.allow_types.clone(),
        deny_types: info.deny_types.clone(),
        allow_miners: info.allow_miners.clone(),
        deny_miners: info.deny_miners.clone(),
    }
}

fn is_usable(path: &PathEntry, types: SectorFileType, needed: u64, now: UnixTime) -> bool {
    let room = u64::try_from(path.stat.available).unwrap_or(0);
    path.error.is_empty()
        && now.saturating_sub(path.seen) <= OUT_AFTER
        && room >= needed
        && path.info.weight > 0
        && types.kinds().all(|kind| takes_type(&path.info, kind))
}

fn takes_type(info: &StorageInfo, kind: SectorFileType) -> bool {
    let named = |list: &[String]| {
        list.iter()
            .any(|t| SectorFileType::from_name(t) == Some(kind))
    };
    !named(&info.deny_types) && (info.allow_types.is_empty() || named(&info.allow_types))
}

fn takes_miner(info: &StorageInfo, miner: ActorId) -> bool {
    let named = |list: &[String]| {
        list.iter().any(|m| {
            m.strip_prefix("t0").or_else(|| m.strip_prefix("f0")) == Some(&miner.to_string())
        })
    };
    !named(&info.deny_miners) && (info.allow_miners.is_empty() || named(&info.allow_miners))
}

#[cfg(test)]
mod tests;
