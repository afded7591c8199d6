//! The payload of a piece: a CAR of one DAG, and how it is read, written and reached.
//!
//! | module | what it does |
//! |---|---|
//! | [`sections`] | reads and writes CAR v1 piece by piece, as bytes come |
//! | [`walk`] | goes through a DAG in the order of a payload |
//! | [`source`] | finds blocks in a CAR on disk |
//!
//! # Invariants
//! - A payload is a CAR v1 with one root and every block of the DAG once, in the order in which they
//!   are first met depth first. So everyone who has the DAG has the same payload, hence the same CommP.
//!
//! # Lotus parity
//! The payload is what `client deal`, `client generate-car` and `client commP` of Lotus work on.
//! Blocks that a CID carries in itself are written all the same, as Lotus does.

pub mod sections;
pub mod source;
pub mod walk;

use axum::body::Bytes;
use lotus_types::Cid;

/// Largest block that is taken in or handed out, in bytes: what go-car accepts. So whatever can be
/// stored can be retrieved.
pub const MAX_BLOCK: usize = 8 << 20;

/// Why bytes of a piece cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PieceError {
    /// Nothing is known of such a piece, or no sector has it any more.
    #[error("piece {0} is not stored here")]
    NotFound(Cid),
    /// The piece ends before that.
    #[error("piece {piece} does not have {len} bytes at {offset}")]
    OutOfRange {
        /// CommP.
        piece: Cid,
        /// Where the bytes were to start.
        offset: u64,
        /// How many were wanted.
        len: u64,
    },
    /// It is there, but cannot be read.
    #[error("piece {piece} cannot be read")]
    Failed {
        /// CommP.
        piece: Cid,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads stored pieces; implemented by the provider, over its sectors.
#[async_trait::async_trait]
pub trait PieceBytes: Send + Sync + 'static {
    /// `len` bytes of a piece's data from `offset` on, both counted without fr32 padding.
    ///
    /// When no unsealed copy is left, this unseals first and may take hours. The caller may stop
    /// waiting at any time and ask again: unsealing goes on, and is not begun twice.
    ///
    /// # Errors
    /// [`PieceError`].
    async fn read(&self, piece: &Cid, offset: u64, len: u64) -> Result<Bytes, PieceError>;
}

#[cfg(test)]
pub(crate) mod testing;
