//! The chain as data: headers, tipsets and messages, the heaviest tipset, and how it changes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`ChainStore`]: everything below behind one cloneable handle |
//! | [`messages`] | message lists of a block: reading, writing |
//! | [`heads`] | the stream of head changes |
//! | [`path`] | the way from one tipset to another |
//! | [`export`], [`import`] | the chain as a CAR file |
//! | [`source`] | the chain as peers may ask for it |
//! | [`weight`] | the port through which consensus says how heavy a tipset is |
//!
//! # Invariants
//! - The store judges nothing: whoever puts a block as *valid* has validated it. What it does see to
//!   is form: canonical CBOR, tipsets whose blocks belong together, bounded lists.
//! - The head that a restart finds is complete: its blocks are durable before it is named.
//!
//! # Lotus parity
//! Lotus' `chain/store`.

pub mod error;
pub mod export;
pub mod heads;
pub mod import;
mod index;
pub mod messages;
pub mod path;
pub mod source;
pub mod store;
pub mod weight;

pub use error::ChainError;
pub use export::{ExportOptions, Exported};
pub use heads::{HeadChange, HeadStream, Lagged};
pub use import::Imported;
pub use source::ServedChain;
pub use store::{ChainStore, ChainStoreOptions};
pub use weight::Weigher;
