//! Parameters of real proofs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use lotus_proofs::params::{Circuit, PARAMETER_CACHE_ENV, ParameterCache};

const INSIDE: &str = "LOTUS_TESTKIT_INSIDE";

/// Runs the test `name` once more in a process of its own that knows where the parameters are: the
/// VM and the proof library read that from the environment, once. True in that process, where the
/// test does its work; false here, where it is done, or cannot be done for want of parameters.
pub(crate) fn with_parameters(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let Some(dir) = directory() else {
        eprintln!(
            "{name}: skipped, there are no parameters for 2 KiB (`lotus fetch-params 2048` makes them)"
        );
        return false;
    };
    let status = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(PARAMETER_CACHE_ENV, dir)
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed, see above");
    false
}

fn directory() -> Option<PathBuf> {
    let dir = env::var_os(PARAMETER_CACHE_ENV)
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache/lotus-rs/params-2048")))?;
    let cache = ParameterCache::at(&dir);
    let is_there = |circuit| cache.check_params(circuit, 2048).is_ok();
    [Circuit::WinningPoSt, Circuit::WindowPoSt]
        .into_iter()
        .all(is_there)
        .then_some(dir)
}
