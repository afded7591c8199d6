//! House rules that neither rustc nor clippy knows.
//!
//! - A source file has at most [`MAX_LINES`] lines, unless it is a table listed in [`TABLES`].
//! - Every source file opens with a `//!` header that says what it is for; a `tests.rs` is for the
//!   module beside it, and its tests' names say the rest.
//! - Modules are `foo.rs` beside `foo/`, never `foo/mod.rs`.
//! - docs/dependencies.md and `[workspace.dependencies]` agree (see [`crate::dependencies`]).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{dependencies, workspace};

/// Lines a source file may have.
const MAX_LINES: usize = 1000;

/// Folders that hold our Rust sources.
const SOURCES: &[&str] = &["bin", "bundles", "crates", "xtask"];

/// Files that may be longer: tables and generated code, one reason each.
const TABLES: &[(&str, &str)] = &[];

/// Runs every rule on this checkout.
///
/// # Errors
/// Lists every breach, or says which file could not be read.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root();
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for folder in SOURCES {
        collect(&root.join(folder), &mut files)?;
    }
    for file in &files {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(&root).unwrap_or(file);
        problems.extend(check(name, &text));
    }
    for (table, _) in TABLES {
        if !root.join(table).is_file() {
            problems.push(format!(
                "{table} is exempt from the limit on lines, but is not there"
            ));
        }
    }
    problems.extend(dependencies::check(&root)?);
    if problems.is_empty() {
        println!(
            "lint: {} source files and docs/dependencies.md in order",
            files.len()
        );
        return Ok(());
    }
    for problem in &problems {
        eprintln!("lint: {problem}");
    }
    bail!(
        "{} breaches of the house rules; CONTRIBUTING.md explains them",
        problems.len()
    )
}

/// Every rule that `name` breaks, one sentence each. `name` is relative to the checkout.
fn check(name: &Path, text: &str) -> Vec<String> {
    let shown = name.display();
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES && !TABLES.iter().any(|(table, _)| Path::new(table) == name) {
        problems.push(format!(
            "{shown} has {lines} lines; {MAX_LINES} are allowed: split it"
        ));
    }
    if name.file_name().is_some_and(|file| file == "mod.rs") {
        problems.push(format!(
            "{shown}: name the module's file after its folder, beside it"
        ));
    }
    let is_tests = name.file_name().is_some_and(|file| file == "tests.rs");
    if !is_tests && !has_header(text) {
        problems.push(format!(
            "{shown} does not open with a //! header saying what it is for"
        ));
    }
    problems
}

/// True when the first line that is neither empty nor an attribute is a `//!` comment.
fn has_header(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.starts_with("//!"))
}

/// Adds every `.rs` file below `folder`; `target` folders are not ours.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("listing {}", folder.display()))?;
        let path = entry.path();
        let kind = entry
            .file_type()
            .with_context(|| format!("looking at {}", path.display()))?;
        if kind.is_dir() {
            if entry.file_name() != "target" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(name: &str, text: &str) -> Vec<String> {
        check(Path::new(name), text)
    }

    mod a_source_file {
        use super::*;

        #[test]
        fn passes_with_a_header_below_its_attributes() {
            let text = "#![allow(clippy::unwrap_used, reason = \"tests\")]\n\n//! Tests.\n";
            assert_eq!(
                breaches("crates/vm/tests/it/main.rs", text),
                Vec::<String>::new()
            );
        }

        #[test]
        fn needs_a_header() {
            let found = breaches("crates/vm/src/lib.rs", "use std::fmt;\n");
            assert_eq!(found.len(), 1);
            assert!(found[0].contains("//! header"), "{found:?}");
        }

        #[test]
        fn needs_none_when_it_holds_the_tests_of_its_module() {
            let text = "use super::*;\n";
            assert_eq!(
                breaches("crates/vm/src/externs/tests.rs", text),
                Vec::<String>::new()
            );
        }

        #[test]
        fn may_have_a_thousand_lines_and_no_more() {
            let full = "//! Long.\n".repeat(MAX_LINES);
            assert_eq!(
                breaches("crates/vm/src/long.rs", &full),
                Vec::<String>::new()
            );
            let over = format!("{full}//! One more.\n");
            let found = breaches("crates/vm/src/long.rs", &over);
            assert_eq!(
                found,
                ["crates/vm/src/long.rs has 1001 lines; 1000 are allowed: split it"]
            );
        }

        #[test]
        fn is_never_called_mod_rs() {
            let found = breaches("crates/vm/src/externs/mod.rs", "//! Externs.\n");
            assert_eq!(found.len(), 1);
            assert!(found[0].contains("after its folder"), "{found:?}");
        }
    }
}
