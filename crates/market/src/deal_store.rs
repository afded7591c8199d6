//! Deals on disk: one current row and an append-only log of steps for each, in one SQLite file.
//!
//! # Invariants
//! - A row and the log line of the step that led to it are written in one transaction: whenever the
//!   power goes, the deal continues after its last step.
//! - Updates are told to listeners after they are on disk.

use std::{marker::PhantomData, path::Path, time::Duration};

use lotus_rpc_api::types::go::Time;
use lotus_types::Cid;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::protocol::StorageDealStatus;

/// Written to `user_version`; a database of a newer version is refused.
const VERSION: i64 = 1;
/// Updates that a slow listener may be behind before it misses some.
const UPDATES: usize = 256;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS deal (
    proposal TEXT PRIMARY KEY,
    uuid     TEXT NOT NULL UNIQUE,
    state    INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS step (
    proposal TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       TEXT NOT NULL,
    state    INTEGER NOT NULL,
    note     TEXT NOT NULL,
    PRIMARY KEY (proposal, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
";

/// The store cannot do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DealStoreError {
    /// SQLite failed.
    #[error("deal store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row is not what this program wrote.
    #[error("deal store is damaged: {0}")]
    Damaged(String),
    /// There is a deal of that UUID or proposal already.
    #[error("there is a deal with this UUID or proposal already")]
    Duplicate,
}

/// What a store must know of a deal.
pub(crate) trait DealRecord: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// Names it.
    fn proposal_cid(&self) -> &Cid;
    /// The client's number for it.
    fn uuid(&self) -> Uuid;
    /// How far it is.
    fn state(&self) -> StorageDealStatus;
    /// When it was made.
    fn created(&self) -> Time;
    /// How far it is, and what is told of it.
    fn progress_mut(&mut self) -> (&mut StorageDealStatus, &mut String);
}

/// A step of a deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Time,
    pub(crate) state: StorageDealStatus,
    pub(crate) note: String,
}

/// Deals of one side.
#[derive(Debug)]
pub(crate) struct DealStore<D> {
    connection: Mutex<Connection>,
    updates: broadcast::Sender<D>,
    deals: PhantomData<D>,
}

impl<D: DealRecord> DealStore<D> {
    /// Opens or makes the store in a file.
    pub(crate) fn open(path: &Path) -> Result<Self, DealStoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        // A power cut must not lose a step that was acted on.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let tx = connection.transaction()?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > VERSION {
            return Err(DealStoreError::Damaged(format!(
                "it has version {version}, this program knows up to {VERSION}: use a newer one"
            )));
        }
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.commit()?;
        Ok(Self {
            connection: Mutex::new(connection),
            updates: broadcast::channel(UPDATES).0,
            deals: PhantomData,
        })
    }

    /// Takes a new deal in.
    pub(crate) fn insert(&self, deal: &D, note: &str) -> Result<(), DealStoreError> {
        let mut connection = self.connection.lock();
        let tx = connection.transaction()?;
        let added = tx.execute(
            "INSERT OR IGNORE INTO deal (proposal, uuid, state, created, body) \
             VALUES (?, ?, ?, ?, ?)",
            params![
                deal.proposal_cid().to_string(),
                deal.uuid().to_string(),
                deal.state().number().cast_signed(),
                deal.created().seconds,
                body(deal)?
            ],
        )?;
        if added == 0 {
            return Err(DealStoreError::Duplicate);
        }
        log(&tx, deal, note)?;
        tx.commit()?;
        drop(connection);
        self.tell(deal);
        Ok(())
    }

    /// Writes a deal's new state and what led to it.
    pub(crate) fn update(&self, deal: &D, note: &str) -> Result<(), DealStoreError> {
        let mut connection = self.connection.lock();
        let tx = connection.transaction()?;
        write(&tx, deal)?;
        log(&tx, deal, note)?;
        tx.commit()?;
        drop(connection);
        self.tell(deal);
        Ok(())
    }

    /// The same for several deals at once: all of them or none.
    pub(crate) fn update_all(&self, deals: &[D], note: &str) -> Result<(), DealStoreError> {
        let mut connection = self.connection.lock();
        let tx = connection.transaction()?;
        for deal in deals {
            write(&tx, deal)?;
            log(&tx, deal, note)?;
        }
        tx.commit()?;
        drop(connection);
        deals.iter().for_each(|deal| self.tell(deal));
        Ok(())
    }

    fn tell(&self, deal: &D) {
        // Nobody may be listening.
        drop(self.updates.send(deal.clone()));
    }

    /// The deal of a proposal.
    pub(crate) fn get(&self, proposal: &Cid) -> Result<Option<D>, DealStoreError> {
        self.find(
            "SELECT body FROM deal WHERE proposal = ?",
            &proposal.to_string(),
        )
    }

    /// The deal of a UUID.
    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<Option<D>, DealStoreError> {
        self.find("SELECT body FROM deal WHERE uuid = ?", &uuid.to_string())
    }

    fn find(&self, query: &str, key: &str) -> Result<Option<D>, DealStoreError> {
        let connection = self.connection.lock();
        let text: Option<String> = connection
            .query_row(query, [key], |row| row.get(0))
            .optional()?;
        text.map(|text| parse(&text)).transpose()
    }

    /// All deals, oldest first.
    pub(crate) fn all(&self) -> Result<Vec<D>, DealStoreError> {
        let connection = self.connection.lock();
        let mut query =
            connection.prepare_cached("SELECT body FROM deal ORDER BY created, proposal")?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|text| parse(&text?)).collect()
    }

    /// The steps of a deal, in order.
    pub(crate) fn steps(&self, proposal: &Cid) -> Result<Vec<Step>, DealStoreError> {
        let connection = self.connection.lock();
        let mut query = connection
            .prepare_cached("SELECT at, state, note FROM step WHERE proposal = ? ORDER BY seq")?;
        let rows = query.query_map([proposal.to_string()], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (at, state, note) = row?;
            let state = StorageDealStatus::from_number(state.cast_unsigned());
            Ok(Step {
                at: at.parse().map_err(DealStoreError::Damaged)?,
                state: state
                    .ok_or_else(|| DealStoreError::Damaged("a step has no state".to_owned()))?,
                note,
            })
        })
        .collect()
    }

    /// A setting, if it was ever made.
    pub(crate) fn setting<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, DealStoreError> {
        let connection = self.connection.lock();
        let text: Option<String> = connection
            .query_row("SELECT value FROM setting WHERE name = ?", [name], |row| {
                row.get(0)
            })
            .optional()?;
        text.map(|text| parse(&text)).transpose()
    }

    /// Makes a setting.
    pub(crate) fn set<T: Serialize>(&self, name: &str, value: &T) -> Result<(), DealStoreError> {
        self.connection.lock().execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET value = ?2",
            params![name, body(value)?],
        )?;
        Ok(())
    }

    /// Deals as they change from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<D> {
        self.updates.subscribe()
    }
}

fn write<D: DealRecord>(tx: &Transaction<'_>, deal: &D) -> Result<(), DealStoreError> {
    tx.execute(
        "UPDATE deal SET state = ?2, body = ?3 WHERE proposal = ?1",
        params![
            deal.proposal_cid().to_string(),
            deal.state().number().cast_signed(),
            body(deal)?
        ],
    )?;
    Ok(())
}

fn log<D: DealRecord>(tx: &Transaction<'_>, deal: &D, note: &str) -> Result<(), DealStoreError> {
    tx.execute(
        "INSERT INTO step (proposal, seq, at, state, note) VALUES (?1, \
         (SELECT COALESCE(MAX(seq) + 1, 0) FROM step WHERE proposal = ?1), ?2, ?3, ?4)",
        params![
            deal.proposal_cid().to_string(),
            Time::from(std::time::SystemTime::now()).to_string(),
            deal.state().number().cast_signed(),
            note
        ],
    )?;
    Ok(())
}

fn body<T: Serialize>(value: &T) -> Result<String, DealStoreError> {
    serde_json::to_string(value).map_err(|e| DealStoreError::Damaged(e.to_string()))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, DealStoreError> {
    serde_json::from_str(text).map_err(|e| DealStoreError::Damaged(e.to_string()))
}
