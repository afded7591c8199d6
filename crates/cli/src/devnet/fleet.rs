//! The running processes of a devnet, watched.
//!
//! # Invariants
//! - `running.json` names every process before it can do anything that outlives it, so that a later
//!   start finds what a killed supervisor left behind.
//! - A process that ends by itself is told of, with the end of its log. It is started again, but not
//!   for ever ([`Restarts`]): a network that cannot stay up is stopped and says so.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use lotus_rpc_api::RpcError;
use serde::{Deserialize, Serialize};
use tokio::process::Child;

use super::{
    json::{read_json, write_json},
    layout::Layout,
    process::{Call, Identity, Role, tail_text},
    report::Reporter,
};

/// How long a process may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(25);
/// How often processes are looked at.
const POLL: Duration = Duration::from_millis(250);
/// A process may end so often within [`RESTART_WINDOW`] before the devnet gives up.
const RESTART_LIMIT: usize = 3;
const RESTART_WINDOW: Duration = Duration::from_secs(600);

/// What runs, as `running.json` tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Running {
    /// Who looks after the others.
    pub(super) supervisor: Option<Identity>,
    /// They.
    pub(super) processes: BTreeMap<Role, Identity>,
}

impl Running {
    /// What the file says; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn load(layout: &Layout) -> anyhow::Result<Self> {
        if !layout.running().exists() {
            return Ok(Self::default());
        }
        read_json(&layout.running())
    }

    fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&layout.running(), self)
    }

    fn forget(layout: &Layout) -> anyhow::Result<()> {
        match fs::remove_file(layout.running()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", layout.running().display()))
            }
            _ => Ok(()),
        }
    }

    /// Those that still run, in the order of stopping.
    pub(super) fn alive(&self) -> Vec<(Role, Identity)> {
        let alive = self.processes.iter().rev().filter(|(_, id)| id.is_alive());
        alive.map(|(role, id)| (*role, id.clone())).collect()
    }

    /// Ends what still runs by force.
    pub(super) fn kill(&self) {
        for (_, identity) in self.alive() {
            identity.kill();
        }
    }

    /// Stops what still runs, in order, and forgets it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(super) async fn stop(&self, layout: &Layout, report: &Reporter<'_>) -> anyhow::Result<()> {
        for (role, identity) in self.alive() {
            let step = report.step(&format!("stopping {role}"));
            let orderly = identity.stop(STOP_LIMIT).await;
            step.done(if orderly { "" } else { "it had to be killed" });
        }
        Self::forget(layout)
    }
}

/// When a process that ended is started again: not at all, or up to a limit within a time.
#[derive(Debug)]
pub(super) struct Restarts {
    limit: usize,
    ends: BTreeMap<Role, Vec<Instant>>,
}

impl Restarts {
    pub(super) fn never() -> Self {
        Self {
            limit: 0,
            ends: BTreeMap::new(),
        }
    }

    pub(super) fn limited() -> Self {
        Self {
            limit: RESTART_LIMIT,
            ends: BTreeMap::new(),
        }
    }

    /// A process has ended: may it be started again?
    fn allow(&mut self, role: Role, now: Instant) -> bool {
        let ends = self.ends.entry(role).or_default();
        ends.retain(|end| now.duration_since(*end) < RESTART_WINDOW);
        if ends.len() >= self.limit {
            return false;
        }
        ends.push(now);
        true
    }
}

struct Member {
    call: Call,
    child: Child,
    identity: Identity,
    /// Length of its log before it was started.
    log_from: u64,
}

/// The processes that this supervisor has started.
pub(super) struct Fleet<'a, 'w> {
    layout: &'a Layout,
    report: &'a Reporter<'w>,
    members: RefCell<BTreeMap<Role, Member>>,
    restarts: RefCell<Restarts>,
}

impl<'a, 'w> Fleet<'a, 'w> {
    /// No process yet. Must be called by who holds the devnet's lock.
    ///
    /// # Errors
    /// When `running.json` cannot be written.
    pub(super) fn new(
        layout: &'a Layout,
        report: &'a Reporter<'w>,
        restarts: Restarts,
    ) -> anyhow::Result<Self> {
        let fleet = Self {
            layout,
            report,
            members: RefCell::default(),
            restarts: RefCell::new(restarts),
        };
        fleet.save()?;
        Ok(fleet)
    }

    /// Starts a process.
    ///
    /// # Errors
    /// When it cannot be started, or has ended at once.
    pub(super) fn start(&self, role: Role, call: Call) -> anyhow::Result<()> {
        let log_from = fs::metadata(&call.log).map_or(0, |m| m.len());
        let child = call.spawn()?;
        let identity = child.id().and_then(Identity::of);
        let Some(identity) = identity else {
            bail!(
                "{role} ended at once\n{}",
                tail_text(&call.log, log_from, 20)
            );
        };
        let member = Member {
            call,
            child,
            identity,
            log_from,
        };
        self.members.borrow_mut().insert(role, member);
        self.save()
    }

    /// From now on a process is to be started again like this.
    pub(super) fn restart_with(&self, role: Role, call: Call) {
        if let Some(member) = self.members.borrow_mut().get_mut(&role) {
            member.call = call;
        }
    }

    /// Looks after all: whoever ended is told of, and started again if that is allowed.
    ///
    /// # Errors
    /// When a process ended and is not to be started again, with the end of its log.
    pub(super) fn tend(&self) -> anyhow::Result<()> {
        for (role, why) in self.ended()? {
            if !self.restarts.borrow_mut().allow(role, Instant::now()) {
                bail!("{why}");
            }
            self.report.line(&format!("!!! {why}"));
            self.report.line(&format!("!!! {role} is started again"));
            let call = self.members.borrow_mut().remove(&role).map(|m| m.call);
            if let Some(call) = call {
                self.start(role, call)?;
            }
        }
        Ok(())
    }

    /// Processes that ended since the last look, and the story of it.
    fn ended(&self) -> anyhow::Result<Vec<(Role, String)>> {
        let mut ended = Vec::new();
        for (role, member) in self.members.borrow_mut().iter_mut() {
            if let Some(status) = member.child.try_wait()? {
                let tail = tail_text(&member.call.log, member.log_from, 25);
                ended.push((*role, format!("{role} has ended ({status})\n{tail}")));
            }
        }
        Ok(ended)
    }

    /// Ends a process as a power cut does, and gives its number. Who looks after it then is
    /// [`Fleet::tend`].
    pub(super) fn kill(&self, role: Role) -> Option<u32> {
        let members = self.members.borrow();
        let identity = &members.get(&role)?.identity;
        identity.kill();
        Some(identity.pid)
    }

    /// Asks `probe` again and again until it gives something.
    ///
    /// # Errors
    /// When `limit` is over, with what the probe said last and the ends of the logs of `blame`; when
    /// the probe says that there is no use in waiting. That a process cannot be reached is no such
    /// thing: it may be on its way up again.
    pub(super) async fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        blame: &[Role],
        probe: impl AsyncFnMut() -> anyhow::Result<Probe<T>>,
    ) -> anyhow::Result<T> {
        self.look_for(what, POLL, limit, blame, probe).await
    }

    /// [`Fleet::wait_for`] with another pause between two looks.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn look_for<T>(
        &self,
        what: &str,
        pause: Duration,
        limit: Duration,
        blame: &[Role],
        mut probe: impl AsyncFnMut() -> anyhow::Result<Probe<T>>,
    ) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            // A probe that hangs must not outlast the limit.
            let missing = match tokio::time::timeout(left, probe()).await {
                Ok(Ok(Probe::Ready(value))) => return Ok(value),
                Ok(Ok(Probe::NotYet(missing))) => missing,
                Ok(Err(error)) if is_unreachable(&error) => format!("{error:#}"),
                Ok(Err(error)) => bail!("{what}: {error:#}\n{}", self.tails(blame)),
                Err(_) => "no answer".to_owned(),
            };
            if begun.elapsed() >= limit {
                bail!(
                    "{what} did not happen within {} s; last: {missing}\n{}",
                    limit.as_secs(),
                    self.tails(blame)
                );
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn tails(&self, roles: &[Role]) -> String {
        let tails = roles
            .iter()
            .map(|role| tail_text(&self.layout.log(role.name()), 0, 15));
        tails.collect::<Vec<_>>().join("\n")
    }

    /// Looks after all for ever.
    ///
    /// # Errors
    /// As [`Fleet::tend`].
    pub(super) async fn watch(&self) -> anyhow::Result<std::convert::Infallible> {
        loop {
            self.tend()?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Stops all, in order.
    ///
    /// # Errors
    /// When `running.json` cannot be removed.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        self.running().stop(self.layout, self.report).await?;
        // Dropping a child reaps it.
        self.members.borrow_mut().clear();
        Ok(())
    }

    /// What runs.
    pub(super) fn running(&self) -> Running {
        let members = self.members.borrow();
        let processes = members.iter().map(|(role, m)| (*role, m.identity.clone()));
        Running {
            supervisor: Identity::of(std::process::id()),
            processes: processes.collect(),
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        self.running().save(self.layout)
    }
}

/// Has a process not answered at all?
fn is_unreachable(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(RpcError::Unreachable { .. } | RpcError::TimedOut { .. })
    )
}

/// What a look at something gave.
#[derive(Debug)]
pub(super) enum Probe<T> {
    /// It is there.
    Ready(T),
    /// What is missing.
    NotYet(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(layout: &Layout, role: Role, script: &str) -> Call {
        Call::new("/bin/sh".into(), layout.log(role.name())).args(["-c", script])
    }

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        layout.create().expect("makes");
        (dir, layout)
    }

    /// Looks until something is told or a minute is over.
    async fn tend_until_error(fleet: &Fleet<'_, '_>) -> String {
        let waited = tokio::time::timeout(Duration::from_secs(60), fleet.watch()).await;
        format!("{:#}", waited.expect("ends").expect_err("an end is told"))
    }

    #[tokio::test]
    async fn processes_stop_in_the_opposite_order_of_their_start() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let fleet = Fleet::new(&layout, &report, Restarts::never()).expect("new");
        for role in Role::ALL {
            let call = sh(&layout, role, "exec sleep 60");
            fleet.start(role, call).expect("starts");
        }
        let known = Running::load(&layout).expect("file");
        let order: Vec<Role> = known.alive().into_iter().map(|(role, _)| role).collect();
        assert_eq!(
            order,
            [Role::Worker, Role::Miner, Role::Daemon, Role::Beacon]
        );
        assert!(known.supervisor.expect("this process").is_alive());
        fleet.stop().await.expect("stops");
        assert!(!layout.running().exists());
        assert!(known.processes.values().all(|id| !id.is_alive()));
    }

    #[tokio::test]
    async fn what_a_killed_supervisor_left_is_found_and_stopped() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let mut orphan = sh(&layout, Role::Daemon, "exec sleep 60")
            .spawn()
            .expect("starts");
        let identity = Identity::of(orphan.id().expect("runs")).expect("runs");
        let left = Running {
            supervisor: None,
            processes: BTreeMap::from([(Role::Daemon, identity.clone())]),
        };
        left.save(&layout).expect("saves");
        let found = Running::load(&layout).expect("loads");
        assert_eq!(found.alive(), [(Role::Daemon, identity.clone())]);
        found.stop(&layout, &report).await.expect("stops");
        assert!(!identity.is_alive());
        orphan.wait().await.expect("ended");
    }

    #[tokio::test]
    async fn a_process_that_ends_is_told_of_with_its_last_words() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let fleet = Fleet::new(&layout, &report, Restarts::never()).expect("new");
        let call = sh(
            &layout,
            Role::Miner,
            "sleep 0.1; echo out of sectors; exit 4",
        );
        fleet.start(Role::Miner, call).expect("starts");
        let told = tend_until_error(&fleet).await;
        assert!(told.contains("miner has ended"), "{told}");
        assert!(told.contains("out of sectors"), "{told}");
    }

    #[tokio::test]
    async fn a_process_is_started_again_until_it_ends_too_often() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let fleet = Fleet::new(&layout, &report, Restarts::limited()).expect("new");
        let call = sh(&layout, Role::Worker, "sleep 0.1; echo tried");
        fleet.start(Role::Worker, call).expect("starts");
        tend_until_error(&fleet).await;
        let log = fs::read_to_string(layout.log("worker")).expect("log");
        assert_eq!(log.lines().count(), 1 + RESTART_LIMIT);
    }

    #[test]
    fn ends_long_ago_do_not_count() {
        let mut restarts = Restarts::limited();
        let begun = Instant::now();
        for _ in 0..RESTART_LIMIT {
            assert!(restarts.allow(Role::Daemon, begun));
        }
        assert!(!restarts.allow(Role::Daemon, begun));
        assert!(restarts.allow(Role::Miner, begun));
        assert!(restarts.allow(Role::Daemon, begun + RESTART_WINDOW));
        assert!(!Restarts::never().allow(Role::Daemon, begun));
    }

    #[tokio::test]
    async fn waiting_ends_and_says_what_was_missing() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let fleet = Fleet::new(&layout, &report, Restarts::never()).expect("new");
        fs::write(layout.log("daemon"), "waiting for peers\n").expect("log");
        let limit = Duration::from_millis(100);
        let waited = fleet
            .wait_for::<()>("a block", limit, &[Role::Daemon], async || {
                Ok(Probe::NotYet("height 0".to_owned()))
            })
            .await;
        let text = format!("{:#}", waited.expect_err("never comes"));
        assert!(text.contains("a block did not happen"), "{text}");
        assert!(text.contains("height 0"), "{text}");
        assert!(text.contains("waiting for peers"), "{text}");
    }

    #[tokio::test]
    async fn who_cannot_be_reached_is_waited_for_and_who_refuses_is_not() {
        let (_dir, layout) = layout();
        let mut out = Vec::new();
        let report = Reporter::new(&mut out);
        let fleet = Fleet::new(&layout, &report, Restarts::never()).expect("new");
        let limit = Duration::from_secs(60);
        let mut answers = vec![Ok(Probe::Ready(7)), Err(RpcError::new("no such sector"))];
        for _ in 0..2 {
            answers.push(Err(RpcError::Unreachable {
                peer: "the miner".to_owned(),
                reason: "connection refused".to_owned(),
            }));
        }
        let mut ask = async || Ok(answers.pop().expect("asked")?);
        let refused = fleet.wait_for("it", limit, &[], &mut ask).await;
        let error = refused.expect_err("it refused");
        assert!(error.to_string().contains("no such sector"), "{error}");
        let answered = fleet.wait_for("it", limit, &[], &mut ask).await;
        assert_eq!(answered.expect("it answers"), 7);
    }
}
