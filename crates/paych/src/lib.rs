//! Payment channels: the channels that this node's keys take part in, the FIL in them, and the
//! vouchers on them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`manager`] | [`PaychManager`]: the handle, and the task that owns all channels |
//! | [`ledger`] | [`Ledger`]: what the manager asks the node |
//! | [`channel`] | a channel as it is kept, and what may happen to it |
//! | [`lanes`] | what vouchers are worth: pure accounting |
//! | [`requests`] | many requests for FIL, one message: a pure plan |
//! | [`store`] | channels under the node's metadata |
//! | [`error`] | why something was refused, or failed |
//!
//! # Invariants
//! - A channel has at most one message under way that pays into it. Before it is sent, what it is to
//!   pay is kept under a UUID that the message pool sends once; so a node that is killed in between
//!   carries on with the same message, and nothing is paid twice.
//! - What a channel owes by all vouchers that are known never exceeds what it holds on chain.
//! - A voucher that is here when the payer settles is redeemed before the channel closes, as far as
//!   this node runs in time.
//!
//! # Lotus parity
//! Takes the place of `paychmgr` and `paychmgr/settler`. Vouchers that are bound to a time, a secret or
//! a further check, and those that merge lanes, are not taken, as there. Unlike there: a request for
//! nothing is answered; vouchers are submitted by the one who is paid, the only one who may, also where
//! this node has both keys; an inbound channel that settles is found by looking at its state, so that
//! nothing is missed while the node is down.

pub mod channel;
pub mod error;
pub mod lanes;
pub mod ledger;
pub mod manager;
pub mod requests;
pub mod store;

pub use channel::{Channel, Direction};
pub use error::PaychError;
pub use ledger::{Ledger, OnChain};
pub use manager::{ManagerParts, PaychManager};
pub use requests::Kind;
