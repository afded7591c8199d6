//! `lotus-bench start`: how soon a daemon answers after it was started, and the memory that it holds.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lotus_runtime::repo::RepoKind;
use tokio::process::{Child, Command};

use crate::{common::duration, connect};

/// Pause between two tries to reach the API.
const POLL: Duration = Duration::from_millis(10);

/// Measures the time from `lotus daemon` to the first answer of its API, and the memory that it holds
/// then
#[derive(Debug, clap::Args)]
pub(super) struct Start {
    /// Repo of the daemon, with a chain in it; no daemon may be running on it
    #[arg(long, value_name = "PATH")]
    repo: PathBuf,
    /// Starts that are measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Longest wait for an answer, and for the end of the daemon
    #[arg(long, default_value = "2m", value_parser = duration)]
    timeout: Duration,
    /// Time that the daemon gets before its memory is looked at
    #[arg(long, default_value = "5s", value_parser = duration)]
    settle: Duration,
    /// Further flags of `lotus daemon`
    #[arg(last = true)]
    daemon: Vec<String>,
}

impl Start {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(self.measure(out)))
    }

    async fn measure(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let variable = RepoKind::FullNode.api_info_env();
        anyhow::ensure!(
            std::env::var_os(variable).is_none(),
            "{variable} names another daemon than the one that is measured; unset it"
        );
        for run in 1..=self.runs {
            // What an earlier daemon left there would be taken for this one's.
            let address = self.repo.join("api");
            if let Err(error) = fs::remove_file(&address)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error).with_context(|| format!("removing {}", address.display()));
            }
            let begun = Instant::now();
            let mut daemon = self.spawn()?;
            self.first_answer(&mut daemon, begun).await?;
            let took = begun.elapsed();
            tokio::time::sleep(self.settle).await;
            let memory = daemon.id().and_then(resident);
            self.stop(daemon).await?;
            let memory = memory.map_or("unknown".to_owned(), |kib| format!("{} MiB", kib / 1024));
            writeln!(
                out,
                "start {run}: first answer after {:.3}s, resident memory {memory}",
                took.as_secs_f64()
            )?;
        }
        Ok(())
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let program = std::env::current_exe().context("finding this executable")?;
        let mut command = Command::new(program);
        command
            .args(["lotus", "daemon"])
            .args(&self.daemon)
            .env("LOTUS_PATH", &self.repo)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command.spawn().context("starting `lotus daemon`")
    }

    async fn first_answer(&self, daemon: &mut Child, begun: Instant) -> anyhow::Result<()> {
        while begun.elapsed() < self.timeout {
            if let Some(status) = daemon.try_wait()? {
                anyhow::bail!(
                    "the daemon ended at once ({status}); `LOTUS_PATH={} lotus daemon` shows why",
                    self.repo.display()
                );
            }
            if answers(&self.repo).await {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        anyhow::bail!("the daemon did not answer within {:?}", self.timeout)
    }

    async fn stop(&self, mut daemon: Child) -> anyhow::Result<()> {
        let repo = self.repo.to_str();
        let node = connect::full_node(repo).await?;
        node.api.shutdown().await?;
        tokio::time::timeout(self.timeout, daemon.wait())
            .await
            .context("the daemon does not end")??;
        Ok(())
    }
}

async fn answers(repo: &Path) -> bool {
    if !repo.join("api").exists() {
        return false;
    }
    match connect::full_node(repo.to_str()).await {
        Ok(node) => node.api.version().await.is_ok(),
        Err(_) => false,
    }
}

/// Memory that a process holds, in KiB.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
