//! The provider's index: which block lies where in which piece.
//!
//! # Invariants
//! - A block is listed only if its bytes hash to its CID: nobody can store a piece that answers for
//!   another's data.
//! - A piece is listed with all its blocks or not at all, also after a crash.
//!
//! # Lotus parity
//! Takes the place of the DAG store and its index. There, pieces that are no CAR are stored all the
//! same and cannot be retrieved by CID; here they are entered with no blocks if the caller wishes.
//!
//! All calls block: from async code, run them on a blocking thread.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use lotus_types::Cid;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::{
    dag_pb::{BadBlock, Link},
    piece::sections::{SectionError, Sections},
    sql::{Number, SqlCid},
};

/// How long a connection waits for another.
const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS pieces (
        id INTEGER PRIMARY KEY,
        cid BLOB NOT NULL UNIQUE,
        payload INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS blocks (
        cid BLOB NOT NULL,
        piece INTEGER NOT NULL REFERENCES pieces (id) ON DELETE CASCADE,
        offset INTEGER NOT NULL,
        len INTEGER NOT NULL,
        PRIMARY KEY (cid, piece)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS blocks_by_piece ON blocks (piece);
";

/// Why a piece was not entered, or the index gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PieceIndexError {
    /// The piece is no CAR: it can be stored, but not be retrieved by CID.
    #[error("piece {piece} is not a good CAR: {source}")]
    NotACar {
        /// CommP.
        piece: Cid,
        /// What is wrong.
        #[source]
        source: Box<SectionError>,
    },
    /// A block in the piece is not what its CID says.
    #[error("piece {piece}: {source}")]
    BadBlock {
        /// CommP.
        piece: Cid,
        /// What is wrong.
        #[source]
        source: BadBlock,
    },
    /// The piece cannot be read.
    #[error("reading piece {piece}")]
    Io {
        /// CommP.
        piece: Cid,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The database failed (disk full, locked, damaged).
    #[error("piece index")]
    Database(#[from] rusqlite::Error),
}

impl PieceIndexError {
    /// True when whoever made the piece is to blame, false when this machine is.
    pub fn is_bad_piece(&self) -> bool {
        matches!(self, Self::NotACar { .. } | Self::BadBlock { .. })
    }
}

/// Where a block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// CommP of the piece.
    pub piece: Cid,
    /// Where its bytes start, without fr32 padding.
    pub offset: u64,
    /// How many there are.
    pub len: u64,
}

/// A piece in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedPiece {
    /// CommP.
    pub piece: Cid,
    /// Bytes of the payload, without padding.
    pub payload: u64,
    /// Blocks listed.
    pub blocks: u64,
}

/// What was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The roots that the CAR names and that have a CID of at most 64 bytes.
    pub roots: Vec<Cid>,
    /// Blocks listed.
    pub blocks: u64,
    /// Blocks left out, since their hash function is not known here.
    pub skipped: u64,
}

/// The index, a SQLite database. Entering a large piece does not keep readers waiting.
#[derive(Debug)]
pub struct PieceIndex {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl PieceIndex {
    /// Opens the database at `path`, and makes it if there is none.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn open(path: &Path) -> Result<Self, PieceIndexError> {
        let writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.execute_batch(SCHEMA)?;
        let reader = Connection::open(path)?;
        reader.busy_timeout(BUSY)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
        })
    }

    /// Enters the piece whose data is the file `car`; what was there about it before is replaced.
    ///
    /// # Errors
    /// [`PieceIndexError`]; the index is unchanged then.
    pub fn index_file(&self, piece: &Cid, car: &Path) -> Result<Indexed, PieceIndexError> {
        let file = File::open(car).map_err(|source| PieceIndexError::Io {
            piece: *piece,
            source,
        })?;
        self.index(piece, file)
    }

    /// Enters a piece by its data, with or without the zeros behind the payload.
    ///
    /// # Errors
    /// [`PieceIndexError`]; the index is unchanged then.
    pub fn index(&self, piece: &Cid, data: impl Read) -> Result<Indexed, PieceIndexError> {
        let mut scan = Scan::new(*piece, data);
        let mut connection = self.writer.lock();
        let tx = connection.transaction()?;
        let id = enter_piece(&tx, piece)?;
        loop {
            let batch = scan.batch()?;
            if batch.is_empty() {
                break;
            }
            enter_blocks(&tx, id, &batch)?;
        }
        let update = "UPDATE pieces SET payload = ?2 WHERE id = ?1";
        tx.execute(update, params![id, Number(scan.payload)])?;
        let count = "SELECT count(*) FROM blocks WHERE piece = ?1";
        let blocks: Number = tx.query_row(count, [id], |row| row.get(0))?;
        tx.commit()?;
        let roots = scan.sections.roots().unwrap_or_default();
        Ok(Indexed {
            roots: roots.iter().filter_map(Link::cid).collect(),
            blocks: blocks.0,
            skipped: scan.skipped,
        })
    }

    /// Enters a piece that is no CAR: it can be had as a whole, by its CommP.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn enter_opaque(&self, piece: &Cid, payload: u64) -> Result<(), PieceIndexError> {
        let mut connection = self.writer.lock();
        let tx = connection.transaction()?;
        let id = enter_piece(&tx, piece)?;
        let update = "UPDATE pieces SET payload = ?2 WHERE id = ?1";
        tx.execute(update, params![id, Number(payload)])?;
        Ok(tx.commit()?)
    }

    /// All places of a block, that in the oldest piece first.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn find(&self, block: &Cid) -> Result<Vec<BlockPlace>, PieceIndexError> {
        let connection = self.reader.lock();
        let mut query = connection.prepare_cached(
            "SELECT p.cid, b.offset, b.len FROM blocks b JOIN pieces p ON p.id = b.piece
             WHERE b.cid = ?1 ORDER BY p.id",
        )?;
        let rows = query.query_map([SqlCid(*block)], |row| {
            Ok(BlockPlace {
                piece: row.get::<_, SqlCid>(0)?.0,
                offset: row.get::<_, Number>(1)?.0,
                len: row.get::<_, Number>(2)?.0,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is known of a piece.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn piece(&self, piece: &Cid) -> Result<Option<IndexedPiece>, PieceIndexError> {
        let connection = self.reader.lock();
        let mut query = connection.prepare_cached(&format!("{PIECES} WHERE p.cid = ?1"))?;
        Ok(query.query_row([SqlCid(*piece)], entry).optional()?)
    }

    /// All pieces, oldest first.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn pieces(&self) -> Result<Vec<IndexedPiece>, PieceIndexError> {
        let connection = self.reader.lock();
        let mut query = connection.prepare_cached(&format!("{PIECES} ORDER BY p.id"))?;
        let rows = query.query_map([], entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets a piece. False when it was not known.
    ///
    /// # Errors
    /// [`PieceIndexError::Database`].
    pub fn remove(&self, piece: &Cid) -> Result<bool, PieceIndexError> {
        let connection = self.writer.lock();
        let removed = connection.execute("DELETE FROM pieces WHERE cid = ?1", [SqlCid(*piece)])?;
        Ok(removed > 0)
    }
}

const PIECES: &str = "SELECT p.cid, p.payload,
    (SELECT count(*) FROM blocks b WHERE b.piece = p.id) FROM pieces p";

fn entry(row: &Row<'_>) -> rusqlite::Result<IndexedPiece> {
    Ok(IndexedPiece {
        piece: row.get::<_, SqlCid>(0)?.0,
        payload: row.get::<_, Number>(1)?.0,
        blocks: row.get::<_, Number>(2)?.0,
    })
}

fn enter_piece(tx: &Transaction<'_>, piece: &Cid) -> rusqlite::Result<i64> {
    tx.execute("DELETE FROM pieces WHERE cid = ?1", [SqlCid(*piece)])?;
    let insert = "INSERT INTO pieces (cid, payload) VALUES (?1, 0)";
    tx.execute(insert, [SqlCid(*piece)])?;
    Ok(tx.last_insert_rowid())
}

fn enter_blocks(tx: &Transaction<'_>, piece: i64, blocks: &[Entry]) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO blocks VALUES (?1, ?2, ?3, ?4)")?;
    for block in blocks {
        insert.execute(params![
            SqlCid(block.cid),
            piece,
            Number(block.offset),
            Number(block.len)
        ])?;
    }
    Ok(())
}

/// A block that was checked.
struct Entry {
    cid: Cid,
    offset: u64,
    len: u64,
}

/// Goes through a piece once.
struct Scan<R> {
    piece: Cid,
    data: R,
    sections: Sections,
    buffer: Vec<u8>,
    /// Where the last block ended.
    payload: u64,
    skipped: u64,
    ended: bool,
}

/// Blocks entered between two reads.
const BATCH: usize = 4096;

impl<R: Read> Scan<R> {
    fn new(piece: Cid, data: R) -> Self {
        Self {
            piece,
            data,
            sections: Sections::default(),
            buffer: vec![0; 1 << 18],
            payload: 0,
            skipped: 0,
            ended: false,
        }
    }

    /// The next blocks; none at the end.
    fn batch(&mut self) -> Result<Vec<Entry>, PieceIndexError> {
        let mut batch = Vec::new();
        while batch.len() < BATCH && !self.ended {
            self.advance(&mut batch)?;
        }
        Ok(batch)
    }

    fn advance(&mut self, batch: &mut Vec<Entry>) -> Result<(), PieceIndexError> {
        let piece = self.piece;
        let not_a_car = |source| PieceIndexError::NotACar {
            piece,
            source: Box::new(source),
        };
        let read = self.data.read(&mut self.buffer);
        let read = read.map_err(|source| PieceIndexError::Io { piece, source })?;
        match self.buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => self.sections.push(bytes),
            _ => {
                self.ended = true;
                return self.sections.finish().map_err(not_a_car);
            }
        }
        while let Some(section) = self.sections.section().map_err(not_a_car)? {
            let len = section.data.len() as u64;
            self.payload = section.offset + len;
            let Link::Block(cid) = &section.link else {
                continue;
            };
            match section.link.verify(&section.data) {
                Ok(()) => batch.push(Entry {
                    cid: *cid,
                    offset: section.offset,
                    len,
                }),
                Err(BadBlock::UnknownHash { .. }) => self.skipped += 1,
                Err(source) => return Err(PieceIndexError::BadBlock { piece, source }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
