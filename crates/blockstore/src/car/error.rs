//! What can be wrong with a CAR.

use cid::Cid;

use crate::{cbor::CborError, verify::VerifyError};

/// Why a CAR could not be read or written.
///
/// Offsets count bytes from the start of the CAR, after decompression; block numbers start at 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarError {
    /// The first bytes are neither a CAR header nor a zstd frame.
    #[error("not a CAR file: {reason}")]
    NotACar {
        /// What was found instead.
        reason: String,
    },
    /// A CAR of a version that does not exist yet.
    #[error("CAR version {0} is not supported")]
    UnsupportedVersion(u64),
    /// The header is longer than allowed.
    #[error("CAR header of {len} bytes is longer than the allowed {max}")]
    HeaderTooLarge {
        /// Announced length.
        len: u64,
        /// The cap.
        max: u64,
    },
    /// The header is not what a CAR header should be.
    #[error("malformed CAR header")]
    BadHeader(#[source] CborError),
    /// The file ends inside the header or inside a block.
    #[error("CAR file is truncated: it ends at byte {offset}, inside {inside}")]
    Truncated {
        /// Where the data ends.
        offset: u64,
        /// What it ends inside of, with the block's number.
        inside: String,
    },
    /// A block announces a length above the cap.
    #[error("block {index} at byte {offset} has {len} bytes, more than the allowed {max}")]
    BlockTooLarge {
        /// Number of the block.
        index: u64,
        /// Where it starts.
        offset: u64,
        /// Announced length, CID included.
        len: u64,
        /// The cap.
        max: u64,
    },
    /// A block whose length or CID cannot be read.
    #[error("block {index} at byte {offset} is malformed: {reason}")]
    BadBlock {
        /// Number of the block.
        index: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block that is not what its CID says.
    #[error("block {index} at byte {offset} is refused")]
    Unverified {
        /// Number of the block.
        index: u64,
        /// Where it starts.
        offset: u64,
        /// Mismatch, or a hash function that is not known.
        #[source]
        source: VerifyError,
    },
    /// The compressed stream is damaged.
    #[error("zstd stream is damaged at byte {offset} of the CAR")]
    Compression {
        /// How far decompression came.
        offset: u64,
        /// What the decoder says.
        #[source]
        source: std::io::Error,
    },
    /// All blocks were read and a root was not among them.
    #[error("CAR file is incomplete: it has {blocks} blocks, but not its root {root}")]
    RootMissing {
        /// The root.
        root: Cid,
        /// Blocks read.
        blocks: u64,
    },
    /// The caller asked to stop.
    #[error("stopped after {blocks} blocks")]
    Stopped {
        /// Blocks stored so far.
        blocks: u64,
    },
    /// Reading or writing failed.
    #[error("CAR file cannot be read or written")]
    Io(#[source] std::io::Error),
    /// The store refused a block.
    #[error("storing blocks of a CAR file")]
    Store(#[source] anyhow::Error),
}

impl CarError {
    /// True when the file is to blame, false when this machine is (disk, store, a stop).
    pub fn is_bad_file(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Store(_) | Self::Stopped { .. })
    }
}
