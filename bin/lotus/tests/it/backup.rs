//! A daemon's metadata in a file, and back into a new repo.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    process::{Api, Place, Process},
    recorded::{GENESIS, OTHER_GENESIS, chain, daemon, first, following, network},
};

/// What both daemons are asked.
fn answers(api: &Api) -> Vec<Value> {
    let ask = |method: &str| api.call(method, json!([])).expect(method);
    let mut answers = vec![
        ask("Filecoin.MpoolGetConfig"),
        ask("Filecoin.ClientListDeals"),
    ];
    let mut imports = ask("Filecoin.ClientListImports");
    // The list comes back, the payloads are none of a node's metadata.
    for import in imports.as_array_mut().expect("a list") {
        let import = import.as_object_mut().expect("an object");
        import.remove("CARPath");
        import.remove("Err");
    }
    answers.push(imports);
    answers
}

/// A daemon on `mock-chain` that has settings and an import of its own.
fn with_metadata(place: &Place) -> (Process, Api) {
    drop(following(place));
    fs::create_dir(place.path("backups")).expect("the folder can be written");
    let mut command = daemon(place, &[]);
    command.env("LOTUS_BACKUP_BASE_PATH", place.path("backups"));
    let mut daemon = place.start(command);
    let api = daemon.api(&place.path("repo"));
    let mut config = api
        .call("Filecoin.MpoolGetConfig", json!([]))
        .expect("settings");
    config["SizeLimitHigh"] = json!(45_678);
    api.call("Filecoin.MpoolSetConfig", json!([config]))
        .expect("set");
    fs::write(place.path("file"), b"to be stored").expect("the folder can be written");
    let file = json!([{ "Path": place.path("file"), "IsCAR": false }]);
    api.call("Filecoin.ClientImport", file).expect("imported");
    (daemon, api)
}

/// A first start of another daemon, out of a backup.
fn restoring(place: &Place, backup: &Path, others: &[&str]) -> Process {
    let first = first(place);
    let mut flags: Vec<&str> = first.iter().map(String::as_str).collect();
    flags.extend(["--restore", backup.to_str().expect("UTF-8")]);
    flags.extend(others);
    place.start(daemon(place, &flags))
}

#[test]
fn a_restored_node_answers_as_the_one_that_was_backed_up() {
    let (place, other) = (Place::new(), Place::new());
    let (running, api) = with_metadata(&place);
    let asked = answers(&api);
    let online = place.path("backups/online.bak");
    let said = place.done("lotus", ["backup", online.to_str().expect("UTF-8")]);
    assert_eq!(said, "Success\n");
    // No other place, and no file of a running daemon behind its back.
    let outside = place.path("outside.bak");
    let outside = outside.to_str().expect("UTF-8");
    let said = place
        .run(place.tool("lotus", ["backup", outside]))
        .refused();
    assert!(said.contains("must be inside base path"), "{said}");
    let said = place
        .run(place.tool("lotus", ["backup", "--offline", outside]))
        .refused();
    assert!(said.contains("repo is already locked"), "{said}");
    assert!(running.stop().status.success());
    let said = place.done("lotus", ["backup", "--offline", outside]);
    assert_eq!(said, "");

    let config = place.path("repo/config.toml");
    let text = "[Libp2p]\nConnMgrLow = 5\n";
    fs::write(&config, text).expect("the folder can be written");
    let flag = ["--restore-config", config.to_str().expect("UTF-8")];
    let mut restored = restoring(&other, &online, &flag);
    let api = restored.api(&other.path("repo"));
    assert_eq!(answers(&api), asked);
    let head = api.head();
    let updated = other.done("lotus", ["config", "updated"]);
    assert!(updated.contains("\n  ConnMgrLow = 5\n"), "{updated}");
    assert!(restored.stop().status.success());
    // A later start needs no flag, and a second restoration finds a repo that is not fresh.
    let said = restoring(&other, Path::new(outside), &[]).ended().refused();
    assert!(said.contains("only possible with a fresh repo"), "{said}");
    let mut again = other.start(daemon(&other, &[]));
    let api = again.api(&other.path("repo"));
    assert_eq!(answers(&api), asked);
    assert_eq!(api.head(), head);
}

#[test]
fn a_damaged_backup_and_one_of_another_chain_leave_nothing_behind() {
    let (place, other) = (Place::new(), Place::new());
    let (running, _) = with_metadata(&place);
    assert!(running.stop().status.success());
    let good = place.path("good.bak");
    place.done(
        "lotus",
        ["backup", "--offline", good.to_str().expect("UTF-8")],
    );
    let mut bytes = fs::read(&good).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = place.path("bad.bak");
    fs::write(&bad, bytes).expect("the folder can be written");
    let said = restoring(&other, &bad, &[]).ended().refused();
    assert!(
        said.contains("is damaged: its checksum is another one"),
        "{said}"
    );
    assert!(
        !other.path("repo").exists(),
        "nothing is written before it is read"
    );

    let description = other.network("other.toml", &network(OTHER_GENESIS));
    let elsewhere = chain("mock-chain-two");
    let flags = [
        Path::new("--network"),
        &description,
        Path::new("--import-snapshot"),
        &elsewhere,
        Path::new("--restore"),
        &good,
    ];
    let flags = flags.map(|flag| flag.to_str().expect("UTF-8"));
    let said = other.run(daemon(&other, &flags)).refused();
    assert!(said.contains("a node on another chain"), "{said}");
    assert!(
        !other.path("repo/datastore").exists(),
        "{GENESIS} is not this chain's"
    );
}
