//! The proof parameters that a devnet needs: found, or made.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use lotus_ports::proofs::ProofError;
use lotus_proofs::params::{Circuit, PARAMETER_CACHE_ENV, ParameterCache};

use super::{layout::Layout, network, process::Call, report::Reporter};
use crate::process::local_parameters;

/// Parameters take minutes to make, on a slow machine many.
const LIMIT: Duration = Duration::from_secs(3 * 3600);
/// Sector size of a devnet.
const SECTOR_SIZE: u64 = 2 << 10;

/// Where the proof parameters are, or will be made.
///
/// # Errors
/// When no folder can be told.
pub(super) fn folder() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(PARAMETER_CACHE_ENV).filter(|v| !v.is_empty());
    let folder = named.map(PathBuf::from).or_else(local_parameters);
    let folder = folder.with_context(|| {
        format!("no folder for parameters: neither {PARAMETER_CACHE_ENV} nor HOME is set")
    })?;
    Ok(std::path::absolute(folder)?)
}

/// Makes the proof parameters that are missing.
///
/// # Errors
/// When that fails.
pub(super) async fn ensure(layout: &Layout, report: &Reporter<'_>) -> anyhow::Result<()> {
    let folder = folder()?;
    let step = report.step("proof parameters of 2 KiB sectors");
    if missing(&folder).is_none() {
        step.done(&format!("cached in {}", folder.display()));
        return Ok(());
    }
    let call = Call::new(layout.program("lotus"), layout.log(network::SETUP))
        .args(["fetch-params", "2048", "--dir"])
        .args([&folder]);
    // With a person before it, the command shows its own bar.
    if std::io::stderr().is_terminal() {
        step.suspend();
        call.run_in_sight(LIMIT).await?;
    } else {
        step.note("made once, in some minutes");
        call.run(LIMIT).await?;
    }
    if let Some(error) = missing(&folder) {
        return Err(error).context("they were made, but cannot be used");
    }
    step.done(&format!("made in {}", folder.display()));
    Ok(())
}

/// What keeps proofs from being made with the parameters in a folder.
fn missing(folder: &Path) -> Option<ProofError> {
    let cache = ParameterCache::at(folder);
    let needed = [Circuit::WinningPoSt, Circuit::WindowPoSt, Circuit::PoRep];
    let mut checks = needed.into_iter().map(|circuit| {
        cache.check_params(circuit, SECTOR_SIZE)?;
        cache.check_key(circuit, SECTOR_SIZE)
    });
    checks.find_map(Result::err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parameters_are_noticed() {
        let dir = tempfile::tempdir().expect("dir");
        let error = missing(dir.path()).expect("nothing is there");
        assert!(
            error.to_string().contains("lotus fetch-params 2048"),
            "{error}"
        );
    }
}
