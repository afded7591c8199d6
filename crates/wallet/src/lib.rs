//! Wallets: what holds keys and signs with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`local`] | keys in a keystore |
//! | [`sealed`] | a keystore whose wallet keys are encrypted with a passphrase |
//! | [`ledger`] | keys on a Ledger device |
//! | [`remote`] | keys of another process, a `lotus-wallet` |
//! | [`multi`] | all of these as one: a node's wallet |
//! | [`guard`] | asking before, and telling of, what a wallet does for others |
//! | [`message`] | what is signed of a chain message |
//!
//! # Invariants
//! - Private keys are wiped from memory when they go; no error and no log names one.
//! - Every wallet is a [`WalletBackend`](lotus_rpc_api::wallet::WalletBackend), the API that
//!   `lotus-wallet` serves, so that a chain of wallets over several machines is one code path.
//!
//! # Lotus parity
//! `chain/wallet`, with its order of wallets, its names in the keystore and its ledger keys.

pub mod guard;
pub mod ledger;
pub mod local;
pub mod message;
pub mod multi;
pub mod remote;
pub mod sealed;

pub use local::{LocalWallet, Wallet, WalletError};
pub use multi::MultiWallet;
