//! Log output and levels.
//!
//! | variable | meaning |
//! |---|---|
//! | `GOLOG_LOG_LEVEL` | `info`, or `error,chain=debug,miner=info` |
//! | `GOLOG_FILE` | append to this file instead of writing to stderr |
//! | `GOLOG_OUTPUT` | `stderr`, `stdout`, `file`, or several joined by `+` |
//! | `GOLOG_LOG_FMT` | `color`, `nocolor`, `json`; default: color on a terminal |
//! | `RUST_LOG` | replaces `GOLOG_LOG_LEVEL` by `tracing`'s own directives |
//!
//! # Lotus parity
//! The variables of go-log. Its subsystem `chain` is the crate `lotus-chain` here, and so on. A level
//! without a subsystem applies to the suite's own crates; libraries stay at `warn` unless `RUST_LOG`
//! or their own name says otherwise.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Registry, fmt::MakeWriter, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// Why logging could not be set up or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A level that is none.
    #[error("unknown log level {0:?}: use debug, info, warn or error")]
    BadLevel(String),
    /// `RUST_LOG` does not parse.
    #[error("RUST_LOG: {0}")]
    BadDirectives(String),
    /// An output that is none, or `file` without `GOLOG_FILE`.
    #[error("GOLOG_OUTPUT: {0:?} is not stderr, stdout, or file together with GOLOG_FILE")]
    BadOutput(String),
    /// A format that is none.
    #[error("GOLOG_LOG_FMT: {0:?} is not color, nocolor or json")]
    BadFormat(String),
    /// The file cannot be opened.
    #[error("cannot open log file {}", path.display())]
    File {
        /// `GOLOG_FILE`.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Logging has been set up before in this process.
    #[error("logging is set up already")]
    SetUpTwice,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Color,
    Plain,
    Json,
}

/// Changes levels while the process runs. Cloneable.
#[derive(Debug, Clone)]
pub struct LogHandle {
    levels: Arc<Mutex<Levels>>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogHandle {
    /// Sets the level of one subsystem (`chain`, `miner`, … or a library's name), or of all when
    /// `system` is `*`.
    ///
    /// # Errors
    /// [`LogError::BadLevel`].
    pub fn set_level(&self, system: &str, level: &str) -> Result<(), LogError> {
        let mut levels = self.levels.lock();
        let mut changed = levels.clone();
        changed.set(system, level)?;
        // The only failure is a subscriber that is gone, and then nobody logs any more.
        let _ = self.filter.reload(changed.filter()?);
        *levels = changed;
        Ok(())
    }

    /// Subsystems that levels can be set for.
    pub fn systems(&self) -> Vec<String> {
        let set = self
            .levels
            .lock()
            .systems
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        let mut all: Vec<String> = SYSTEMS
            .iter()
            .map(|name| (*name).to_owned())
            .chain(set)
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// The crates of the suite, by the name that an operator uses.
const SYSTEMS: [&str; 22] = [
    "actors",
    "blockstore",
    "chain",
    "cli",
    "consensus",
    "crypto",
    "market",
    "mpool",
    "net",
    "node",
    "proofs",
    "proving",
    "rpc",
    "runtime",
    "sealer",
    "sealing",
    "state",
    "storage-node",
    "sync",
    "types",
    "vm",
    "wallet",
];

/// Levels by subsystem.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Levels {
    /// For the suite's own crates.
    own: LevelFilter,
    systems: BTreeMap<String, LevelFilter>,
    /// `RUST_LOG`, which replaces the rest until a level is set by hand.
    raw: Option<String>,
}

impl Levels {
    fn from_env(env: &impl Fn(&str) -> Option<String>) -> Result<Self, LogError> {
        let raw = env("RUST_LOG").filter(|text| !text.is_empty());
        let mut levels = Self {
            own: LevelFilter::INFO,
            systems: BTreeMap::new(),
            raw: None,
        };
        for part in env("GOLOG_LOG_LEVEL")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
        {
            match part.split_once('=') {
                Some((system, level)) => levels.set(system, level)?,
                None if part.is_empty() => {}
                None => levels.set("*", part)?,
            }
        }
        levels.raw = raw;
        Ok(levels)
    }

    fn set(&mut self, system: &str, level: &str) -> Result<(), LogError> {
        let level = parse_level(level)?;
        if system == "*" {
            self.own = level;
            self.systems.clear();
            self.raw = None;
        } else {
            self.systems.insert(system.to_owned(), level);
        }
        Ok(())
    }

    fn directives(&self) -> String {
        let mut out = match &self.raw {
            Some(raw) => raw.clone(),
            None => format!("{},lotus={}", self.own.min(LevelFilter::WARN), self.own),
        };
        for (system, level) in &self.systems {
            let name = system.replace('-', "_");
            out.push_str(&format!(",{name}={level},lotus_{name}={level}"));
        }
        out
    }

    fn filter(&self) -> Result<EnvFilter, LogError> {
        EnvFilter::try_new(self.directives())
            .map_err(|error| LogError::BadDirectives(error.to_string()))
    }
}

/// go-log's levels; those above error exist there for panics and mean error here.
fn parse_level(text: &str) -> Result<LevelFilter, LogError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "trace" => Ok(LevelFilter::TRACE),
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "error" | "dpanic" | "panic" | "fatal" => Ok(LevelFilter::ERROR),
        _ => Err(LogError::BadLevel(text.to_owned())),
    }
}

/// Where records go.
#[derive(Debug, Clone, Default)]
struct Outputs {
    stderr: bool,
    stdout: bool,
    file: Option<Arc<File>>,
}

impl Outputs {
    fn from_env(env: &impl Fn(&str) -> Option<String>) -> Result<Self, LogError> {
        let path = env("GOLOG_FILE").filter(|path| !path.is_empty());
        let mut outputs = Self {
            stderr: path.is_none(),
            ..Self::default()
        };
        if let Some(path) = &path {
            outputs.file = Some(Arc::new(open_log(Path::new(path))?));
        }
        for part in env("GOLOG_OUTPUT")
            .unwrap_or_default()
            .split('+')
            .filter(|part| !part.is_empty())
        {
            match part {
                "stderr" => outputs.stderr = true,
                "stdout" => outputs.stdout = true,
                "file" if outputs.file.is_some() => {}
                _ => return Err(LogError::BadOutput(part.to_owned())),
            }
        }
        Ok(outputs)
    }
}

fn open_log(path: &Path) -> Result<File, LogError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| LogError::File {
        path: path.to_owned(),
        source,
    })
}

impl Write for Outputs {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        // One output that fails (a full disk, a closed pipe) must not silence the others.
        if self.stderr {
            let _ = io::stderr().write_all(record);
        }
        if self.stdout {
            let _ = io::stdout().write_all(record);
        }
        if let Some(file) = &self.file {
            let _ = (&**file).write_all(record);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sets logging up for the process from the environment that `env` looks up, on top of `levels` from
/// the configuration file; panics are logged too.
///
/// # Errors
/// [`LogError`] names the variable.
pub fn init(
    levels: &BTreeMap<String, String>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<LogHandle, LogError> {
    let mut chosen = Levels::from_env(&env)?;
    for (system, level) in levels {
        if !chosen.systems.contains_key(system) {
            chosen.set(system, level)?;
        }
    }
    let outputs = Outputs::from_env(&env)?;
    let format = match env("GOLOG_LOG_FMT").as_deref() {
        None | Some("") if outputs.stderr && io::stderr().is_terminal() => Format::Color,
        None | Some("" | "nocolor") => Format::Plain,
        Some("color") => Format::Color,
        Some("json") => Format::Json,
        Some(other) => return Err(LogError::BadFormat(other.to_owned())),
    };
    let (filter, handle) = reload::Layer::new(chosen.filter()?);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(outputs);
    let set = match format {
        Format::Json => registry.with(layer.json()).try_init(),
        Format::Color => registry.with(layer.with_ansi(true)).try_init(),
        Format::Plain => registry.with(layer.with_ansi(false)).try_init(),
    };
    set.map_err(|_| LogError::SetUpTwice)?;
    log_panics();
    Ok(LogHandle {
        levels: Arc::new(Mutex::new(chosen)),
        filter: handle,
    })
}

/// Sends panics to the log as well as to the hook that was there before.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let at = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let reason = panic.payload_as_str().unwrap_or("panic without a message");
        tracing::error!(%at, reason, "panic");
        before(panic);
    }));
}

#[cfg(test)]
mod tests;
