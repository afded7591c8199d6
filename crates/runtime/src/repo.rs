//! The repo: the folder in which a node keeps everything.
//!
//! ```text
//! repo.lock    held while a process uses the repo
//! config.toml  settings, see [`crate::config`]
//! keystore/    private keys and secrets, see [`keystore`]
//! api          multiaddr of the running process's API; gone when it has stopped
//! token        admin token for that API
//! ```
//!
//! Databases live beside these (`datastore/`, `sqlite/`, `journal/`); their owners ask
//! [`LockedRepo::path`] for the folder.
//!
//! # Invariants
//! - One process at a time changes a repo: everything that writes is on [`LockedRepo`].
//! - Files appear as a whole or not at all; those with secrets have mode 0600 from the start.
//!
//! # Lotus parity
//! Layout, file formats, environment variables and default folders of Lotus. The lock is `flock` on
//! `repo.lock`, which holds the number of the process that has it.

pub mod keystore;
mod kind;
mod lock;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use lotus_types::{KeyInfo, KeyType};
use rand::RngCore as _;
use zeroize::Zeroizing;

use crate::{
    atomic,
    config::{Config, ConfigError, Schema},
};
use keystore::{Keystore, KeystoreError};
pub use kind::RepoKind;
use lock::Lock;

const CONFIG: &str = "config.toml";
const KEYSTORE: &str = "keystore";
const API: &str = "api";
const TOKEN: &str = "token";

/// Name of the secret that API tokens are signed with.
pub const JWT_SECRET: &str = "auth-jwt-private";
/// Type of that secret in the keystore.
pub const JWT_SECRET_TYPE: &str = "jwt-hmac-secret";

/// Why a repo cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    /// Another process has it.
    #[error("repo is already locked: {} is used by process {holder}", path.display())]
    Locked {
        /// The repo.
        path: PathBuf,
        /// Number of the process, or "unknown".
        holder: String,
    },
    /// There is no repo in this folder.
    #[error("no {kind} repo at {}; {}", path.display(), kind.how_to_make())]
    NotInitialised {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        kind: RepoKind,
    },
    /// No process serves this repo's API.
    #[error("API not running (no endpoint in {})", path.display())]
    NoEndpoint {
        /// The repo.
        path: PathBuf,
    },
    /// No home folder to put the default repo into.
    #[error("neither a repo path nor HOME is set")]
    NoHome,
    /// A file of the repo cannot be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// "read", "write", …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The keystore refused.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RepoError + 'a {
    move |source| RepoError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// A repo's folder, which may or may not be there yet. For clients: reads the API address and token
/// without a lock.
#[derive(Debug, Clone)]
pub struct Repo {
    path: PathBuf,
    kind: RepoKind,
}

impl Repo {
    /// The repo at `path`.
    pub fn at(path: impl Into<PathBuf>, kind: RepoKind) -> Self {
        Self {
            path: path.into(),
            kind,
        }
    }

    /// The repo that a flag, the environment or the default names, in this order. `~/` is replaced by
    /// the home folder.
    ///
    /// # Errors
    /// [`RepoError::NoHome`].
    pub fn locate(
        kind: RepoKind,
        flag: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RepoError> {
        Ok(Self {
            path: kind.locate(flag, env)?,
            kind,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of node it belongs to.
    pub fn kind(&self) -> RepoKind {
        self.kind
    }

    /// True when it has been initialised.
    pub fn exists(&self) -> bool {
        self.path.join(KEYSTORE).is_dir()
    }

    /// Makes the folder, the keystore and a commented default configuration; leaves alone what is
    /// there already.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn init(&self) -> Result<(), RepoError> {
        let make = |path: &Path, mode| {
            let made = DirBuilder::new().recursive(true).mode(mode).create(path);
            made.map_err(failed("make", path))
        };
        make(&self.path, 0o755)?;
        let config = self.path.join(CONFIG);
        if let Some(schema) = self.kind.schema()
            && !config.exists()
        {
            atomic::write(&config, schema.default_toml().as_bytes(), 0o644)
                .map_err(failed("write", &config))?;
        }
        // Last: its being there says that the repo is complete.
        make(&self.path.join(KEYSTORE), 0o700)?;
        atomic::sync_folder(&self.path).map_err(failed("write", &self.path))
    }

    /// Takes the repo for this process.
    ///
    /// # Errors
    /// [`RepoError::Locked`] when another process has it, [`RepoError::NotInitialised`].
    pub fn lock(&self) -> Result<LockedRepo, RepoError> {
        if !self.exists() {
            return Err(RepoError::NotInitialised {
                path: self.path.clone(),
                kind: self.kind,
            });
        }
        let lock = Lock::take(&self.path)?;
        let keystore = Keystore::open(&self.path.join(KEYSTORE))?;
        Ok(LockedRepo {
            repo: self.clone(),
            keystore,
            _lock: lock,
        })
    }

    /// The multiaddr of the running process's API.
    ///
    /// # Errors
    /// [`RepoError::NoEndpoint`] when no process has written one.
    pub fn api_endpoint(&self) -> Result<String, RepoError> {
        self.endpoint_file(API)
    }

    /// The admin token of the API.
    ///
    /// # Errors
    /// [`RepoError::NoEndpoint`] when there is none.
    pub fn api_token(&self) -> Result<String, RepoError> {
        self.endpoint_file(TOKEN)
    }

    /// The configuration with the environment on top. A kind without a configuration file gives the
    /// daemon's defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self, env: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let schema = self.kind.schema().unwrap_or(Schema::FULL_NODE);
        Config::load(schema, &self.config_path(), env)
    }

    /// Path of the configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    fn endpoint_file(&self, name: &str) -> Result<String, RepoError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RepoError::NoEndpoint {
                path: self.path.clone(),
            }),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }
}

/// A repo that this process has to itself. Dropping it removes the API file and lets go of the lock.
#[derive(Debug)]
pub struct LockedRepo {
    repo: Repo,
    keystore: Keystore,
    _lock: Lock,
}

impl LockedRepo {
    /// The repo.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.repo.path
    }

    /// The keystore.
    pub fn keystore(&self) -> &Keystore {
        &self.keystore
    }

    /// A folder inside the repo, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, RepoError> {
        let path = self.repo.path.join(name);
        fs::create_dir_all(&path).map_err(failed("make", &path))?;
        Ok(path)
    }

    /// Tells clients where the API is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_api_endpoint(&self, multiaddr: &str) -> Result<(), RepoError> {
        self.write(API, multiaddr.as_bytes(), 0o644)
    }

    /// Tells clients that there is no API any more: for the end of a process, in which something may
    /// still hold the repo. Without it, dropping the repo does it.
    pub fn clear_api_endpoint(&self) {
        let api = self.repo.path.join(API);
        if let Err(error) = atomic::remove(&api) {
            tracing::warn!(path = %api.display(), %error, "API file cannot be removed");
        }
    }

    /// Gives clients of this machine an admin token.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_api_token(&self, token: &str) -> Result<(), RepoError> {
        self.write(TOKEN, token.as_bytes(), 0o600)
    }

    /// Writes a configuration file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_config(&self, config: &Config) -> Result<(), RepoError> {
        self.write(CONFIG, config.to_commented_toml().as_bytes(), 0o644)
    }

    /// The secret that API tokens are signed with: 32 random bytes, made at the first call.
    ///
    /// # Errors
    /// When the keystore cannot be read or written.
    pub fn jwt_secret(&self) -> Result<Zeroizing<Vec<u8>>, RepoError> {
        match self.keystore.get(JWT_SECRET) {
            Ok(key) => return Ok(key.private_key),
            Err(KeystoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut secret = vec![0u8; 32];
        rand::rngs::OsRng.fill_bytes(&mut secret);
        let key = KeyInfo::new(KeyType::from(JWT_SECRET_TYPE), secret);
        self.keystore.put(JWT_SECRET, &key)?;
        Ok(key.private_key)
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), RepoError> {
        let path = self.repo.path.join(name);
        atomic::write(&path, content, mode).map_err(failed("write", &path))
    }
}

impl Drop for LockedRepo {
    fn drop(&mut self) {
        self.clear_api_endpoint();
    }
}

#[cfg(test)]
mod tests;
