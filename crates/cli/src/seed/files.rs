//! Reading and writing the files of `lotus-seed`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use lotus_genesis::Template;

/// `~` at the beginning stands for the home directory.
pub(crate) fn expand(path: &Path) -> PathBuf {
    let Ok(rest) = path.strip_prefix("~") else {
        return path.to_owned();
    };
    match std::env::var_os("HOME") {
        Some(home) => PathBuf::from(home).join(rest),
        None => path.to_owned(),
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let path = expand(path);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a whole file, or leaves the old one. `mode` is its permission bits.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let path = std::path::absolute(expand(path))?;
    lotus_runtime::atomic::write(&path, content, mode)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a genesis template.
pub(crate) fn read_template(path: &Path) -> Result<Template> {
    Template::parse(&read(path)?).with_context(|| format!("in {}", path.display()))
}

/// Writes a genesis template.
pub(crate) fn write_template(path: &Path, template: &Template) -> Result<()> {
    write(path, template.to_json().as_bytes(), 0o644)
}
