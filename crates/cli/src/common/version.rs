//! `version` of daemon and provider.

use std::io::{self, Write};

use lotus_rpc_api::node::CommonApi;

/// The versions of the process at `node` and of this program, which is called `program`.
pub(crate) async fn run<N: CommonApi + ?Sized>(
    node: &N,
    program: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let version = node.version().await?;
    writeln!(
        out,
        "Daemon:  {}+api{}",
        version.version,
        version.api_text()
    )?;
    Ok(write_local(program, out)?)
}

/// The version of this program, which needs no other process.
pub(crate) fn write_local(program: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Local: {}", own(program))
}

/// `lotus version 0.1.0`.
pub(crate) fn own(program: &str) -> String {
    format!("{program} version {}", env!("CARGO_PKG_VERSION"))
}
