//! Validating chains that a Go Lotus made, and altered copies of their blocks.
#![allow(clippy::unwrap_used, reason = "tests")]

mod altered;
mod chains;
#[path = "../../../state/tests/it/recorded.rs"]
mod recorded;
mod validating;

use std::sync::{Arc, LazyLock};

use lotus_vm::FilecoinVm;

/// One VM for all tests: the actors' WASM is compiled once. It verifies proofs with the recorded
/// verifying keys.
fn vm() -> Arc<FilecoinVm> {
    static VM: LazyLock<Arc<FilecoinVm>> = LazyLock::new(|| {
        #[expect(
            unsafe_code,
            reason = "the proof library takes its directory from the environment only; no test reads the environment, and every chain is opened through this lock"
        )]
        // SAFETY: as above.
        unsafe {
            std::env::set_var(
                "FIL_PROOFS_PARAMETER_CACHE",
                recorded::fixture("real-chain/vk"),
            );
        }
        Arc::new(FilecoinVm::from_environment())
    });
    Arc::clone(&VM)
}
