//! A file is stored while processes of the network are killed with `kill -9`: its sector goes on where
//! it was, under its number, and the chain sees each of its messages once.
//!
//! The work is `lotus-devnet check --kill`, here with mock proofs whose steps take seconds; the same
//! with real ones is for who has half an hour (CONTRIBUTING.md). One network per process that is
//! killed, so that they run side by side.

use crate::devnet::check;

/// The process is killed inside PreCommit2, WaitSeed and Commit2 of the first sector with a deal: the
/// network was born with sectors 0 and 1.
fn the_file_survives_the_death_of(process: &str) {
    let report = check(&["--kill", process]);
    let at = |what: &str| {
        report
            .find(what)
            .unwrap_or_else(|| panic!("{what}\n{report}"))
    };
    let deaths = ["PreCommit2", "WaitSeed", "Commit2"]
        .map(|moment| at(&format!("killed: sector 2 in {moment}")));
    assert!(deaths.is_sorted(), "{report}");
    assert!(
        report.contains(&format!("!!! {process} is started again")),
        "{report}"
    );
    assert!(at("deal active") > deaths[2], "{report}");
    at("bytes, equal");
    at(&format!(
        "{process} killed in PreCommit2, WaitSeed and Commit2 of sector 2, which has one pre-commit \
         and one proof on chain"
    ));
    // What the killed processes left behind is the chain that everybody else computes.
    at("messages replayed to the same roots");
    at("a second node followed");
}

#[test]
fn of_the_daemon_inside_pc2_wait_seed_and_c2() {
    the_file_survives_the_death_of("daemon");
}

#[test]
fn of_the_miner_inside_pc2_wait_seed_and_c2() {
    the_file_survives_the_death_of("miner");
}

#[test]
fn of_the_worker_inside_pc2_wait_seed_and_c2() {
    the_file_survives_the_death_of("worker");
}
