//! The ledger as Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use lotus_rpc_api::MethodInfo;

use super::lists::{LEFT_OUT, List};

/// Methods that a node of this test does not answer, and a daemon does.
const BY_THE_DAEMON: &[(&str, &str)] = &[
    (
        "Client",
        "the market client answers, which the daemon starts",
    ),
    ("LogList", "answered where the process has set up its log"),
    (
        "LogSetLevel",
        "answered where the process has set up its log",
    ),
];

fn by_the_daemon(info: &MethodInfo) -> bool {
    let known = |(name, _): &&(&str, &str)| *name == info.short_name() || *name == info.group();
    BY_THE_DAEMON.iter().any(|entry| known(&entry))
}

#[derive(Default)]
struct Group {
    described: usize,
    answered: usize,
    unanswered: Vec<&'static str>,
}

/// The whole ledger. The names beside a list are those of methods that answer "not supported".
pub(super) fn write(lists: &[(&List, &BTreeSet<&'static str>)]) -> String {
    let mut out = String::new();
    for (list, unanswered) in lists {
        section(&mut out, list, unanswered);
    }
    out.push_str("\nNot described, and so answered with \"method not found\":\n\n");
    for (group, reason) in LEFT_OUT {
        let _ = writeln!(out, "- {group}: {reason}");
    }
    out.push_str("\nThe walk that counts answers runs on a node without these:\n\n");
    for (name, reason) in BY_THE_DAEMON {
        let _ = writeln!(out, "- {name}: {reason}");
    }
    out
}

fn section(out: &mut String, list: &List, unanswered: &BTreeSet<&'static str>) {
    let listed = list.listed();
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    let mut more = 0;
    for info in list.described() {
        if !listed.contains_key(info.short_name()) {
            more += 1;
            continue;
        }
        let group = groups.entry(info.group()).or_default();
        group.described += 1;
        if unanswered.contains(info.short_name()) && !by_the_daemon(info) {
            group.unanswered.push(info.short_name());
        } else {
            group.answered += 1;
        }
    }
    let described: usize = groups.values().map(|g| g.described).sum();
    let answered: usize = groups.values().map(|g| g.answered).sum();
    // Writing into a String does not fail.
    let _ = write!(
        out,
        "\n### {}\n\n{} methods in Lotus, {} without the groups left out: {described} described, \
         {answered} answered.\n\n",
        list.title,
        list.all().len(),
        listed.len(),
    );
    if more > 0 {
        let _ = write!(
            out,
            "{more} methods of v1 that the list does not have can be called too, as with Lotus, \
             whose v0 wraps its v1.\n\n"
        );
    }
    out.push_str("| group | described | answered | not answered |\n|---|---|---|---|\n");
    for (name, group) in &mut groups {
        group.unanswered.sort_unstable();
        let names: Vec<_> = group.unanswered.iter().map(|n| format!("`{n}`")).collect();
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} |",
            group.described,
            group.answered,
            names.join(", ")
        );
    }
    out.push_str("\nDifferences from Lotus' list:\n\n");
    for (difference, reason) in list.said() {
        let _ = writeln!(out, "- {difference}: {reason}.");
    }
}
