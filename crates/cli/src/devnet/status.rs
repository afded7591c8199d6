//! `lotus-devnet status`, `down` and `clean`.

use std::{io::Write, time::Duration};

use anyhow::{bail, ensure};
use lotus_rpc_api::{
    full::{ChainApi as _, StateMinerApi as _},
    miner::SectorsApi as _,
};
use lotus_runtime::repo::RepoKind;
use lotus_types::{Address, TipsetKey};

use super::{
    api::Endpoint,
    fleet::Running,
    layout::{Layout, MINER},
    network,
    process::Role,
    report::Reporter,
    settings::Settings,
    table::aligned,
};

/// A supervisor may take so long to stop its four processes.
const DOWN_LIMIT: Duration = Duration::from_secs(150);
/// For an answer that is only to be shown.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Shows the processes and the chain; true when all processes run.
///
/// # Errors
/// When there is no devnet, or its files cannot be read.
pub(super) async fn status(layout: &Layout, out: &mut dyn Write) -> anyhow::Result<bool> {
    expect_devnet(layout)?;
    let settings = Settings::load(layout)?;
    let running = Running::load(layout)?;
    let mut rows = vec![["process", "pid", "state", "memory", "API"].map(str::to_owned)];
    let mut all = true;
    for role in Role::ALL {
        let process = running.processes.get(&role).filter(|id| id.is_alive());
        all &= process.is_some();
        let Some(process) = process else {
            rows.push([role.name(), "-", "stopped", "-", "-"].map(str::to_owned));
            continue;
        };
        let memory = process.resident().map_or("-".to_owned(), mebibytes);
        rows.push([
            role.to_string(),
            process.pid.to_string(),
            "running".to_owned(),
            memory,
            address(layout, role, &settings),
        ]);
    }
    write!(out, "{}", aligned(rows))?;
    let supervised = running.supervisor.is_some_and(|s| s.is_alive());
    if !supervised && running.processes.values().any(|id| id.is_alive()) {
        writeln!(
            out,
            "nobody looks after these processes: `lotus-devnet up` or `down` puts that right"
        )?;
    }
    writeln!(out, "block time {} s", settings.block_time)?;
    for line in [chain(layout).await, sectors(layout).await]
        .into_iter()
        .flatten()
    {
        writeln!(out, "{line}")?;
    }
    Ok(all)
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn address(layout: &Layout, role: Role, settings: &Settings) -> String {
    let of = |repo: std::path::PathBuf, kind| {
        Endpoint::of(&repo, kind).map_or_else(|| "-".to_owned(), |e| e.address)
    };
    match role {
        Role::Beacon => format!("http://127.0.0.1:{}", settings.ports.beacon),
        Role::Daemon => of(layout.daemon_repo(), RepoKind::FullNode),
        Role::Miner => of(layout.miner_repo(), RepoKind::StorageMiner),
        Role::Worker => of(layout.worker_repo(), RepoKind::Worker),
    }
}

/// What the daemon says; nothing when it does not answer.
async fn chain(layout: &Layout) -> Option<String> {
    let endpoint = Endpoint::of(&layout.daemon_repo(), RepoKind::FullNode)?;
    let ask = async {
        let node = endpoint.connect("v1").await.ok()?;
        let head = node.chain_head().await.ok()?;
        let miner: Address = MINER.parse().ok()?;
        let power = node
            .state_miner_power(miner, TipsetKey::default())
            .await
            .ok()?;
        let age = network::now().ok()?.saturating_sub(head.min_timestamp());
        Some(format!(
            "chain height {}, block of {age} s ago; {MINER} has {} bytes of power",
            head.height(),
            power.miner_power.raw_byte_power
        ))
    };
    tokio::time::timeout(ANSWER_LIMIT, ask).await.ok()?
}

/// What the miner says of its sectors.
async fn sectors(layout: &Layout) -> Option<String> {
    let endpoint = Endpoint::of(&layout.miner_repo(), RepoKind::StorageMiner)?;
    let ask = async {
        let miner = endpoint.connect("v0").await.ok()?;
        let summary = miner.sectors_summary().await.ok()?;
        let states = summary.iter().filter(|(_, count)| **count > 0);
        let states = states.map(|(state, count)| format!("{count} {state}"));
        Some(format!(
            "sectors: {}",
            states.collect::<Vec<_>>().join(", ")
        ))
    };
    tokio::time::timeout(ANSWER_LIMIT, ask).await.ok()?
}

fn expect_devnet(layout: &Layout) -> anyhow::Result<()> {
    ensure!(
        layout.exists(),
        "there is no devnet in {}; `lotus-devnet up` makes one",
        layout.root().display()
    );
    Ok(())
}

/// Stops the devnet.
///
/// # Errors
/// When there is none, or it does not stop.
pub(super) async fn down(layout: &Layout, out: &mut dyn Write) -> anyhow::Result<bool> {
    expect_devnet(layout)?;
    let report = Reporter::new(out);
    stop(layout, &report).await?;
    Ok(true)
}

async fn stop(layout: &Layout, report: &Reporter<'_>) -> anyhow::Result<()> {
    let running = Running::load(layout)?;
    if let Some(supervisor) = running.supervisor.as_ref().filter(|s| s.is_alive()) {
        let step = report.step("stopping the devnet");
        supervisor.terminate();
        if !supervisor.gone_within(DOWN_LIMIT).await {
            bail!(
                "the supervisor (process {}) has not stopped after {} s",
                supervisor.pid,
                DOWN_LIMIT.as_secs()
            );
        }
        step.done("");
        return Ok(());
    }
    if running.alive().is_empty() {
        report.line("nothing runs");
    }
    running.stop(layout, report).await
}

/// Stops and removes the devnet.
///
/// # Errors
/// When it does not stop, or the folder is no devnet's.
pub(super) async fn clean(layout: &Layout, out: &mut dyn Write) -> anyhow::Result<bool> {
    let report = Reporter::new(out);
    if !layout.root().exists() {
        report.line(&format!(
            "there is no devnet in {}",
            layout.root().display()
        ));
        return Ok(true);
    }
    if layout.exists() {
        stop(layout, &report).await?;
    }
    layout.remove()?;
    report.line(&format!("removed {}", layout.root().display()));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(&dir.path().join("net")).expect("absolute");
        (dir, layout)
    }

    #[tokio::test]
    async fn a_stopped_devnet_is_shown_as_such() {
        let (_dir, layout) = layout();
        layout.create().expect("makes");
        Settings::example().save(&layout).expect("marks");
        let mut out = Vec::new();
        assert!(!status(&layout, &mut out).await.expect("shows"));
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.matches("stopped").count(), 4, "{text}");
        assert!(text.contains("block time 4 s"), "{text}");
    }

    #[tokio::test]
    async fn where_no_devnet_is_nothing_is_shown_stopped_or_removed() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let error = status(&layout, &mut out).await.expect_err("none");
        assert!(error.to_string().contains("there is no devnet"), "{error}");
        down(&layout, &mut out).await.expect_err("none");
        clean(&layout, &mut out).await.expect("nothing to do");
        std::fs::create_dir(layout.root()).expect("folder");
        clean(&layout, &mut out).await.expect_err("not a devnet's");
        assert!(layout.root().exists());
    }
}
