//! `lotus state compute-state`: executing a tipset again, with messages of one's choice.

mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use lotus_rpc_api::{
    full::FullNode,
    types::trace::{ComputeStateOutput, ExecutionTrace},
};
use lotus_types::{Address, ChainEpoch, Cid, Message, Tipset, TipsetKey};

use self::report::Report;
use super::messages::{Line, write_subcalls};
use crate::lotus::{calls::Codes, is_actor_not_found, tipset::TipsetRef};

/// Perform state computations
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct ComputeState {
    /// set the height that the vm will see
    #[arg(long, value_name = "HEIGHT")]
    vm_height: Option<ChainEpoch>,
    /// apply messages from the mempool to the computed state
    #[arg(long)]
    apply_mpool_messages: bool,
    /// print out full execution trace for given tipset
    #[arg(long)]
    show_trace: bool,
    /// generate html report
    #[arg(long)]
    html: bool,
    /// generate json output
    #[arg(long)]
    json: bool,
    /// a json file containing pre-existing compute-state output, to generate html reports without
    /// rerunning state changes
    #[arg(long, value_name = "FILE")]
    compute_state_output: Option<PathBuf>,
    /// don't show timing information in html traces
    #[arg(long)]
    no_timing: bool,
}

impl ComputeState {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        tipset: Option<&TipsetRef>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        // No height is named by 0, either.
        let height = self.vm_height.filter(|height| *height != 0);
        let tipset = match (tipset, height) {
            (Some(tipset), _) => tipset.load(node).await?,
            (None, Some(height)) => {
                node.chain_get_tipset_by_height(height, TipsetKey::default())
                    .await?
            }
            (None, None) => node.chain_head().await?,
        };
        let computed = match &self.compute_state_output {
            Some(path) => read(path)?,
            None => {
                let messages = self.messages(node, &tipset).await?;
                let height = height.unwrap_or(tipset.height());
                node.state_compute(height, messages, tipset.key().clone())
                    .await?
            }
        };
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&computed)?)?);
        }
        if self.html {
            let actors = actors(node, &computed, tipset.key()).await?;
            let report = Report {
                tipset: &tipset,
                computed: &computed,
                codes: &Codes::load(node, tipset.key().clone()).await?,
                actors: &actors,
                timing: !self.no_timing,
            };
            eprintln!("computed state cid:  {}", computed.root);
            return Ok(report.write(out)?);
        }
        writeln!(out, "computed state cid:  {}", computed.root)?;
        if self.show_trace {
            for executed in &computed.trace {
                writeln!(out, "{}", Line::of(&executed.msg, &executed.msg_rct))?;
                write_subcalls(&executed.execution_trace, out)?;
            }
        }
        Ok(())
    }

    /// What is executed after the tipset's own messages.
    async fn messages(&self, node: &dyn FullNode, tipset: &Tipset) -> anyhow::Result<Vec<Message>> {
        if !self.apply_mpool_messages {
            return Ok(Vec::new());
        }
        let chosen = node.mpool_select(tipset.key().clone(), 1.0).await?;
        Ok(chosen.into_iter().map(|signed| signed.message).collect())
    }
}

fn read(path: &Path) -> anyhow::Result<ComputeStateOutput> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {name}"))?;
    let read = serde_json::from_str(&text);
    read.with_context(|| format!("{name} is not what compute-state --json prints"))
}

/// Codes of the actors that were called. One that the tipset made is found on the head's state; who is
/// found nowhere is left out.
async fn actors(
    node: &dyn FullNode,
    computed: &ComputeStateOutput,
    key: &TipsetKey,
) -> anyhow::Result<BTreeMap<Address, Cid>> {
    let mut codes = BTreeMap::new();
    for address in called(computed) {
        for key in [key.clone(), TipsetKey::default()] {
            match node.state_get_actor(address, key).await {
                Ok(actor) => {
                    codes.insert(address, actor.code);
                    break;
                }
                Err(error) if is_actor_not_found(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(codes)
}

/// Whoever was called.
fn called(computed: &ComputeStateOutput) -> BTreeSet<Address> {
    let mut open: Vec<&ExecutionTrace> = Vec::new();
    let mut called = BTreeSet::new();
    for executed in &computed.trace {
        called.insert(executed.msg.to);
        open.push(&executed.execution_trace);
    }
    while let Some(call) = open.pop() {
        called.insert(call.msg.to);
        open.extend(&call.subcalls);
    }
    called
}
