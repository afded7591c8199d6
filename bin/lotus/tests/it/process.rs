//! Processes of the suite in a folder of their own.
//!
//! # Invariants
//! - Nothing of the user's is touched: every repo lies in the test's folder, and no `LOTUS_` variable
//!   but those that name caches reaches a process.
//! - Nothing fails because it is slow: what never comes ends in a panic after [`PATIENCE`], with what
//!   the process has said.
//! - A process ends with the test that started it, whatever becomes of the test.

use std::{
    cell::Cell,
    ffi::OsStr,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use lotus_networks::Network;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long a test waits for what must come. Only a hang takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How often it looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Variables that a process gets although they begin with `LOTUS_`.
const KEPT: [&str; 2] = ["LOTUS_RS_CACHE", "LOTUS_BUNDLE_DIR"];

/// A file below `fixtures/lotus`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/lotus")
        .join(name)
}

/// Waits until `condition` gives something.
///
/// # Panics
/// After [`PATIENCE`], with what `state` says then.
pub(crate) fn eventually<T>(
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
    state: impl FnOnce() -> String,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "waited {PATIENCE:?} for {what}; {}",
            state()
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A folder with repos, logs and the description of a network.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
    logs: Cell<u32>,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            logs: Cell::new(0),
        }
    }

    /// A file or folder in it; `repo`, `miner` and `worker` are the repos.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the description of a network.
    pub(crate) fn network(&self, name: &str, network: &Network) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, network.to_toml()).expect("the folder can be written");
        path
    }

    /// A call of `lotus`, `lotus-miner`, … with this place's repos.
    pub(crate) fn tool<S: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lotus"));
        command.arg(name).args(args);
        self.furnish(&mut command);
        command
    }

    /// Like [`Self::tool`], by a shell that runs `first` before it becomes the tool: for limits.
    pub(crate) fn tool_after<S: AsRef<OsStr>>(
        &self,
        first: &str,
        name: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new("/bin/sh");
        let script = format!("{first}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_lotus"), name]);
        command.args(args);
        self.furnish(&mut command);
        command
    }

    fn furnish(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let of_lotus = text.starts_with("LOTUS_") || text.ends_with("_API_INFO");
            if of_lotus && !KEPT.contains(&&*text) || text.starts_with("GOLOG_") {
                command.env_remove(&name);
            }
        }
        command
            .env("LOTUS_PATH", self.path("repo"))
            .env("LOTUS_MINER_PATH", self.path("miner"))
            .env("LOTUS_WORKER_PATH", self.path("worker"))
            .env("FIL_PROOFS_PARAMETER_CACHE", fixture("real-chain/vk"))
            .env("GOLOG_LOG_FMT", "nocolor")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
    }

    /// Starts a process whose output goes into a file of its own.
    pub(crate) fn start(&self, mut command: Command) -> Process {
        let number = self.logs.get();
        self.logs.set(number + 1);
        let log = self.path(&format!("{number}.log"));
        let file = File::create(&log).expect("the folder can be written");
        let both = file.try_clone().expect("a file can be shared");
        let child = command.stdout(file).stderr(both).spawn();
        Process {
            child: child.expect("the executable can be started"),
            log,
        }
    }

    /// Runs a process to its end.
    pub(crate) fn run(&self, command: Command) -> Ended {
        self.start(command).ended()
    }

    /// Runs a command that must succeed and gives what it printed.
    pub(crate) fn done<S: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = S>,
    ) -> String {
        let ended = self.run(self.tool(name, args));
        assert!(ended.status.success(), "{name}: {}", ended.said);
        ended.said
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// All that it has written to stdout and stderr.
    pub(crate) said: String,
}

impl Ended {
    /// It must have refused: ended by itself, with an exit code that says so.
    pub(crate) fn refused(self) -> String {
        let code = self.status.code();
        assert!(
            code.is_some_and(|c| c != 0),
            "{}: {}",
            self.status,
            self.said
        );
        self.said
    }
}

/// A process that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Most often it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said `text`.
    pub(crate) fn says(&mut self, text: &str) {
        self.until(&format!("{text:?}"), |process| {
            process.said().contains(text).then_some(())
        });
    }

    /// Waits for something that it does; it must not end before.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        let log = self.log.clone();
        eventually(
            what,
            || {
                let found = condition(self);
                if found.is_none()
                    && let Some(status) = self.child.try_wait().expect("its state can be asked")
                {
                    panic!("waiting for {what}: it ended ({status})\n{}", self.said());
                }
                found
            },
            || fs::read_to_string(log).unwrap_or_default(),
        )
    }

    /// Waits until the API that `repo` names answers; gives it.
    pub(crate) fn api(&mut self, repo: &Path) -> Api {
        self.until("its API", |_| {
            let api = Api::of(repo)?;
            api.call("Filecoin.Version", json!([])).ok().map(|_| api)
        })
    }

    /// Waits until it has either come up or given up.
    pub(crate) fn settles(&mut self, repo: &Path) {
        let log = self.log.clone();
        eventually(
            "a process to come up, or to end",
            || {
                let ended = self.child.try_wait().expect("its state can be asked");
                let up = || Api::of(repo)?.call("Filecoin.Version", json!([])).ok();
                ended.map(|_| ()).or_else(|| up().map(|_| ()))
            },
            || fs::read_to_string(log).unwrap_or_default(),
        );
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(self) -> Ended {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process number"), Signal::TERM).expect("it runs");
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        self.ended_within(PATIENCE)
    }

    /// Waits for the end of something that takes longer than others.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Ended {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state can be asked") {
                let said = self.said();
                return Ended { status, said };
            }
            assert!(
                begun.elapsed() < limit,
                "waited {limit:?} for the end of a process; {}",
                self.said()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Asks it to end; false when it has not within `limit`. For what must not panic.
    pub(crate) fn end_within(&mut self, limit: Duration) -> bool {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A child that was not waited for keeps its number.
        if let (Some(id), Ok(None)) = (id, self.child.try_wait()) {
            let _ = kill_process(id, Signal::TERM);
        }
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        true
    }
}

/// A running process' JSON-RPC API, over plain HTTP with nothing kept between two calls.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    address: SocketAddr,
    token: String,
}

impl Api {
    /// The API that the files of a repo name, if they do.
    pub(crate) fn of(repo: &Path) -> Option<Self> {
        let multiaddr = fs::read_to_string(repo.join("api")).ok()?;
        let mut parts = multiaddr.trim().split('/').skip(2).step_by(2);
        let (ip, port) = (parts.next()?, parts.next()?);
        Some(Self {
            address: SocketAddr::new(ip.parse().ok()?, port.parse().ok()?),
            token: fs::read_to_string(repo.join("token")).ok()?,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls a method (`Filecoin.ChainHead`); an error is what the process says, or why it cannot be
    /// asked.
    pub(crate) fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post(&request.to_string()).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|e| format!("{e}: {answer}"))?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer["result"].clone()),
            Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// Key and height of the head.
    pub(crate) fn head(&self) -> (Value, i64) {
        let head = self.call("Filecoin.ChainHead", json!([])).expect("a head");
        let height = head["Height"].as_i64().expect("a height");
        (head["Cids"].clone(), height)
    }

    fn post(&self, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "POST /rpc/v1 HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token.trim(),
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        body.map(str::to_owned).ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("no answer: {answer:?}"),
            )
        })
    }
}
