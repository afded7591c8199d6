//! Sectors on disk: for each an append-only log of events and a row with the state they lead to.
//!
//! # Invariants
//! - One transaction per event: the log entry and the new state are both there, or neither is.
//! - Log entries are never changed or deleted; the row can always be made again from the log.
//! - A sector number is given out once, whatever happens afterwards: the number and the sector's
//!   first event are one transaction.
//!
//! # Lotus parity
//! Takes the place of the `/sectors` datastore and of `/storage/nextid` with its reservations.

mod numbers;
mod schema;

use std::{path::Path, time::Duration};

use lotus_types::SectorNumber;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::{
    event::Event,
    reducer::{self, Refused},
    sector::Sector,
    state::SectorState,
};

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such sector.
    #[error("there is no sector {0}")]
    NoSector(SectorNumber),
    /// The event has no meaning in the sector's state.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The sector has moved on since the caller looked at it.
    #[error("sector {0} has changed meanwhile")]
    Stale(SectorNumber),
    /// A sector number or reservation that cannot be had.
    #[error("{0}")]
    Number(String),
    /// The database failed (disk full, locked, damaged).
    #[error("sector database")]
    Database(#[from] rusqlite::Error),
    /// A row cannot be read.
    #[error("sector database is damaged: {0}")]
    Damaged(String),
}

/// One entry of a sector's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When it happened, unix seconds.
    pub at: u64,
    /// What happened.
    pub event: Event,
}

/// The sectors of one miner.
#[derive(Debug)]
pub struct SectorStore(Mutex<Connection>);

impl SectorStore {
    /// Opens the database at `path`, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`]; [`StoreError::Damaged`] when it is of a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepare(Connection::open(path)?)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(Duration::from_secs(10))?;
        schema::prepare(&mut connection)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Appends an event and gives the sector as it is afterwards.
    ///
    /// # Errors
    /// [`StoreError::NoSector`]; [`StoreError::Refused`] when the sector's state has no use for the
    /// event; [`StoreError::Database`].
    pub fn append(
        &self,
        number: SectorNumber,
        event: &Event,
        now: u64,
    ) -> Result<Sector, StoreError> {
        self.append_if(number, None, event, now)
    }

    /// The same, but only if the sector has had exactly `seen` events.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it has had more.
    pub fn append_if(
        &self,
        number: SectorNumber,
        seen: Option<u64>,
        event: &Event,
        now: u64,
    ) -> Result<Sector, StoreError> {
        let mut connection = self.0.lock();
        let tx = connection.transaction()?;
        let sector = load(&tx, number)?.ok_or(StoreError::NoSector(number))?;
        if seen.is_some_and(|seen| seen != sector.events) {
            return Err(StoreError::Stale(number));
        }
        let after = write(&tx, &sector, event, now)?;
        tx.commit()?;
        Ok(after)
    }

    /// Takes a free number and appends the sector's first event, which `first` makes of it. Numbers
    /// in `taken` (allocated on chain) are left out.
    ///
    /// # Errors
    /// [`StoreError::Number`] when none is left.
    pub fn create(
        &self,
        taken: &lotus_types::BitField,
        first: impl FnOnce(SectorNumber) -> Event,
        now: u64,
    ) -> Result<Sector, StoreError> {
        let mut connection = self.0.lock();
        let tx = connection.transaction()?;
        let number = numbers::take(&tx, taken)?;
        let after = write(&tx, &Sector::new(number), &first(number), now)?;
        tx.commit()?;
        Ok(after)
    }

    /// Adds a sector that came about elsewhere (pre-sealed, restored, received) as it is.
    ///
    /// # Errors
    /// [`StoreError::Number`] when the number is in use.
    pub fn import(&self, sector: &Sector) -> Result<(), StoreError> {
        let mut connection = self.0.lock();
        let tx = connection.transaction()?;
        if load(&tx, sector.number)?.is_some() {
            return Err(StoreError::Number(format!(
                "sector {} is there already",
                sector.number
            )));
        }
        let imported = Sector {
            events: 0,
            ..sector.clone()
        };
        put(&tx, &imported)?;
        numbers::note(&tx, sector.number)?;
        tx.commit()?;
        Ok(())
    }

    /// One sector.
    ///
    /// # Errors
    /// [`StoreError::NoSector`], [`StoreError::Database`].
    pub fn sector(&self, number: SectorNumber) -> Result<Sector, StoreError> {
        load(&self.0.lock(), number)?.ok_or(StoreError::NoSector(number))
    }

    /// All sectors, by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sectors(&self) -> Result<Vec<Sector>, StoreError> {
        let connection = self.0.lock();
        let mut query = connection.prepare_cached("SELECT body FROM sector ORDER BY number")?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|body| parse(&body?)).collect()
    }

    /// Number and state of all sectors, by number: much cheaper than [`SectorStore::sectors`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn states(&self) -> Result<Vec<(SectorNumber, SectorState)>, StoreError> {
        let connection = self.0.lock();
        let mut query =
            connection.prepare_cached("SELECT number, state FROM sector ORDER BY number")?;
        let rows = query.query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?.cast_unsigned(),
                row.get::<_, String>(1)?,
            ))
        })?;
        rows.map(|row| {
            let (number, state) = row?;
            let state = state
                .parse()
                .map_err(|e| StoreError::Damaged(format!("{e}")))?;
            Ok((number, state))
        })
        .collect()
    }

    /// The events of a sector, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn log(&self, number: SectorNumber) -> Result<Vec<LogEntry>, StoreError> {
        let connection = self.0.lock();
        let mut query = connection
            .prepare_cached("SELECT at, name, fields FROM event WHERE sector = ? ORDER BY seq")?;
        let rows = query.query_map([number.cast_signed()], |row| {
            let at = row.get::<_, i64>(0)?.cast_unsigned();
            Ok((at, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        rows.map(|row| {
            let (at, name, fields) = row?;
            let fields = serde_json::from_str(&fields)
                .map_err(|e| StoreError::Damaged(format!("log of sector {number}: {e}")))?;
            let event = Event::from_parts(&name, fields).map_err(StoreError::Damaged)?;
            Ok(LogEntry { at, event })
        })
        .collect()
    }
}

fn write(
    tx: &Transaction<'_>,
    sector: &Sector,
    event: &Event,
    now: u64,
) -> Result<Sector, StoreError> {
    let after = reducer::apply(sector, event, now)?;
    tx.prepare_cached("INSERT INTO event (sector, seq, at, name, fields) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            sector.number.cast_signed(),
            sector.events.cast_signed(),
            now.cast_signed(),
            event.name(),
            event.fields().to_string(),
        ])?;
    put(tx, &after)?;
    Ok(after)
}

fn put(connection: &Connection, sector: &Sector) -> Result<(), StoreError> {
    let body = serde_json::to_string(sector)
        .map_err(|e| StoreError::Damaged(format!("sector {}: {e}", sector.number)))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO sector (number, state, body) VALUES (?, ?, ?)")?
        .execute(params![
            sector.number.cast_signed(),
            sector.state.name(),
            body
        ])?;
    Ok(())
}

fn load(connection: &Connection, number: SectorNumber) -> Result<Option<Sector>, StoreError> {
    let mut query = connection.prepare_cached("SELECT body FROM sector WHERE number = ?")?;
    let body = query
        .query_row([number.cast_signed()], |row| row.get::<_, String>(0))
        .optional()?;
    body.map(|body| parse(&body)).transpose()
}

fn parse(body: &str) -> Result<Sector, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::Damaged(format!("sector row: {e}")))
}

#[cfg(test)]
mod tests;
