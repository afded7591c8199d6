//! Blocks of IPLD data: where they are kept, how they are walked, and how they travel in CAR files.
//!
//! | module | what it holds |
//! |---|---|
//! | [`memory`], [`disk`], [`overlay`] | stores behind the [`Blockstore`] trait that the FVM uses too |
//! | [`meta`] | the small key-value port beside the blocks: head, genesis, pool settings |
//! | [`shared`] | one cloneable handle over any store, for services that must not be generic |
//! | [`car`] | reading and writing CAR v1, CAR v2 and both inside zstd |
//! | [`dag`] | links of a block, walks and copies of a DAG |
//! | [`verify`] | does a block hash to its CID? |
//!
//! # Invariants
//! - A block that a store hands out is the block that was put under that CID. Stores do not hash on
//!   the way in (the FVM has hashed already); whatever comes from outside goes through [`verify`].
//! - Identity CIDs hold their block themselves: every store here answers them without having been
//!   given them, and keeps no copy.
//!
//! # Lotus parity
//! Takes the place of Lotus' `blockstore` package (badger, memory, buffered, ID store) and of the
//! go-car library. The splitstore's generations are keyspaces of [`disk::DiskDatabase`].

#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

pub mod car;
mod cbor;
pub mod dag;
pub mod disk;
pub mod memory;
pub mod meta;
pub mod overlay;
pub mod shared;
pub mod verify;

pub use disk::{DiskBlockstore, DiskDatabase, DiskMetadata, DiskOptions};
pub use fvm_ipld_blockstore::Blockstore;
pub use memory::MemoryBlockstore;
pub use meta::{MemoryMetadata, MetadataStore};
pub use overlay::OverlayBlockstore;
pub use shared::{SharedBlockstore, Store};
