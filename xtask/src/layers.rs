//! The layer check: dependencies between our crates point downward, inside a layer leftward.
//!
//! # Invariants
//! - [`LAYERS`] is the only list of the crates' order; docs/ARCHITECTURE.md explains it.
//! - A manifest's `[package.metadata] layer` agrees with it, so that the number can be read where
//!   the crate is.
//! - Dev- and build-dependencies count like any other.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::workspace::{self, Package};

/// Every crate by layer, lowest layer first. A crate may use those in earlier rows, and those to
/// its left in its own row.
const LAYERS: &[&[&str]] = &[
    &[
        "lotus-types",
        "lotus-networks",
        "lotus-crypto",
        "lotus-ports",
    ],
    &[
        "lotus-runtime",
        "lotus-blockstore",
        "lotus-actors",
        "lotus-rpc-api",
    ],
    &[
        "lotus-vm",
        "lotus-proofs",
        "lotus-net",
        "lotus-rpc",
        "lotus-wallet",
        "lotus-beacon",
    ],
    &[
        "lotus-chain",
        "lotus-state",
        "lotus-consensus",
        "lotus-genesis",
        "lotus-sealer",
        "lotus-sealing",
        "lotus-proving",
    ],
    &["lotus-sync", "lotus-mpool", "lotus-paych", "lotus-market"],
    &["lotus-node", "lotus-storage-node"],
    &[
        "lotus-testkit",
        "lotus-cli",
        "lotus",
        "lotus-unify",
        "xtask",
    ],
];

/// Heavy libraries, each with the one crate that may name it: what it drags in is rebuilt only
/// when that crate's own port changes.
const RESERVED: &[(&str, &str)] = &[
    ("fvm", "lotus-vm"),
    ("wasmtime", "lotus-vm"),
    ("filecoin-proofs", "lotus-proofs"),
    ("filecoin-proofs-api", "lotus-proofs"),
    ("storage-proofs-core", "lotus-proofs"),
    ("storage-proofs-porep", "lotus-proofs"),
    ("storage-proofs-post", "lotus-proofs"),
    ("storage-proofs-update", "lotus-proofs"),
    ("bellperson", "lotus-proofs"),
    ("libp2p", "lotus-net"),
];

/// Holds no code and names every library, so that all selections of packages share their builds.
pub(crate) const UNIFY: &str = "lotus-unify";

/// Layer and place inside it.
type Place = (usize, usize);

/// Runs the check on this workspace.
///
/// # Errors
/// Names every edge that points the wrong way, or says why the workspace could not be read.
pub(crate) fn run() -> Result<()> {
    let workspace = workspace::load()?;
    let problems = check(&workspace.packages);
    if problems.is_empty() {
        println!("layers: {} crates in order", workspace.packages.len());
        return Ok(());
    }
    for problem in &problems {
        eprintln!("layers: {problem}");
    }
    bail!(
        "{} edges or manifests out of order; xtask/src/layers.rs has the order",
        problems.len()
    )
}

/// Every violation, one sentence each.
fn check(packages: &[Package]) -> Vec<String> {
    let places = places();
    let mut problems = Vec::new();
    for package in packages {
        let Some(&place) = places.get(package.name.as_str()) else {
            problems.push(format!(
                "{} has no place in the list of layers",
                package.name
            ));
            continue;
        };
        if package
            .metadata
            .get("layer")
            .and_then(serde_json::Value::as_u64)
            != u64::try_from(place.0).ok()
        {
            problems.push(format!(
                "{}: its manifest should say [package.metadata] layer = {}",
                package.name, place.0
            ));
        }
        for dependency in &package.dependencies {
            problems.extend(wrong_edge(&package.name, place, &dependency.name, &places));
        }
    }
    problems
}

/// What is wrong with `from` depending on `to`, if anything.
fn wrong_edge(
    from: &str,
    place: Place,
    to: &str,
    places: &BTreeMap<&str, Place>,
) -> Option<String> {
    if from == UNIFY {
        return None;
    }
    if to == UNIFY {
        return Some(format!("{from} depends on {to}, which is for cargo alone"));
    }
    if let Some((_, owner)) = RESERVED.iter().find(|(library, _)| *library == to) {
        return (*owner != from).then(|| format!("{from} names {to}, which only {owner} may"));
    }
    let &target = places.get(to)?;
    if target.0 > place.0 {
        return Some(format!(
            "{from} (layer {}) depends upward on {to} ({})",
            place.0, target.0
        ));
    }
    (target.0 == place.0 && target.1 >= place.1).then(|| {
        format!(
            "{from} depends on {to}, which stands to its right in layer {}",
            place.0
        )
    })
}

fn places() -> BTreeMap<&'static str, Place> {
    let mut places = BTreeMap::new();
    for (layer, names) in LAYERS.iter().enumerate() {
        for (column, name) in names.iter().enumerate() {
            places.insert(*name, (layer, column));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, layer: u64, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                })
                .collect(),
            metadata: serde_json::json!({ "layer": layer }),
        }
    }

    mod an_edge {
        use super::*;

        #[test]
        fn may_point_to_a_lower_layer_or_leftward_in_its_own() {
            let chain = package("lotus-chain", 3, &["lotus-types", "serde"]);
            let state = package("lotus-state", 3, &["lotus-chain", "lotus-vm"]);
            assert_eq!(check(&[chain, state]), Vec::<String>::new());
        }

        #[test]
        fn may_not_point_to_a_higher_layer() {
            let problems = check(&[package("lotus-types", 0, &["lotus-vm"])]);
            assert_eq!(
                problems,
                ["lotus-types (layer 0) depends upward on lotus-vm (2)"]
            );
        }

        #[test]
        fn may_not_point_rightward_in_its_own_layer() {
            let problems = check(&[package("lotus-chain", 3, &["lotus-state"])]);
            assert_eq!(
                problems,
                ["lotus-chain depends on lotus-state, which stands to its right in layer 3"]
            );
        }

        #[test]
        fn leads_out_of_the_crate_without_code_but_not_into_it() {
            let unify = package(UNIFY, 6, &["fvm", "libp2p"]);
            assert_eq!(check(&[unify]), Vec::<String>::new());
            let problems = check(&[package("lotus", 6, &[UNIFY])]);
            assert_eq!(
                problems,
                ["lotus depends on lotus-unify, which is for cargo alone"]
            );
        }

        #[test]
        fn may_name_a_heavy_library_only_in_its_own_crate() {
            assert_eq!(
                check(&[package("lotus-vm", 2, &["fvm"])]),
                Vec::<String>::new()
            );
            let problems = check(&[package("lotus-state", 3, &["fvm"])]);
            assert_eq!(problems, ["lotus-state names fvm, which only lotus-vm may"]);
        }
    }

    mod a_manifest {
        use super::*;

        #[test]
        fn must_state_the_layer_of_the_list() {
            let problems = check(&[package("lotus-chain", 2, &[])]);
            assert_eq!(
                problems,
                ["lotus-chain: its manifest should say [package.metadata] layer = 3"]
            );
        }

        #[test]
        fn must_be_of_a_crate_in_the_list() {
            let problems = check(&[package("lotus-attic", 3, &[])]);
            assert_eq!(problems, ["lotus-attic has no place in the list of layers"]);
        }
    }
}
