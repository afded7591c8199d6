//! Messages of this node's clients, on disk until they are on chain for good.
//!
//! # Lotus parity
//! Under `/mpool/local`. A message that a block holds is forgotten once the block is 20 epochs deep;
//! Lotus keeps it for ever.

use super::{AddError, ChainEpoch, Cid, Fault, Pool, SignedMessage, Source, wire};

/// Where they are.
pub(super) const PREFIX: &str = "/mpool/local/";
/// Depth at which a block's messages are forgotten.
pub(super) const CONFIDENCE: ChainEpoch = 20;

fn key(cid: &Cid) -> String {
    format!("{PREFIX}{cid}")
}

impl Pool {
    /// Takes back what was kept before.
    pub(crate) fn load_local(&mut self) -> Result<(), Fault> {
        let mut stored: Vec<(String, SignedMessage)> = Vec::new();
        for (key, bytes) in self.meta.list(PREFIX)? {
            match wire::from_cbor(&bytes) {
                Ok(message) => stored.push((key, message)),
                Err(error) => tracing::warn!(key, %error, "stored local message is unreadable"),
            }
        }
        stored.sort_by_key(|(_, message)| message.message.nonce);
        for (key, message) in stored {
            let from = message.message.from;
            match self.admit(message, Source::Local) {
                Ok(_) => {}
                Err(AddError::Fault(fault)) => return Err(fault),
                Err(AddError::NonceTooLow { .. }) => self.meta.remove(&key)?,
                Err(error) => tracing::warn!(%from, key, %error, "stored local message refused"),
            }
        }
        Ok(())
    }

    /// Keeps a message over restarts.
    pub(super) fn keep_local(&self, cid: &Cid, encoded: &[u8]) -> Result<(), Fault> {
        Ok(self.meta.set(&key(cid), encoded)?)
    }

    /// Forgets what lies in blocks below a height, unless it came back since.
    pub(super) fn forget_included(&mut self, below: ChainEpoch) {
        let recent = self.included.split_off(&below);
        let deep = std::mem::replace(&mut self.included, recent);
        for cid in deep.into_values().flatten() {
            // A message that a reorganisation brought back is still wanted.
            if !self.pending.iter().any(|pooled| pooled.cid == cid) {
                self.forget_local(&cid);
            }
        }
    }

    /// Forgets one message on disk.
    pub(super) fn forget_local(&self, cid: &Cid) {
        if let Err(error) = self.meta.remove(&key(cid)) {
            tracing::warn!(%cid, %error, "cannot forget a local message");
        }
    }

    /// Forgets all of them, and who sent them.
    pub(super) fn forget_all_local(&mut self) -> Result<(), Fault> {
        self.local.clear();
        self.included.clear();
        for (key, _) in self.meta.list(PREFIX)? {
            self.meta.remove(&key)?;
        }
        Ok(())
    }
}
