//! Storage paths of miner and worker: the flags of `storage attach`, `detach` and `redeclare`, and
//! making a folder a storage path.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use lotus_rpc_api::types::storage::StorageId;
use lotus_sealer::layout::{LocalStorageMeta, META_FILE, write_json};

use crate::format::read_size;

/// attach local storage path
#[derive(Debug, clap::Args)]
pub(crate) struct Attach {
    /// initialize the path first
    #[arg(long)]
    init: bool,
    /// (for init) path weight
    #[arg(long, default_value_t = 10)]
    weight: u64,
    /// (for init) use path for sealing
    #[arg(long)]
    seal: bool,
    /// (for init) use path for long-term storage
    #[arg(long)]
    store: bool,
    /// (for init) limit storage space for sectors (expensive for very large paths!)
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    max_storage: Option<u64>,
    /// path group names
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    groups: Vec<String>,
    /// path groups allowed to pull data from this path (allow all if not specified)
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    allow_to: Vec<String>,
    /// The folder
    path: PathBuf,
}

impl Attach {
    /// The folder to be attached; it is made a storage path first when that was asked for.
    ///
    /// # Errors
    /// When it cannot be made one, or is one already.
    pub(crate) fn prepare(self) -> anyhow::Result<String> {
        let path = absolute(&self.path)?;
        if self.init {
            self.initialize(&path)?;
        }
        text(path)
    }

    fn initialize(self, path: &Path) -> anyhow::Result<()> {
        ensure!(
            self.seal || self.store,
            "must specify at least one of --store or --seal: what is {} for?",
            path.display()
        );
        fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        let file = path.join(META_FILE);
        match fs::symlink_metadata(&file) {
            Ok(_) => bail!(
                "path is already initialized: {} is there; leave --init away to attach it",
                file.display()
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        }
        let meta = LocalStorageMeta {
            max_storage: self.max_storage.unwrap_or(0),
            groups: self.groups,
            allow_to: self.allow_to,
            ..LocalStorageMeta::new(self.weight, self.seal, self.store)
        };
        write_json(&file, &meta)
            .with_context(|| format!("persisting storage metadata ({})", file.display()))
    }
}

/// detach local storage path
#[derive(Debug, clap::Args)]
pub(crate) struct Detach {
    /// Do it
    #[arg(long)]
    really_do_it: bool,
    /// The folder
    path: PathBuf,
}

impl Detach {
    /// The folder to be detached.
    ///
    /// # Errors
    /// When it was not confirmed.
    pub(crate) fn path(self) -> anyhow::Result<String> {
        ensure!(
            self.really_do_it,
            "pass --really-do-it to execute the action"
        );
        text(absolute(&self.path)?)
    }
}

/// redeclare sectors in a local storage path
#[derive(Debug, clap::Args)]
pub(crate) struct Redeclare {
    /// storage path ID
    #[arg(long, conflicts_with = "all")]
    id: Option<String>,
    /// redeclare all storage paths
    #[arg(long)]
    all: bool,
    /// Drop index entries with missing files
    #[arg(long)]
    drop_missing: bool,
}

impl Redeclare {
    /// Which path (`None`: all of them), and whether to forget what is missing.
    ///
    /// # Errors
    /// When neither a path nor all were named.
    pub(crate) fn target(self) -> anyhow::Result<(Option<StorageId>, bool)> {
        ensure!(
            self.all || self.id.is_some(),
            "either --all or --id must be specified"
        );
        Ok((self.id.map(StorageId), self.drop_missing))
    }
}

/// The path from the root on: the process that is told of it has another working directory.
pub(crate) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let expanded = match path.strip_prefix("~") {
        Ok(rest) => {
            let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
            let home = home.with_context(|| {
                format!("{} begins with ~, and HOME is not set", path.display())
            })?;
            PathBuf::from(home).join(rest)
        }
        Err(_) => path.to_owned(),
    };
    std::path::absolute(&expanded).with_context(|| format!("expanding {}", path.display()))
}

/// A path as it goes over the API.
pub(crate) fn text(path: PathBuf) -> anyhow::Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|path| anyhow::anyhow!("the path {path:?} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        attach: Attach,
    }

    fn attach(args: &[&str]) -> anyhow::Result<String> {
        let line = Line::try_parse_from(std::iter::once("attach").chain(args.iter().copied()))?;
        line.attach.prepare()
    }

    #[test]
    fn a_folder_is_made_a_storage_path_once() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store");
        let path = path.to_str().expect("UTF-8");
        let made = attach(&["--init", "--store", "--max-storage", "1GiB", path]);
        assert_eq!(made.expect("made"), path);
        let file = Path::new(path).join(META_FILE);
        let meta: LocalStorageMeta = lotus_sealer::layout::read_json(&file).expect("metadata");
        assert!(meta.can_store && !meta.can_seal);
        assert_eq!((meta.weight, meta.max_storage), (10, 1 << 30));
        let error = attach(&["--init", "--store", path]).expect_err("is one already");
        assert!(error.to_string().contains("path is already initialized"));
        assert_eq!(attach(&[path]).expect("attached as it is"), path);
    }

    #[test]
    fn a_path_without_a_purpose_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store");
        let error = attach(&["--init", path.to_str().expect("UTF-8")]).expect_err("refused");
        assert!(error.to_string().contains("--store or --seal"), "{error}");
        assert!(!path.exists());
    }
}
