//! A process of a devnet: how it is started, how it is found again, how it is stopped.
//!
//! # Invariants
//! - A number of a process is never trusted alone: the kernel gives numbers out again. Number, time
//!   of start and boot of the machine together name one process, and a signal is sent to no other.
//! - Processes are in groups of their own: a Ctrl-C on the terminal reaches the supervisor, which
//!   stops them in their order.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, setpriority_process};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// How often a process that should end is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Variables that would lead a program to another network or log than the devnet's.
const FOREIGN: [&str; 15] = [
    "FULLNODE_API_INFO",
    "MINER_API_INFO",
    "MARKETS_API_INFO",
    "STORAGE_API_INFO",
    "WORKER_API_INFO",
    "LOTUS_PATH",
    "LOTUS_MINER_PATH",
    "LOTUS_STORAGE_PATH",
    "LOTUS_MARKETS_PATH",
    "LOTUS_WORKER_PATH",
    "WORKER_PATH",
    "LOTUS_NETWORK",
    "GOLOG_FILE",
    "GOLOG_OUTPUT",
    "LOTUS_DEVNET_PATH",
];

/// The processes of a devnet, in the order in which they are started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// The randomness beacon.
    Beacon,
    /// The full node.
    Daemon,
    /// The storage miner.
    Miner,
    /// The sealing worker.
    Worker,
}

impl Role {
    /// All, in the order of starting; stopping is the other way round.
    pub(super) const ALL: [Self; 4] = [Self::Beacon, Self::Daemon, Self::Miner, Self::Worker];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::Daemon => "daemon",
            Self::Miner => "miner",
            Self::Worker => "worker",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What names a process for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Its number.
    pub(super) pid: u32,
    /// Clock ticks between the machine's boot and its start.
    started: u64,
    /// Which boot.
    boot: String,
}

impl Identity {
    /// Of a process that runs now; `None` when there is none, or it has ended and only waits to be
    /// noticed.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = parse_stat(&stat)?;
        if matches!(state, 'Z' | 'X') {
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self {
            pid,
            started,
            boot: boot.trim().to_owned(),
        })
    }

    /// Does it still run?
    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Memory that it holds, in bytes.
    pub(super) fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }

    fn signal(&self, signal: Signal) {
        if !self.is_alive() {
            return;
        }
        if let Some(pid) = pid(self.pid) {
            // It may have ended since: then there is nothing to do.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it by force.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks it to end, and ends it by force after `limit`. False when force was needed.
    pub(super) async fn stop(&self, limit: Duration) -> bool {
        self.terminate();
        if self.gone_within(limit).await {
            return true;
        }
        self.kill();
        self.gone_within(Duration::from_secs(5)).await;
        false
    }

    /// Has it ended before `limit` is over?
    pub(super) async fn gone_within(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.is_alive() {
            if begun.elapsed() >= limit {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// State and time of start from `/proc/PID/stat`. The name, second in it, may hold anything.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // State is the third field of the line, the start is the 22nd.
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

/// How a program is called.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// A link to the executable.
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    /// On top of the supervisor's own environment.
    pub(super) env: Vec<(&'static str, OsString)>,
    /// Where its output is appended.
    pub(super) log: PathBuf,
    /// How much it stands back for others (`nice`).
    nice: i32,
}

impl Call {
    pub(super) fn new(program: PathBuf, log: PathBuf) -> Self {
        Self {
            program,
            args: Vec::new(),
            env: Vec::new(),
            log,
            nice: 0,
        }
    }

    /// The process is to stand back for others: 10 of 19.
    #[must_use]
    pub(super) fn standing_back(mut self) -> Self {
        self.nice = 10;
        self
    }

    #[must_use]
    pub(super) fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub(super) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// As it would be typed.
    pub(super) fn text(&self) -> String {
        let program = self.program.file_name().unwrap_or_default();
        let words = std::iter::once(program).chain(self.args.iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(std::ffi::OsStr::to_string_lossy).collect();
        words.join(" ")
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When program or log cannot be opened.
    pub(super) fn spawn(&self) -> anyhow::Result<Child> {
        let log = self.open_log()?;
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        self.start(&mut command)
    }

    /// Runs the program to its end; its output goes to the log.
    ///
    /// # Errors
    /// When it cannot be started, does not end in time, or fails; with the end of what it wrote.
    pub(super) async fn run(&self, limit: Duration) -> anyhow::Result<()> {
        let from = fs::metadata(&self.log).map_or(0, |m| m.len());
        let mut child = self.spawn()?;
        let ended = tokio::time::timeout(limit, child.wait()).await;
        let text = self.text();
        let wrong = match ended {
            Ok(status) => {
                let status = status?;
                if status.success() {
                    return Ok(());
                }
                format!("`{text}` failed ({status})")
            }
            Err(_) => {
                child.kill().await?;
                format!("`{text}` did not end within {}s", limit.as_secs())
            }
        };
        Err(anyhow::anyhow!(
            "{wrong}\n{}",
            tail_text(&self.log, from, 20)
        ))
    }

    /// Runs the program to its end; what it shows on the terminal is seen there.
    ///
    /// # Errors
    /// As [`Call::run`].
    pub(super) async fn run_in_sight(&self, limit: Duration) -> anyhow::Result<()> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(self.open_log()?);
        let mut child = self.start(&mut command)?;
        let text = self.text();
        let ended = tokio::time::timeout(limit, child.wait()).await;
        let status = ended.with_context(|| format!("`{text}` did not end within {limit:?}"))??;
        anyhow::ensure!(status.success(), "`{text}` failed ({status})");
        Ok(())
    }

    /// Runs the program to its end and gives what it printed.
    ///
    /// # Errors
    /// As [`Call::run`]; what it wrote to stderr is in the log.
    pub(super) async fn output(&self, limit: Duration) -> anyhow::Result<String> {
        let from = fs::metadata(&self.log).map_or(0, |m| m.len());
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(self.open_log()?);
        let child = self.start(&mut command)?;
        let ended = tokio::time::timeout(limit, child.wait_with_output()).await;
        let text = self.text();
        let ended = ended.with_context(|| format!("`{text}` did not end within {limit:?}"))??;
        anyhow::ensure!(
            ended.status.success(),
            "`{text}` failed ({})\n{}",
            ended.status,
            tail_text(&self.log, from, 20)
        );
        String::from_utf8(ended.stdout).with_context(|| format!("what `{text}` printed"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).process_group(0).kill_on_drop(true);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start(&self, command: &mut Command) -> anyhow::Result<Child> {
        let started = command.spawn();
        let child = started.with_context(|| format!("starting {}", self.program.display()))?;
        if self.nice != 0
            && let Some(pid) = child.id().and_then(pid)
        {
            // Its first thread is still being loaded; those that it makes inherit from it. Without
            // the permission for this it competes with the others: slower, not wrong.
            let _ = setpriority_process(Some(pid), self.nice);
        }
        Ok(child)
    }

    fn open_log(&self) -> anyhow::Result<File> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        log.with_context(|| format!("opening {}", self.log.display()))
    }
}

/// The last lines of a log, from a position on, indented; says where they are from.
pub(super) fn tail_text(log: &Path, from: u64, lines: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let text = String::from_utf8_lossy(text.get(from..).unwrap_or_default());
    let last = last_lines(&text, lines);
    if last.is_empty() {
        return format!("(nothing in {})", log.display());
    }
    let mut shown = format!("the end of {}:", log.display());
    for line in last {
        shown.push_str("\n  | ");
        shown.push_str(line);
    }
    shown
}

/// The last lines of a text.
pub(super) fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(script: &str, dir: &Path) -> Call {
        Call::new("/bin/sh".into(), dir.join("log")).args(["-c", script])
    }

    #[test]
    fn the_start_is_read_whatever_the_process_is_called() {
        let mut fields: Vec<String> = (4..=52).map(|n| (n * 100).to_string()).collect();
        fields.insert(0, "S".to_owned());
        let stat = format!("17 (a) S 1 (b) {}", fields.join(" "));
        assert_eq!(parse_stat(&stat), Some(('S', 2200)));
        assert_eq!(parse_stat("17 (sh) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn this_process_is_alive_and_another_with_its_number_is_not() {
        let me = Identity::of(std::process::id()).expect("runs");
        assert!(me.is_alive());
        let earlier = Identity {
            started: me.started.wrapping_sub(1),
            ..me.clone()
        };
        assert!(!earlier.is_alive());
        let before_reboot = Identity {
            boot: "another".to_owned(),
            ..me
        };
        assert!(!before_reboot.is_alive());
    }

    #[tokio::test]
    async fn a_process_that_hears_its_signal_stops_in_order() {
        let dir = tempfile::tempdir().expect("dir");
        let mut child = call("sleep 60", dir.path()).spawn().expect("starts");
        let identity = Identity::of(child.id().expect("runs")).expect("runs");
        assert!(identity.stop(Duration::from_secs(20)).await);
        child.wait().await.expect("ended");
    }

    #[tokio::test]
    async fn a_process_that_does_not_listen_is_ended_by_force() {
        let dir = tempfile::tempdir().expect("dir");
        let script = "trap '' TERM; echo ready; while true; do sleep 0.05; done";
        let mut child = call(script, dir.path()).spawn().expect("starts");
        let identity = Identity::of(child.id().expect("runs")).expect("runs");
        let ready = async {
            while fs::read(dir.path().join("log"))
                .unwrap_or_default()
                .is_empty()
            {
                tokio::time::sleep(POLL).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), ready).await;
        waited.expect("gets ready");
        assert!(!identity.stop(Duration::from_millis(200)).await);
        assert!(!identity.is_alive());
        child.wait().await.expect("ended");
    }

    #[tokio::test]
    async fn a_failed_call_shows_what_it_wrote() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join("log"), "of an earlier call\n").expect("log");
        let failing = call("echo no such sector >&2; exit 3", dir.path());
        let error = failing.run(Duration::from_secs(20)).await;
        let text = format!("{:#}", error.expect_err("fails"));
        assert!(text.contains("no such sector"), "{text}");
        assert!(!text.contains("earlier"), "{text}");
        let slow = call("sleep 60", dir.path());
        let error = slow.run(Duration::from_millis(100)).await;
        assert!(format!("{:#}", error.expect_err("too slow")).contains("did not end"));
    }

    #[tokio::test]
    async fn a_process_stands_back_for_others() {
        let dir = tempfile::tempdir().expect("dir");
        let script = "sleep 0.2; cut -d' ' -f19 /proc/self/stat";
        let nice = call(script, dir.path()).standing_back();
        let nice = nice.output(Duration::from_secs(20)).await.expect("runs");
        let nice: i32 = nice.trim().parse().expect("a number");
        assert!(nice >= 10, "{nice}");
    }

    #[tokio::test]
    async fn output_is_given_back() {
        let dir = tempfile::tempdir().expect("dir");
        let said = call("echo 1.25; echo noise >&2", dir.path());
        let said = said.output(Duration::from_secs(20)).await.expect("runs");
        assert_eq!(said, "1.25\n");
    }

    #[test]
    fn the_last_lines_are_the_last() {
        assert_eq!(last_lines("a\nb\nc\n", 2), ["b", "c"]);
        assert_eq!(last_lines("a", 2), ["a"]);
        assert!(last_lines("", 2).is_empty());
    }
}
