//! Pages that are generated from the code: the tests that compare them write them when they are told
//! to, so that what is compared and what is written cannot differ.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// Package, kind of test and the tests' names.
const WRITERS: [(&str, &[&str], &str); 2] = [
    ("lotus-node", &["--test", "it"], "surface"),
    ("lotus-cli", &["--lib"], "parity"),
];

/// Writes the pages.
pub(crate) fn run() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for (package, kind, tests) in WRITERS {
        let status = Command::new(&cargo)
            .args(["test", "-p", package, "-p", "lotus-unify"])
            .args(kind)
            .args(["--", tests])
            .env("LOTUS_RS_WRITE", "1")
            .status()
            .context("running cargo")?;
        ensure!(status.success(), "a page of {package} could not be written");
    }
    Ok(())
}
