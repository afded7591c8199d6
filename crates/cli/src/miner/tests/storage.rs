//! `storage`: paths and files.

use super::*;

const GENESIS: &str = "78832f82-55e3-4fe3-b8bb-6f9b6d04de74";
const WORKER: &str = "9cebb8c4-cc09-4f84-974f-6061c9a9fa08";
const OWN: &str = "fe1dab27-5a1d-4abd-a931-809a12e2c71c";

pub(super) fn with_paths() -> Fake {
    let mut miner = miner();
    for (id, weight, seal, store, port) in [
        (GENESIS, 0, false, false, 2345),
        (WORKER, 10, true, false, 3456),
        (OWN, 10, true, true, 2345),
    ] {
        let info = json!({
            "ID": id, "URLs": [format!("http://127.0.0.1:{port}/remote")], "Weight": weight,
            "MaxStorage": 0, "CanSeal": seal, "CanStore": store, "Groups": null,
            "AllowTo": null, "AllowTypes": null, "DenyTypes": null,
        });
        let stat = json!({
            "Capacity": 270_582_939_648_u64, "Available": 72_799_695_667_u64,
            "FSAvailable": 72_799_695_667_u64, "Reserved": 0, "Max": 0, "Used": 0,
        });
        miner =
            miner
                .when("StorageInfo", &json!([id]), info)
                .when("StorageStat", &json!([id]), stat);
    }
    for number in 0..4 {
        for (kind, name) in [
            (1, "unsealed"),
            (2, "sealed"),
            (4, "cache"),
            (8, ""),
            (16, ""),
        ] {
            let genesis = number < 2;
            let there = match kind {
                1 => number == 3,
                2 | 4 => true,
                _ => false,
            };
            let place = json!({
                "ID": if genesis { GENESIS } else { OWN },
                "URLs": [format!("http://127.0.0.1:2345/remote/{name}/s-t01000-{number}")],
                "BaseURLs": ["http://127.0.0.1:2345/remote"], "Weight": 10,
                "CanSeal": !genesis, "CanStore": !genesis, "Primary": !genesis,
            });
            let places = if there { json!([place]) } else { json!([]) };
            let sector = json!({ "Miner": 1000, "Number": number });
            miner = miner.when(
                "StorageFindSector",
                &json!([sector, kind, 0, false]),
                places,
            );
        }
    }
    let status = miner.find_recorded("SectorsStatus");
    miner.when("SectorsStatus", &json!([3, false]), status)
}

#[tokio::test]
async fn lists_paths_and_how_full_they_are() {
    let ended = run(&with_paths(), &node(195), &["storage", "list"]).await;
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    // How long a worker takes to answer differs.
    let plain = |text: &str| -> Vec<String> {
        let cut = |line: &str| {
            line.split(" (latency")
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        text.lines().map(cut).collect()
    };
    let recorded = recorded_output(MINER_CLI, &["storage", "list"]);
    assert_eq!(plain(&ended.stdout), plain(&recorded));
    assert_eq!(ended.stdout.matches("(latency: ").count(), 1);
}

#[tokio::test]
async fn finds_a_sectors_files() {
    for args in [
        &["storage", "find", "2"][..],
        &["storage", "list", "sectors"],
    ] {
        let ended = run(&with_paths(), &node(195), args).await;
        assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, recorded_output(MINER_CLI, args), "{args:?}");
    }
}

#[tokio::test]
async fn is_attached_by_its_whole_path() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().to_str().expect("UTF-8");
    let miner = miner().answer("StorageAddLocal", json!(null));
    let args = ["storage", "attach", "--init", "--store", path];
    let ended = run(&miner, &node(195), &args).await;
    assert_eq!(
        (ended.exit, ended.stdout.as_str()),
        (0, ""),
        "{}",
        ended.stderr
    );
    assert_eq!(miner.asked("StorageAddLocal"), [json!([path])]);
    let again = run(&miner, &node(195), &args).await;
    assert!(
        again.stderr.contains("path is already initialized"),
        "{}",
        again.stderr
    );
    let detach = run(&miner, &node(195), &["storage", "detach", path]).await;
    assert_eq!(detach.stderr, "pass --really-do-it to execute the action");
}
