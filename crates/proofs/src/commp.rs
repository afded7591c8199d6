//! Piece commitments (CommP) and data commitments (CommD).
//!
//! CommP is the root of a binary SHA-256 tree over a piece's fr32-padded data, filled up with
//! zeros to a power of two; every hash loses its two top bits, so that it fits a field element.
//! CommD is the same over a whole sector, so it follows from the pieces' commitments.
//!
//! Data is streamed: memory stays at some 8 MiB however large the piece, and subtrees are hashed on
//! all cores.

use std::{
    io::{self, Read, Write},
    sync::LazyLock,
};

use lotus_ports::proofs::ProofError;
use lotus_types::{
    Cid, PieceInfo,
    sector::{PaddedPieceSize, UnpaddedPieceSize, comm_d, unsealed_cid},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::fr32;

type Node = [u8; 32];

/// log2 of the leaves of a subtree that one core hashes: 1 MiB of padded data.
const SUBTREE_HEIGHT: u32 = 15;
const SUBTREE: usize = 32 << SUBTREE_HEIGHT;
/// Subtrees collected before they are hashed together.
const BATCH: usize = 8;
/// Roots of trees of zeros, by height above the leaves.
static ZEROS: LazyLock<[Node; 64]> = LazyLock::new(|| {
    let mut roots = [[0; 32]; 64];
    for height in 1..64 {
        roots[height] = hash(&roots[height - 1], &roots[height - 1]);
    }
    roots
});

fn hash(left: &Node, right: &Node) -> Node {
    let mut root: Node = Sha256::new()
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into();
    root[31] &= 0x3f;
    root
}

/// Root of a power of two of leaves.
fn root(leaves: &[u8]) -> Node {
    let (nodes, _) = leaves.as_chunks::<32>();
    let mut row: Vec<Node> = nodes.chunks_exact(2).map(|p| hash(&p[0], &p[1])).collect();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|p| hash(&p[0], &p[1])).collect();
    }
    row.first().copied().unwrap_or_default()
}

/// Roots of complete subtrees, left to right, heights strictly falling.
#[derive(Debug, Default)]
struct Forest(Vec<(u32, Node)>);

impl Forest {
    fn push(&mut self, mut height: u32, mut node: Node) {
        while let Some((_, left)) = self.0.pop_if(|(h, _)| *h == height) {
            node = hash(&left, &node);
            height += 1;
        }
        self.0.push((height, node));
    }

    /// The root when everything to the right is zeros, up to `height`.
    fn fill(mut self, height: u32) -> Node {
        let zero = |h: u32| ZEROS[h as usize];
        while let Some((top, _)) = self.0.last().copied() {
            if top >= height {
                break;
            }
            self.push(top, zero(top));
        }
        self.0.pop().map_or_else(|| zero(height), |(_, root)| root)
    }
}

/// Height above the 32-byte leaves of the tree over a valid piece.
fn height(size: PaddedPieceSize) -> Result<u32, ProofError> {
    if size.is_valid() {
        Ok(size.0.trailing_zeros() - 5)
    } else {
        Err(ProofError::Invalid(format!("{size} is no piece size")))
    }
}

/// Computes CommP of whatever is written to it.
#[derive(Debug, Default)]
pub struct CommP {
    /// Less than a quad of data that is not padded yet.
    rest: Vec<u8>,
    /// Padded data that is not hashed yet.
    padded: Vec<u8>,
    forest: Forest,
    len: u64,
}

/// A commitment to a piece, and how much data is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The piece.
    pub piece: PieceInfo,
    /// Bytes that were written; the rest of the piece is zeros.
    pub payload: u64,
}

impl CommP {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of data.
    pub fn update(&mut self, mut data: &[u8]) {
        self.len += data.len() as u64;
        if !self.rest.is_empty() {
            let missing = (fr32::UNPADDED - self.rest.len()).min(data.len());
            let (head, tail) = data.split_at(missing);
            self.rest.extend_from_slice(head);
            data = tail;
            if self.rest.len() < fr32::UNPADDED {
                return;
            }
            fr32::pad_into(&self.rest, &mut self.padded);
            self.rest.clear();
        }
        for chunk in data.chunks(fr32::UNPADDED << 13) {
            let whole = chunk.len() - chunk.len() % fr32::UNPADDED;
            fr32::pad_into(&chunk[..whole], &mut self.padded);
            self.rest.extend_from_slice(&chunk[whole..]);
            if self.padded.len() >= BATCH * SUBTREE {
                self.hash_subtrees();
            }
        }
    }

    fn hash_subtrees(&mut self) {
        let whole = self.padded.len() - self.padded.len() % SUBTREE;
        let roots: Vec<Node> = self.padded[..whole]
            .par_chunks_exact(SUBTREE)
            .map(root)
            .collect();
        for node in roots {
            self.forest.push(SUBTREE_HEIGHT, node);
        }
        self.padded.drain(..whole);
    }

    /// The commitment of the smallest piece that holds what was written.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] beyond 2^63 bytes.
    pub fn finish(self) -> Result<Commitment, ProofError> {
        let size = UnpaddedPieceSize::holding(self.len)
            .ok_or_else(|| ProofError::Invalid("the piece is too large".to_owned()))?;
        self.finish_in(size.padded())
    }

    /// The commitment of a piece of `size`, filled up with zeros.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] when `size` is no piece size or too small.
    pub fn finish_in(mut self, size: PaddedPieceSize) -> Result<Commitment, ProofError> {
        let height = height(size)?;
        if self.len > size.unpadded().0 {
            let text = format!("{} bytes do not fit a piece of {size}", self.len);
            return Err(ProofError::Invalid(text));
        }
        fr32::pad_into(&self.rest, &mut self.padded);
        self.hash_subtrees();
        for quad in self.padded.chunks_exact(fr32::PADDED) {
            self.forest.push(2, root(quad));
        }
        let piece_cid = unsealed_cid(&self.forest.fill(height));
        Ok(Commitment {
            piece: PieceInfo { size, piece_cid },
            payload: self.len,
        })
    }
}

impl Write for CommP {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.update(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The commitment of a piece of zeros.
///
/// # Errors
/// [`ProofError::Invalid`] when `size` is no piece size.
pub fn zero_piece(size: PaddedPieceSize) -> Result<PieceInfo, ProofError> {
    let piece_cid = unsealed_cid(&ZEROS[height(size)? as usize]);
    Ok(PieceInfo { size, piece_cid })
}

/// Zero pieces that must follow `offset` bytes of a sector so that a piece of `size` starts at a
/// multiple of its size, smallest first.
///
/// # Errors
/// [`ProofError::Invalid`] when `size` is no piece size, or `offset` is not made of whole ones.
pub fn alignment(
    offset: PaddedPieceSize,
    size: PaddedPieceSize,
) -> Result<Vec<PaddedPieceSize>, ProofError> {
    height(size)?;
    if !offset.0.is_multiple_of(fr32::PADDED as u64) {
        return Err(ProofError::Invalid(format!("no piece can end at {offset}")));
    }
    let mut gaps = Vec::new();
    let mut gap = size.0.wrapping_sub(offset.0 % size.0) % size.0;
    while gap != 0 {
        let lowest = 1 << gap.trailing_zeros();
        gaps.push(PaddedPieceSize(lowest));
        gap -= lowest;
    }
    Ok(gaps)
}

/// CommD of a sector that holds `pieces` in this order, aligned, and zeros behind them.
///
/// # Errors
/// [`ProofError::Invalid`] when they do not fit, or a size or CID is not a piece's.
pub fn data_commitment(
    sector_size: PaddedPieceSize,
    pieces: &[PieceInfo],
) -> Result<Cid, ProofError> {
    let sector_height = height(sector_size)?;
    let mut forest = Forest::default();
    let mut filled: u64 = 0;
    for piece in pieces {
        let node = comm_d(&piece.piece_cid).map_err(|e| ProofError::Invalid(e.to_string()))?;
        let piece_height = height(piece.size)?;
        for gap in alignment(PaddedPieceSize(filled), piece.size)? {
            filled = filled.saturating_add(gap.0);
            let zeros = height(gap)?;
            forest.push(zeros, ZEROS[zeros as usize]);
        }
        filled = filled.saturating_add(piece.size.0);
        if filled > sector_size.0 {
            return Err(ProofError::Invalid(format!(
                "the pieces take {filled} bytes of a sector of {sector_size}"
            )));
        }
        forest.push(piece_height, node);
    }
    Ok(unsealed_cid(&forest.fill(sector_height)))
}

/// Copies exactly `size` bytes from `data` to `staged`, fr32-padded, and computes CommP on the way.
///
/// # Errors
/// [`ProofError::Invalid`] when `size` is no piece size or `data` ends early (what was copied stays
/// in `staged`); [`ProofError::Storage`] when reading or writing fails.
pub fn copy_piece(
    size: UnpaddedPieceSize,
    data: &mut dyn Read,
    staged: &mut dyn Write,
) -> Result<PieceInfo, ProofError> {
    if !size.is_valid() {
        return Err(ProofError::Invalid(format!(
            "{size} is no unpadded piece size"
        )));
    }
    let stream = |action, source| ProofError::Storage {
        action,
        path: "piece data".into(),
        source,
    };
    let mut commitment = CommP::new();
    let mut buffer = vec![0; fr32::UNPADDED << 10];
    let mut left = size.0;
    while left > 0 {
        let len = usize::try_from(left).map_or(buffer.len(), |l| l.min(buffer.len()));
        let chunk = &mut buffer[..len];
        data.read_exact(chunk).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                ProofError::Invalid(format!("the data ends before the piece's {size} bytes"))
            }
            _ => stream("reading", e),
        })?;
        staged
            .write_all(&fr32::pad(chunk))
            .map_err(|e| stream("writing", e))?;
        commitment.update(chunk);
        left -= len as u64;
    }
    Ok(commitment.finish_in(size.padded())?.piece)
}

#[cfg(test)]
mod tests;
