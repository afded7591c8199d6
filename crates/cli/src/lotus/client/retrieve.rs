//! `lotus client retrieve`.

use std::{io::Write, path::PathBuf};

use lotus_rpc_api::full::FullNode;
use lotus_types::Cid;

use super::{file, source::Source};

/// Retrieve data from network
///
/// The retrieve command will attempt to find a provider make a retrieval deal with them. In case a
/// provider can't be found, it can be specified with the --provider flag. By default the data will be
/// interpreted as DAG-PB UnixFSv1 File. Alternatively a CAR file containing the raw IPLD graph can be
/// exported by setting the --car flag.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Retrieve {
    /// Export to a car file instead of a regular file
    #[arg(long)]
    car: bool,
    #[command(flatten)]
    source: Source,
    /// The data's root
    #[arg(value_name = "dataCid")]
    root: Cid,
    /// Where the daemon writes it
    #[arg(value_name = "outputPath")]
    output: PathBuf,
}

impl Retrieve {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let output = file(&self.output, self.car)?;
        let source = Box::pin(self.source.find(self.root, node, out)).await?;
        node.client_export(source, output).await?;
        writeln!(out, "Success")?;
        Ok(())
    }
}
