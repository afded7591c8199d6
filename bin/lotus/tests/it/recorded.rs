//! Daemons on the recorded chains.

use std::{path::PathBuf, process::Command};

use lotus_networks::{Network, bundles};

use crate::process::{Api, Place, Process, fixture};

/// Genesis of `mock-chain`.
pub(crate) const GENESIS: &str = "bafy2bzacebxi2s7pjlmkvfqyhnx5bn3yv6ahubz3ewxy5vuvi7zgglud2up2c";
/// Genesis of `mock-chain-two`.
pub(crate) const OTHER_GENESIS: &str =
    "bafy2bzacebx3nghswyfjjpkbg4jzhgvqty26d7m3hnj6kbuq65c422kp7ty2a";
/// Height of `mock-chain`.
pub(crate) const HEIGHT: i64 = 700;

/// A recorded chain: `mock-chain`, `mock-chain-two`.
pub(crate) fn chain(name: &str) -> PathBuf {
    fixture(name).join("chain.car.zst")
}

/// The network of the recorded chain that begins with `genesis`.
pub(crate) fn network(genesis: &str) -> Network {
    Network {
        actors_manifest: Some(bundles::testing_fake_proofs()),
        genesis: Some(genesis.parse().expect("a CID")),
        ..Network::devnet("test")
    }
}

/// `lotus daemon` on any free port, without peers.
pub(crate) fn daemon(place: &Place, flags: &[&str]) -> Command {
    daemon_after(place, "true", flags)
}

/// The same, by a shell that first sets limits.
pub(crate) fn daemon_after(place: &Place, first: &str, flags: &[&str]) -> Command {
    let always = ["daemon", "--api", "0", "--bootstrap=false"];
    place.tool_after(first, "lotus", always.iter().chain(flags))
}

/// Flags of a first start with all of `mock-chain`, its states trusted.
pub(crate) fn first(place: &Place) -> Vec<String> {
    let network = place.network("network.toml", &network(GENESIS));
    let chain = chain("mock-chain");
    [
        "--network".into(),
        network,
        "--import-snapshot".into(),
        chain,
    ]
    .map(|part: PathBuf| part.to_str().expect("UTF-8").to_owned())
    .to_vec()
}

/// A daemon that follows `mock-chain`.
pub(crate) fn following(place: &Place) -> (Process, Api) {
    let first = first(place);
    let flags: Vec<&str> = first.iter().map(String::as_str).collect();
    let mut daemon = place.start(daemon(place, &flags));
    let api = daemon.api(&place.path("repo"));
    assert_eq!(api.head().1, HEIGHT);
    (daemon, api)
}
