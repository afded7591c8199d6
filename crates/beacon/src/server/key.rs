//! The devnet beacon's key file: the hex form of a `KeyInfo`, as wallets export keys.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use lotus_crypto::{KeyError, SigningKey, bls, export_key, parse_exported_key};
use rand::rngs::OsRng;
use zeroize::Zeroizing;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot access the beacon's key file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else than a BLS key.
    #[error("the beacon's key file {} holds no BLS key: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
}

/// Reads the key, or makes one in a new file that its owner alone can read.
///
/// # Errors
/// [`KeyFileError`], naming the file.
pub fn load_or_create_key(path: &Path) -> Result<bls::SecretKey, KeyFileError> {
    let failed = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Ok(text) => read(&Zeroizing::new(text)).map_err(|source| KeyFileError::Malformed {
            path: path.to_owned(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = bls::SecretKey::generate(&mut OsRng);
            let text = export_key(&SigningKey::Bls(key.clone()).to_key_info());
            create(path, &text).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

fn read(text: &str) -> Result<bls::SecretKey, KeyError> {
    let info = parse_exported_key(text)?;
    match SigningKey::from_key_info(&info)? {
        SigningKey::Bls(key) => Ok(key),
        _ => Err(KeyError::UnsupportedType(info.key_type.clone())),
    }
}

/// Writes beside and renames, so that a power cut leaves a whole key or none.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_key_is_private_and_stays() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("beacon.key");
        let key = load_or_create_key(&path).expect("makes one");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = load_or_create_key(&path).expect("reads it");
        assert_eq!(again.public_key(), key.public_key());
    }

    #[test]
    fn a_damaged_or_foreign_key_is_refused_with_its_file() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("beacon.key");
        let secp = SigningKey::generate(&lotus_types::KeyType::Secp256k1, &mut OsRng);
        let secp = export_key(&secp.expect("can sign").to_key_info());
        for text in ["", "not hex", secp.as_str()] {
            fs::write(&path, text).expect("writes");
            let error = load_or_create_key(&path).expect_err("no BLS key");
            assert!(error.to_string().contains("beacon.key"), "{error}");
            assert!(matches!(error, KeyFileError::Malformed { .. }));
        }
        let missing = dir.path().join("no such folder").join("key");
        assert!(matches!(
            load_or_create_key(&missing),
            Err(KeyFileError::Io { .. })
        ));
    }
}
