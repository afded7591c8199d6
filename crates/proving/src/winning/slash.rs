//! Keeps the miner from signing blocks that together are a consensus fault.
//!
//! Every block is written down before it is published; a block that contradicts one that was
//! published earlier, also before a restart, is held back.
//!
//! # Lotus parity
//! `slashfilter`: double-fork mining, time-offset mining, parent grinding.

use std::path::Path;

use lotus_types::{BlockHeader, ChainEpoch, Cid};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Why a block is held back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlashError {
    /// Two blocks of one epoch.
    #[error("double-fork mining: {other} was made at epoch {epoch} already")]
    DoubleFork {
        /// The epoch of both.
        epoch: ChainEpoch,
        /// The earlier block.
        other: Cid,
    },
    /// Two blocks on the same parents.
    #[error("time-offset mining: {other} was made on the same parents already")]
    TimeOffset {
        /// The earlier block.
        other: Cid,
    },
    /// Own block of the parents' epoch is not among the parents.
    #[error("parent grinding: own block {other} of the parents' epoch is not among the parents")]
    ParentGrinding {
        /// The earlier block.
        other: Cid,
    },
    /// The record could not be read or written: then nothing is published.
    #[error("record of own blocks")]
    Record(#[from] rusqlite::Error),
    /// The record makes no sense.
    #[error("record of own blocks is damaged: {0}")]
    Damaged(String),
}

/// The record of own blocks.
#[derive(Debug)]
pub struct SlashFilter(Mutex<Connection>);

impl SlashFilter {
    /// Opens the record, and makes it if there is none.
    ///
    /// # Errors
    /// [`SlashError::Record`].
    pub fn open(path: &Path) -> Result<Self, SlashError> {
        Self::prepare(Connection::open(path)?)
    }

    /// A record that is gone when it is dropped.
    ///
    /// # Errors
    /// [`SlashError::Record`].
    pub fn in_memory() -> Result<Self, SlashError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> Result<Self, SlashError> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS mined (
                 miner   TEXT NOT NULL,
                 epoch   INTEGER NOT NULL,
                 parents TEXT NOT NULL,
                 cid     TEXT NOT NULL,
                 PRIMARY KEY (miner, epoch)
             ) STRICT;
             CREATE UNIQUE INDEX IF NOT EXISTS mined_parents ON mined (miner, parents);",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Writes the block down, or says why it must not be published. The same block again is fine.
    ///
    /// # Errors
    /// [`SlashError`].
    pub fn mined(&self, block: &BlockHeader, parent_epoch: ChainEpoch) -> Result<(), SlashError> {
        let (miner, cid) = (block.miner.to_string(), block.cid());
        let parents = block.parents.to_string();
        let mut connection = self.0.lock();
        let tx = connection.transaction()?;
        let at_epoch = "SELECT cid FROM mined WHERE miner = ? AND epoch = ?";
        if let Some(other) = find(&tx, at_epoch, params![miner, block.height])? {
            if other == cid {
                return Ok(());
            }
            return Err(SlashError::DoubleFork {
                epoch: block.height,
                other,
            });
        }
        let on_parents = "SELECT cid FROM mined WHERE miner = ? AND parents = ?";
        if let Some(other) = find(&tx, on_parents, params![miner, parents])? {
            return Err(SlashError::TimeOffset { other });
        }
        let own_parent = find(&tx, at_epoch, params![miner, parent_epoch])?;
        if let Some(other) = own_parent.filter(|other| !block.parents.cids().contains(other)) {
            return Err(SlashError::ParentGrinding { other });
        }
        tx.execute(
            "INSERT INTO mined (miner, epoch, parents, cid) VALUES (?, ?, ?, ?)",
            params![miner, block.height, parents, cid.to_string()],
        )?;
        tx.commit()?;
        Ok(())
    }
}

fn find(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Option<Cid>, SlashError> {
    let found: Option<String> = connection
        .query_row(query, params, |row| row.get(0))
        .optional()?;
    let parse = |text: String| {
        text.parse()
            .map_err(|e| SlashError::Damaged(format!("{e}")))
    };
    found.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use lotus_types::TipsetKey;

    use super::*;
    use crate::winning::plan::tests::{header, tipset};

    fn key(height: ChainEpoch) -> TipsetKey {
        tipset(height, 1).key().clone()
    }

    #[test]
    fn a_chain_of_own_blocks_is_fine_also_the_same_block_again() {
        let filter = SlashFilter::in_memory().unwrap();
        let first = header(5, &key(4), 1);
        filter.mined(&first, 4).unwrap();
        filter.mined(&first, 4).unwrap();
        let second = header(6, &TipsetKey::new(vec![first.cid()]), 1);
        filter.mined(&second, 5).unwrap();
    }

    #[test]
    fn a_second_block_of_an_epoch_is_held_back_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mined.db");
        SlashFilter::open(&path)
            .unwrap()
            .mined(&header(5, &key(4), 1), 4)
            .unwrap();
        let again = SlashFilter::open(&path)
            .unwrap()
            .mined(&header(5, &key(3), 2), 3);
        assert!(matches!(
            again,
            Err(SlashError::DoubleFork { epoch: 5, .. })
        ));
    }

    #[test]
    fn a_second_block_on_the_same_parents_is_held_back() {
        let filter = SlashFilter::in_memory().unwrap();
        filter.mined(&header(5, &key(4), 1), 4).unwrap();
        let offset = filter.mined(&header(6, &key(4), 2), 4);
        assert!(matches!(offset, Err(SlashError::TimeOffset { .. })));
    }

    #[test]
    fn a_block_that_leaves_the_own_parent_out_is_held_back() {
        let filter = SlashFilter::in_memory().unwrap();
        filter.mined(&header(5, &key(4), 1), 4).unwrap();
        let grinding = filter.mined(&header(6, &key(5), 2), 5);
        assert!(matches!(grinding, Err(SlashError::ParentGrinding { .. })));
    }
}
