//! The list of imports: one SQLite table.

use std::{path::Path, time::Duration};

use lotus_rpc_api::types::deals::DataCidSize;
use lotus_types::{Cid, sector::PaddedPieceSize};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::sql::{Number, SqlCid};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS imports (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root BLOB NOT NULL,
        file TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS imports_by_root ON imports (root);
    CREATE TABLE IF NOT EXISTS commitments (
        root BLOB PRIMARY KEY,
        payload_size INTEGER NOT NULL,
        piece_size INTEGER NOT NULL,
        piece_cid BLOB NOT NULL
    ) STRICT;
";

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) root: Cid,
    /// The file that was imported.
    pub(super) file: String,
}

#[derive(Debug)]
pub(super) struct Index {
    connection: Mutex<Connection>,
    /// The last id given out by this process.
    last: Mutex<u64>,
}

type Outcome<T> = Result<T, rusqlite::Error>;

impl Index {
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection: Mutex::new(connection),
            last: Mutex::new(0),
        })
    }

    /// `wanted`, or one more than the largest id that was ever given out.
    pub(super) fn reserve(&self, wanted: u64) -> Outcome<u64> {
        let largest: Option<Number> = self
            .connection
            .lock()
            .query_row(
                "SELECT seq FROM sqlite_sequence WHERE name = 'imports'",
                [],
                |row| row.get(0),
            )
            .optional()?;
        let largest = largest.map_or(0, |id| id.0);
        let mut last = self.last.lock();
        *last = wanted.max(largest + 1).max(*last + 1);
        Ok(*last)
    }

    pub(super) fn add(&self, id: u64, root: &Cid, file: &Path) -> Outcome<()> {
        self.connection.lock().execute(
            "INSERT INTO imports (id, root, file) VALUES (?1, ?2, ?3)",
            params![Number(id), SqlCid(*root), file.display().to_string()],
        )?;
        Ok(())
    }

    /// False when there was none.
    pub(super) fn remove(&self, id: u64) -> Outcome<bool> {
        let connection = self.connection.lock();
        Ok(connection.execute("DELETE FROM imports WHERE id = ?1", [Number(id)])? > 0)
    }

    pub(super) fn has(&self, id: u64) -> Outcome<bool> {
        let connection = self.connection.lock();
        let mut query = connection.prepare_cached("SELECT 1 FROM imports WHERE id = ?1")?;
        query.exists([Number(id)])
    }

    pub(super) fn all(&self) -> Outcome<Vec<Entry>> {
        let connection = self.connection.lock();
        let mut query =
            connection.prepare_cached("SELECT id, root, file FROM imports ORDER BY id")?;
        let rows = query.query_map([], |row| {
            Ok(Entry {
                id: row.get::<_, Number>(0)?.0,
                root: row.get::<_, SqlCid>(1)?.0,
                file: row.get(2)?,
            })
        })?;
        rows.collect()
    }

    pub(super) fn ids_of(&self, root: &Cid) -> Outcome<Vec<u64>> {
        let connection = self.connection.lock();
        let mut query =
            connection.prepare_cached("SELECT id FROM imports WHERE root = ?1 ORDER BY id")?;
        let ids = query.query_map([SqlCid(*root)], |row| Ok(row.get::<_, Number>(0)?.0))?;
        ids.collect()
    }

    pub(super) fn commitment(&self, root: &Cid) -> Outcome<Option<DataCidSize>> {
        let connection = self.connection.lock();
        let mut query = connection.prepare_cached(
            "SELECT payload_size, piece_size, piece_cid FROM commitments WHERE root = ?1",
        )?;
        let found = query.query_row([SqlCid(*root)], |row| {
            Ok(DataCidSize {
                payload_size: row.get(0)?,
                piece_size: PaddedPieceSize(row.get::<_, Number>(1)?.0),
                piece_cid: row.get::<_, SqlCid>(2)?.0,
            })
        });
        found.optional()
    }

    pub(super) fn set_commitment(&self, root: &Cid, size: &DataCidSize) -> Outcome<()> {
        self.connection.lock().execute(
            "INSERT OR REPLACE INTO commitments VALUES (?1, ?2, ?3, ?4)",
            params![
                SqlCid(*root),
                size.payload_size,
                Number(size.piece_size.0),
                SqlCid(size.piece_cid)
            ],
        )?;
        Ok(())
    }
}
