//! The few traits through which pure code meets the outside: what adapters implement, and fakes.
//!
//! | module | port | implemented by |
//! |---|---|---|
//! | [`vm`] | executing messages on a state | `vm` |
//! | [`proofs`] | making and checking proofs; [`fr32`], the form of the data in their files | `proofs` |
//! | [`network`] | peers | `net`, `chain` |
//! | [`beacon`] | public randomness | `beacon` |
//! | [`keystore`] | private keys | `runtime`, here in memory |
//! | [`clock`] | time | here, with the runtime's timer |
//!
//! Blocks are kept behind [`Blockstore`], the trait that the FVM itself uses.

pub mod beacon;
pub mod clock;
pub mod fr32;
pub mod keystore;
pub mod network;
pub mod proofs;
pub mod vm;

pub use fvm_ipld_blockstore::Blockstore;
