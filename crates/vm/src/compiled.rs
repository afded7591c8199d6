//! Compiled actors, kept on disk between processes.
//!
//! Compiling the actors of one bundle takes 10 to 15 seconds of a core, reading them back a fraction of
//! one. The files are a cache and nothing else: without them, or when one does not fit, the actors are
//! compiled again.
//!
//! # Invariants
//! - What is read here runs as machine code in this process, as an executable does. So a file counts only
//!   when it and its folder belong to this user and nobody else may write to them, and when its bytes
//!   have the checksum at its head. The compiler itself refuses code of another version, of other
//!   settings, or for another processor.
//! - The FVM's metering is compiled in: files of another FVM release or network version lie in other
//!   folders.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use fvm2::machine::Engine;
use lotus_networks::NetworkVersion;
use lotus_runtime::atomic;
use lotus_types::{Cid, block::blake2b256};

/// The FVM whose metering is in the code. A test compares it with the lock file.
const FVM: &str = "fvm-2.12.2";
/// Bytes of the checksum before the code.
const CHECKSUM: usize = 32;

/// A folder of compiled actors.
#[derive(Debug, Clone)]
pub(crate) struct CompiledActors {
    folder: PathBuf,
}

impl CompiledActors {
    /// In this folder, made when it is first needed.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn of_version(&self, version: NetworkVersion) -> PathBuf {
        self.folder.join(format!("{FVM}-nv{version}"))
    }

    /// Gives `engine` what there is of `codes`; returns those it still has to compile.
    pub(crate) fn load(&self, engine: &Engine, version: NetworkVersion, codes: &[Cid]) -> Vec<Cid> {
        let folder = self.of_version(version);
        let missing = |code: &&Cid| match load_one(engine, &folder, code) {
            Ok(found) => !found,
            Err(error) => {
                tracing::warn!(%code, folder = %folder.display(), %error, "a compiled actor is not used");
                true
            }
        };
        codes.iter().filter(missing).copied().collect()
    }

    /// Keeps what `engine` has compiled of `codes`. That it cannot be kept costs time, nothing else.
    pub(crate) fn keep(&self, engine: &Engine, version: NetworkVersion, codes: &[Cid]) {
        let folder = self.of_version(version);
        for code in codes {
            if let Err(error) = keep_one(engine, &folder, code) {
                tracing::warn!(%code, folder = %folder.display(), %error, "a compiled actor is not kept");
                return;
            }
        }
    }
}

fn path(folder: &Path, code: &Cid) -> PathBuf {
    folder.join(format!("{code}.cwasm"))
}

/// False when there is no such file.
fn load_one(engine: &Engine, folder: &Path, code: &Cid) -> anyhow::Result<bool> {
    let path = path(folder, code);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    must_be_ours(folder)?;
    must_be_ours(&path)?;
    let Some((checksum, code_bytes)) = bytes.split_at_checked(CHECKSUM) else {
        anyhow::bail!("{} is cut off", path.display());
    };
    anyhow::ensure!(
        blake2b256(code_bytes) == *checksum,
        "{} is damaged",
        path.display()
    );
    #[expect(
        unsafe_code,
        reason = "compiled code is as trusted as this executable: only this user can have written it \
                  (must_be_ours), it is whole (checksum), and the compiler checks that it fits"
    )]
    // SAFETY: the bytes are what `Module::serialize` gave to a process of this user.
    unsafe {
        engine.load_compiled(&(*code).into(), code_bytes)?;
    }
    Ok(true)
}

fn keep_one(engine: &Engine, folder: &Path, code: &Cid) -> anyhow::Result<()> {
    let Some(module) = engine.get_module(&(*code).into()) else {
        return Ok(());
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    must_be_ours(folder)?;
    let compiled = module.serialize()?;
    let mut bytes = blake2b256(&compiled).to_vec();
    bytes.extend(compiled);
    atomic::write(&path(folder, code), &bytes, 0o600)?;
    Ok(())
}

/// Refuses what somebody else could have written.
fn must_be_ours(path: &Path) -> anyhow::Result<()> {
    let found = fs::symlink_metadata(path)?;
    let (owner, us) = (found.uid(), rustix::process::geteuid().as_raw());
    anyhow::ensure!(owner == us, "{} belongs to user {owner}", path.display());
    anyhow::ensure!(
        found.mode() & 0o022 == 0 && !found.is_symlink(),
        "others can write to {}",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests;
