//! The stream of head changes.
//!
//! # Lotus parity
//! `ChainNotify`: the first event says where the chain is, later ones what was reverted and applied.
//! A subscriber that does not keep up is told so ([`Lagged`]) and starts over; nobody waits for it.

use std::sync::Arc;

use lotus_types::Tipset;
use tokio::sync::broadcast;

/// Batches that a subscriber may be behind.
const CAPACITY: usize = 256;

/// One step of the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadChange {
    /// The head when the subscription began.
    Current(Tipset),
    /// A tipset that is no longer in the chain; newest first.
    Revert(Tipset),
    /// A tipset that is now in the chain; oldest first.
    Apply(Tipset),
}

impl HeadChange {
    /// Lotus' name of the kind: `current`, `revert`, `apply`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Current(_) => "current",
            Self::Revert(_) => "revert",
            Self::Apply(_) => "apply",
        }
    }

    /// The tipset.
    pub fn tipset(&self) -> &Tipset {
        match self {
            Self::Current(tipset) | Self::Revert(tipset) | Self::Apply(tipset) => tipset,
        }
    }
}

/// The steps of one change of head: all reverts, then all applies.
pub type HeadChanges = Arc<[HeadChange]>;

/// A subscriber missed changes and should subscribe again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{missed} head changes were missed")]
pub struct Lagged {
    /// Batches missed.
    pub missed: u64,
}

/// One subscription.
#[derive(Debug)]
pub struct HeadStream {
    first: Option<HeadChanges>,
    rest: broadcast::Receiver<HeadChanges>,
}

impl HeadStream {
    /// The next batch; `None` when the chain store is gone.
    ///
    /// # Errors
    /// [`Lagged`] once after changes were missed; what follows are the oldest ones still kept.
    pub async fn next(&mut self) -> Option<Result<HeadChanges, Lagged>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        match self.rest.recv().await {
            Ok(batch) => Some(Ok(batch)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(Lagged { missed })),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where changes are published.
#[derive(Debug)]
pub(crate) struct Publisher(broadcast::Sender<HeadChanges>);

impl Publisher {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(crate) fn publish(&self, reverted: Vec<Tipset>, applied: Vec<Tipset>) {
        let reverts = reverted.into_iter().map(HeadChange::Revert);
        let batch: HeadChanges = reverts
            .chain(applied.into_iter().map(HeadChange::Apply))
            .collect();
        // Nobody may be listening.
        let _ = self.0.send(batch);
    }

    /// To be called while the head cannot change, so that `current` fits what follows.
    pub(crate) fn subscribe(&self, current: Option<Tipset>) -> HeadStream {
        let first = current.map(|tipset| HeadChanges::from([HeadChange::Current(tipset)]));
        HeadStream {
            first,
            rest: self.0.subscribe(),
        }
    }
}
