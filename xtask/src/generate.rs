//! Pages that are generated from the code: the tests that compare them write them when they are told
//! to, so that what is compared and what is written cannot differ.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// Writes the pages.
pub(crate) fn run() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "test",
            "-p",
            "lotus-node",
            "-p",
            "lotus-unify",
            "--test",
            "it",
        ])
        .args(["--", "surface"])
        .env("LOTUS_RS_WRITE", "1")
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "a page could not be written");
    Ok(())
}
