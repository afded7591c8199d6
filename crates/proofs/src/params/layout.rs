//! The layout of parameter files: `vk | h | l | a | b_g1 | b_g2`, each list with a 4-byte count.
//!
//! Walking the counts tells a whole file from a cut-off one in a few reads, however large it is.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

const G1: u64 = 96;
const G2: u64 = 192;
const COUNT: u64 = 4;
/// `alpha_g1, beta_g1, beta_g2, gamma_g2, delta_g1, delta_g2` of a verifying key.
const KEY_HEAD: usize = 864;

/// Size of a verifying key with `inputs` public inputs (the constant one included).
pub(super) fn key_size(inputs: usize) -> u64 {
    KEY_HEAD as u64 + COUNT + inputs as u64 * G1
}

/// Size of a parameter file with lists of these lengths.
pub(super) fn file_size(inputs: usize, lists: [usize; 5]) -> u64 {
    lists
        .iter()
        .zip(POINT)
        .fold(key_size(inputs), |sum, (len, point)| {
            sum + COUNT + *len as u64 * point
        })
}

const POINT: [u64; 5] = [G1, G1, G1, G1, G2];

/// A list of points in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    /// Where its first point begins.
    pub(crate) offset: u64,
    /// How many points it has.
    pub(crate) len: usize,
}

/// Where things are in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes of the verifying key, with which the file begins.
    pub(crate) key: u64,
    /// `h`, `l`, `a`, `b_g1` and `b_g2`.
    pub(crate) lists: [List; 5],
}

/// Walks through the file's counts, which must add up to its length.
///
/// # Errors
/// `InvalidData` when it is cut off or has bytes left over; others when it cannot be read.
pub(crate) fn read(file: &mut File) -> io::Result<Layout> {
    let size = file.seek(SeekFrom::End(0))?;
    let inputs = count_at(file, KEY_HEAD as u64)?;
    let key = KEY_HEAD as u64 + COUNT + u64::from(inputs) * G1;
    let mut end = key;
    let mut lists = [List { offset: 0, len: 0 }; 5];
    for (list, point) in lists.iter_mut().zip(POINT) {
        let count = count_at(file, end)?;
        list.offset = end + COUNT;
        list.len = usize::try_from(count).map_err(io::Error::other)?;
        end = list.offset + u64::from(count) * point;
    }
    if end == size {
        return Ok(Layout { key, lists });
    }
    let text = format!("it should have {end} bytes but has {size}");
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

fn count_at(file: &mut File, offset: u64) -> io::Result<u32> {
    file.seek(SeekFrom::Start(offset))?;
    let mut count = [0; 4];
    match file.read_exact(&mut count) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is cut off"))
        }
        other => other.map(|()| u32::from_be_bytes(count)),
    }
}
