//! Where everything of a devnet lies: one folder, marked as a devnet's.
//!
//! ```text
//! devnet.json      marks the folder; what was chosen once: block time, ports, time of genesis
//! running.json     processes that run now; gone after an orderly stop
//! lock             held by the supervisor
//! network.toml     the network's description, for every process
//! template.json    genesis template;  genesis.car: the genesis made from it
//! bin/             links to the executable, by whose names it knows which program to be
//! sectors/         pre-sealed sectors and the genesis miner's key
//! beacon/          the beacon's key and rounds
//! daemon/ miner/ worker/   repos
//! logs/            one file per process, and setup.log for what runs once
//! files/           files stored and retrieved
//! ```
//!
//! # Invariants
//! - Nothing is removed from, and nothing is put into, a folder that holds other things.

use std::{
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};

use super::settings::Settings;

/// The genesis miner.
pub(super) const MINER: &str = "t01000";
/// Programs that a devnet starts or tells its user to call.
const PROGRAMS: [&str; 6] = [
    "lotus",
    "lotus-miner",
    "lotus-worker",
    "lotus-seed",
    "lotus-shed",
    "lotus-devnet",
];

/// A devnet's folder. Its paths are absolute.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

/// Held while a supervisor works on a devnet.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Layout {
    /// The devnet in `folder`, whether there is one or not.
    ///
    /// # Errors
    /// When the current folder is needed and cannot be told.
    pub(super) fn at(folder: &Path) -> anyhow::Result<Self> {
        let root = std::path::absolute(folder)
            .with_context(|| format!("which folder is {}?", folder.display()))?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Is a devnet here?
    pub(super) fn exists(&self) -> bool {
        self.settings().is_file()
    }

    /// Makes the folder and what is always in it.
    ///
    /// # Errors
    /// When the folder holds something else, or cannot be written.
    pub(super) fn create(&self) -> anyhow::Result<()> {
        if !self.exists() {
            self.expect_empty()?;
        }
        for folder in [
            self.root.clone(),
            self.bin(),
            self.logs(),
            self.files(),
            self.beacon(),
        ] {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(())
    }

    fn expect_empty(&self) -> anyhow::Result<()> {
        match fs::read_dir(&self.root) {
            Ok(mut entries) => ensure!(
                // What a first start left that did not get far.
                entries.all(|e| e.is_ok_and(|e| is_ours(&e.file_name()))),
                "{} holds other files and no devnet; name another folder with --dir",
                self.root.display()
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", self.root.display()));
            }
        }
        Ok(())
    }

    /// Links to this executable under the programs' names.
    ///
    /// # Errors
    /// When the executable cannot be found or the links not be made.
    pub(super) fn link_programs(&self) -> anyhow::Result<()> {
        let executable = std::env::current_exe().context("where is this executable?")?;
        for program in PROGRAMS {
            let link = self.program(program);
            if fs::read_link(&link).is_ok_and(|to| to == executable) {
                continue;
            }
            match fs::remove_file(&link) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("removing {}", link.display()));
                }
            }
            std::os::unix::fs::symlink(&executable, &link)
                .with_context(|| format!("linking {}", link.display()))?;
        }
        Ok(())
    }

    /// Takes the devnet for this process; `None` when another supervisor has it.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub(super) fn try_lock(&self) -> anyhow::Result<Option<Lock>> {
        let path = self.root.join("lock");
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", path.display()))
            }
        }
    }

    /// Removes the devnet.
    ///
    /// # Errors
    /// When the folder is no devnet's, or cannot be removed.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        if !self.exists() {
            bail!(
                "{} is not removed: it is not the folder of a devnet (there is no devnet.json)",
                self.root.display()
            );
        }
        Settings::load(self)?;
        // The marker goes last, so that an interrupted removal can be repeated.
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path == self.settings() {
                continue;
            }
            let removed = if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| format!("removing {}", path.display()))?;
        }
        fs::remove_file(self.settings())?;
        fs::remove_dir(&self.root).with_context(|| format!("removing {}", self.root.display()))
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.root.join("devnet.json")
    }
    pub(super) fn running(&self) -> PathBuf {
        self.root.join("running.json")
    }
    pub(super) fn network(&self) -> PathBuf {
        self.root.join("network.toml")
    }
    pub(super) fn template(&self) -> PathBuf {
        self.root.join("template.json")
    }
    pub(super) fn genesis(&self) -> PathBuf {
        self.root.join("genesis.car")
    }
    pub(super) fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }
    pub(super) fn sectors(&self) -> PathBuf {
        self.root.join("sectors")
    }
    /// What pre-sealing writes last.
    pub(super) fn presealed(&self) -> PathBuf {
        self.sectors().join(format!("pre-seal-{MINER}.json"))
    }
    pub(super) fn miner_key(&self) -> PathBuf {
        self.sectors().join(format!("pre-seal-{MINER}.key"))
    }
    pub(super) fn beacon(&self) -> PathBuf {
        self.root.join("beacon")
    }
    pub(super) fn daemon_repo(&self) -> PathBuf {
        self.root.join("daemon")
    }
    pub(super) fn miner_repo(&self) -> PathBuf {
        self.root.join("miner")
    }
    pub(super) fn worker_repo(&self) -> PathBuf {
        self.root.join("worker")
    }
    pub(super) fn files(&self) -> PathBuf {
        self.root.join("files")
    }
    pub(super) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }
}

/// Is this the name of a file that is made before `devnet.json`?
fn is_ours(name: &OsStr) -> bool {
    let ours = [
        "bin",
        "logs",
        "files",
        "beacon",
        "sectors",
        "lock",
        "running.json",
        "template.json",
        "network.toml",
    ];
    ours.iter().any(|ours| name == *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(&dir.path().join("net")).expect("absolute");
        (dir, layout)
    }

    #[test]
    fn a_folder_with_other_things_is_neither_used_nor_removed() {
        let (_dir, layout) = layout();
        fs::create_dir(layout.root()).expect("folder");
        fs::write(layout.root().join("thesis.tex"), "years of work").expect("file");
        let error = layout.create().expect_err("in use");
        assert!(error.to_string().contains("holds other files"), "{error}");
        let error = layout.remove().expect_err("not ours");
        assert!(error.to_string().contains("not the folder of a devnet"));
        assert!(layout.root().join("thesis.tex").exists());
    }

    #[test]
    fn what_an_interrupted_first_start_left_is_used_again() {
        let (_dir, layout) = layout();
        layout.create().expect("makes");
        layout.create().expect("makes again");
    }

    #[test]
    fn a_devnet_is_removed_with_everything_in_it() {
        let (_dir, layout) = layout();
        layout.create().expect("makes");
        Settings::example().save(&layout).expect("marks");
        fs::create_dir_all(layout.miner_repo().join("keystore")).expect("folder");
        layout.remove().expect("removes");
        assert!(!layout.root().exists());
    }

    #[test]
    fn a_marker_that_is_no_devnets_protects_the_folder() {
        let (_dir, layout) = layout();
        layout.create().expect("makes");
        fs::write(layout.settings(), "{}").expect("writes");
        layout.remove().expect_err("something else");
        assert!(layout.logs().exists());
    }

    #[test]
    fn one_supervisor_at_a_time_has_a_devnet() {
        let (_dir, layout) = layout();
        layout.create().expect("makes");
        let held = layout.try_lock().expect("usable").expect("free");
        assert!(layout.try_lock().expect("usable").is_none());
        drop(held);
        assert!(layout.try_lock().expect("usable").is_some());
    }
}
