//! The state of the chain: executing tipsets, and looking things up in what came out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`view`] | what execution needs of the chain |
//! | [`messages`] | which messages of a tipset count, once each |
//! | [`execute`] | applying a tipset: messages, rewards, cron |
//! | [`randomness`] | what the chain's tickets and beacon entries say about an epoch |
//! | [`lookback`] | the tipset that elections look back to |
//! | [`fault`] | judging reported consensus faults |
//! | [`supply`] | circulating supply |
//! | [`receipts`] | lists of receipts and messages (v0 AMTs) |
//! | [`exported`], [`replay`] | a chain export as a chain; executing it again and comparing |
//! | [`call`] | dry runs: what a message would do |
//! | [`compute`] | what messages would do after a whole tipset |
//! | [`manager`] | the state manager: all of it behind one handle, with what was computed kept |
//!
//! # Invariants
//! - The same tipset gives the same state root and receipts on every machine. Nothing here reads a
//!   clock, an environment variable or a hash map's order.
//! - Every error is this node's failure ([`StateFault`]) unless its type says otherwise.
//!
//! # Lotus parity
//! `chain/stmgr`, `chain/rand`, `chain/consensus/compute_state.go`, and the externs of `chain/vm/fvm.go`.

pub mod call;
pub mod compute;
pub mod error;
pub mod execute;
pub mod exported;
pub mod fault;
pub mod lookback;
pub mod manager;
pub mod messages;
pub mod randomness;
pub mod receipts;
pub mod replay;
pub mod supply;
pub mod view;

pub use call::Called;
pub use compute::Computed;
pub use error::StateFault;
pub use execute::{AppliedMessage, ExecutedTipset};
pub use manager::{StateManager, TipsetState};
pub use view::ChainView;
