//! `lotus backup`.

use std::{io::Write, path::PathBuf};

use anyhow::ensure;
use lotus_node::BackupPlace;
use lotus_rpc_api::full::FullNode;
use lotus_runtime::repo::{Repo, RepoKind};

use super::daemon::Datastore;
use crate::common::paths;

/// Create node metadata backup
///
/// The backup command writes a copy of node metadata under the specified path: settings and local messages
/// of the message pool, payment channels, the client's deals and list of imports. Wallet keys are not in it
/// (lotus wallet export), nor is the chain (lotus chain export).
///
/// Online backups: for security reasons, the daemon must have the environment variable
/// LOTUS_BACKUP_BASE_PATH set to a path where backup files are supposed to be saved, and the path specified
/// in this command must be within this base path.
///
/// `lotus daemon --restore FILE` brings a backup into a new repo.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// create backup without the node running
    #[arg(long)]
    offline: bool,
    /// Where it is written; a file that is there is replaced
    #[arg(value_name = "backup file path")]
    file: PathBuf,
}

impl Backup {
    /// Does it work on the repo of a daemon that does not run?
    pub(super) fn is_offline(&self) -> bool {
        self.offline
    }

    /// Has the daemon write it.
    pub(super) async fn run(&self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        // The daemon has another working directory.
        let file = paths::text(paths::absolute(&self.file)?)?;
        node.create_backup(file).await?;
        Ok(writeln!(out, "Success")?)
    }

    /// Writes it here, from the repo that `flag` or the environment names.
    pub(super) fn run_offline(
        &self,
        flag: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<()> {
        let repo = Repo::locate(RepoKind::FullNode, flag, env)?;
        ensure!(
            repo.exists(),
            "repo at '{}' is not initialized",
            repo.path().display()
        );
        let locked = repo.lock()?;
        let datastore = Datastore::open_existing(&locked)?;
        let place = BackupPlace {
            repo: Some(locked.path().to_owned()),
            base: None,
        };
        let backup = place.collect(&*datastore.stores.metadata)?;
        Ok(backup.write(&paths::absolute(&self.file)?)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake::Fake;

    #[tokio::test]
    async fn the_daemon_is_told_where_whatever_its_working_directory() {
        let node = Fake::default().answer("CreateBackup", json!(null));
        let backup = Backup {
            offline: false,
            file: PathBuf::from("node.bak"),
        };
        let mut out = Vec::new();
        backup.run(&node.client(), &mut out).await.expect("written");
        assert_eq!(out, b"Success\n");
        let here = std::env::current_dir().expect("here").join("node.bak");
        assert_eq!(node.asked("CreateBackup"), [json!([here])]);
    }

    #[test]
    fn a_repo_that_is_none_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let backup = Backup {
            offline: true,
            file: folder.path().join("x"),
        };
        let ran = backup.run_offline(folder.path().to_str(), |_| None);
        let error = ran.expect_err("no repo").to_string();
        assert!(error.ends_with("is not initialized"), "{error}");
        Repo::at(folder.path(), RepoKind::FullNode)
            .init()
            .expect("made");
        let ran = backup.run_offline(folder.path().to_str(), |_| None);
        let error = ran.expect_err("no database").to_string();
        assert!(error.contains("has no database yet"), "{error}");
    }
}
