//! `config.toml`, environment and defaults, resolved into one table and read as typed sections.
//!
//! Precedence: environment (`LOTUS_<SECTION>_<KEY>`), file, default. Command line flags are above all
//! of them and are the caller's business.
//!
//! # Invariants
//! - A [`Config`] has a value of the right kind under every key of its schema.
//! - A key that Lotus v1.20 does not have is an error that names it; one that Lotus has and this suite
//!   does not use yet is accepted and listed by [`Config::unused`], so that an operator's file still
//!   starts the node and nothing is ignored in silence.
//!
//! # Lotus parity
//! Key names, environment names and defaults are those of Lotus v1.20. Keys are matched without regard
//! to case, as Lotus' TOML reader does; lists in the environment are separated by commas; durations
//! are Go's (`1h0m0s`), amounts Lotus' (`0.07 FIL`).

mod common;
mod duration;
mod full_node;
mod miner;
mod schema;
mod sections;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use duration::GoDuration;
pub use schema::Schema;
pub use sections::{
    AddressesConfig, ApiConfig, BatchFee, ClientConfig, DaemonFees, DealmakingConfig, Fil,
    FullNodeConfig, Libp2pConfig, MinerConfig, MinerFees, ProvingConfig, SealingConfig,
    StorageConfig, SubsystemsConfig, WalletConfig,
};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// A section or key that Lotus v1.20 does not have.
    #[error("unknown key {key} in {}{hint}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The dotted key.
        key: String,
        /// A key that was probably meant, or nothing.
        hint: String,
    },
    /// A value of the wrong kind.
    #[error("{origin}: {key} must be {expected}, not {found}")]
    BadValue {
        /// The file or the environment variable.
        origin: String,
        /// The dotted key.
        key: String,
        /// What the key takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The sections do not fit the type that they are read into: a bug, not the operator's fault.
    #[error("configuration does not fit its type: {0}")]
    View(String),
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Lotus' default.
    Default,
    /// The file.
    File,
    /// The environment.
    Environment,
}

/// A resolved configuration.
#[derive(Debug, Clone)]
pub struct Config {
    schema: &'static Schema,
    /// By dotted key. Keys of open sections are there only when they are set.
    values: BTreeMap<String, (Value, Source)>,
}

impl Config {
    /// The defaults alone.
    pub fn defaults(schema: &'static Schema) -> Self {
        let values = schema.keys().map(|(section, key)| {
            (
                section.dotted(key.name),
                (key.default_value(), Source::Default),
            )
        });
        Self {
            schema,
            values: values.collect(),
        }
    }

    /// Resolves defaults, `file` (which need not exist) and the environment that `env` looks up.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or variable, the key, and what was expected.
    pub fn load(
        schema: &'static Schema,
        file: &Path,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::defaults(schema);
        match std::fs::read_to_string(file) {
            Ok(text) => config.apply_file(file, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(ConfigError::Read {
                    path: file.to_owned(),
                    source,
                });
            }
        }
        config.apply_env(env)?;
        Ok(config)
    }

    /// Reads the sections into a type, usually [`FullNodeConfig`] or [`MinerConfig`].
    ///
    /// # Errors
    /// [`ConfigError::View`] when the type asks for a key that the schema does not have.
    pub fn view<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let mut root = Table::new();
        for (dotted, (value, _)) in &self.values {
            let mut path: Vec<&str> = dotted.split('.').collect();
            let name = path.pop().unwrap_or_default();
            let mut table = &mut root;
            for part in path {
                let entry = table
                    .entry(part)
                    .or_insert_with(|| Value::Table(Table::new()));
                let Value::Table(inner) = entry else {
                    return Err(ConfigError::View(format!("{part} is a section and a key")));
                };
                table = inner;
            }
            table.insert(name.to_owned(), value.clone());
        }
        Value::Table(root)
            .try_into()
            .map_err(|error| ConfigError::View(error.to_string()))
    }

    /// The value of a dotted key and where it came from.
    pub fn get(&self, dotted: &str) -> Option<(&Value, Source)> {
        self.values
            .get(dotted)
            .map(|(value, source)| (value, *source))
    }

    /// Keys set by file or environment that this suite does not use yet.
    pub fn unused(&self) -> Vec<&str> {
        let set = self
            .values
            .iter()
            .filter(|(_, (_, source))| *source != Source::Default);
        set.filter(|(dotted, _)| self.schema.is_unused(dotted))
            .map(|(dotted, _)| dotted.as_str())
            .collect()
    }

    /// Log levels by subsystem (`[Logging.SubsystemLevels]`).
    pub fn log_levels(&self) -> BTreeMap<String, String> {
        let levels = self.values.iter().filter_map(|(dotted, (value, _))| {
            let system = dotted.strip_prefix("Logging.SubsystemLevels.")?;
            Some((system.to_owned(), value.as_str()?.to_owned()))
        });
        levels.collect()
    }

    /// The configuration as a commented file: defaults commented out, everything else in force.
    pub fn to_commented_toml(&self) -> String {
        self.schema.template(&self.set())
    }

    /// The configuration as a file without comments: every value that holds.
    pub fn to_toml(&self) -> String {
        self.schema.plain(&self.set())
    }

    /// What file and environment say, in TOML.
    fn set(&self) -> BTreeMap<String, String> {
        let all = self.values.iter();
        let set = all.filter(|(_, (_, source))| *source != Source::Default);
        set.map(|(dotted, (value, _))| (dotted.clone(), value.to_string()))
            .collect()
    }

    fn apply_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::Syntax {
                path: path.to_owned(),
                message: error.to_string(),
            })?;
        let mut set = BTreeMap::new();
        flatten(String::new(), table, self.schema, &mut set);
        for (given, value) in set {
            let Some((dotted, kind)) = self.schema.find(&given) else {
                let hint = self.schema.suggestion(&given);
                let hint = hint
                    .map(|key| format!("; did you mean {key}?"))
                    .unwrap_or_default();
                return Err(ConfigError::UnknownKey {
                    path: path.to_owned(),
                    key: given,
                    hint,
                });
            };
            let value = kind.check(value).map_err(|found| ConfigError::BadValue {
                origin: path.display().to_string(),
                key: dotted.clone(),
                expected: kind.expected(),
                found,
            })?;
            self.values.insert(dotted, (value, Source::File));
        }
        Ok(())
    }

    fn apply_env(&mut self, env: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        for (section, key) in self.schema.keys() {
            let name = section.env_name(key.name);
            let Some(text) = env(&name) else { continue };
            let dotted = section.dotted(key.name);
            let value = key
                .kind
                .parse(&text)
                .map_err(|found| ConfigError::BadValue {
                    origin: name.clone(),
                    key: dotted.clone(),
                    expected: key.kind.expected(),
                    found,
                })?;
            self.values.insert(dotted, (value, Source::Environment));
        }
        Ok(())
    }
}

/// Dotted keys of all values in `table`. A section that the schema does not know is reported whole.
fn flatten(prefix: String, table: Table, schema: &Schema, out: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let dotted = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(inner) if schema.is_section(&dotted) => {
                flatten(dotted, inner, schema, out);
            }
            value => {
                out.insert(dotted, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
