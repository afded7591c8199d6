//! The Filecoin VM behind the [`lotus_ports::vm::Vm`] port. Only this crate names wasmtime.
//!
//! | module | what it holds |
//! |---|---|
//! | [`fvm2`] | machines of network versions up to 17 |
//! | [`bundle`] | actor bundles: where they lie, checking and loading them |
//! | `compiled` | compiled actors, kept on disk between processes |
//! | `convert` | our nouns to the VM's and back; nowhere else |
//!
//! # Lotus parity
//! Takes the place of `chain/vm` and of filecoin-ffi's FVM binding.

pub mod bundle;
mod compiled;
mod convert;
pub mod fvm2;

pub use bundle::{Bundle, BundleError, BundleStore};
pub use fvm2::FilecoinVm;
