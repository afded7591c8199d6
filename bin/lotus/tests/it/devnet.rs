//! `lotus-devnet` with mock proofs: whole networks of real processes.

use std::{fs, time::Duration};

use crate::process::{Ended, Place, Process};

/// A supervisor stops its processes in order; each of them has 25 s.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// A whole check takes a minute or two on a machine with two processors that do nothing else.
const CHECK_LIMIT: Duration = Duration::from_secs(900);

/// A `lotus-devnet` that looks after a network. Dropping it has it stop the network: only it knows
/// whom it has started.
pub(crate) struct Devnet {
    pub(crate) place: Place,
    pub(crate) supervisor: Process,
}

impl Devnet {
    /// Starts it with mock proofs and a folder of its own for what is temporary.
    pub(crate) fn start(args: &[&str]) -> Self {
        let place = Place::new();
        let temporary = place.path("tmp");
        fs::create_dir(&temporary).expect("the folder can be written");
        let folder = place.path("devnet");
        let folder = folder.to_str().expect("a temporary path is text");
        let mut command = place.tool("lotus-devnet", ["--dir", folder]);
        command.args(args).arg("--mock-proofs");
        command.env("TMPDIR", temporary);
        let supervisor = place.start(command);
        Self { place, supervisor }
    }

    /// Waits for its end.
    fn ended(&mut self) -> Ended {
        self.supervisor.ended_within(CHECK_LIMIT)
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if !self.supervisor.end_within(STOP_LIMIT) {
            eprintln!("lotus-devnet did not stop its network");
        }
    }
}

/// `lotus-devnet check` must succeed; gives its report.
pub(crate) fn check(args: &[&str]) -> String {
    let all = [&["check"], args].concat();
    let ended = Devnet::start(&all).ended();
    assert!(ended.status.success(), "{}", ended.said);
    ended.said
}

#[test]
fn a_window_post_is_accepted_in_the_first_deadline() {
    let report = check(&["--windowpost"]);
    assert!(report.contains("MOCK PROOFS"), "{report}");
    assert!(report.contains("WindowPoSt of deadline"), "{report}");
}
