//! Encrypting a keystore, decrypting it, and giving it another passphrase.
//!
//! An entry is replaced in four steps: the new form is stored under a pending name, the old one is
//! removed, the new one stored under its name, the pending one removed. After a crash at any point
//! [`finish_replacing`] leaves the old entry or the new one.

use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_types::KeyInfo;

use super::{
    HEADER, KdfCost, PENDING, SealError,
    cipher::{DataKey, Header},
    is_sealed, is_sealed_entry, is_secret, opened_entry, sealed_entry,
};

/// Encrypts the wallet keys of a plain keystore; gives their number.
///
/// # Errors
/// [`SealError::AlreadySealed`], an empty passphrase, or the keystore fails.
pub fn seal(keys: &dyn KeyStore, passphrase: &str, cost: KdfCost) -> Result<usize, SealError> {
    if is_sealed(keys)? {
        return Err(SealError::AlreadySealed);
    }
    let key = DataKey::generate();
    let header = Header::new(&key, passphrase, cost)?;
    keys.put(HEADER, &header.entry()?)?;
    seal_plain_entries(keys, &key)
}

/// Gives an encrypted keystore back its plain layout; gives the number of keys.
///
/// # Errors
/// [`SealError::NotSealed`], [`SealError::WrongPassphrase`], a damaged entry, or the keystore fails.
pub fn unseal(keys: &dyn KeyStore, passphrase: &str) -> Result<usize, SealError> {
    let key = open(keys, passphrase)?;
    // Everything is read before anything is changed: a damaged entry leaves all as it was.
    let mut plain = Vec::new();
    for name in secrets(keys)? {
        let info = keys.get(&name)?;
        if is_sealed_entry(&info) {
            let opened = opened_entry(&key, &name, &info)?;
            plain.push((name, opened));
        }
    }
    for (name, info) in &plain {
        replace(keys, name, info)?;
    }
    keys.delete(HEADER)?;
    Ok(plain.len())
}

/// Gives an encrypted keystore another passphrase.
///
/// # Errors
/// [`SealError::NotSealed`], [`SealError::WrongPassphrase`], an empty passphrase, or the keystore fails.
pub fn change_passphrase(keys: &dyn KeyStore, old: &str, new: &str) -> Result<(), SealError> {
    let key = open(keys, old)?;
    let cost = Header::read(keys)?.cost();
    let header = Header::new(&key, new, cost)?;
    replace(keys, HEADER, &header.entry()?)
}

fn open(keys: &dyn KeyStore, passphrase: &str) -> Result<DataKey, SealError> {
    if !is_sealed(keys)? {
        return Err(SealError::NotSealed);
    }
    finish_replacing(keys)?;
    Header::read(keys)?.open(passphrase)
}

/// Finishes what a crash left of [`replace`].
pub(super) fn finish_replacing(keys: &dyn KeyStore) -> Result<(), SealError> {
    for pending in keys.list()? {
        let Some(name) = pending.strip_prefix(PENDING) else {
            continue;
        };
        match keys.get(name) {
            Ok(_) => {}
            Err(KeyStoreError::NotFound { .. }) => keys.put(name, &keys.get(&pending)?)?,
            Err(error) => return Err(error.into()),
        }
        keys.delete(&pending)?;
    }
    Ok(())
}

/// Seals the wallet keys that are plain; gives their number.
pub(super) fn seal_plain_entries(keys: &dyn KeyStore, key: &DataKey) -> Result<usize, SealError> {
    let mut sealed = 0;
    for name in secrets(keys)? {
        let info = keys.get(&name)?;
        if !is_sealed_entry(&info) {
            replace(keys, &name, &sealed_entry(key, &name, &info)?)?;
            sealed += 1;
        }
    }
    Ok(sealed)
}

fn secrets(keys: &dyn KeyStore) -> Result<Vec<String>, SealError> {
    let mut names = keys.list()?;
    names.retain(|name| is_secret(name));
    Ok(names)
}

fn replace(keys: &dyn KeyStore, name: &str, info: &KeyInfo) -> Result<(), SealError> {
    let pending = format!("{PENDING}{name}");
    keys.put(&pending, info)?;
    keys.delete(name)?;
    keys.put(name, info)?;
    Ok(keys.delete(&pending)?)
}
