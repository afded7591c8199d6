//! Files that are replaced as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Writes `path` so that a crash leaves either the old content or the new: a temporary file in the
/// same folder, synced, renamed over the target, and the folder synced. `mode` is the file's
/// permission bits from the start on.
///
/// # Errors
/// When any step fails; the old file is untouched then, and no temporary file is left.
pub fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = parent(path)?;
    let temporary = temporary_name(path);
    let outcome = fill(&temporary, content, mode).and_then(|()| fs::rename(&temporary, path));
    if outcome.is_err() {
        // The original error matters more than one of the clean-up.
        let _ = fs::remove_file(&temporary);
    }
    outcome.and_then(|()| sync_folder(folder))
}

/// Removes `path` durably; no error when it is not there.
///
/// # Errors
/// When the folder does not allow it.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(parent(path)?),
    }
}

/// Makes renames, creations and removals in `folder` durable.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn fill(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn parent(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(folder) => Ok(folder),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "path has no folder",
        )),
    }
}

/// A hidden name beside `path` that no other writer of this or another process uses.
fn temporary_name(path: &Path) -> PathBuf {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".tmp-{}-{number}", std::process::id()))
}

#[cfg(test)]
mod replacing_a_file {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn leaves_the_new_content_with_its_mode_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("token");
        for content in ["first", "second"] {
            write(&path, content.as_bytes(), 0o600).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), content);
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn that_cannot_be_replaced_leaves_no_trace() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("occupied");
        fs::create_dir(&path).expect("folder in the way");
        write(&path, b"x", 0o600).expect_err("a folder is in the way");
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }
}
