//! What lies in a storage path, and how much room there is.

use std::path::Path;

use lotus_rpc_api::types::storage::{FsStat, SectorFileType};
use lotus_types::SectorId;

use super::copy::remove_any;
use crate::layout::{TEMP_SUFFIX, parse_sector};

/// All sector files; makes the directories and, with `clean`, removes what was never finished. Not
/// while tasks are writing: theirs looks the same.
pub(super) fn scan(root: &Path, clean: bool) -> std::io::Result<Vec<(SectorId, SectorFileType)>> {
    let mut files = Vec::new();
    for kind in SectorFileType::KINDS {
        let Some(name) = kind.name() else { continue };
        let dir = root.join(name);
        if !dir.exists() {
            // A path that may not be written to is fine without.
            drop(std::fs::create_dir_all(&dir));
            continue;
        }
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let file = entry.file_name();
            let file = file.to_string_lossy();
            if file.ends_with(TEMP_SUFFIX) {
                if clean {
                    remove_any(&entry.path())?;
                }
            } else if let Some(sector) = parse_sector(&file) {
                files.push((sector, kind));
            } else {
                tracing::warn!(path = %entry.path().display(), "not a sector file");
            }
        }
    }
    Ok(files)
}

/// Room on the file system.
pub(super) fn stat(dir: &Path) -> std::io::Result<FsStat> {
    let stat = rustix::fs::statvfs(dir)?;
    let bytes =
        |blocks: u64| i64::try_from(blocks.saturating_mul(stat.f_frsize)).unwrap_or(i64::MAX);
    let available = bytes(stat.f_bavail);
    Ok(FsStat {
        capacity: bytes(stat.f_blocks),
        available,
        fs_available: available,
        ..FsStat::default()
    })
}

/// The same, less what is reserved and what the path may not use.
pub(super) fn limit(stat: FsStat, reserved: u64, max: u64, used: u64) -> FsStat {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let reserved = signed(reserved);
    let mut available = stat.available.saturating_sub(reserved).max(0);
    if max != 0 {
        let left = signed(max)
            .saturating_sub(signed(used))
            .saturating_sub(reserved);
        available = available.min(left.max(0));
    }
    FsStat {
        available,
        reserved,
        max: signed(max),
        used: signed(used),
        ..stat
    }
}

/// Bytes in the files under a directory.
pub(super) fn used(dir: &Path) -> std::io::Result<u64> {
    let mut sum = 0_u64;
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                open.push(entry.path());
            } else {
                sum = sum.saturating_add(meta.len());
            }
        }
    }
    Ok(sum)
}
