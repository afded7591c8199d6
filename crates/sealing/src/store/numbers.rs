//! Sector numbers: the next free one, and numbers set aside under a name.
//!
//! # Lotus parity
//! `sectors numbers info|reserve|free`. Numbers are given out in rising order, each above all that
//! were given out before, so that a number freed by a crash is never used for two sectors.

use lotus_types::{BitField, SectorNumber};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{SectorStore, StoreError};

/// The largest number that the miner actor takes (its bit fields end there).
const MAX_SECTOR_NUMBER: SectorNumber = (1 << 63) - 1;
/// More numbers than this are not reserved at once.
const MAX_RESERVATION: u64 = 1 << 20;

/// Takes the next number that is free here, reserved by nobody and not in `taken`.
pub(super) fn take(connection: &Connection, taken: &BitField) -> Result<SectorNumber, StoreError> {
    let reserved: Vec<BitField> = reservations(connection)?.into_iter().map(|r| r.1).collect();
    let mut number = next(connection)?;
    loop {
        if number > MAX_SECTOR_NUMBER {
            return Err(StoreError::Number(
                "all sector numbers are used up".to_owned(),
            ));
        }
        if !taken.contains(number) && !reserved.iter().any(|r| r.contains(number)) {
            break;
        }
        number += 1;
    }
    note(connection, number)?;
    Ok(number)
}

/// Notes that `number` is in use.
pub(super) fn note(connection: &Connection, number: SectorNumber) -> Result<(), StoreError> {
    let after = number.saturating_add(1).min(MAX_SECTOR_NUMBER + 1);
    // The number after the largest does not fit SQLite's integers; it is never given out anyway.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    connection.execute("UPDATE next_number SET next = max(next, ?)", [after])?;
    Ok(())
}

fn next(connection: &Connection) -> Result<SectorNumber, StoreError> {
    let next: i64 = connection.query_row("SELECT next FROM next_number", [], |row| row.get(0))?;
    Ok(next.cast_unsigned())
}

fn reservations(connection: &Connection) -> Result<Vec<(String, BitField)>, StoreError> {
    let mut query = connection.prepare_cached("SELECT name, numbers FROM reservation")?;
    let rows = query
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    rows.into_iter()
        .map(|(name, numbers)| {
            let numbers = serde_json::from_str(&numbers)
                .map_err(|e| StoreError::Damaged(format!("reservation {name}: {e}")))?;
            Ok((name, numbers))
        })
        .collect()
}

impl SectorStore {
    /// The number that the next sector would get if nothing were taken on chain.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn next_number(&self) -> Result<SectorNumber, StoreError> {
        next(&self.0.lock())
    }

    /// All reservations: name and numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn number_reservations(&self) -> Result<Vec<(String, BitField)>, StoreError> {
        reservations(&self.0.lock())
    }

    /// Sets numbers aside under `name`.
    ///
    /// # Errors
    /// [`StoreError::Number`] when the name is no name, a number is in use or reserved otherwise,
    /// and `force` is not set (which never takes a number from another reservation).
    pub fn reserve_numbers(
        &self,
        name: &str,
        numbers: &BitField,
        force: bool,
    ) -> Result<(), StoreError> {
        let refuse = |why: String| Err(StoreError::Number(why));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
            return refuse(format!("{name:?} is no name for a reservation"));
        }
        let list = numbers
            .numbers(MAX_RESERVATION)
            .map_err(StoreError::Number)?;
        let mut connection = self.0.lock();
        let tx = connection.transaction()?;
        for (other, held) in reservations(&tx)? {
            if other == name {
                return refuse(format!("there is a reservation {name} already"));
            }
            if let Some(n) = list.iter().find(|n| held.contains(**n)) {
                return refuse(format!("number {n} is reserved by {other}"));
            }
        }
        for number in &list {
            let used = super::load(&tx, *number)?.is_some();
            if used && !force {
                return refuse(format!("number {number} is in use"));
            }
        }
        let json = serde_json::to_string(numbers)
            .map_err(|e| StoreError::Number(format!("cannot write the numbers: {e}")))?;
        tx.execute(
            "INSERT INTO reservation (name, numbers) VALUES (?, ?)",
            params![name, json],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// Gives a reservation's numbers free.
    ///
    /// # Errors
    /// [`StoreError::Number`] when there is none of that name.
    pub fn free_numbers(&self, name: &str) -> Result<(), StoreError> {
        let gone: Option<i64> = self
            .0
            .lock()
            .query_row(
                "DELETE FROM reservation WHERE name = ? RETURNING 1",
                [name],
                |r| r.get(0),
            )
            .optional()?;
        gone.map(|_| ())
            .ok_or_else(|| StoreError::Number(format!("no reservation {name:?}")))
    }
}
