//! A process' wallets; encrypted keystores: opening them, and the commands that encrypt and decrypt them.
//!
//! The passphrase is, in this order: in the file that a flag names, in the file that
//! `LOTUS_WALLET_PASSPHRASE_FILE` names, in `LOTUS_WALLET_PASSPHRASE`, typed at the terminal.
//!
//! # Lotus parity
//! None: Lotus keeps keys in the clear, as a keystore here does until it is encrypted.

use std::{
    fs,
    io::{IsTerminal as _, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use lotus_node::{RepoKeys, Wallets};
use lotus_ports::keystore::KeyStore;
use lotus_runtime::{
    config::WalletConfig,
    repo::{LockedRepo, Repo, RepoKind},
};
use lotus_wallet::{
    ledger::device::UsbDevices,
    remote,
    sealed::{self, KdfCost, SealedKeyStore},
};
use zeroize::Zeroizing;

/// Names a file whose first line is the passphrase.
const FILE_ENV: &str = "LOTUS_WALLET_PASSPHRASE_FILE";
/// The passphrase itself.
const PASSPHRASE_ENV: &str = "LOTUS_WALLET_PASSPHRASE";
/// Most bytes of a passphrase file.
const MAX_FILE: u64 = 4096;

type Passphrase = Zeroizing<String>;

/// The keys of a repo. Those of an encrypted keystore are opened with the operator's passphrase.
///
/// # Errors
/// When the keystore is encrypted and there is no passphrase, or a wrong one.
pub(crate) fn open(repo: &Arc<LockedRepo>) -> anyhow::Result<Arc<dyn KeyStore>> {
    let plain: Arc<dyn KeyStore> = Arc::new(RepoKeys::new(Arc::clone(repo)));
    if !sealed::is_sealed(&*plain)? {
        return Ok(plain);
    }
    let passphrase = find(None, "Passphrase of the wallet's keystore: ").with_context(|| {
        format!(
            "the keystore of the repo at {} is encrypted",
            repo.path().display()
        )
    })?;
    Ok(Arc::new(SealedKeyStore::open(plain, &passphrase)?))
}

/// The wallets beside the keystore's that the configuration names.
///
/// # Errors
/// When the address of the remote wallet is none, or nobody answers there.
pub(crate) async fn wallets(config: &WalletConfig) -> anyhow::Result<Wallets> {
    let remote = match config.remote_backend.trim() {
        "" => None,
        backend => Some(remote::connect(backend).await?),
    };
    Ok(Wallets {
        remote,
        ledger: config
            .enable_ledger
            .then(|| Arc::new(UsbDevices::new()) as _),
        disable_local: config.disable_local,
    })
}

/// Commands on the keystore of a repo that no process uses.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Conversion {
    /// Encrypt the wallet's keys with a passphrase (the process that uses them must be stopped)
    Encrypt {
        /// File whose first line is the passphrase
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Write an encrypted wallet's keys in the clear again, as Lotus keeps them (the process that uses
    /// them must be stopped)
    Decrypt {
        /// File whose first line is the passphrase
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Give an encrypted wallet another passphrase (the process that uses it must be stopped)
    ChangePassphrase {
        /// File whose first line is the passphrase until now
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// File whose first line is the passphrase from now on
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

impl Conversion {
    /// Runs the command on the repo that `flag`, the environment or the default names.
    ///
    /// # Errors
    /// When a process uses the repo, the passphrase is wrong, or the keystore fails.
    pub(crate) fn run(
        &self,
        kind: RepoKind,
        flag: Option<&str>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let repo = Repo::locate(kind, flag, |name| std::env::var(name).ok())?;
        let locked = Arc::new(repo.lock()?);
        let keys = RepoKeys::new(Arc::clone(&locked));
        match self {
            Self::Encrypt { passphrase_file } => {
                ensure!(
                    !sealed::is_sealed(&keys)?,
                    "the keystore of the repo at {} is encrypted already",
                    repo.path().display()
                );
                let passphrase = find_new(passphrase_file.as_deref(), true)?;
                let number = sealed::seal(&keys, &passphrase, KdfCost::default())?;
                writeln!(
                    out,
                    "{number} entries encrypted. Keep the passphrase: without it the keys are lost. \
                     Copies of the keystore that were made before are still in the clear"
                )?;
            }
            Self::Decrypt { passphrase_file } => {
                let passphrase = find(passphrase_file.as_deref(), "Passphrase: ")?;
                let number = sealed::unseal(&keys, &passphrase)?;
                writeln!(out, "{number} entries decrypted")?;
            }
            Self::ChangePassphrase {
                passphrase_file,
                new_passphrase_file,
            } => {
                let old = find(passphrase_file.as_deref(), "Passphrase: ")?;
                let new = find_new(new_passphrase_file.as_deref(), false)?;
                sealed::change_passphrase(&keys, &old, &new)?;
                writeln!(out, "passphrase changed")?;
            }
        }
        Ok(())
    }
}

/// The passphrase of a keystore.
fn find(file: Option<&Path>, prompt: &str) -> anyhow::Result<Passphrase> {
    if let Some(passphrase) = given(file, |name| std::env::var(name).ok())? {
        return Ok(passphrase);
    }
    ask(prompt)
}

/// A passphrase that is chosen now: typed twice, unless it is given.
fn find_new(file: Option<&Path>, from_environment: bool) -> anyhow::Result<Passphrase> {
    let env = |name: &str| {
        let value = from_environment.then(|| std::env::var(name).ok());
        value.flatten()
    };
    if let Some(passphrase) = given(file, env)? {
        return Ok(passphrase);
    }
    let first = ask("New passphrase: ")?;
    let again = ask("The same again: ")?;
    ensure!(*first == *again, "the passphrases differ");
    Ok(first)
}

/// The passphrase as flag and environment give it.
fn given(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<Passphrase>> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let file = file
        .map(Path::to_owned)
        .or_else(|| set(FILE_ENV).map(PathBuf::from));
    match file {
        Some(file) => read(&file).map(Some),
        None => Ok(set(PASSPHRASE_ENV).map(Zeroizing::new)),
    }
}

fn read(path: &Path) -> anyhow::Result<Passphrase> {
    let context = || format!("the passphrase file {}", path.display());
    let about = fs::metadata(path).with_context(context)?;
    let mode = about.permissions().mode() & 0o777;
    if about.is_file() && mode & 0o077 != 0 {
        bail!(
            "{} may be read by others (mode {mode:#o}): chmod 600 {}",
            context(),
            path.display()
        );
    }
    ensure!(about.len() <= MAX_FILE, "{} is too long", context());
    let text = Zeroizing::new(fs::read_to_string(path).with_context(context)?);
    let line = text.lines().next().unwrap_or_default();
    ensure!(!line.is_empty(), "{} begins with an empty line", context());
    Ok(Zeroizing::new(line.to_owned()))
}

fn ask(prompt: &str) -> anyhow::Result<Passphrase> {
    ensure!(
        std::io::stdin().is_terminal(),
        "there is no passphrase: name a file that holds it with {FILE_ENV}, set {PASSPHRASE_ENV}, or \
         start at a terminal and type it"
    );
    let typed = rpassword::prompt_password(prompt).context("reading the passphrase")?;
    Ok(Zeroizing::new(typed))
}

#[cfg(test)]
mod tests {
    use lotus_types::KeyType;
    use lotus_wallet::Wallet;

    use super::*;

    fn file(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its own file");
        path
    }

    #[test]
    fn a_passphrase_is_the_first_line_of_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().expect("folder");
        let good = file(folder.path(), "good", "se cret\nand more\n", 0o600);
        assert_eq!(read(&good).expect("reads").as_str(), "se cret");
        for (name, text, mode, words) in [
            ("open", "secret", 0o644, "chmod 600"),
            ("empty", "\nsecret", 0o600, "empty line"),
        ] {
            let path = file(folder.path(), name, text, mode);
            let error = format!("{:#}", read(&path).expect_err(name));
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_flag_comes_before_the_environment_and_a_file_before_the_passphrase_itself() {
        let folder = tempfile::tempdir().expect("folder");
        let [flag, env] = ["flag", "env"].map(|name| file(folder.path(), name, name, 0o600));
        let environment = |name: &str| match name {
            FILE_ENV => Some(env.display().to_string()),
            PASSPHRASE_ENV => Some("itself".to_owned()),
            _ => None,
        };
        let text = |given: anyhow::Result<Option<Passphrase>>| {
            let passphrase = given.expect("reads").expect("there is one");
            passphrase.as_str().to_owned()
        };
        assert_eq!(text(given(Some(&flag), environment)), "flag");
        assert_eq!(text(given(None, environment)), "env");
        let only = |name: &str| (name == PASSPHRASE_ENV).then(|| "itself".to_owned());
        assert_eq!(text(given(None, only)), "itself");
        assert!(given(None, |_| None).expect("nothing to read").is_none());
    }

    #[test]
    fn a_repo_is_encrypted_gets_another_passphrase_and_is_decrypted_by_commands() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("repo");
        let flag = path.to_str().expect("UTF-8");
        let repo = Repo::at(&path, RepoKind::Wallet);
        repo.init().expect("makes one");
        let keys = || RepoKeys::new(Arc::new(repo.lock().expect("free")));
        let address = Wallet::new(Arc::new(keys()))
            .new_key(&KeyType::Secp256k1)
            .expect("makes one");
        let old = file(folder.path(), "old", "old", 0o600);
        let new = file(folder.path(), "new", "new", 0o600);
        let run = |command: Conversion| {
            let mut out = Vec::new();
            let done = command.run(RepoKind::Wallet, Some(flag), &mut out);
            done.map(|()| String::from_utf8(out).expect("text"))
        };
        let encrypt = || Conversion::Encrypt {
            passphrase_file: Some(old.clone()),
        };
        let told = run(encrypt()).expect("encrypts");
        assert!(told.starts_with("2 entries encrypted."), "{told}");
        assert!(run(encrypt()).is_err());
        let mut files = fs::read_dir(path.join("keystore")).expect("folder");
        let is_private = |entry: std::io::Result<fs::DirEntry>| {
            let mode = entry
                .and_then(|e| e.metadata())
                .expect("there")
                .permissions();
            mode.mode() & 0o777 == 0o600
        };
        assert!(files.all(is_private));
        run(Conversion::ChangePassphrase {
            passphrase_file: Some(old.clone()),
            new_passphrase_file: Some(new.clone()),
        })
        .expect("changes");
        let decrypt = |file: &PathBuf| Conversion::Decrypt {
            passphrase_file: Some(file.clone()),
        };
        let error = run(decrypt(&old)).expect_err("the old one").to_string();
        assert_eq!(error, "wrong passphrase for the encrypted keystore");
        assert_eq!(
            run(decrypt(&new)).expect("the new one"),
            "2 entries decrypted\n"
        );
        let wallet = Wallet::new(Arc::new(keys()));
        assert!(wallet.sign(address, b"m").is_ok());
        drop(wallet);
        let held = repo.lock().expect("free");
        let error = format!("{:#}", run(encrypt()).expect_err("in use"));
        assert!(error.contains("already locked"), "{error}");
        drop(held);
    }
}
