//! `lotus client cat` and `lotus client ls`: data of the network on the terminal.
//!
//! # Invariants
//! - Data go to `out` as they come; how their retrieval goes on is told on the standard error, so that a
//!   pipe gets the data alone.
//! - The data come over the API's own address: they need not be on this machine.
//!
//! # Lotus parity
//! Lotus tells of the retrieval on the standard output. Selectors (`--data-selector`, `--ipld`, `--depth`) are
//! not there: DAGs are retrieved whole.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use lotus_blockstore::car::{CarLimits, CarReader};
use lotus_market::dag_pb::{DAG_PB, PbNode};
use lotus_rpc_api::types::deals::ExportRef;
use lotus_types::Cid;
use serde::Serialize;

use super::source::Source;
use crate::{
    format::{Form, printable},
    lotus::Context,
};

/// Where a daemon gives out the data of deals.
const EXPORT: &str = "rest/v0/export";

/// Show data from network: the file behind a CID, on the standard output
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Cat {
    #[command(flatten)]
    source: Source,
    /// The data's root
    #[arg(value_name = "dataCid")]
    root: Cid,
}

impl Cat {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let told = &mut io::stderr();
        let source = Box::pin(self.source.find(self.root, context.node, told)).await?;
        export(context, &source, false, |piece| out.write_all(piece)).await?;
        Ok(out.flush()?)
    }
}

/// List object links: the entries of a directory, the parts of a file
///
/// The whole DAG is retrieved for it.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Ls {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    form: Form,
    /// The data's root
    #[arg(value_name = "dataCid")]
    root: Cid,
}

/// A link, as a listing shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    cid: Linked,
    name: String,
    size: u64,
}

/// A CID, inlined ones of any length included.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Linked {
    #[serde(rename = "/")]
    cid: String,
}

impl Ls {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let told = &mut io::stderr();
        let source = Box::pin(self.source.find(self.root, context.node, told)).await?;
        let mut file = tempfile::tempfile().context("making a temporary file")?;
        export(context, &source, true, |piece| file.write_all(piece)).await?;
        io::Seek::rewind(&mut file)?;
        let entries = entries(io::BufReader::new(file), &self.root)?;
        if self.form.wrote(out, &entries)? {
            return Ok(());
        }
        for Entry { cid, name, size } in &entries {
            // Whoever made the directory chose its names: a terminal must not obey them.
            writeln!(out, "{} {}\t{size}", cid.cid, printable(name))?;
        }
        Ok(())
    }
}

/// Has the daemon give the data out, piece by piece.
async fn export(
    context: &Context<'_>,
    source: &ExportRef,
    is_car: bool,
    take: impl FnMut(&[u8]) -> io::Result<()>,
) -> anyhow::Result<()> {
    let wanted = serde_json::to_string(source)?;
    let is_car = if is_car { "true" } else { "false" };
    let parameters = [("car", is_car), ("export", wanted.as_str())];
    let info = context.daemon.info.as_ref();
    let info = info.context("there is no process that gives the data out")?;
    let came = lotus_rpc::download(info, EXPORT, &parameters, take).await;
    came.context("fetching the data from the daemon")?;
    Ok(())
}

/// The links of `root`, whose DAG the CAR holds.
fn entries(car: impl io::Read, root: &Cid) -> anyhow::Result<Vec<Entry>> {
    let mut car = CarReader::new(car, CarLimits::default()).context("reading what came")?;
    while let Some(block) = car.next_block().context("reading what came")? {
        if block.cid != *root.inner() {
            continue;
        }
        if block.cid.codec() != DAG_PB {
            return Ok(Vec::new());
        }
        let node = PbNode::decode(&block.data).with_context(|| format!("reading {root}"))?;
        let links = node.links.into_iter();
        let entries = links.map(|link| Entry {
            cid: Linked {
                cid: link.target.to_string(),
            },
            name: link.name.unwrap_or_default(),
            size: link.size.unwrap_or(0),
        });
        return Ok(entries.collect());
    }
    bail!("what came does not have {root}")
}
