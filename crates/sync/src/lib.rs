//! Following the network: from what peers announce to a validated, heaviest chain.
//!
//! ```text
//!  hello heads ─┐                         ┌─ headers back to a known ancestor ─ messages ─┐
//!  gossip ──────┼─► targets ─► catch up ──┤                                               ├─► validate, oldest
//!  own blocks ──┘   (pure)                └─ a block whose parents are stored ────────────┘   first ─► ChainStore
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`service`] | [`ChainSync`]: the handle, and the task |
//! | [`targets`] | which announced chain comes next: a pure decision |
//! | [`segment`] | linking fetched headers to the chain that is here: a pure decision |
//! | [`syncer`] | fetching, validating, storing |
//! | [`gossip`] | the cheap checks before a block is passed on |
//! | [`judge`] | the port to consensus |
//! | [`bad`] | blocks known to be invalid |
//! | [`status`] | what is going on, for `SyncState` and `sync wait` |
//!
//! # Invariants
//! - A header enters the store only after its parents, and only validated: what the store has is valid.
//! - A block is remembered as bad only for a broken rule; never for a failure of this node, a silent
//!   peer, or a clock that runs behind.
//! - Our own blocks take the same path as everyone's.
//!
//! # Lotus parity
//! `chain/sync.go`, `sync_manager.go`, `badtscache.go`, `chain/sub/incoming.go`, `hello`. Lotus runs up
//! to five workers over header chains; here one chain is fetched at a time, while blocks whose parents
//! are here are validated beside it.

pub mod bad;
pub mod gossip;
pub mod judge;
pub mod segment;
pub mod service;
pub mod status;
pub mod syncer;
pub mod targets;

pub use bad::BadBlocks;
pub use judge::{Judge, NodeJudge};
pub use service::{ChainSync, SubmitError, SyncConfig, SyncParts};
pub use status::{Stage, SyncStatus, Work};
pub use syncer::SyncError;
