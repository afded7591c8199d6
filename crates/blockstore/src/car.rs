//! Content-addressed archives: CAR v1, CAR v2, and either of them inside zstd.
//!
//! A CAR v1 is a header (version, roots) and then blocks, each as `varint(length) ‖ CID ‖ data`. A
//! CAR v2 wraps a v1 with a fixed header that says where it lies; the index behind it is ignored. A
//! snapshot is often one of these inside a zstd frame. [`CarReader`] tells them apart by their first
//! bytes.
//!
//! # Invariants
//! - Every block handed out hashes to its CID.
//! - No length is believed: header and block sizes have caps ([`CarLimits`]), and memory grows with
//!   what arrives, not with what is announced.
//! - A file that ends early is an error that says where, except for a plain v1 that was cut exactly
//!   between two blocks; [`load`] therefore also checks that the roots arrived.
//!
//! # Lotus parity
//! Files of `lotus chain export` and Lotus' genesis CARs; the caps are those of go-car (header
//! 32 MiB, block 8 MiB).

mod error;
mod header;
mod load;
mod reader;
mod writer;

pub use error::CarError;
pub use header::CarVersion;
pub use load::{LoadOptions, LoadProgress, Loaded, load, load_file};
pub use reader::{CarBlock, CarLimits, CarReader};
pub use writer::CarWriter;

#[cfg(test)]
mod tests;
