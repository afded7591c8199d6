//! What cargo knows about this workspace: its packages and their dependencies.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The answer of `cargo metadata --no-deps`, as far as it is used here.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Members, in cargo's order.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// As in its manifest, such as `lotus-types`.
    pub(crate) name: String,
    /// Direct dependencies of every kind: normal, build and dev.
    pub(crate) dependencies: Vec<Dependency>,
    /// `[package.metadata]`; null when the manifest has none.
    pub(crate) metadata: serde_json::Value,
}

/// One edge out of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The package's own name, whatever the manifest renames it to.
    pub(crate) name: String,
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| xtask.clone(), PathBuf::from)
}

/// Asks cargo for the workspace, without the network and without resolving dependencies.
pub(crate) fn load() -> Result<Workspace> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .context("starting cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("reading the answer of cargo metadata")
}
