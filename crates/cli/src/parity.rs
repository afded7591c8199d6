//! The programs' command lines against Lotus' list, as a part of `docs/parity.md`.
//!
//! `cargo xtask gen` runs this with `LOTUS_RS_WRITE` set, which writes what otherwise is compared.
//!
//! # Invariants
//! - What is there and what is missing is read from the command lines themselves.
//! - A name that Lotus' list has is looked for with its aliases and flags, hidden ones included; what
//!   is there and not in the list is ours and is named, too.

mod list;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use clap::{Command, CommandFactory as _};

use list::Listed;

const BEGIN: &str = "<!-- commands: begin; written by cargo xtask gen -->\n";
const END: &str = "<!-- commands: end -->\n";

/// What is not there on purpose, by how it begins, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "lotus evm",
        "Ethereum's API needs the FEVM (network version 18)",
    ),
    (
        "lotus pprof",
        "profiles of Go's runtime; `/debug/pprof` answers 501",
    ),
    ("lotus-miner pprof", "the same"),
    ("--panic-reports", "a panic is logged with its backtrace"),
    ("--pprof", "as `lotus pprof`"),
    ("--vv", "`GOLOG_LOG_LEVEL` says it"),
];

/// Programs and their command lines.
fn programs() -> [(&'static str, Command); 6] {
    [
        ("lotus", crate::lotus::Lotus::command()),
        ("lotus-miner", crate::miner::LotusMiner::command()),
        ("lotus-worker", crate::worker::LotusWorker::command()),
        ("lotus-wallet", crate::wallet_server::LotusWallet::command()),
        ("lotus-seed", crate::seed::Seed::command()),
        ("lotus-bench", crate::bench::Bench::command()),
    ]
}

/// A program held against the list.
#[derive(Default)]
struct Compared {
    listed: usize,
    here: usize,
    starred: usize,
    starred_here: usize,
    missing: Vec<Listed>,
    /// Of commands that are here.
    missing_flags: BTreeMap<String, Vec<String>>,
    /// Commands that Lotus does not have.
    own: Vec<String>,
}

fn left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|(begin, _)| {
        let rest = name.strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// The command of this path below a program's.
fn find<'c>(program: &'c Command, path: &[String]) -> Option<&'c Command> {
    path.iter().try_fold(program, |command, name| {
        let mut found = command.get_subcommands();
        found.find(|c| c.get_name() == name || c.get_all_aliases().any(|a| a == name))
    })
}

/// Names of a command's flags: `--from`, `-a`; those of the programs above it count, too.
fn flags(program: &Command, path: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for depth in 0..=path.len() {
        let Some(command) = path.get(..depth).and_then(|above| find(program, above)) else {
            continue;
        };
        for arg in command.get_arguments() {
            let longs = arg.get_long_and_visible_aliases().unwrap_or_default();
            let hidden = arg.get_all_aliases().unwrap_or_default();
            names.extend(
                longs
                    .into_iter()
                    .chain(hidden)
                    .map(|name| format!("--{name}")),
            );
            let shorts = arg.get_short_and_visible_aliases().unwrap_or_default();
            names.extend(shorts.into_iter().map(|name| format!("-{name}")));
        }
    }
    names
}

fn compare(program: &Command, listed: &[Listed]) -> Compared {
    let mut compared = Compared::default();
    for entry in listed.iter().filter(|entry| !left_out(&entry.name())) {
        let found = find(program, &entry.path);
        if !entry.is_group {
            compared.listed += 1;
            compared.starred += usize::from(entry.is_core);
            compared.here += usize::from(found.is_some());
            compared.starred_here += usize::from(found.is_some() && entry.is_core);
        }
        if found.is_none() {
            compared.missing.push(entry.clone());
            continue;
        }
        let ours = flags(program, &entry.path);
        let known = |names: &&Vec<String>| names.iter().any(|n| ours.contains(n) || left_out(n));
        let missing = entry.flags.iter().filter(|names| !known(names));
        let missing: Vec<_> = missing.filter_map(|names| names.first().cloned()).collect();
        if !missing.is_empty() {
            compared.missing_flags.insert(entry.name(), missing);
        }
    }
    own_commands(program, &mut Vec::new(), listed, &mut compared.own);
    compared
}

fn own_commands(
    command: &Command,
    path: &mut Vec<String>,
    listed: &[Listed],
    own: &mut Vec<String>,
) {
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        path.push(below.get_name().to_owned());
        let names: Vec<_> = std::iter::once(below.get_name())
            .chain(below.get_all_aliases())
            .collect();
        let above = path.get(..path.len() - 1).unwrap_or_default();
        let is_listed = listed.iter().any(|entry| {
            entry.path.len() == path.len()
                && entry.path.starts_with(above)
                && entry
                    .path
                    .last()
                    .is_some_and(|last| names.contains(&last.as_str()))
        });
        if is_listed {
            own_commands(below, path, listed, own);
        } else {
            own.push(path.join(" "));
        }
        path.pop();
    }
}

fn page(lists: &BTreeMap<String, Vec<Listed>>) -> String {
    let mut out = String::from(
        "| program | commands in Lotus | here | of the most used | here | ours |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut sections = String::new();
    for (name, program) in programs() {
        let listed = lists.get(name).map_or(&[][..], Vec::as_slice);
        let compared = compare(&program, listed);
        let own: Vec<_> = compared.own.iter().map(|c| format!("`{c}`")).collect();
        // Writing into a String does not fail.
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} | {} | {} | {} |",
            compared.listed,
            compared.here,
            compared.starred,
            compared.starred_here,
            own.join(", ")
        );
        section(&mut sections, name, &compared);
    }
    out.push_str(&sections);
    out.push_str("\nLeft out on purpose:\n\n");
    for (begin, why) in LEFT_OUT {
        let _ = writeln!(out, "- `{begin}`: {why}");
    }
    out
}

fn section(out: &mut String, name: &str, compared: &Compared) {
    if compared.missing.is_empty() && compared.missing_flags.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n### {name}\n");
    // A group that is missing says it for its commands.
    let missing = compared.missing.iter().filter(|entry| {
        let above = entry
            .path
            .split_last()
            .map(|(_, above)| above)
            .unwrap_or_default();
        !compared.missing.iter().any(|other| other.path == above)
    });
    let names: Vec<_> = missing
        .map(|entry| format!("`{}`", entry.path.join(" ")))
        .collect();
    if !names.is_empty() {
        let _ = writeln!(out, "- not here: {}", names.join(", "));
    }
    for (command, flags) in &compared.missing_flags {
        let flags: Vec<_> = flags.iter().map(|flag| format!("`{flag}`")).collect();
        let _ = writeln!(out, "- `{command}` without {}", flags.join(", "));
    }
}

#[test]
fn the_ledger_of_commands_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = std::fs::read_to_string(root.join("fixtures/lotus/facts/cli.txt")).expect("a list");
    let wanted = page(&list::read(&list));
    let path = root.join("docs/parity.md");
    let text = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the ledger's begin");
    let (_, after) = rest.split_once(END).expect("the ledger's end");
    let wanted = format!("{before}{BEGIN}{wanted}{END}{after}");
    if std::env::var_os("LOTUS_RS_WRITE").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    } else {
        assert!(
            text == wanted,
            "docs/parity.md is not what the command lines say: run `cargo xtask gen`"
        );
    }
}
