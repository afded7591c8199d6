//! What concerns the process as a whole: signals, the log, limits.
//!
//! Each of these changes the state of the process, so that they are kept out of the unit tests.

use std::{collections::BTreeMap, convert::Infallible, future::pending, time::Duration};

use lotus_runtime::{
    limits,
    logging::{self, LogError},
    supervisor::{StopReason, Supervisor},
};
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};

/// The tasks run only once the supervisor waits, and it installs its handlers before that.
#[tokio::test]
async fn a_signal_stops_the_process_and_a_second_one_does_not_wait() {
    let supervisor = Supervisor::new(Duration::from_secs(3600));
    let tasks = supervisor.tasks();
    let stop = tasks.stop_token();
    tasks.background("deaf", pending::<Result<(), Infallible>>());
    tasks.background("operator", async move {
        kill_process(getpid(), Signal::TERM)?;
        stop.cancelled().await;
        kill_process(getpid(), Signal::INT)
    });
    let outcome = supervisor.run().await.expect("runs");
    assert!(
        matches!(outcome.reason, StopReason::Signal("SIGTERM")),
        "{:?}",
        outcome.reason
    );
    assert!(
        outcome.unfinished.contains(&"deaf".to_owned()),
        "{:?}",
        outcome.unfinished
    );
}

#[test]
fn the_log_goes_to_the_file_at_levels_that_can_be_changed() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("lotus.log");
    let path = file.display().to_string();
    let env = move |name: &str| match name {
        "GOLOG_FILE" => Some(path.clone()),
        "GOLOG_LOG_FMT" => Some("json".to_owned()),
        "GOLOG_LOG_LEVEL" => Some("info,miner=debug".to_owned()),
        _ => None,
    };
    let levels = BTreeMap::from([("miner", "error"), ("net", "debug")]);
    let levels = levels
        .into_iter()
        .map(|(system, level)| (system.to_owned(), level.to_owned()));
    let handle = logging::init(&levels.collect(), &env).expect("set up");

    tracing::debug!(target: "lotus_chain::store", "one");
    tracing::info!(target: "lotus_chain::store", height = 5, "two");
    tracing::debug!(target: "lotus_miner", "three: the environment wins over the file");
    tracing::debug!(target: "lotus_net::host", "four");
    tracing::info!(target: "some_library", "five");
    handle.set_level("chain", "debug").expect("a level");
    tracing::debug!(target: "lotus_chain::store", "six");
    handle.set_level("chain", "loud").expect_err("no level");
    let panicked = std::thread::spawn(|| panic!("seven")).join();
    panicked.expect_err("panicked");

    let written = std::fs::read_to_string(&file).expect("written");
    let messages: Vec<serde_json::Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // The other tests of this process stop tasks and raise limits, which is logged too.
    let others = ["lotus_runtime::supervisor", "lotus_runtime::limits"];
    let messages: Vec<&str> = messages
        .iter()
        .filter(|record| !others.iter().any(|target| record["target"] == *target))
        .map(|record| record["fields"]["message"].as_str().expect("a message"))
        .filter_map(|message| message.split(':').next())
        .collect();
    assert_eq!(messages, ["two", "three", "four", "six", "panic"]);
    let again = logging::init(&BTreeMap::new(), |_: &str| None);
    assert!(matches!(again, Err(LogError::SetUpTwice)));
}

#[test]
fn the_limit_on_open_files_is_raised_to_the_hard_one() {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(256),
            maximum: hard,
        },
    )
    .expect("lowered");
    let limit = limits::raise_file_limit(|_| None);
    assert_eq!(limit.before, 256);
    // Where the hard limit is low and the process may, that one is raised, too.
    assert!(limit.now >= hard.unwrap_or(u64::MAX), "{limit:?}");
    let now = getrlimit(Resource::Nofile).current;
    assert_eq!(now.unwrap_or(u64::MAX), limit.now);
}
