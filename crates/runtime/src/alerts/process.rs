//! What a process watches of itself and of its machine: open files, room on the repo's disk.
//!
//! # Invariants
//! - Between "low" and "fine again" lies a gap, so that a value at the border does not ring all day.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::statvfs;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Alarm, Alerts};
use crate::limits;

/// How often it is looked.
const PAUSE: Duration = Duration::from_secs(30);
/// Bytes that are enough on any disk.
const PLENTY: u64 = 20 << 30;
/// A disk with less than this part of it free is low, unless [`PLENTY`] is free.
const PART: u64 = 20;

/// Watches the process' limit on open files and the disk of its repo.
#[derive(Debug)]
pub struct ProcessWatch {
    files: Alarm,
    /// Open files that the process should be allowed.
    wanted_files: u64,
    space: Alarm,
    folder: PathBuf,
}

/// A disk in bytes.
#[derive(Debug, Clone, Copy)]
struct Disk {
    total: u64,
    free: u64,
}

impl Disk {
    fn of(folder: &Path) -> rustix::io::Result<Self> {
        let found = statvfs(folder)?;
        Ok(Self {
            total: found.f_blocks.saturating_mul(found.f_frsize),
            free: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }

    /// Bytes below which it is low.
    fn border(self) -> u64 {
        (self.total / PART).min(PLENTY)
    }

    fn is_low(self) -> bool {
        self.free < self.border()
    }

    fn is_fine(self) -> bool {
        self.free >= self.border().saturating_add(self.border() / 4)
    }
}

impl ProcessWatch {
    /// Registers `process:fd-limit` and `repo:disk-space`, and looks for the first time.
    pub fn new(alerts: &Alerts, repo: &Path, wanted_files: u64) -> Self {
        let watch = Self {
            files: alerts.alarm("process", "fd-limit"),
            wanted_files,
            space: alerts.alarm("repo", "disk-space"),
            folder: repo.to_owned(),
        };
        watch.look();
        watch
    }

    /// Looks again from time to time until the stop.
    ///
    /// # Errors
    /// Never.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let pause = || tokio::time::sleep(PAUSE);
        while stop.run_until_cancelled(pause()).await.is_some() {
            self.look();
        }
        Ok(())
    }

    fn look(&self) {
        self.judge_files(limits::open_files());
        match Disk::of(&self.folder) {
            Ok(disk) => self.judge_disk(disk),
            // Not knowing is no reason to ring, nor to be quiet.
            Err(error) => {
                let folder = self.folder.display();
                tracing::debug!(%folder, %error, "free room on the disk is not known");
            }
        }
    }

    fn judge_files(&self, limit: u64) {
        if limit < self.wanted_files {
            self.files.raise(json!({
                "message": "soft FD limit is low",
                "recommended_min": self.wanted_files,
                "soft_limit": limit,
            }));
        } else {
            self.files.resolve(json!({
                "message": "soft FD limit was raised",
                "soft_limit": limit,
            }));
        }
    }

    fn judge_disk(&self, disk: Disk) {
        let folder = self.folder.display().to_string();
        if disk.is_low() {
            self.space.raise(json!({
                "message": "little room is left on the repo's disk: the process stops when none is",
                "free_bytes": disk.free,
                "recommended_min": disk.border(),
                "path": folder,
            }));
        } else if disk.is_fine() {
            self.space.resolve(json!({
                "message": "there is room on the repo's disk again",
                "free_bytes": disk.free,
                "path": folder,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn watch(wanted_files: u64) -> (Alerts, ProcessWatch, tempfile::TempDir) {
        let (alerts, repo) = (Alerts::default(), tempfile::tempdir().expect("folder"));
        let watch = ProcessWatch::new(&alerts, repo.path(), wanted_files);
        (alerts, watch, repo)
    }

    #[test]
    fn a_limit_that_no_machine_reaches_is_told_as_lotus_tells_it() {
        let (alerts, watch, _repo) = watch(u64::MAX);
        watch.judge_files(20_000);
        let raised = alerts.list()[0].raised.clone().expect("raised");
        assert_eq!(raised.message["message"], "soft FD limit is low");
        assert!(raised.message["soft_limit"].is_u64());
        watch.judge_files(u64::MAX);
        assert!(!alerts.list()[0].active);
    }

    #[test]
    fn a_disk_rings_when_it_is_low_and_is_quiet_when_it_has_room_again() {
        let (alerts, watch, _repo) = watch(0);
        let active = |free| {
            let total = 100 * GIB;
            watch.judge_disk(Disk { total, free });
            alerts.list()[1].active
        };
        assert!(!active(50 * GIB));
        assert!(active(4 * GIB));
        assert!(active(11 * GIB / 2), "just above the border");
        assert!(!active(7 * GIB));
        assert!(!active(11 * GIB / 2), "just above the border");
    }

    #[test]
    fn a_large_disk_may_be_nearly_full() {
        let disk = Disk {
            total: 16 << 40,
            free: 30 * GIB,
        };
        assert!(!disk.is_low() && disk.is_fine());
    }
}
