//! Sealing: the way of a sector from pieces to a proven sector on chain, and to its end.
//!
//! ```text
//!   pieces ─► OpenSectors ─┐            events                 ┌─► Sealer (workers)
//!   pledge ────────────────┼─► SectorStore ─► reducer ─► effects ─► ChainApi (full node)
//!   operator ──────────────┘   (log + row)    (pure)    (driver) └─► Clock
//!                                   ▲                       │
//!                                   └────────── event ──────┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`state`], [`event`], [`sector`] | the nouns, under Lotus' names |
//! | [`reducer`] | the state machine: pure |
//! | [`store`] | the append-only event log and the current rows, in SQLite |
//! | [`driver`] | performs what each state asks for |
//! | [`pieces`], [`policy`] | pure decisions: which sector takes a piece, when a sector expires, who pays |
//! | [`chain`] | the port to the full node |
//! | [`service`] | what operators ask for |
//!
//! # Invariants
//! - Killing the process at any moment loses no sector and sends no message twice: every step starts
//!   from the store, and looks at chain and pool before it sends.
//! - A sector is never stuck without a reason: it is working, waiting for a named thing, or in a
//!   failure state with its last error and the number of tries.
//!
//! # Lotus parity
//! Replaces `storage/pipeline`. Upgrades with deals (snap deals) and receiving sectors have their
//! states and transitions here, but no effects yet.

mod batch;
pub mod chain;
pub mod config;
pub mod driver;
pub mod event;
pub mod messages;
pub mod pieces;
pub mod policy;
pub mod reducer;
pub mod sector;
pub mod service;
pub mod state;
pub mod store;

pub use chain::{ChainApi, ChainError};
pub use config::{BatchConfig, RetryPolicy, SealingConfig, SealingPolicy};
pub use driver::{Sealing, SealingDeps, Senders};
pub use event::Event;
pub use pieces::SectorOffset;
pub use sector::{DealSchedule, PieceDealInfo, Sector, SectorPiece};
pub use service::{LogLine, SealingError};
pub use state::SectorState;
pub use store::{SectorStore, StoreError};

#[cfg(test)]
mod fakes_for_tests {
    use crate::sector::SectorPiece;

    /// A filler piece.
    pub(crate) fn piece_of(size: u64) -> SectorPiece {
        let piece_cid = lotus_types::sector::unsealed_cid(&[0; 32]);
        let size = lotus_types::sector::PaddedPieceSize(size);
        SectorPiece {
            piece: lotus_types::PieceInfo { size, piece_cid },
            deal_info: None,
        }
    }
}
