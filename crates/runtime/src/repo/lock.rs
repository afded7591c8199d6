//! The lock file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{RepoError, failed};

const NAME: &str = "repo.lock";

/// An exclusive lock on a repo, held until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(repo: &Path) -> Result<Self, RepoError> {
        let path = repo.join(NAME);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = opened.map_err(failed("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let holder = fs::read_to_string(&path)
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                let holder = if holder.is_empty() {
                    "unknown".to_owned()
                } else {
                    holder
                };
                return Err(RepoError::Locked {
                    path: repo.to_owned(),
                    holder,
                });
            }
            Err(error) => return Err(failed("lock", &path)(error.into())),
        }
        // Only a hint for the next one who tries; the lock itself is what counts.
        note_holder(&mut file).map_err(failed("write", &path))?;
        Ok(Self { _file: file })
    }
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}
