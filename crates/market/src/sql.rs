//! How numbers and CIDs stand in SQLite columns.

use lotus_types::Cid;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A number of 64 bits in SQLite's signed integers; one beyond 2^63 is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) u64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = i64::try_from(self.0);
        number
            .map(ToSqlOutput::from)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = i64::column_result(value)?;
        let number = u64::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))?;
        Ok(Self(number))
    }
}

/// A CID in its binary form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlCid(pub(crate) Cid);

impl ToSql for SqlCid {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_bytes().into())
    }
}

impl FromSql for SqlCid {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let cid = Cid::from_bytes(value.as_blob()?);
        cid.map(Self).map_err(|e| FromSqlError::Other(Box::new(e)))
    }
}
