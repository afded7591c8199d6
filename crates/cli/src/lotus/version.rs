//! `lotus version`.

use std::io::{self, Write};

use lotus_rpc_api::full::FullNode;

pub(super) async fn run(node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
    let version = node.version().await?;
    writeln!(
        out,
        "Daemon:  {}+api{}",
        version.version,
        version.api_text()
    )?;
    Ok(write_local(out)?)
}

/// The version of this program, which needs no daemon.
pub(super) fn write_local(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Local: lotus version {}", env!("CARGO_PKG_VERSION"))
}
