//! Calls that outlive a process: what was begun, and results that were not delivered yet.
//!
//! Both ends keep such a record. A worker delivers a result until the miner has taken it, also after
//! a restart, and says of calls that it had not finished that it was restarted. The miner's manager
//! knows of each piece of work under which call it runs, so that asking again finds the running call
//! or its result.

use std::path::Path;

use lotus_rpc_api::types::worker::{CallError, CallId};
use lotus_types::{Bytes, PieceInfo, SectorId, sector::SectorCids};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::SealError;

/// Which `Return…` method takes the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named after the calls")]
pub enum Kind {
    DataCid,
    AddPiece,
    PreCommit1,
    PreCommit2,
    Commit1,
    Commit2,
    Finalize,
    ReleaseUnsealed,
    Move,
    Unseal,
    Fetch,
}

/// What a call gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Of calls that only do something.
    Done,
    /// A piece.
    Piece(PieceInfo),
    /// Phase output or proof.
    Bytes(Bytes),
    /// Commitments.
    Cids(SectorCids),
}

/// A result as it is kept and delivered.
pub type Outcome = Result<Output, CallError>;

/// The error as workers send it.
pub fn to_call_error(error: &SealError) -> CallError {
    let code = match error {
        SealError::Temporary(_) => CallError::TEMPORARY,
        _ => CallError::UNKNOWN,
    };
    CallError::new(code, error)
}

/// The error as the manager's callers see it.
pub fn from_call_error(error: &CallError) -> SealError {
    if error.is_temporary() {
        SealError::Temporary(error.message.clone())
    } else {
        SealError::Failed(error.message.clone())
    }
}

fn fault(error: impl std::fmt::Display) -> SealError {
    SealError::Temporary(format!("record of calls: {error}"))
}

/// A call in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its key: for a worker the call's id, for the manager the work.
    pub key: String,
    /// The call.
    pub call: CallId,
    /// What kind of call.
    pub kind: Kind,
    /// Its result, once there is one.
    pub outcome: Option<Outcome>,
}

/// The record, in SQLite.
#[derive(Debug)]
pub struct CallStore(Mutex<Connection>);

impl CallStore {
    /// Opens the record, and makes it if there is none.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        Self::prepare(Connection::open(path).map_err(fault)?)
    }

    /// A record that is gone when it is dropped.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn in_memory() -> Result<Self, SealError> {
        Self::prepare(Connection::open_in_memory().map_err(fault)?)
    }

    fn prepare(connection: Connection) -> Result<Self, SealError> {
        let prepare = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS call (
                     key     TEXT PRIMARY KEY,
                     call    TEXT NOT NULL,
                     kind    TEXT NOT NULL,
                     sector  TEXT NOT NULL,
                     outcome TEXT
                 ) STRICT;
                 CREATE INDEX IF NOT EXISTS call_sector ON call (sector);",
            )
        };
        prepare().map_err(fault)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Notes that a call has begun.
    ///
    /// # Errors
    /// When it cannot be written: then the call must not begin.
    pub fn begin(&self, key: &str, call: &CallId, kind: Kind) -> Result<(), SealError> {
        let (call_json, kind) = (json(call)?, json(&kind)?);
        self.0
            .lock()
            .execute(
                "INSERT OR REPLACE INTO call (key, call, kind, sector, outcome)
                 VALUES (?, ?, ?, ?, NULL)",
                params![key, call_json, kind, call.sector.to_string()],
            )
            .map_err(fault)?;
        Ok(())
    }

    /// Keeps a call's result. False when the call is not in the record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, call: &CallId, outcome: &Outcome) -> Result<bool, SealError> {
        let (call, outcome) = (json(call)?, json(outcome)?);
        let changed = self
            .0
            .lock()
            .execute(
                "UPDATE call SET outcome = ? WHERE call = ?",
                params![outcome, call],
            )
            .map_err(fault)?;
        Ok(changed > 0)
    }

    /// The call under a key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Recorded>, SealError> {
        let connection = self.0.lock();
        let row = connection
            .query_row(
                "SELECT key, call, kind, outcome FROM call WHERE key = ?",
                [key],
                columns,
            )
            .optional()
            .map_err(fault)?;
        row.map(|row| parse(&row)).transpose()
    }

    /// All calls.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<Recorded>, SealError> {
        let connection = self.0.lock();
        let mut query = connection
            .prepare("SELECT key, call, kind, outcome FROM call")
            .map_err(fault)?;
        let rows = query.query_map([], columns).map_err(fault)?;
        rows.map(|row| parse(&row.map_err(fault)?)).collect()
    }

    /// Forgets a call.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forget(&self, key: &str) -> Result<(), SealError> {
        self.0
            .lock()
            .execute("DELETE FROM call WHERE key = ?", [key])
            .map_err(fault)?;
        Ok(())
    }

    /// Forgets all calls of a sector that have results, so that asking again does them again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forget_results(&self, sector: SectorId) -> Result<(), SealError> {
        self.0
            .lock()
            .execute(
                "DELETE FROM call WHERE sector = ? AND outcome IS NOT NULL",
                [sector.to_string()],
            )
            .map_err(fault)?;
        Ok(())
    }
}

type Row = (String, String, String, Option<String>);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn parse((key, call, kind, outcome): &Row) -> Result<Recorded, SealError> {
    Ok(Recorded {
        key: key.clone(),
        call: serde_json::from_str(call).map_err(fault)?,
        kind: serde_json::from_str(kind).map_err(fault)?,
        outcome: outcome
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(fault)?,
    })
}

fn json(value: &impl Serialize) -> Result<String, SealError> {
    serde_json::to_string(value).map_err(fault)
}
