//! What messages would do after a whole tipset (`StateCompute`).
//!
//! # Lotus parity
//! `stmgr.ComputeState`: unlike in a dry run, the tipset's cron has run, the messages pay for gas and
//! keep their nonces, and the computed state stays in the store, so that it can be looked at.

use std::time::Instant;

use lotus_ports::vm::VmError;
use lotus_types::{ChainEpoch, Cid, Message, Tipset, wire};

use crate::{AppliedMessage, StateFault, StateManager};

/// A tipset and messages after it, executed with traces.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The state after the last message.
    pub state_root: Cid,
    /// Everything that was applied, in order.
    pub messages: Vec<AppliedMessage>,
}

impl StateManager {
    /// Executes a tipset, then `messages` at `height` on the state after it. No cron runs between the
    /// tipset's height and `height`. CPU-bound.
    ///
    /// # Errors
    /// [`StateFault::Refused`] for a message that the VM cannot even try; otherwise this node's
    /// failure. A message that fails is not an error: see its exit code.
    pub fn compute(
        &self,
        height: ChainEpoch,
        messages: Vec<Message>,
        tipset: &Tipset,
    ) -> Result<Computed, StateFault> {
        let executed = self.trace(tipset)?;
        let mut done = Computed {
            state_root: executed.state_root,
            messages: executed.messages,
        };
        if messages.is_empty() {
            return Ok(done);
        }
        let base_fee = tipset.parent_base_fee().clone();
        let root = done.state_root;
        let mut machine = self
            .executor()
            .machine(tipset, height, root, base_fee, true)?;
        for message in messages {
            let cid = message.cid();
            let begun = Instant::now();
            let length = wire::to_cbor(&message).len();
            let applied = machine
                .apply_explicit(&message, length)
                .map_err(|VmError(reason)| {
                    StateFault::Refused(format!("applying message {cid}: applying msg: {reason}"))
                })?;
            done.messages.push(AppliedMessage {
                message,
                cid,
                implicit: false,
                applied,
                duration: begun.elapsed(),
            });
        }
        done.state_root = machine.flush()?;
        Ok(done)
    }
}
