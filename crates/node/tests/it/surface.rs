//! The API's surface against Lotus' lists, and the pages that are generated from it.
//!
//! `cargo xtask gen` runs these tests with `LOTUS_RS_WRITE` set, which writes what otherwise is
//! compared: `docs/api.md` and the ledger in `docs/parity.md`.

mod ledger;
mod lists;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use lotus_rpc_api::{CallStyle, Dispatcher, Permission, full};

use crate::{recorded_answers::node_of, samples};

const BEGIN: &str = "<!-- ledger: begin; written by cargo xtask gen -->\n";
const END: &str = "<!-- ledger: end -->\n";

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

/// Compares a file with what it should hold, or writes it.
fn agree(path: &Path, wanted: &str) {
    if std::env::var_os("LOTUS_RS_WRITE").is_some() {
        std::fs::write(path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is not what the descriptions say: run `cargo xtask gen`",
        path.display()
    );
}

#[test]
fn the_reference_page_is_current() {
    agree(&docs("api.md"), &lotus_rpc_api::reference_markdown());
}

#[test]
fn descriptions_differ_from_lotus_only_where_it_is_said() {
    for list in [&lists::V1, &lists::V0] {
        let mut found: Vec<_> = list.differences();
        found.sort();
        let mut said: Vec<_> = list.said().map(|(d, _)| d.to_owned()).collect();
        said.sort();
        assert_eq!(found, said, "{}: differences found, and said", list.title);
    }
}

/// Names of the methods that answer "not supported" to good parameters.
async fn unanswered(methods: &Dispatcher) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for info in methods.methods() {
        let params = serde_json::value::to_raw_value(&samples::params(info)).unwrap();
        let call = methods.call(
            info.name,
            Some(&params),
            &Permission::ALL,
            CallStyle::Channels,
        );
        // Whoever waits for something is there.
        let Ok(answer) = tokio::time::timeout(Duration::from_secs(5), call).await else {
            continue;
        };
        if let Err(error) = answer {
            assert!(
                !error.to_string().contains("unmarshaling"),
                "the sample for {} is no good: {error}",
                info.name
            );
            if error.to_string() == format!("method '{}' not supported", info.name) {
                names.insert(info.short_name());
            }
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_current() {
    let (node, _supervisor) = node_of("mock-chain").await;
    let v1 = unanswered(&full::dispatcher(&node.api)).await;
    let v0 = unanswered(&full::v0::dispatcher(&node.api)).await;
    let text = ledger::write(&[(&lists::V1, &v1), (&lists::V0, &v0)]);
    let path = docs("parity.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the ledger's begin");
    let (_, after) = rest.split_once(END).expect("the ledger's end");
    agree(&path, &format!("{before}{BEGIN}{text}{END}{after}"));
}
