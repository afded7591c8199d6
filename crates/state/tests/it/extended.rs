//! A recorded chain with tipsets of our own on top of its head.

use std::{collections::HashMap, sync::Arc};

use lotus_ports::network::{BlockMessages, Fault};
use lotus_state::{ChainView, ExecutedTipset, execute::Executor, exported::ExportedChain};
use lotus_types::{
    BlockHeader, ChainEpoch, Cid, ElectionProof, Ticket, Tipset, TipsetKey, TokenAmount,
};

/// The chain below, and one tipset above.
pub(crate) struct Extended {
    base: Arc<ExportedChain>,
    tip: Tipset,
    messages: HashMap<Cid, BlockMessages>,
}

/// One block to be put on top: its miner and its messages.
pub(crate) type NewBlock = (u64, BlockMessages);

/// Executes a tipset of these blocks, `epochs` after the chain's head.
pub(crate) fn execute_on_top(
    chain: &Arc<ExportedChain>,
    executor: &Executor,
    epochs: ChainEpoch,
    base_fee: TokenAmount,
    blocks: Vec<NewBlock>,
) -> (Tipset, ExecutedTipset) {
    let head = chain.tipsets().last().unwrap();
    let state = executor.execute(head, false).unwrap();
    let mut messages = HashMap::new();
    let headers = blocks
        .into_iter()
        .enumerate()
        .map(|(k, (miner, held))| {
            let header = BlockHeader {
                miner: lotus_types::Address::new_id(miner),
                ticket: Some(Ticket {
                    vrf_proof: vec![k as u8; 96].into(),
                }),
                election_proof: Some(ElectionProof {
                    win_count: 1,
                    vrf_proof: vec![1; 96].into(),
                }),
                parents: head.key().clone(),
                height: head.height() + epochs,
                parent_state_root: state.state_root,
                parent_message_receipts: state.receipts_root,
                parent_base_fee: base_fee.clone(),
                ..head.min_ticket_block().clone()
            };
            messages.insert(header.cid(), held);
            header
        })
        .collect();
    let tip = Tipset::new(headers).unwrap();
    let view = Extended {
        base: Arc::clone(chain),
        tip: tip.clone(),
        messages,
    };
    let executor = Executor {
        view: Arc::new(view),
        ..executor.clone()
    };
    let executed = executor.execute(&tip, false).unwrap();
    (tip, executed)
}

impl ChainView for Extended {
    fn tipset(&self, key: &TipsetKey) -> Result<Tipset, Fault> {
        if key == self.tip.key() {
            Ok(self.tip.clone())
        } else {
            self.base.tipset(key)
        }
    }

    fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, Fault> {
        match self.messages.get(&header.cid()) {
            Some(messages) => Ok(messages.clone()),
            None => self.base.block_messages(header),
        }
    }

    fn tipset_at(&self, height: ChainEpoch, from: &Tipset, before: bool) -> Result<Tipset, Fault> {
        if from != &self.tip {
            return self.base.tipset_at(height, from, before);
        }
        let head = self.base.tipset(self.tip.parents())?;
        if height == self.tip.height() || (height > head.height() && !before) {
            Ok(self.tip.clone())
        } else {
            self.base
                .tipset_at(height.min(head.height()), &head, before)
        }
    }
}
