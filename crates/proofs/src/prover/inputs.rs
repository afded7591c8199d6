//! What sealing calls need before the library sees them: files that are there, pieces that fill the
//! sector, phase outputs that parse.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use data_encoding::BASE64;
use lotus_ports::proofs::{ProofError, Randomness, SectorPaths};
use lotus_types::PieceInfo;
use serde_json::Value;

use crate::convert::storage;

/// Where Lotus keeps the ticket in PreCommit1's JSON.
pub(super) const TICKET_FIELD: &str = "_lotus_SealRandomness";
/// Longest PreCommit1 or Commit1 result that is read, in bytes (100 KB at 2 KiB, 160 MB at 64 GiB).
const MAX_PHASE_OUTPUT: usize = 1 << 30;

/// The library's own words for a missing file name no path; these do.
pub(super) fn need_file(path: &Path, min_len: u64) -> Result<(), ProofError> {
    let len = fs::metadata(path).map_err(storage("reading", path))?.len();
    if len < min_len {
        let text = format!("it has {len} bytes, not {min_len}");
        return Err(storage("reading", path)(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            text,
        )));
    }
    Ok(())
}

/// Pieces must fill the sector exactly: that is what the ticket and CommD are bound to.
pub(super) fn need_full(sector_size: u64, pieces: &[PieceInfo]) -> Result<(), ProofError> {
    let sum = pieces
        .iter()
        .fold(0_u64, |sum, p| sum.saturating_add(p.size.0));
    if sum == sector_size {
        return Ok(());
    }
    Err(ProofError::Invalid(format!(
        "the pieces take {sum} bytes of a sector of {sector_size}"
    )))
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    phase: &str,
    json: &[u8],
) -> Result<T, ProofError> {
    if json.len() > MAX_PHASE_OUTPUT {
        return Err(ProofError::Invalid(format!(
            "{phase}'s output of {} bytes",
            json.len()
        )));
    }
    serde_json::from_slice(json).map_err(|e| ProofError::Invalid(format!("{phase}'s output: {e}")))
}

pub(super) fn print<T: serde::Serialize>(
    call: &'static str,
    value: &T,
) -> Result<Vec<u8>, ProofError> {
    serde_json::to_vec(value).map_err(|e| ProofError::Failed {
        call,
        reason: e.to_string(),
    })
}

/// An empty cache directory and an empty replica file, whatever was there.
pub(super) fn start_over(paths: &SectorPaths) -> Result<(), ProofError> {
    match fs::remove_dir_all(&paths.cache) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(storage("emptying", &paths.cache)(e));
        }
        _ => fs::create_dir_all(&paths.cache).map_err(storage("creating", &paths.cache))?,
    }
    File::create(&paths.sealed)
        .map(|_| ())
        .map_err(storage("creating", &paths.sealed))
}

/// The ticket that PreCommit1 noted; other provers' outputs may have none.
pub(super) fn ticket_of(phase1: &Value) -> Result<Option<Randomness>, ProofError> {
    let Some(text) = phase1.get(TICKET_FIELD) else {
        return Ok(None);
    };
    let bytes = text.as_str().and_then(|t| BASE64.decode(t.as_bytes()).ok());
    let ticket = bytes.and_then(|b| Randomness::try_from(b).ok());
    ticket
        .map(Some)
        .ok_or_else(|| ProofError::Invalid(format!("PreCommit1's output: {TICKET_FIELD}")))
}
