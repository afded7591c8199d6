//! `net stat`: connections, streams and descriptors in use, against their limits.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::{
    go_json,
    node::NetApi,
    types::net::{NetStat, ScopeStat},
};

use super::limit::only;
use crate::format::{Paint, size};

/// Characters of a bar.
const COLUMNS: usize = 64;

/// Report resource usage for a scope
///
/// The scope can be one of the following:
///   - system        -- reports the system aggregate resource usage.
///   - transient     -- reports the transient resource usage.
///   - svc:<service> -- reports the resource usage of a specific service.
///   - proto:<proto> -- reports the resource usage of a specific protocol.
///   - peer:<peer>   -- reports the resource usage of a specific peer.
///   - all           -- reports the resource usage for all currently active scopes.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Stat {
    /// Of what
    #[arg(value_name = "scope")]
    scope: Vec<String>,
    /// print JSON
    #[arg(long)]
    json: bool,
}

impl Stat {
    pub(super) async fn run<N: NetApi + ?Sized>(
        self,
        node: &N,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let scope = only(self.scope)?;
        let stat = node.net_stat(scope).await.context("get stat")?;
        if self.json {
            return Ok(writeln!(out, "{}", go_json(&stat)?)?);
        }
        for (scope, stat) in scopes(stat) {
            print(node, &scope, &stat, paint, out).await?;
        }
        Ok(())
    }
}

/// All scopes in the order of their kinds; within a kind those with the most memory first.
fn scopes(stat: NetStat) -> Vec<(String, ScopeStat)> {
    let mut all = Vec::new();
    all.extend(stat.system.map(|s| ("system".to_owned(), s)));
    all.extend(stat.transient.map(|s| ("transient".to_owned(), s)));
    for (kind, list) in [
        ("svc", stat.services),
        ("proto", stat.protocols),
        ("peer", stat.peers),
    ] {
        let mut list: Vec<_> = list.into_iter().collect();
        list.sort_by(|(a, x), (b, y)| y.memory.cmp(&x.memory).then(a.cmp(b)));
        let named = |(name, stat)| (format!("{kind}:{name}"), stat);
        all.extend(list.into_iter().map(named));
    }
    all
}

async fn print<N: NetApi + ?Sized>(
    node: &N,
    scope: &str,
    stat: &ScopeStat,
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let limit = match node.net_limit(scope.to_owned()).await {
        Ok(limit) => limit,
        Err(error) => {
            writeln!(out, "error: {}", paint.red(error))?;
            Default::default()
        }
    };
    writeln!(out, "{scope}")?;
    writeln!(
        out,
        "\tmemory:      [{}] {}/{}",
        bar(stat.memory, limit.memory, paint),
        size(&stat.memory),
        size(&limit.memory)
    )?;
    for (name, used, limit) in [
        (
            "streams in: ",
            stat.num_streams_inbound,
            limit.streams_inbound,
        ),
        (
            "streams out:",
            stat.num_streams_outbound,
            limit.streams_outbound,
        ),
        ("conn in:    ", stat.num_conns_inbound, limit.conns_inbound),
        (
            "conn out:   ",
            stat.num_conns_outbound,
            limit.conns_outbound,
        ),
        ("file desc:  ", stat.num_fd, limit.fd),
    ] {
        writeln!(out, "\t{name} [{}] {used}/{limit}", bar(used, limit, paint))?;
    }
    Ok(writeln!(out)?)
}

/// What is used of a limit; nothing of a limit of nothing.
fn bar(used: i64, limit: i64, paint: Paint) -> String {
    let share = used.max(0) as f64 / limit.max(1) as f64;
    let filled = (share * COLUMNS as f64).round().min(COLUMNS as f64) as usize;
    let rest = COLUMNS - filled;
    format!("{}{}", paint.green("|".repeat(filled)), " ".repeat(rest))
}
