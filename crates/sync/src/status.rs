//! What is going on.
//!
//! # Lotus parity
//! `SyncState`: the syncs at work and the last ones that ended.

use lotus_ports::clock::UnixTime;
pub use lotus_rpc_api::types::chain::SyncStage as Stage;
use lotus_types::{ChainEpoch, Tipset};

/// Ended syncs that are remembered.
const HISTORY: usize = 5;

/// One sync, at work or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Counted from 1.
    pub id: u64,
    /// Our head when it began.
    pub base: Option<Tipset>,
    /// Where it leads, once its header is here.
    pub target: Option<Tipset>,
    /// How far it is.
    pub stage: Stage,
    /// The epoch that it is at.
    pub height: ChainEpoch,
    /// When it began.
    pub start: UnixTime,
    /// When it ended.
    pub end: Option<UnixTime>,
    /// What went wrong.
    pub message: String,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncStatus {
    /// At work or lately ended, oldest first.
    pub works: Vec<Work>,
    /// Messages validated since the start.
    pub messages_applied: u64,
    /// Distinct peers that have told their heads.
    pub peers_heard: usize,
}

impl SyncStatus {
    pub(crate) fn begin(&mut self, id: u64, base: Option<Tipset>, now: UnixTime) {
        let ended = self.works.iter().filter(|work| work.end.is_some()).count();
        if ended >= HISTORY
            && let Some(oldest) = self.works.iter().position(|work| work.end.is_some())
        {
            self.works.remove(oldest);
        }
        let height = base.as_ref().map_or(0, Tipset::height);
        self.works.push(Work {
            id,
            base,
            target: None,
            stage: Stage::Headers,
            height,
            start: now,
            end: None,
            message: String::new(),
        });
    }

    pub(crate) fn change(&mut self, id: u64, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.works.iter_mut().rfind(|work| work.id == id) {
            change(work);
        }
    }
}
