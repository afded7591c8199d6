//! A disk that is too small.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file system of its own in memory. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many MiB at `folder`; `None` where this process may not.
    pub(crate) fn mount(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("the folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size(mib), "tmpfs"]);
        succeeds(mount.arg(folder)).then(|| Self(folder.to_owned()))
    }

    /// Space returns.
    pub(crate) fn grow(&self, mib: u32) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{}", size(mib))]);
        assert!(succeeds(mount.arg(&self.0)), "it cannot grow");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn size(mib: u32) -> String {
    format!("size={mib}m")
}

fn succeeds(command: &mut Command) -> bool {
    let ended = command.output();
    ended.is_ok_and(|output| output.status.success())
}
