//! Sealing machinery of a storage provider: storage paths, workers, scheduling.
//!
//! ```text
//!  Sealer ─► Manager ─► sched::decide ─► worker API ─► LocalWorker ─► Prover
//!              ▲  │                       (here or       │  Store (paths, files)
//!              │  └─ Index ◄── declare ── elsewhere) ────┘
//!              └────────── Return…(CallID, result) ──────┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`api`] | the ports that `sealing` and `proving` use |
//! | [`layout`], [`store`], [`transfer`] | sector files: names, places, copies between processes |
//! | [`index`] | what lies where, locks |
//! | [`resources`], [`sched`] | what tasks need; who does what: pure |
//! | [`calls`] | calls that survive restarts |
//! | [`worker`], [`manager`] | both ends of a call |
//!
//! # Invariants
//! - A sector file under its name is complete, and a copy is verified before its origin is deleted.
//! - Work that was begun is done once: restarts of miner or worker find it again or redo it.
//!
//! # Lotus parity
//! Replaces `storage/sealer` and `storage/paths`. Not here yet: upgrades with deals, downloading
//! sectors, PoSt workers.

pub mod api;
pub mod calls;
pub mod index;
pub mod layout;
pub mod manager;
pub mod resources;
pub mod sched;
pub mod store;
pub mod transfer;
pub mod worker;

pub use api::{PieceData, PoStProver, SealError, Sealer};
pub use manager::{Manager, ManagerDeps, PieceReader};
pub use worker::{LocalWorker, WorkerDeps};
