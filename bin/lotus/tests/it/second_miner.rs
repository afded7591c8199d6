//! A storage provider that joins a running network, as its operator does: an owner with money,
//! `lotus-miner init` without a word about genesis, `lotus-miner run`, a pledged sector.

use std::process::Command;

use crate::{devnet::Devnet, process::Place};

/// The network's daemon and a miner of one's own beside it.
struct Operator<'a> {
    place: &'a Place,
}

impl Operator<'_> {
    fn call(&self, tool: &str, args: &[&str]) -> Command {
        let mut command = self.place.tool(tool, args);
        command
            .env("LOTUS_PATH", self.place.path("devnet/daemon"))
            .env("LOTUS_MINER_PATH", self.place.path("second"))
            .env("LOTUS_NETWORK", self.place.path("devnet/network.toml"))
            .env("LOTUS_LIBP2P_LISTENADDRESSES", "/ip4/127.0.0.1/tcp/0")
            .env("LOTUS_SEALING_WAITDEALSDELAY", "1s")
            .env("LOTUS_SEALING_BATCHPRECOMMITS", "false")
            .env("LOTUS_SEALING_AGGREGATECOMMITS", "false");
        command
    }

    fn done(&self, tool: &str, args: &[&str]) -> String {
        let ended = self.place.run(self.call(tool, args));
        assert!(ended.status.success(), "{tool} {args:?}: {}", ended.said);
        ended.said
    }

    /// An account with money.
    fn owner(&self) -> String {
        let owner = self.done("lotus", &["wallet", "new", "bls"]);
        let owner = owner.trim().to_owned();
        let message = self.done("lotus", &["send", &owner, "1000"]);
        let message = message.split_whitespace().last().expect("a CID").to_owned();
        self.done("lotus", &["state", "wait-msg", "--timeout", "5m", &message]);
        owner
    }
}

#[test]
fn a_new_miner_joins_and_proves_a_sector() {
    let mut devnet = Devnet::start(&[
        "up",
        "--no-deal",
        "--api-port",
        "0",
        "--miner-port",
        "0",
        "--worker-port",
        "0",
    ]);
    devnet.supervisor.says("The devnet is up");
    let operator = Operator {
        place: &devnet.place,
    };
    let owner = operator.owner();

    let init = ["init", "--owner", &owner, "--sector-size", "2KiB"];
    let said = operator.done("lotus-miner", &init);
    let mut words = said.lines().last().unwrap_or_default().split_whitespace();
    let actor = words.nth(1).unwrap_or_default().to_owned();
    assert!(actor.starts_with("t0") && actor != "t01000", "{said}");
    assert!(
        operator
            .done("lotus", &["state", "list-miners"])
            .contains(&actor)
    );

    let mut miner = devnet
        .place
        .start(operator.call("lotus-miner", &["run", "--miner-api", "0"]));
    miner.says("miner is up");
    operator.done("lotus-miner", &["sectors", "pledge"]);
    miner.until("sector 0 to be proven", |_| {
        let status = operator.done("lotus-miner", &["sectors", "status", "0"]);
        let state = status.lines().find(|line| line.starts_with("Status:"))?;
        state.contains("Proving").then_some(())
    });
    let on_chain = operator.done("lotus", &["state", "sector", &actor, "0"]);
    assert!(on_chain.contains("SectorNumber:"), "{on_chain}");
    assert!(miner.stop().status.success());
}
