//! What executing the newest heads gave, kept over restarts.
//!
//! Whoever asks a node that has just been started wants the state after its head, and to execute the
//! head again the actors' WASM would have to be compiled first, which takes many seconds. So the node
//! executes its head once it has settled, and writes down what came out.
//!
//! # Invariants
//! - Of the heads that were executed the newest [`KEPT`] are written down, in one record.
//! - The record is a hint, never believed further than that: a result counts only while its roots are
//!   in the store, a record that cannot be read is one that is not there, and so is one of another
//!   version of this program, which may have executed otherwise.

use std::{sync::Arc, time::Duration};

use lotus_blockstore::MetadataStore;
use lotus_chain::ChainStore;
use lotus_ports::{clock::Clock, network::Fault};
use lotus_state::{StateFault, StateManager, TipsetState, manager::blocking};
use lotus_types::{Cid, Tipset, TipsetKey};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::config::version;

/// Where the record lies.
const RECORD: &str = "/state/executed";
/// Heads in it: a head may be reverted, and the one before it asked for again.
const KEPT: usize = 8;

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Of the program that executed.
    version: String,
    /// Newest first.
    executed: Vec<Executed>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Executed {
    tipset: TipsetKey,
    state: Cid,
    receipts: Cid,
}

/// What the service stands on.
pub(crate) struct Heads {
    pub(crate) chain: ChainStore,
    pub(crate) states: StateManager,
    pub(crate) metadata: Arc<dyn MetadataStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// A head that stays so long is executed: the time that its other blocks have to arrive.
    pub(crate) settle: Duration,
}

fn stored(metadata: &dyn MetadataStore) -> Result<Vec<Executed>, Fault> {
    let Some(text) = metadata.get(RECORD)? else {
        return Ok(Vec::new());
    };
    let record: Record = serde_json::from_slice(&text)?;
    if record.version == version() {
        Ok(record.executed)
    } else {
        Ok(Vec::new())
    }
}

/// Tells the state manager what earlier runs found out. Never fails: without it the head is executed
/// when somebody asks.
pub(crate) fn recall(states: &StateManager, metadata: &dyn MetadataStore) {
    let executed = match stored(metadata) {
        Ok(executed) => executed,
        Err(error) => {
            tracing::warn!(%error, "the record of executed heads is unreadable");
            return;
        }
    };
    for Executed {
        tipset,
        state,
        receipts,
    } in executed
    {
        let state = TipsetState {
            state_root: state,
            receipts_root: receipts,
        };
        if let Err(error) = states.remember(tipset, state) {
            tracing::warn!(%error, "an executed head is not remembered");
        }
    }
}

impl Heads {
    /// Executes and writes down heads until the stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut changes = self.chain.subscribe();
        while let Some(Some(_)) = stop.run_until_cancelled(changes.next()).await {
            // Another head within the time begins it anew.
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    change = changes.next() => if change.is_none() { return },
                    () = self.clock.sleep(self.settle) => break,
                }
            }
            let Some(head) = self.chain.head() else {
                continue;
            };
            let Some(kept) = stop.run_until_cancelled(self.keep(head)).await else {
                return;
            };
            if let Err(error) = kept {
                tracing::warn!(%error, "the head could not be executed, or that not be noted");
            }
        }
    }

    async fn keep(&self, head: Tipset) -> Result<(), StateFault> {
        let state = self.states.tipset_state_async(&head).await?;
        let metadata = Arc::clone(&self.metadata);
        blocking(move || {
            note(&*metadata, head.key(), state).map_err(|e| StateFault::Store(e.to_string()))
        })
        .await
    }
}

/// Puts a result into the record, newest first.
pub(crate) fn note(
    metadata: &dyn MetadataStore,
    tipset: &TipsetKey,
    state: TipsetState,
) -> Result<(), Fault> {
    let mut executed = stored(metadata).unwrap_or_default();
    let newest = Executed {
        tipset: tipset.clone(),
        state: state.state_root,
        receipts: state.receipts_root,
    };
    if executed.first() == Some(&newest) {
        return Ok(());
    }
    executed.retain(|known| known.tipset != newest.tipset);
    executed.insert(0, newest);
    executed.truncate(KEPT);
    let record = Record {
        version: version(),
        executed,
    };
    Ok(metadata.set(RECORD, &serde_json::to_vec(&record)?)?)
}

#[cfg(test)]
mod the_record {
    use super::*;
    use lotus_blockstore::MemoryMetadata;

    fn key(number: usize) -> TipsetKey {
        [Cid::of_block(number.to_string().as_bytes())]
            .into_iter()
            .collect()
    }

    fn state(number: usize) -> TipsetState {
        TipsetState {
            state_root: Cid::of_block(format!("state {number}").as_bytes()),
            receipts_root: Cid::of_block(format!("receipts {number}").as_bytes()),
        }
    }

    fn heads(metadata: &MemoryMetadata) -> Vec<TipsetKey> {
        let stored = stored(metadata).expect("readable");
        stored.into_iter().map(|known| known.tipset).collect()
    }

    #[test]
    fn keeps_a_few_newest_heads_each_once() {
        let metadata = MemoryMetadata::new();
        for number in 0..KEPT + 3 {
            note(&metadata, &key(number), state(number)).expect("memory takes everything");
        }
        assert_eq!(
            heads(&metadata),
            (3..KEPT + 3).rev().map(key).collect::<Vec<_>>()
        );
        note(&metadata, &key(5), state(5)).expect("memory takes everything");
        assert_eq!(heads(&metadata).len(), KEPT);
        assert_eq!(heads(&metadata)[..2], [key(5), key(KEPT + 2)]);
    }

    #[test]
    fn of_another_version_is_begun_anew() {
        let metadata = MemoryMetadata::new();
        note(&metadata, &key(1), state(1)).expect("memory takes everything");
        let text = metadata.get(RECORD).expect("memory").expect("a record");
        let other = String::from_utf8(text).expect("text");
        let other = other.replace(&version(), "another");
        metadata.set(RECORD, other.as_bytes()).expect("memory");
        assert_eq!(heads(&metadata), []);
        note(&metadata, &key(2), state(2)).expect("memory takes everything");
        assert_eq!(heads(&metadata), [key(2)]);
    }

    #[test]
    fn that_is_damaged_is_begun_anew() {
        let metadata = MemoryMetadata::new();
        metadata.set(RECORD, b"[{").expect("memory");
        note(&metadata, &key(1), state(1)).expect("memory takes everything");
        assert_eq!(heads(&metadata), [key(1)]);
    }
}
