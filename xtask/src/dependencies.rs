//! docs/dependencies.md, `[workspace.dependencies]` and the members' manifests agree: every library
//! we take in is on the page with its version and a reason, nothing there is gone, nothing is taken
//! in before its first use, and no crate names a library that its sources do not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::layers::UNIFY;
use crate::lint::collect;

/// The page, relative to the checkout.
const PAGE: &str = "docs/dependencies.md";

/// Every disagreement, one sentence each.
///
/// # Errors
/// When a manifest or the page cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let manifest = read_manifest(&root.join("Cargo.toml"))?;
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let declared = declared(&manifest);
    let mut problems = compare(&declared, &rows(&page));
    let mut used = BTreeSet::new();
    for member in members(root)? {
        let manifest = read_manifest(&member.join("Cargo.toml"))?;
        if package_name(&manifest) == Some(UNIFY) {
            continue; // names everything and uses nothing
        }
        let dependencies = dependencies_of(&manifest);
        let shown = member.strip_prefix(root).unwrap_or(&member).display();
        let sources = sources(&member)?;
        problems.extend(
            dependencies
                .iter()
                .filter(|name| !is_named(name, &sources))
                .map(|name| format!("{shown}/Cargo.toml: its sources do not use {name}")),
        );
        used.extend(dependencies);
    }
    problems.extend(
        declared
            .keys()
            .filter(|name| !used.contains(*name))
            .map(|name| format!("Cargo.toml: no crate uses {name}; remove its line")),
    );
    Ok(problems)
}

fn read_manifest(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    text.parse()
        .with_context(|| format!("parsing {}", path.display()))
}

/// Libraries of `[workspace.dependencies]` with their version requirement; our own crates, given
/// by path, are left out.
fn declared(manifest: &Table) -> BTreeMap<String, String> {
    let entries = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Value::as_table);
    let version = |value: &Value| match value {
        Value::String(version) => Some(version.clone()),
        other if other.get("path").is_some() => None,
        other => other
            .get("version")
            .and_then(Value::as_str)
            .map(str::to_owned),
    };
    entries
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), version(value)?)))
        .collect()
}

/// The page's table rows: name (first cell, in backquotes), version, and whether a reason follows.
fn rows(page: &str) -> BTreeMap<String, (String, bool)> {
    page.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let name = cells.next()?.split('`').next()?;
            let version = cells.next()?;
            let reason = cells.next().is_some_and(|reason| !reason.is_empty());
            Some((name.to_owned(), (version.to_owned(), reason)))
        })
        .collect()
}

fn compare(
    declared: &BTreeMap<String, String>,
    rows: &BTreeMap<String, (String, bool)>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, version) in declared {
        match rows.get(name) {
            None => problems.push(format!("{PAGE} has no line for {name} {version}")),
            Some((listed, _)) if listed != version => {
                problems.push(format!(
                    "{PAGE} has {name} at {listed}, Cargo.toml at {version}"
                ));
            }
            Some((_, false)) => problems.push(format!("{PAGE} gives no reason for {name}")),
            Some((_, true)) => {}
        }
    }
    for name in rows.keys().filter(|name| !declared.contains_key(*name)) {
        problems.push(format!(
            "{PAGE} has a line for {name}, which Cargo.toml does not take in"
        ));
    }
    problems
}

fn package_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// The libraries that a member's `*dependencies` tables name, also those under `[target.…]`.
fn dependencies_of(manifest: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (key, value) in manifest {
        let Some(inner) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            names.extend(inner.keys().cloned());
        } else if key == "target" {
            names.extend(
                inner
                    .values()
                    .filter_map(Value::as_table)
                    .flat_map(dependencies_of),
            );
        }
    }
    names
}

/// True when `sources` say the crate's name, as Rust spells it, anywhere as a word of its own.
fn is_named(dependency: &str, sources: &str) -> bool {
    let ident = dependency.replace('-', "_");
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    sources.match_indices(&ident).any(|(start, found)| {
        let before = sources[..start].chars().next_back();
        let after = sources[start + found.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// All Rust sources of the crate in `folder`, one after the other.
fn sources(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    let mut text = String::new();
    for file in files {
        text +=
            &fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    }
    Ok(text)
}

/// The folders of all members.
fn members(root: &Path) -> Result<Vec<PathBuf>> {
    let mut members = vec![root.join("xtask")];
    for folder in ["bin", "crates"] {
        let folder = root.join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
        for entry in entries {
            let member = entry.context("listing crates")?.path();
            if member.join("Cargo.toml").is_file() {
                members.push(member);
            }
        }
    }
    members.sort();
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [workspace.dependencies]
        lotus-types = { path = "crates/types" }
        cid = { version = "0.11", default-features = false }
        anyhow = "1"
    "#;

    fn problems(page: &str) -> Vec<String> {
        let manifest: Table = MANIFEST.parse().unwrap();
        compare(&declared(&manifest), &rows(page))
    }

    mod the_page {
        use super::*;

        #[test]
        fn agrees_when_every_library_has_its_version_and_a_reason() {
            let page = "| library | version | why |\n|---|---|---|\n\
                        | `anyhow` | 1 | errors of programs |\n| `cid` (std) | 0.11 | links |\n";
            assert_eq!(problems(page), Vec::<String>::new());
        }

        #[test]
        fn must_not_miss_a_library_nor_name_another_version() {
            assert_eq!(
                problems("| `cid` | 0.10 | links |\n"),
                [
                    "docs/dependencies.md has no line for anyhow 1",
                    "docs/dependencies.md has cid at 0.10, Cargo.toml at 0.11",
                ]
            );
        }

        #[test]
        fn must_give_a_reason_and_drop_what_is_gone() {
            assert_eq!(
                problems("| `anyhow` | 1 | |\n| `cid` | 0.11 | links |\n| `core2` | 0.4 | old |\n"),
                [
                    "docs/dependencies.md gives no reason for anyhow",
                    "docs/dependencies.md has a line for core2, which Cargo.toml does not take in",
                ]
            );
        }
    }

    mod a_member {
        use super::*;

        #[test]
        fn uses_what_any_of_its_dependency_tables_names() {
            let manifest: Table = "[dependencies]\na.workspace = true\n\
                [dev-dependencies]\nb.workspace = true\n\
                [target.'cfg(unix)'.dependencies]\nc.workspace = true\n"
                .parse()
                .unwrap();
            let names = dependencies_of(&manifest);
            assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        }

        #[test]
        fn names_a_library_by_its_rust_name_and_not_inside_another_word() {
            assert!(is_named("bls-signatures", "use bls_signatures::Signature;"));
            assert!(is_named("tar", "let mut archive = tar::Builder::new(out);"));
            assert!(!is_named("tar", "// start; target; tar_gz"));
        }
    }
}
