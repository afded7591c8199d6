//! Looking at chain and pool: epochs to come, messages on their way, who can send.

use lotus_types::{Address, ChainEpoch, Cid, Message, TokenAmount, wire};

use super::{Asked, Senders, Shared, effects::Trouble};
use crate::{
    chain::{Head, Landed},
    policy::{Candidate, choose_sender},
};

/// Which kind of message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    PreCommit,
    Commit,
    Terminate,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Fate {
    /// It landed.
    Landed(Landed),
    /// It is neither on chain nor in the pool: dropped, or replaced by one with other contents.
    Lost,
}

impl Shared {
    pub(super) const fn miner_address(&self) -> Address {
        Address::new_id(self.miner)
    }

    /// What draws for this miner are mixed with.
    pub(super) fn entropy(&self) -> Vec<u8> {
        wire::to_cbor(&self.miner_address())
    }

    /// Ends when the chain has got to `epoch`.
    pub(super) async fn reach(&self, epoch: ChainEpoch) -> Asked<Head> {
        loop {
            let head = self.chain.head().await?;
            if head.height >= epoch {
                return Ok(head);
            }
            let poll = self.config.read().head_poll;
            self.clock.sleep(poll).await;
        }
    }

    /// A message to the miner for which `is_it` holds and whose effect no state shows yet.
    ///
    /// The pool is asked first: a message that leaves it while we look has gone into a block, which
    /// the second question finds. Asked again at the end, since a reorganisation puts it back.
    pub(super) async fn find_message(
        &self,
        head: &Head,
        is_it: impl Fn(&Message) -> bool,
    ) -> Asked<Option<Cid>> {
        let to = self.miner_address();
        let pending = self.chain.pending(&to).await?;
        if let Some((cid, _)) = pending.iter().find(|(_, m)| is_it(m)) {
            return Ok(Some(*cid));
        }
        let included = self.chain.included(&to, &head.key).await?;
        if let Some((cid, _)) = included.iter().find(|(_, m)| is_it(m)) {
            return Ok(Some(*cid));
        }
        let newest = self.chain.head().await?;
        if newest.key != head.key {
            let included = self.chain.included(&to, &newest.key).await?;
            if let Some((cid, _)) = included.iter().find(|(_, m)| is_it(m)) {
                return Ok(Some(*cid));
            }
        }
        let pending = self.chain.pending(&to).await?;
        Ok(pending.iter().find(|(_, m)| is_it(m)).map(|(cid, _)| *cid))
    }

    /// Waits for a message; notices when it will never come.
    pub(super) async fn fate(&self, message: &Cid) -> Asked<Fate> {
        let wait = self.chain.wait(message, self.policy.message_confidence);
        tokio::pin!(wait);
        // A message may be between pool and chain for a moment: twice in a row means lost.
        let mut missing = 0_u32;
        loop {
            let poll = self.config.read().head_poll.saturating_mul(10);
            tokio::select! {
                landed = &mut wait => return Ok(Fate::Landed(landed?)),
                () = self.clock.sleep(poll) => {}
            }
            missing = if self.is_known(message).await? {
                0
            } else {
                missing + 1
            };
            if missing >= 2 {
                return Ok(Fate::Lost);
            }
        }
    }

    async fn is_known(&self, message: &Cid) -> Asked<bool> {
        let to = self.miner_address();
        if self
            .chain
            .pending(&to)
            .await?
            .iter()
            .any(|(cid, _)| cid == message)
        {
            return Ok(true);
        }
        let head = self.chain.head().await?;
        if self
            .chain
            .included(&to, &head.key)
            .await?
            .iter()
            .any(|(cid, _)| cid == message)
        {
            return Ok(true);
        }
        Ok(self.chain.search(message).await?.is_some())
    }

    /// Who sends a message of this kind that costs `value`, and at most `fee` on top.
    pub(super) async fn sender(
        &self,
        purpose: Purpose,
        head: &Head,
        value: &TokenAmount,
        fee: &TokenAmount,
    ) -> Result<Address, Trouble> {
        let known = self.chain.miner_addresses(self.miner, &head.key).await?;
        let mut listed = preferred(&self.senders, purpose).to_vec();
        if listed.is_empty() {
            listed.extend(&known.control);
        }
        if !self.senders.disable_worker_fallback {
            listed.push(known.worker);
        }
        if !self.senders.disable_owner_fallback {
            listed.push(known.owner);
        }
        let mut candidates: Vec<Candidate> = Vec::new();
        for address in listed {
            if candidates.iter().any(|c| c.address == address) {
                continue;
            }
            let can_sign = self.chain.can_sign(&address).await?;
            let balance = self.chain.balance(&address).await?;
            candidates.push(Candidate {
                address,
                balance,
                can_sign,
            });
        }
        choose_sender(&candidates, &(value + fee), value).ok_or(Trouble::NoSender)
    }
}

fn preferred(senders: &Senders, purpose: Purpose) -> &[Address] {
    match purpose {
        Purpose::PreCommit => &senders.pre_commit,
        Purpose::Commit => &senders.commit,
        Purpose::Terminate => &senders.terminate,
    }
}
