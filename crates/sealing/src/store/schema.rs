//! The database's tables.

use rusqlite::Connection;

use super::StoreError;

/// Written to `user_version`; a database of a newer version is refused.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS sector (
    number INTEGER PRIMARY KEY,
    state  TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sector_state ON sector (state);
CREATE TABLE IF NOT EXISTS event (
    sector INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    name   TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (sector, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS next_number (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    next INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS reservation (
    name    TEXT PRIMARY KEY,
    numbers TEXT NOT NULL
) STRICT;
INSERT OR IGNORE INTO next_number (id, next) VALUES (0, 0);
";

pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    // A power cut must not lose an event that the driver has acted on.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let tx = connection.transaction()?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > VERSION {
        return Err(StoreError::Damaged(format!(
            "it has version {version}, this program knows up to {VERSION}: use a newer one"
        )));
    }
    tx.execute_batch(TABLES)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(())
}
