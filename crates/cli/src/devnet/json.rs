//! The devnet's own files, in JSON.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::{Serialize, de::DeserializeOwned};

/// Reads a JSON file.
///
/// # Errors
/// When it cannot be read, or holds something else.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what lotus-devnet writes", path.display()))
}

/// Writes a JSON file, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    lotus_runtime::atomic::write(path, &text, 0o644)
        .with_context(|| format!("writing {}", path.display()))
}
