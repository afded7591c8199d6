//! Groth16 parameters: which files there are, where they are looked for, and how a development
//! network makes its own.
//!
//! Public networks use the files of the trusted setup. A 2 KiB network generates them from a seed
//! ([`generate_parameters`]): every node of the network derives the same files, in minutes instead
//! of a download of gigabytes. Anyone who knows the seed can forge proofs with such parameters, so
//! they are kept out of the default directory, where official ones live.
//!
//! # Invariants
//! - A file with its final name is whole: it was written under a temporary name, synced, renamed.
//! - Existing files are never overwritten; ones from another setup are reported.
//! - Two processes that generate into one directory do not disturb each other.
//!
//! # Lotus parity
//! File names and `FIL_PROOFS_PARAMETER_CACHE` are those of `rust-fil-proofs`, so official files
//! that Lotus fetched are found. Generating is this project's `lotus fetch-params 2048`.

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
};

use lotus_ports::proofs::ProofError;
use lotus_types::RegisteredSealProof;

use crate::convert;

pub(crate) mod circuits;
mod fixed_base;
mod generate;
mod generator;
pub(crate) mod layout;
mod qap;

pub use generate::{Generated, GenerationRequest, Outcome, Progress, generate_parameters};

/// Names the directory of parameters; read once per process by the proof library.
pub const PARAMETER_CACHE_ENV: &str = "FIL_PROOFS_PARAMETER_CACHE";
/// Where the official parameters are looked for when nothing else is said.
pub const DEFAULT_PARAMETER_CACHE: &str = "/var/tmp/filecoin-proof-parameters";
/// The seed of development networks' parameters. Public, hence insecure on purpose.
pub const DEVNET_SEED: u64 = 2048;
/// The file of the aggregation's structured reference string, one for all sector sizes.
pub const AGGREGATION_SRS: &str = "v28-fil-inner-product-v1.srs";

/// A circuit with parameters of its own, per sector size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Circuit {
    /// Proves one challenged sector in a block.
    WinningPoSt,
    /// Proves one partition of sectors, once per proving period.
    WindowPoSt,
    /// Proves that a sector was sealed; by far the largest.
    PoRep,
    /// Proves a snap deal.
    EmptySectorUpdate,
}

impl Circuit {
    /// All circuits, small ones first: with the first two a chain can start.
    pub const ALL: [Self; 4] = [
        Self::WinningPoSt,
        Self::WindowPoSt,
        Self::EmptySectorUpdate,
        Self::PoRep,
    ];

    /// The file name of its parameters, without directory and extension.
    ///
    /// # Errors
    /// [`ProofError::Unsupported`] for a sector size that does not exist.
    pub fn file_stem(self, sector_size: u64) -> Result<String, ProofError> {
        let unsupported = || ProofError::Unsupported(format!("sectors of {sector_size} bytes"));
        let seal = RegisteredSealProof::for_sector_size(sector_size).ok_or_else(unsupported)?;
        let post = |proof: Option<_>| convert::post_proof(proof.ok_or_else(unsupported)?);
        let identifier = match self {
            Self::PoRep => convert::seal_proof(seal)?.circuit_identifier(),
            Self::WinningPoSt => post(seal.winning_post())?.circuit_identifier(),
            Self::WindowPoSt => post(seal.window_post_v1_1())?.circuit_identifier(),
            Self::EmptySectorUpdate => Ok(circuits::update_identifier(sector_size)),
        };
        let identifier = identifier.map_err(|e| ProofError::Failed {
            call: "circuit_identifier",
            reason: format!("{e:#}"),
        })?;
        Ok(format!(
            "v{}-{identifier}",
            storage_proofs_core::parameter_cache::VERSION
        ))
    }
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WinningPoSt => "winning PoSt",
            Self::WindowPoSt => "window PoSt",
            Self::PoRep => "PoRep",
            Self::EmptySectorUpdate => "empty sector update",
        })
    }
}

/// A directory of parameter files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterCache {
    dir: PathBuf,
}

impl ParameterCache {
    /// The directory `dir`, whether it exists or not.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory that this process' proofs use.
    pub fn of_this_process() -> Self {
        Self::at(storage_proofs_core::parameter_cache::parameter_cache_dir())
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that proving needs.
    ///
    /// # Errors
    /// [`ProofError::Unsupported`] for a sector size that does not exist.
    pub fn params_path(&self, circuit: Circuit, sector_size: u64) -> Result<PathBuf, ProofError> {
        Ok(self
            .dir
            .join(format!("{}.params", circuit.file_stem(sector_size)?)))
    }

    /// The file that verifying needs.
    ///
    /// # Errors
    /// [`ProofError::Unsupported`] for a sector size that does not exist.
    pub fn key_path(&self, circuit: Circuit, sector_size: u64) -> Result<PathBuf, ProofError> {
        Ok(self
            .dir
            .join(format!("{}.vk", circuit.file_stem(sector_size)?)))
    }

    /// Can this circuit be proven? Checks that the files are there and whole, not every point.
    ///
    /// # Errors
    /// [`ProofError::MissingParameters`] or [`ProofError::BadParameters`] with the file's name.
    pub fn check_params(&self, circuit: Circuit, sector_size: u64) -> Result<(), ProofError> {
        let path = self.params_path(circuit, sector_size)?;
        let checked = fs::File::open(&path).and_then(|mut file| layout::read(&mut file));
        checked
            .map(|_| ())
            .map_err(|e| unusable(path, sector_size, &e))
    }

    /// Can this circuit's proofs be verified? Reads the verifying key.
    ///
    /// # Errors
    /// [`ProofError::MissingParameters`] or [`ProofError::BadParameters`] with the file's name.
    pub fn check_key(&self, circuit: Circuit, sector_size: u64) -> Result<(), ProofError> {
        let path = self.key_path(circuit, sector_size)?;
        let read = fs::read(&path)
            .and_then(|bytes| bellperson::groth16::VerifyingKey::<blstrs::Bls12>::read(&bytes[..]));
        read.map(|_| ())
            .map_err(|e| unusable(path, sector_size, &e))
    }

    /// Is the reference string of proof aggregation there?
    ///
    /// # Errors
    /// [`ProofError::MissingParameters`].
    pub fn check_aggregation(&self, sector_size: u64) -> Result<(), ProofError> {
        let path = self.dir.join(AGGREGATION_SRS);
        let found = fs::metadata(&path);
        found
            .map(|_| ())
            .map_err(|e| unusable(path, sector_size, &e))
    }
}

fn unusable(file: PathBuf, sector_size: u64, error: &io::Error) -> ProofError {
    if error.kind() == io::ErrorKind::NotFound {
        ProofError::MissingParameters { file, sector_size }
    } else {
        ProofError::BadParameters {
            file,
            reason: error.to_string(),
        }
    }
}

/// Makes this process' proofs use the parameters in `dir`. Call it first thing in `main`.
///
/// The proof library knows only an environment variable, which it reads at its first call.
///
/// # Errors
/// [`ProofError::Failed`] when the process already runs more than one thread (changing the
/// environment would be a data race), or when that cannot be told on this system: then the
/// variable has to be set by whoever starts the process.
pub fn use_parameter_cache(dir: &Path) -> Result<(), ProofError> {
    if env::var_os(PARAMETER_CACHE_ENV).is_some_and(|now| now == dir) {
        return Ok(());
    }
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count);
    if !matches!(threads, Ok(1)) {
        return Err(ProofError::Failed {
            call: "setting the parameter directory",
            reason: format!(
                "it is too late to change it; start with {PARAMETER_CACHE_ENV}={}",
                dir.display()
            ),
        });
    }
    #[expect(
        unsafe_code,
        reason = "the library takes its directory from the environment only; the process has one thread, so nothing reads the environment meanwhile"
    )]
    // SAFETY: this is the only thread of the process, checked above.
    unsafe {
        env::set_var(PARAMETER_CACHE_ENV, dir);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
