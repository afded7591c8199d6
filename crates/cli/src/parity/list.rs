//! Reading Lotus' list of commands: a line each, `[*] path {aliases} arguments [group] | flags`.

use std::collections::BTreeMap;

/// A command of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// The program.
    pub(super) program: String,
    /// Names below it: `wallet`, `market`, `add`; none for the program itself.
    pub(super) path: Vec<String>,
    /// Marked as one of those that are used most.
    pub(super) is_core: bool,
    /// Only holds others.
    pub(super) is_group: bool,
    /// Each with its names: `--addr-only`, `-a`.
    pub(super) flags: Vec<Vec<String>>,
}

impl Listed {
    /// As it is typed.
    pub(super) fn name(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.path);
        words.cloned().collect::<Vec<_>>().join(" ")
    }
}

/// All commands, by program.
pub(super) fn read(text: &str) -> BTreeMap<String, Vec<Listed>> {
    let mut found: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for line in text.lines() {
        let (is_core, line) = match (line.strip_prefix("* "), line.strip_prefix("  ")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => continue,
        };
        let Some(program) = line.split_whitespace().next() else {
            continue;
        };
        let known = found.entry(program.to_owned()).or_default();
        let entry = command(program, line, is_core, known);
        known.push(entry);
    }
    found
}

fn command(program: &str, line: &str, is_core: bool, known: &[Listed]) -> Listed {
    let (head, flags) = match line.rsplit_once(" | ") {
        Some((head, flags)) if flags.starts_with('-') => (head, flags),
        _ => (line, ""),
    };
    // A command follows the one that it is below: its path is the longest known one and a word more.
    let mut path: Vec<String> = Vec::new();
    for word in head.split_whitespace().skip(1) {
        if word.starts_with(['[', '<', '{']) {
            break;
        }
        path.push(word.to_owned());
        if !known.iter().any(|entry| entry.path == path) {
            break;
        }
    }
    Listed {
        program: program.to_owned(),
        path,
        is_core,
        is_group: head.contains("[group]"),
        flags: flags.split("; ").filter_map(flag).collect(),
    }
}

/// The names of one flag: of `--wallet|-w <string>=x (env Y)` `--wallet` and `-w`.
fn flag(text: &str) -> Option<Vec<String>> {
    let names = text.split([' ', '=']).next()?;
    let names: Vec<_> = names.split('|').map(str::to_owned).collect();
    names
        .iter()
        .all(|name| name.starts_with('-'))
        .then_some(names)
}

#[test]
fn a_line_is_a_command_with_flags() {
    let text = "# of Lotus\n  lotus [group] | --repo <string>=~/.lotus (hidden, env LOTUS_PATH)\n\
                * lotus daemon | --api <string>=1234; --bootstrap=true\n* lotus daemon stop\n\
                * lotus mpool [group]\n* lotus mpool replace <from> <nonce> | <message-cid> | --auto\n\
                * lotus check clientAddress\n";
    let lists = read(text);
    let entries = &lists["lotus"];
    let shown: Vec<_> = entries
        .iter()
        .map(|e| (e.name(), e.is_group, e.flags.len()))
        .collect();
    let expected = [
        ("lotus", true, 1),
        ("lotus daemon", false, 2),
        ("lotus daemon stop", false, 0),
        ("lotus mpool", true, 0),
        ("lotus mpool replace", false, 1),
        ("lotus check", false, 0),
    ];
    let expected: Vec<_> = expected.map(|(n, g, f)| (n.to_owned(), g, f)).into();
    assert_eq!(shown, expected);
}
