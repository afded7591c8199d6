//! `lotus-bench` against real daemons.

use crate::{process::Place, recorded::following};

/// The number before `unit` on the line that begins with `label`.
fn number(report: &str, label: &str, unit: &str) -> f64 {
    let line = report.lines().find_map(|line| line.strip_prefix(label));
    let line = line.unwrap_or_else(|| panic!("no {label:?} in\n{report}"));
    let text = line.split(unit).next().unwrap_or_default().trim();
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number, in\n{report}"))
}

#[test]
fn requests_and_starts_of_a_daemon_are_measured() {
    let place = Place::new();
    let (daemon, api) = following(&place);
    for scheme in ["http", "ws"] {
        let endpoint = format!("{scheme}://{}/rpc/v1", api.address());
        let head = "--method=ChainHead:2";
        let deep = "--method=ChainGetTipSetByHeight:2:50:[10,null]";
        let args = ["rpc", "--endpoint", &endpoint, "--duration=1s", head, deep];
        let report = place.done("lotus-bench", args);
        let (first, second) = report.split_once("\n\n").expect("a report of each method");
        assert!(first.contains("[Filecoin.ChainHead]:"), "{first}");
        let sent = number(first, "- Total Requests: ", "\n");
        assert!(number(first, "- Requests/sec: ", "\n") > 0.0, "{first}");
        // All were answered.
        assert_eq!(number(first, "    [nil]: ", "\n"), sent, "{first}");
        // Fifty a second were allowed, for one second.
        assert!(
            number(second, "- Total Requests: ", "\n") <= 50.0,
            "{second}"
        );
    }
    let nonsense = ["rpc", "--duration=1s", "--method=NoSuchMethod:1"];
    let endpoint = format!("--endpoint=http://{}/rpc/v1", api.address());
    let args = nonsense.into_iter().chain([endpoint.as_str()]);
    let ended = place.run(place.tool("lotus-bench", args));
    assert!(
        ended.refused().contains("NoSuchMethod"),
        "the error is in the report"
    );
    daemon.stop();

    let repo = place.path("repo");
    let repo = repo.to_str().expect("UTF-8");
    let start = ["start", "--repo", repo, "--runs=2", "--settle=0s"];
    let flags = ["--", "--api", "0", "--bootstrap=false"];
    let report = place.done("lotus-bench", start.iter().chain(&flags));
    for run in [
        "start 1: first answer after ",
        "start 2: first answer after ",
    ] {
        assert!(number(&report, run, "s,") > 0.0, "{report}");
    }
    assert!(report.contains("resident memory"), "{report}");
    assert!(!report.contains("unknown"), "{report}");
}

#[test]
fn the_selection_of_messages_is_measured() {
    let place = Place::new();
    let args = ["mpool", "--messages=500", "--senders=50", "--runs=2"];
    let report = place.done("lotus-bench", args);
    assert!(
        report.starts_with("500 messages of 50 senders\n"),
        "{report}"
    );
    assert_eq!(
        report.matches("messages chosen; least").count(),
        3,
        "{report}"
    );
    let refused = place.run(place.tool("lotus-bench", ["mpool", "--ticket-quality=2"]));
    assert!(refused.refused().contains("from 0 to 1"));
}
