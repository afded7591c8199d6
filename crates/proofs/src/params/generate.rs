//! Generating a network's own parameter files: skipping, resuming, renaming.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use bellperson::groth16::{VerifyingKey, aggregate::setup_fake_srs};
use blstrs::Bls12;
use lotus_ports::proofs::ProofError;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    AGGREGATION_SRS, Circuit, DEFAULT_PARAMETER_CACHE, ParameterCache, circuits,
    generator::{GenerateError, Trapdoor},
    layout,
};
use crate::convert::storage;

/// Powers in the aggregation's reference string: enough for the 819 seals of one aggregate.
const SRS_SIZE: usize = 1024;

/// What to generate, and where.
#[derive(Debug, Clone)]
pub struct GenerationRequest {
    /// The sector size in bytes. Only 2048 is supported: others need official files.
    pub sector_size: u64,
    /// The directory to fill; made when missing.
    pub dir: PathBuf,
    /// The seed that all nodes of the network share ([`super::DEVNET_SEED`]).
    pub seed: u64,
    /// Which circuits.
    pub circuits: Vec<Circuit>,
    /// Also make the reference string of proof aggregation (small, and the same for all circuits).
    pub aggregation: bool,
    /// Write even into [`DEFAULT_PARAMETER_CACHE`], among official files.
    pub allow_default_dir: bool,
}

/// How far the generation of one circuit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which circuit.
    pub circuit: Circuit,
    /// Bytes written so far; zero while the circuit is being evaluated.
    pub done: u64,
    /// Bytes of the whole file; zero while it is not known yet.
    pub total: u64,
}

/// What was done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and whole.
    Present,
    /// It was made.
    Written,
}

/// One parameter file of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its circuit; `None` for the aggregation's reference string.
    pub circuit: Option<Circuit>,
    /// Where it is.
    pub file: PathBuf,
    /// What was done.
    pub outcome: Outcome,
}

/// Generates the parameters and verifying keys of the request. What is there and whole is kept, so
/// an interrupted run continues with the file it was at. One node's files are every node's files:
/// the bytes depend on nothing but seed and circuit.
///
/// `progress` is called from this thread, a few times per second while points are written. The
/// largest circuit (PoRep) takes minutes and some 0.6 GiB of memory.
///
/// # Errors
/// [`ProofError::Unsupported`] for sizes other than 2048; [`ProofError::Invalid`] for the default
/// directory without permission; [`ProofError::BadParameters`] when a file is in the way that is
/// damaged or from another setup; [`ProofError::Storage`] when writing fails.
pub fn generate_parameters(
    request: &GenerationRequest,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Generated>, ProofError> {
    if request.sector_size != 2048 {
        return Err(ProofError::Unsupported(format!(
            "generating parameters for sectors of {} bytes; fetch the official ones",
            request.sector_size
        )));
    }
    if !request.allow_default_dir && is_default_dir(&request.dir) {
        return Err(ProofError::Invalid(format!(
            "{} holds official parameters; locally generated ones need another directory",
            request.dir.display()
        )));
    }
    fs::create_dir_all(&request.dir).map_err(storage("creating", &request.dir))?;
    let cache = ParameterCache::at(&request.dir);
    let trapdoor = Trapdoor::from_seed(request.seed);

    let mut done = Vec::new();
    for circuit in &request.circuits {
        let files = Files {
            params: cache.params_path(*circuit, request.sector_size)?,
            key: cache.key_path(*circuit, request.sector_size)?,
        };
        let outcome = files.ensure(*circuit, &trapdoor, progress)?;
        done.push(Generated {
            circuit: Some(*circuit),
            file: files.params,
            outcome,
        });
    }
    if request.aggregation {
        let file = request.dir.join(AGGREGATION_SRS);
        let outcome = ensure_srs(&file, request.seed)?;
        done.push(Generated {
            circuit: None,
            file,
            outcome,
        });
    }
    Ok(done)
}

/// Does `dir` lead into the default directory, whatever way it is written?
fn is_default_dir(dir: &Path) -> bool {
    let Ok(absolute) = std::path::absolute(dir) else {
        return true;
    };
    // The directory itself may not exist yet: resolve its nearest ancestor that does.
    let resolved = absolute.ancestors().find_map(|ancestor| {
        let rest = absolute.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    let default = Path::new(DEFAULT_PARAMETER_CACHE);
    let default = default
        .canonicalize()
        .unwrap_or_else(|_| default.to_path_buf());
    resolved.is_none_or(|dir| dir.starts_with(default))
        || absolute.starts_with(DEFAULT_PARAMETER_CACHE)
}

/// The two files of a circuit.
struct Files {
    params: PathBuf,
    key: PathBuf,
}

impl Files {
    fn ensure(
        &self,
        circuit: Circuit,
        trapdoor: &Trapdoor,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, ProofError> {
        if self.present(trapdoor)? {
            return Ok(Outcome::Present);
        }
        let temporary = Temporary::lock(&self.params)?;
        // Another process may have finished the file while this one waited for the lock.
        if self.present(trapdoor)? {
            temporary.discard()?;
            return Ok(Outcome::Present);
        }
        progress(Progress {
            circuit,
            done: 0,
            total: 0,
        });
        let mut hear = |done, total| {
            progress(Progress {
                circuit,
                done,
                total,
            })
        };
        let out = BufWriter::with_capacity(1 << 20, &temporary.file);
        let key = circuits::write_2kib(circuit, trapdoor, out, &mut hear)
            .map_err(|e| failed(e, &temporary.path))?;
        temporary.publish(&self.params)?;
        self.write_key(&key)?;
        Ok(Outcome::Written)
    }

    /// Is the parameter file there, whole and from this trapdoor? Restores a lost key file.
    fn present(&self, trapdoor: &Trapdoor) -> Result<bool, ProofError> {
        let mut file = match File::open(&self.params) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(storage("opening", &self.params)(e)),
        };
        let bad = |file: &Path, reason: String| ProofError::BadParameters {
            file: file.to_path_buf(),
            reason,
        };
        let key_len = match layout::read(&mut file) {
            Ok(layout) => layout.key,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(bad(
                    &self.params,
                    format!("{e}; remove it to have it made again"),
                ));
            }
            Err(e) => return Err(storage("reading", &self.params)(e)),
        };
        let key = read_key(&self.params, key_len)?;
        let mut head = key.clone();
        head.ic.clear();
        if head != trapdoor.key_head() {
            let reason = "it comes from another setup or seed; use another directory".to_owned();
            return Err(bad(&self.params, reason));
        }
        match fs::metadata(&self.key) {
            Ok(_) if read_key(&self.key, key_len).is_ok_and(|found| found == key) => {}
            Ok(_) => {
                let reason = "it does not belong to the parameters beside it".to_owned();
                return Err(bad(&self.key, reason));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.write_key(&key)?,
            Err(e) => return Err(storage("reading", &self.key)(e)),
        }
        Ok(true)
    }

    fn write_key(&self, key: &VerifyingKey<Bls12>) -> Result<(), ProofError> {
        let temporary = Temporary::lock(&self.key)?;
        key.write(&temporary.file)
            .map_err(storage("writing", &temporary.path))?;
        temporary.publish(&self.key)
    }
}

fn read_key(path: &Path, len: u64) -> Result<VerifyingKey<Bls12>, ProofError> {
    use io::Read as _;
    let file = File::open(path).map_err(storage("opening", path))?;
    // The length was derived from a count in the file, which was checked against its size.
    VerifyingKey::read(io::BufReader::new(file.take(len))).map_err(|e| ProofError::BadParameters {
        file: path.to_path_buf(),
        reason: e.to_string(),
    })
}

fn failed(error: GenerateError, path: &Path) -> ProofError {
    match error {
        GenerateError::Io(e) => storage("writing", path)(e),
        other => ProofError::Failed {
            call: "generating parameters",
            reason: other.to_string(),
        },
    }
}

fn ensure_srs(path: &Path, seed: u64) -> Result<Outcome, ProofError> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut bytes = Vec::new();
    setup_fake_srs::<Bls12, _>(&mut rng, SRS_SIZE)
        .write(&mut bytes)
        .map_err(storage("writing", path))?;
    let present = || match fs::read(path) {
        Ok(found) if found == bytes => Ok(true),
        Ok(_) => {
            let reason = "it comes from another setup or seed; use another directory".to_owned();
            Err(ProofError::BadParameters {
                file: path.to_path_buf(),
                reason,
            })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(storage("reading", path)(e)),
    };
    if present()? {
        return Ok(Outcome::Present);
    }
    let temporary = Temporary::lock(path)?;
    if present()? {
        temporary.discard()?;
        return Ok(Outcome::Present);
    }
    (&temporary.file)
        .write_all(&bytes)
        .map_err(storage("writing", &temporary.path))?;
    temporary.publish(path)?;
    Ok(Outcome::Written)
}

/// A file under construction, held by one process at a time.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// Opens `target`'s temporary file, emptied, once no other process writes it. The lock goes
    /// with the process, so one that was killed leaves nothing that blocks.
    fn lock(target: &Path) -> Result<Self, ProofError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".tmp");
        let path = PathBuf::from(name);
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(storage("creating", &path))?;
            file.lock().map_err(storage("locking", &path))?;
            // While this process waited, the writer may have renamed the file that it has open.
            if is_same_file(&file, &path) {
                file.set_len(0).map_err(storage("emptying", &path))?;
                return Ok(Self { path, file });
            }
        }
    }

    /// Removes the file; whoever waits for its lock starts another one.
    fn discard(self) -> Result<(), ProofError> {
        fs::remove_file(&self.path).map_err(storage("removing", &self.path))
    }

    /// Makes the file durable and gives it its final name.
    fn publish(self, target: &Path) -> Result<(), ProofError> {
        self.file
            .sync_all()
            .map_err(storage("syncing", &self.path))?;
        fs::rename(&self.path, target).map_err(storage("renaming", &self.path))?;
        let dir = target.parent().unwrap_or(Path::new("."));
        File::open(dir)
            .and_then(|d| d.sync_all())
            .map_err(storage("syncing", dir))
    }
}

#[cfg(unix)]
fn is_same_file(open: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    matches!((open.metadata().map(identity), fs::metadata(path).map(identity)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}
