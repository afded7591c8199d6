//! Private keys and secrets as files.
//!
//! One file per key: its name is the key's name in base32 (RFC 4648, upper case, no padding), its
//! content `{"Type": …, "PrivateKey": base64}`.
//!
//! # Invariants
//! - A key file is readable by its owner alone. One that others may read is refused, with the command
//!   that repairs it: the secret may have been copied, so it is not repaired in silence.
//! - A key is never overwritten.
//!
//! # Lotus parity
//! Lotus' `keystore/` folder, file for file. Wallet keys are called `wallet-<address>`, the default
//! wallet address `default`, the peer's key `libp2p-host`, the API secret `auth-jwt-private`.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use data_encoding::BASE32_NOPAD;
use lotus_types::KeyInfo;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::atomic;

/// Longest name whose file name still fits a file system.
const MAX_NAME: usize = 150;

/// Why the keystore refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// There is no such key.
    #[error("key {name:?} not found")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// There is such a key already.
    #[error("key {name:?} already exists")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The name is empty or too long.
    #[error("key name {name:?} is empty or longer than {MAX_NAME} bytes")]
    BadName {
        /// The name, cut.
        name: String,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "permissions of key {name:?} are too relaxed: 0600 is required, {mode:#o} was found; \
         if nobody else has read it: chmod 600 {}",
        path.display()
    )]
    TooRelaxed {
        /// Its name.
        name: String,
        /// Its permission bits.
        mode: u32,
        /// The file.
        path: PathBuf,
    },
    /// The file is not a key. Says nothing of its content.
    #[error("key file {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A folder of keys. Not for several processes at once: the repo's lock sees to that.
#[derive(Debug)]
pub struct Keystore {
    folder: PathBuf,
    /// Serialises writers, so that two of them cannot both find a name free.
    writing: Mutex<()>,
}

impl Keystore {
    /// Opens the folder, which must be there.
    ///
    /// # Errors
    /// When it is no folder.
    pub fn open(folder: &Path) -> Result<Self, KeystoreError> {
        fs::read_dir(folder).map_err(|source| io_error(folder, source))?;
        Ok(Self {
            folder: folder.to_owned(),
            writing: Mutex::new(()),
        })
    }

    /// Names of all keys, sorted. Files that are no keys are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<String>, KeystoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|source| io_error(&self.folder, source))? {
            let entry = entry.map_err(|source| io_error(&self.folder, source))?;
            let decoded = entry.file_name().to_str().and_then(decode_name);
            names.extend(decoded);
        }
        names.sort();
        Ok(names)
    }

    /// A key by name.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn get(&self, name: &str) -> Result<KeyInfo, KeystoreError> {
        let path = self.path(name)?;
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeystoreError::NotFound {
                    name: name.to_owned(),
                });
            }
            Err(source) => return Err(io_error(&path, source)),
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeystoreError::TooRelaxed {
                name: name.to_owned(),
                mode,
                path,
            });
        }
        let content = Zeroizing::new(fs::read(&path).map_err(|source| io_error(&path, source))?);
        serde_json::from_slice(&content).map_err(|error| KeystoreError::Damaged {
            reason: format!(
                "no KeyInfo at line {} column {}",
                error.line(),
                error.column()
            ),
            path,
        })
    }

    /// Stores a new key, durably.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] when the name is taken.
    pub fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeystoreError> {
        let path = self.path(name)?;
        let json = serde_json::to_vec(key).map(Zeroizing::new);
        let json = json.map_err(|error| io_error(&path, error.into()))?;
        let _writing = self.writing.lock();
        if path.symlink_metadata().is_ok() {
            return Err(KeystoreError::Exists {
                name: name.to_owned(),
            });
        }
        atomic::write(&path, &json, 0o600).map_err(|source| io_error(&path, source))
    }

    /// Removes a key, durably.
    ///
    /// # Errors
    /// [`KeystoreError::NotFound`] when it is not there.
    pub fn delete(&self, name: &str) -> Result<(), KeystoreError> {
        let path = self.path(name)?;
        let _writing = self.writing.lock();
        if path.symlink_metadata().is_err() {
            return Err(KeystoreError::NotFound {
                name: name.to_owned(),
            });
        }
        atomic::remove(&path).map_err(|source| io_error(&path, source))
    }

    fn path(&self, name: &str) -> Result<PathBuf, KeystoreError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(KeystoreError::BadName {
                name: name.chars().take(MAX_NAME).collect(),
            });
        }
        Ok(self.folder.join(BASE32_NOPAD.encode(name.as_bytes())))
    }
}

fn decode_name(file: &str) -> Option<String> {
    String::from_utf8(BASE32_NOPAD.decode(file.as_bytes()).ok()?).ok()
}

fn io_error(path: &Path, source: io::Error) -> KeystoreError {
    KeystoreError::Io {
        path: path.to_owned(),
        source,
    }
}
