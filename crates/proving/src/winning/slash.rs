//! Keeps the miner from signing blocks that together are a consensus fault.
//!
//! Every block is written down before it is published; a block that contradicts one that was
//! published earlier, also before a restart, is held back.
//!
//! # Invariants
//! - Whether a block that was written down has reached anybody is not known: miner or node may have
//!   ended in that moment. So the newest ones are kept whole ([`SlashFilter::block`]), to be published
//!   again when they stand in the way of another.
//!
//! # Lotus parity
//! `slashfilter`: double-fork mining, time-offset mining, parent grinding. Lotus keeps no blocks: its
//! miner, alone on a network, makes none any more after one got lost.

use std::path::Path;

use lotus_types::{ChainEpoch, Cid, wire};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::chain::MinedBlock;

/// Blocks of so many epochs are kept whole.
const KEPT_EPOCHS: ChainEpoch = 20;

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
             CREATE UNIQUE INDEX IF NOT EXISTS mined_parents ON mined (miner, parents);
             CREATE TABLE IF NOT EXISTS blocks (
                 cid   TEXT PRIMARY KEY,
                 epoch INTEGER NOT NULL,
                 block BLOB NOT NULL
             ) STRICT;",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Writes the block down, or says why it must not be published. The same block again is fine.
    ///
    /// # Errors
    /// [`SlashError`].
    pub fn mined(&self, mined: &MinedBlock, parent_epoch: ChainEpoch) -> Result<(), SlashError> {
        let block = &mined.header;
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
        tx.execute(
            "INSERT OR REPLACE INTO blocks (cid, epoch, block) VALUES (?, ?, ?)",
            params![cid.to_string(), block.height, wire::to_cbor(mined)],
        )?;
        let oldest = block.height.saturating_sub(KEPT_EPOCHS);
        tx.execute("DELETE FROM blocks WHERE epoch < ?", params![oldest])?;
        tx.commit()?;
        Ok(())
    }

    /// A block that was written down, while it is new enough to be kept.
    ///
    /// # Errors
    /// [`SlashError::Record`], [`SlashError::Damaged`].
    pub fn block(&self, cid: &Cid) -> Result<Option<MinedBlock>, SlashError> {
        let found: Option<Vec<u8>> = self
            .0
            .lock()
            .query_row(
                "SELECT block FROM blocks WHERE cid = ?",
                params![cid.to_string()],
                |row| row.get(0),
            )
            .optional()?;
        let read = |bytes: Vec<u8>| {
            wire::from_cbor(&bytes).map_err(|e| SlashError::Damaged(format!("block {cid}: {e}")))
        };
        found.map(read).transpose()
    }
}

impl SlashError {
    /// The own block that stands in the way.
    pub fn other(&self) -> Option<&Cid> {
        match self {
            Self::DoubleFork { other, .. }
            | Self::TimeOffset { other }
            | Self::ParentGrinding { other } => Some(other),
            Self::Record(_) | Self::Damaged(_) => None,
        }
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
    use lotus_types::{Bytes, TipsetKey};

    use super::*;
    use crate::winning::plan::tests::{header, tipset};

    /// A block that has all that a real one has.
    fn block(height: ChainEpoch, parents: &TipsetKey, ticket: u8) -> MinedBlock {
        let mut header = header(height, parents, ticket);
        header.election_proof = Some(lotus_types::ElectionProof {
            win_count: 1,
            vrf_proof: Bytes::from(vec![1; 96]),
        });
        MinedBlock {
            header,
            bls_messages: vec![],
            secpk_messages: vec![Cid::of_block(b"message")],
        }
    }

    fn key(height: ChainEpoch) -> TipsetKey {
        tipset(height, 1).key().clone()
    }

    #[test]
    fn a_chain_of_own_blocks_is_fine_also_the_same_block_again() {
        let filter = SlashFilter::in_memory().unwrap();
        let first = block(5, &key(4), 1);
        filter.mined(&first, 4).unwrap();
        filter.mined(&first, 4).unwrap();
        let second = block(6, &TipsetKey::new(vec![first.header.cid()]), 1);
        filter.mined(&second, 5).unwrap();
    }

    #[test]
    fn a_second_block_of_an_epoch_is_held_back_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mined.db");
        SlashFilter::open(&path)
            .unwrap()
            .mined(&block(5, &key(4), 1), 4)
            .unwrap();
        let again = SlashFilter::open(&path)
            .unwrap()
            .mined(&block(5, &key(3), 2), 3);
        assert!(matches!(
            again,
            Err(SlashError::DoubleFork { epoch: 5, .. })
        ));
    }

    #[test]
    fn a_second_block_on_the_same_parents_is_held_back() {
        let filter = SlashFilter::in_memory().unwrap();
        filter.mined(&block(5, &key(4), 1), 4).unwrap();
        let offset = filter.mined(&block(6, &key(4), 2), 4);
        assert!(matches!(offset, Err(SlashError::TimeOffset { .. })));
    }

    #[test]
    fn a_block_that_leaves_the_own_parent_out_is_held_back() {
        let filter = SlashFilter::in_memory().unwrap();
        filter.mined(&block(5, &key(4), 1), 4).unwrap();
        let grinding = filter.mined(&block(6, &key(5), 2), 5);
        assert!(matches!(grinding, Err(SlashError::ParentGrinding { .. })));
    }

    #[test]
    fn the_newest_blocks_are_kept_to_be_published_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mined.db");
        let mined = block(5, &key(4), 1);
        SlashFilter::open(&path).unwrap().mined(&mined, 4).unwrap();
        let filter = SlashFilter::open(&path).unwrap();
        let offset = filter.mined(&block(6, &key(4), 2), 4).unwrap_err();
        let other = *offset.other().unwrap();
        assert_eq!(filter.block(&other).unwrap(), Some(mined));
        filter
            .mined(&block(5 + KEPT_EPOCHS + 1, &key(9), 1), 9)
            .unwrap();
        assert_eq!(filter.block(&other).unwrap(), None);
    }
}
