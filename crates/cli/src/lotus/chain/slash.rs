//! `lotus chain slash-consensus`: reporting a miner that signed blocks which contradict each other.
//!
//! # Lotus parity
//! The same message. Lotus sends whatever blocks it is given; here blocks that prove no fault are
//! refused before anything is paid, and the older block goes first, as the chain wants it.

use std::io::Write;

use anyhow::Context as _;
use lotus_actors::miner::{method, params::ReportConsensusFaultParams};
use lotus_ports::vm::ConsensusFaultKind;
use lotus_rpc_api::{full::FullNode, types::mpool::MessagePrototype};
use lotus_state::fault;
use lotus_types::{Address, BlockHeader, Cid, TokenAmount, wire};

use crate::lotus::{Context, send};

/// Report consensus fault
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct SlashConsensus {
    /// optionally specify the account to report consensus from
    #[arg(long)]
    from: Option<Address>,
    /// Extra block cid: the block that the later one has as parent and the other one should be
    #[arg(long)]
    extra: Option<Cid>,
    /// One of the miner's blocks
    #[arg(value_name = "blockCid1")]
    one: Cid,
    /// Another one
    #[arg(value_name = "blockCid2")]
    other: Cid,
}

impl SlashConsensus {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        let block = |cid: Cid, which: &'static str| async move {
            let block = node.chain_get_block(cid).await;
            block.with_context(|| format!("getting block {which} ({cid})"))
        };
        let one = block(self.one, "1").await?;
        let other = block(self.other, "2").await?;
        let extra = match self.extra {
            Some(cid) => Some(block(cid, "extra").await?),
            None => None,
        };
        let report = Report::new(one, other, extra)?;
        eprintln!("these blocks prove {}", name(report.kind));
        let from = match self.from {
            Some(from) => from,
            None => sender(node).await?,
        };
        let prototype = report.message(from)?;
        let sent = send::publish(&context.sending(), prototype, out).await;
        Ok(writeln!(out, "{}", sent.context("publishing message")?)?)
    }
}

const fn name(kind: ConsensusFaultKind) -> &'static str {
    match kind {
        ConsensusFaultKind::DoubleForkMining => "double-fork mining",
        ConsensusFaultKind::ParentGrinding => "parent grinding",
        ConsensusFaultKind::TimeOffsetMining => "time-offset mining",
    }
}

async fn sender(node: &dyn FullNode) -> anyhow::Result<Address> {
    let from = node.wallet_default_address().await;
    from.context("no --from is given, and the wallet has no default address")
}

/// Blocks that prove a fault.
#[derive(Debug)]
struct Report {
    kind: ConsensusFaultKind,
    older: BlockHeader,
    later: BlockHeader,
    extra: Option<BlockHeader>,
}

impl Report {
    /// What these blocks prove.
    ///
    /// # Errors
    /// When they prove nothing; the error says why not.
    fn new(
        one: BlockHeader,
        other: BlockHeader,
        extra: Option<BlockHeader>,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            one.miner == other.miner,
            "block1.miner:{} block2.miner:{}: a fault is proven by two blocks of one miner",
            one.miner,
            other.miner
        );
        anyhow::ensure!(
            one.cid() != other.cid(),
            "{} is named twice: a fault is proven by two blocks",
            one.cid()
        );
        let (older, later) = if other.height < one.height {
            (other, one)
        } else {
            (one, other)
        };
        let kind = fault::classify(&older, &later, extra.as_ref()).with_context(|| {
            format!(
                "blocks {} (height {}) and {} (height {}) prove no fault: they are not of one height, \
                 not on the same parents{}",
                older.cid(),
                older.height,
                later.cid(),
                later.height,
                if extra.is_some() {
                    ", and --extra is no block of the first one's height and parents which the second \
                     one has as parent in its place"
                } else {
                    "; --extra names a witness of parent grinding"
                }
            )
        })?;
        Ok(Self {
            kind,
            older,
            later,
            extra: extra.filter(|_| kind == ConsensusFaultKind::ParentGrinding),
        })
    }

    fn message(&self, from: Address) -> anyhow::Result<MessagePrototype> {
        let bytes = |block: &BlockHeader| wire::to_cbor(block).into();
        let params = ReportConsensusFaultParams {
            header1: bytes(&self.older),
            header2: bytes(&self.later),
            header_extra: self.extra.as_ref().map(bytes).unwrap_or_default(),
        };
        let message = lotus_actors::call(
            from,
            self.later.miner,
            TokenAmount::zero(),
            method::REPORT_CONSENSUS_FAULT,
            &params,
        )?;
        Ok(MessagePrototype {
            message,
            valid_nonce: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use lotus_types::{ChainEpoch, TipsetKey};

    use super::*;

    fn block(height: ChainEpoch, parents: &[&BlockHeader], timestamp: u64) -> BlockHeader {
        let parents: TipsetKey = parents.iter().map(|h| h.cid()).collect();
        BlockHeader {
            timestamp,
            ..BlockHeader::bare(Address::new_id(1000), height, parents)
        }
    }

    #[test]
    fn two_blocks_of_one_height_are_a_double_fork() {
        let report = Report::new(block(5, &[], 1), block(5, &[], 2), None).expect("a fault");
        assert_eq!(report.kind, ConsensusFaultKind::DoubleForkMining);
    }

    #[test]
    fn the_older_block_goes_first_whatever_the_order_of_arguments() {
        let (older, later) = (block(5, &[], 1), block(6, &[], 2));
        let report = Report::new(later.clone(), older.clone(), None).expect("a fault");
        assert_eq!(report.kind, ConsensusFaultKind::TimeOffsetMining);
        let message = report.message(Address::new_id(100)).expect("a message");
        let params: ReportConsensusFaultParams =
            wire::from_cbor(&message.message.params).expect("parameters");
        assert_eq!(params.header1, wire::to_cbor(&older).into());
        assert_eq!(params.header2, wire::to_cbor(&later).into());
        assert!(params.header_extra.is_empty());
    }

    #[test]
    fn a_witness_proves_parent_grinding() {
        let (own, sibling) = (block(5, &[], 1), block(5, &[], 2));
        let child = block(6, &[&sibling], 3);
        let report = Report::new(own.clone(), child.clone(), Some(sibling)).expect("a fault");
        assert_eq!(report.kind, ConsensusFaultKind::ParentGrinding);
        assert!(report.extra.is_some());
        let refused = Report::new(own, child, None).expect_err("no witness");
        assert!(refused.to_string().contains("--extra"), "{refused}");
    }

    #[test]
    fn blocks_of_two_miners_prove_nothing() {
        let mut other = block(5, &[], 2);
        other.miner = Address::new_id(1001);
        let refused = Report::new(block(5, &[], 1), other, None).expect_err("two miners");
        assert!(refused.to_string().contains("one miner"), "{refused}");
    }
}
