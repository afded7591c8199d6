//! The limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this a node with many peers and tables runs out of file descriptors.
const COMFORTABLE: u64 = 16 << 10;

/// What became of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// Open files allowed before.
    pub before: u64,
    /// Open files allowed now.
    pub now: u64,
}

impl FileLimit {
    /// True when the limit is low for a node, whatever was done.
    pub fn is_low(&self) -> bool {
        self.now < COMFORTABLE
    }
}

/// Raises the soft limit on open files to the hard one and logs a warning when that had to be done
/// from a low value, or when it stays low. Never an error: work goes on with what there is.
pub fn raise_file_limit() -> FileLimit {
    let old = getrlimit(Resource::Nofile);
    // None means unlimited.
    let before = old.current.unwrap_or(u64::MAX);
    let mut now = before;
    if old.current != old.maximum {
        match setrlimit(
            Resource::Nofile,
            Rlimit {
                current: old.maximum,
                maximum: old.maximum,
            },
        ) {
            Ok(()) => now = old.maximum.unwrap_or(u64::MAX),
            Err(error) => tracing::warn!(before, %error, "limit on open files cannot be raised"),
        }
    }
    let limit = FileLimit { before, now };
    if limit.is_low() {
        tracing::warn!(
            before,
            now,
            wanted = COMFORTABLE,
            "limit on open files is low; raise it with ulimit -n"
        );
    } else if before < COMFORTABLE {
        tracing::warn!(
            before,
            now,
            "limit on open files was low and has been raised"
        );
    }
    limit
}
