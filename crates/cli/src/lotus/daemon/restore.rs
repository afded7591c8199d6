//! `lotus daemon --restore`: a backup's metadata in a new repo.
//!
//! # Invariants
//! - The backup is read and found whole before anything is written, and no repo that has a database is
//!   touched.
//! - The metadata go into a database that is not there under its name yet, so they are there as a whole or
//!   not at all.
//!
//! # Lotus parity
//! As there only a fresh repo takes a backup, and the chain begins anew: with a genesis, or with a snapshot
//! that is imported. A repo is fresh while it has no database; keys that were imported before stay.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use lotus_node::{Stores, backup};
use lotus_runtime::{
    backup::Backup,
    config::{Config, Schema},
    repo::{LockedRepo, Repo},
};

use super::store::FOLDER;

/// What is to be restored.
pub(super) struct Restoration {
    path: PathBuf,
    backup: Backup,
    config: Option<Config>,
}

impl Restoration {
    /// Reads a backup, and a configuration beside it, for a repo.
    ///
    /// # Errors
    /// When one of them is damaged, or the repo has a database.
    pub(super) fn read(path: &Path, config: Option<&Path>, repo: &Repo) -> anyhow::Result<Self> {
        check_fresh(repo)?;
        let backup = backup::read(path)?;
        let config = config.map(|path| {
            // A file that is not there would mean the defaults.
            std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
            let loaded = Config::load(Schema::FULL_NODE, path, |_| None)?;
            let edited = std::fs::read_to_string(repo.config_path())
                .ok()
                .filter(|text| {
                    *text != Schema::FULL_NODE.default_toml() && *text != loaded.to_commented_toml()
                });
            ensure!(
                edited.is_none(),
                "{} is there already and was edited: remove it, or leave --restore-config away",
                repo.config_path().display()
            );
            anyhow::Ok(loaded)
        });
        Ok(Self {
            path: path.to_owned(),
            backup,
            config: config.transpose()?,
        })
    }

    /// Puts the configuration into the repo, where one was given.
    pub(super) fn put_config(&self, repo: &LockedRepo) -> anyhow::Result<()> {
        match &self.config {
            Some(config) => Ok(repo.set_config(config)?),
            None => {
                tracing::warn!("--restore-config NOT SET, WILL USE DEFAULT VALUES");
                Ok(())
            }
        }
    }

    /// Puts the metadata into the repo and its new database.
    pub(super) fn put(&self, repo: &LockedRepo, stores: &Stores) -> anyhow::Result<()> {
        let shown = self.path.display();
        backup::restore(&self.backup, repo.path(), &*stores.metadata)
            .with_context(|| format!("restoring {shown}"))?;
        tracing::info!(
            records = self.backup.records.len(),
            files = self.backup.files.len(),
            "metadata restored from {shown}; wallet keys are not in a backup: `lotus wallet import`"
        );
        Ok(())
    }

    /// Is the repo's chain that of the backup?
    pub(super) fn check(&self, stores: &Stores) -> anyhow::Result<()> {
        backup::check_genesis(&self.backup, &*stores.metadata)
            .with_context(|| format!("restoring {}", self.path.display()))
    }
}

/// Only a repo without a database takes a backup.
pub(super) fn check_fresh(repo: &Repo) -> anyhow::Result<()> {
    ensure!(
        !repo.path().join(FOLDER).exists(),
        "restoring from backup is only possible with a fresh repo! {} has a database: name another \
         folder with LOTUS_PATH",
        repo.path().display()
    );
    Ok(())
}
