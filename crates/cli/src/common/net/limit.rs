//! `net limit`: how many connections, streams and descriptors a scope may have.
//!
//! # Lotus parity
//! A limit that is set may leave fields out: they keep their values, where Lotus makes them zero and so
//! refuses everything they count. A name that is no limit is refused.

use std::io::Write;

use anyhow::{Context as _, bail, ensure};
use lotus_rpc_api::{go_json, node::NetApi, types::net::NetLimit};
use serde_json::{Map, Value};

/// Get or set resource limits for a scope
///
/// The scope can be one of the following:
///   - system        -- reports the system aggregate resource usage.
///   - transient     -- reports the transient resource usage.
///   - svc:<service> -- reports the resource usage of a specific service.
///   - proto:<proto> -- reports the resource usage of a specific protocol.
///   - peer:<peer>   -- reports the resource usage of a specific peer.
///
/// The limit is json-formatted, as it is printed; fields that are left out keep their values.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Limit {
    /// Of what, and with --set how much
    #[arg(value_name = "scope [limit]")]
    args: Vec<String>,
    /// set the limit for a scope
    #[arg(long)]
    set: bool,
}

/// The one scope that a command is given.
pub(super) fn only(scopes: Vec<String>) -> anyhow::Result<String> {
    match <[String; 1]>::try_from(scopes) {
        Ok([scope]) => Ok(scope),
        Err(_) => bail!("must specify exactly one scope"),
    }
}

impl Limit {
    pub(super) async fn run<N: NetApi + ?Sized>(
        self,
        node: &N,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        if !self.set {
            let limit = node.net_limit(only(self.args)?).await?;
            return Ok(writeln!(out, "{}", go_json(&limit)?)?);
        }
        let Ok([scope, text]) = <[String; 2]>::try_from(self.args) else {
            bail!("must specify exactly a scope and a limit");
        };
        let fields: Map<String, Value> =
            serde_json::from_str(&text).context("error decoding limit")?;
        let now = node.net_limit(scope.clone()).await?;
        Ok(node.net_set_limit(scope, changed(&now, fields)?).await?)
    }
}

/// A limit with some fields changed. As for Go, capital and small letters are the same.
fn changed(limit: &NetLimit, fields: Map<String, Value>) -> anyhow::Result<NetLimit> {
    let Value::Object(mut limit) = serde_json::to_value(limit)? else {
        bail!("a limit is not an object");
    };
    for (name, value) in fields {
        let known = limit.keys().find(|known| known.eq_ignore_ascii_case(&name));
        let Some(known) = known.cloned() else {
            let all: Vec<_> = limit.keys().cloned().collect();
            bail!(
                "error decoding limit: {name:?} is none of {}",
                all.join(", ")
            );
        };
        ensure!(
            value.is_i64(),
            "error decoding limit: {known} is {value}, which is not a whole number"
        );
        limit.insert(known, value);
    }
    serde_json::from_value(limit.into()).context("error decoding limit")
}
