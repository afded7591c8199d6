//! Every command that was recorded on a chain that stood still, typed again: the real `lotus` against
//! a real `lotus-shed api serve` of the same chain. Exit code and output must be those of Go Lotus.
//!
//! # Invariants
//! - [`DIFFERENT`] names all that differs, with the reason; a command that is named there and prints
//!   the same fails, too, so that the list stays true.
//! - Left out of the comparison is what depends on the clock (how long ago something was, or will be, how
//!   long it took) and usage texts.

use std::process::Stdio;

use serde_json::Value;

use crate::process::{Place, Process, fixture};

/// The first of the commands that ran while the chain stood still.
const FIRST: [&str; 2] = ["chain", "head"];

/// Commands that print something else, by how they begin, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "chain gas-price",
        "Lotus draws a little noise into what it suggests, anew each time",
    ),
    ("evm stat", "Ethereum's commands need the FEVM"),
    (
        "info",
        "tells of the process: its start, its alerts, its traffic, its payment channels",
    ),
    ("log list", "names the parts of the program"),
    ("net bandwidth", "the recorded node had a peer"),
    ("net peers", "the same"),
    (
        "paych list",
        "the node that made a channel knows it, not the chain",
    ),
    ("paych status t2", "the same"),
    ("paych voucher list", "the same"),
    ("sync status", "the recorded node had followed a peer"),
    ("version", "names the program"),
];

/// As [`DIFFERENT`], of one chain.
const DIFFERENT_TWO: &[(&str, &str)] = &[(
    "wallet list",
    "the recorded wallet had one more key, which was not kept",
)];

/// Commands whose lines Lotus prints in a random order.
const UNORDERED: [&str; 2] = ["filplus list-allocations", "filplus list-claims"];

/// What was recorded in place of usage texts, which are each program's own.
const USAGE: &str = "(usage text)";

struct Recorded {
    args: Vec<String>,
    exit: i64,
    stdout: String,
}

/// Runs one recorded chain in a node and types its commands.
struct Typed {
    place: Place,
    _node: Process,
    url: String,
}

fn json(chain: &str, file: &str) -> Value {
    let path = fixture(chain).join(file);
    let text = std::fs::read_to_string(path).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn recorded(chain: &str) -> Vec<Recorded> {
    let commands = json(chain, "cli.json");
    let commands = commands.as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let commands = commands.map(|command| Recorded {
        args: command["args"]
            .as_array()
            .expect("a list")
            .iter()
            .map(text)
            .collect(),
        exit: command["exit"].as_i64().expect("a number"),
        stdout: text(&command["stdout"]),
    });
    commands
        .skip_while(|command| !command.args.starts_with(&FIRST.map(str::to_owned)))
        .collect()
}

impl Typed {
    /// Serves a recorded chain with the keys that the recorded node had.
    fn serve(chain: &str) -> Self {
        let place = Place::new();
        let mut args = vec!["api".to_owned(), "serve".to_owned()];
        args.push(
            fixture(chain)
                .join("chain.car.zst")
                .to_str()
                .expect("UTF-8")
                .to_owned(),
        );
        let meta = json(chain, "meta.json");
        let keys = meta["keys"].as_object().expect("keys");
        // The first one becomes the default address.
        let first = keys.iter().filter(|(name, _)| *name == "default");
        let others = keys.iter().filter(|(name, _)| *name != "default");
        for (name, key) in first.chain(others) {
            let path = place.path(&format!("{name}.key"));
            std::fs::write(&path, key["key_info_hex"].as_str().expect("a key")).expect("written");
            args.extend([
                "--wallet-key".to_owned(),
                path.to_str().expect("UTF-8").to_owned(),
            ]);
        }
        let mut node = place.start(place.tool("lotus-shed", &args));
        let url = node.until("its address", |node| {
            let said = node.said();
            let line = said.lines().find(|line| line.starts_with("http://"))?;
            Some(line.trim().to_owned())
        });
        Self {
            place,
            _node: node,
            url,
        }
    }

    /// Exit code and stdout of a command.
    fn lotus(&self, args: &[String]) -> (i64, String, String) {
        let mut command = self.place.tool("lotus", args);
        command
            .env("FULLNODE_API_INFO", &self.url)
            .stdin(Stdio::null());
        let output = command.output().expect("the executable can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let exit = output.status.code().expect("it ended by itself");
        (exit.into(), text(&output.stdout), text(&output.stderr))
    }
}

/// A text without what depends on the clock: `(10 minutes ago)`, `(in 2 days)`, `"Duration": 17`.
fn timeless(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once('(') {
        kept.push_str(before);
        let Some((inner, after)) = inside.split_once(')') else {
            kept.push('(');
            rest = inside;
            break;
        };
        if inner.ends_with(" ago") || inner.starts_with("in ") {
            kept.push_str("(some time)");
        } else {
            kept.push_str(&format!("({inner})"));
        }
        rest = after;
    }
    kept.push_str(rest);
    without_number_after(&without_number_after(&kept, "\"Duration\":"), "\"tt\":")
}

/// `name` stays, the number behind it goes.
fn without_number_after(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(name);
        let part = part.trim_start();
        kept.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    kept
}

/// What of a command's output is compared.
fn compared(line: &str, stdout: &str) -> String {
    let text = timeless(stdout);
    if !UNORDERED.iter().any(|begin| line.starts_with(begin)) {
        return text;
    }
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn all_commands_of(chain: &str, more: &[(&str, &str)]) {
    let typed = Typed::serve(chain);
    let commands = recorded(chain);
    let mut wrong = Vec::new();
    for command in &commands {
        let line = command.args.join(" ");
        let (exit, stdout, stderr) = typed.lotus(&command.args);
        let same = exit == command.exit
            && (command.stdout.trim() == USAGE
                || compared(&line, &stdout) == compared(&line, &command.stdout));
        let mut listed = DIFFERENT.iter().chain(more);
        let listed = listed.find(|(begin, _)| line.starts_with(begin));
        match (same, listed) {
            (true, None) | (false, Some(_)) => {}
            (true, Some((_, why))) => {
                wrong.push(format!(
                    "lotus {line}\n  prints the same, but was listed: {why}"
                ));
            }
            (false, None) => wrong.push(format!(
                "lotus {line}\n  ended with {exit}, expected {}\n--- expected\n{}\n--- printed\n\
                 {stdout}\n--- told\n{stderr}",
                command.exit, command.stdout
            )),
        }
    }
    assert!(commands.len() > 90, "only {} commands", commands.len());
    assert!(
        wrong.is_empty(),
        "{} of {} commands differ\n\n{}",
        wrong.len(),
        commands.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn of_the_mock_chain_print_what_lotus_printed() {
    all_commands_of("mock-chain", &[]);
}

#[test]
fn of_the_chain_of_two_miners_print_what_lotus_printed() {
    all_commands_of("mock-chain-two", DIFFERENT_TWO);
}

#[test]
fn times_are_left_out_of_a_comparison_and_nothing_else() {
    let line = "Height: 700 (10 minutes ago), power 5(5 B) (in 2 days), \"tt\": 17, \"cg\": 17 (";
    assert_eq!(
        timeless(line),
        "Height: 700 (some time), power 5(5 B) (some time), \"tt\":, \"cg\": 17 ("
    );
}
