//! Copies of databases that are in use, for backups.
//!
//! # Invariants
//! - A copy shows the database between two transactions, whoever writes meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

/// How long a writer may hold the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("copying the database {}", path.display())]
pub struct SnapshotError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The bytes of a SQLite database as it is now; `None` when there is none. Blocks.
///
/// # Errors
/// When it cannot be read, or its folder not be written.
pub fn of_database(path: &Path) -> Result<Option<Vec<u8>>, SnapshotError> {
    if !path.exists() {
        return Ok(None);
    }
    let copy = path.with_extension("copy");
    let made = remove(&copy).and_then(|()| {
        vacuum(path, &copy)?;
        Ok(fs::read(&copy)?)
    });
    let removed = remove(&copy);
    made.and_then(|bytes| removed.map(|()| Some(bytes)))
        .map_err(|source| SnapshotError {
            path: path.to_owned(),
            source,
        })
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn vacuum(path: &Path, copy: &Path) -> Outcome<()> {
    let name = copy.to_str().ok_or("its path is no text")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

fn remove(path: &Path) -> Outcome<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod a_copy {
    use super::*;

    #[test]
    fn has_what_was_committed_while_the_database_is_in_use() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.sqlite");
        let mut used = Connection::open(&path).expect("open");
        let tables = "PRAGMA journal_mode = WAL; PRAGMA user_version = 7; CREATE TABLE t (n); \
                      INSERT INTO t VALUES (1);";
        used.execute_batch(tables).expect("tables");
        let open = used.transaction().expect("transaction");
        open.execute("INSERT INTO t VALUES (2)", [])
            .expect("inserted");
        let bytes = of_database(&path).expect("copied").expect("there");
        open.commit().expect("committed");
        let other = folder.path().join("y.sqlite");
        fs::write(&other, bytes).expect("written");
        let copy = Connection::open(&other).expect("open");
        let one = |sql: &str| {
            copy.query_row(sql, [], |row| row.get::<_, i64>(0))
                .expect("a row")
        };
        assert_eq!(one("SELECT count(*) FROM t"), 1);
        assert_eq!(one("PRAGMA user_version"), 7);
        assert!(!folder.path().join("x.copy").exists());
    }

    #[test]
    fn of_no_database_is_none() {
        let none = of_database(Path::new("/nowhere/x.sqlite")).expect("no error");
        assert_eq!(none, None);
    }
}
