//! WindowPoSt: every sector is proven once per proving period, in the window of its deadline.

pub mod chain;
mod driver;
mod partitions;
pub mod plan;

pub use chain::{DeadlineState, PartitionState, PoStChain};
pub use driver::{WindowConfig, WindowDeps, WindowError, WindowPoStScheduler, WindowStatus};
pub use partitions::{groups, to_prove};
