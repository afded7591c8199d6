//! Circumstances that a daemon must survive, or refuse in words that help.

use std::{fs, path::Path};

use lotus_types::Cid;
use serde_json::{Value, json};

use crate::{
    disk::SmallDisk,
    process::{Api, Place, fixture},
    recorded::{
        GENESIS, HEIGHT, OTHER_GENESIS, chain, daemon, daemon_after, first, following, network,
    },
};

/// Bytes of an object that a test stores.
const OBJECT: usize = 1 << 20;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// An object that no compression makes small, as JSON has it and as bytes.
fn object(seed: u64) -> (String, Vec<u8>) {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed | 1 << 32;
    let mut base64 = String::with_capacity(OBJECT / 3 * 4);
    let mut bytes = Vec::with_capacity(OBJECT);
    while bytes.len() + 3 <= OBJECT {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let group = [18, 12, 6, 0].map(|shift| (state >> shift & 63) as usize);
        base64.extend(group.map(|digit| char::from(alphabet[digit])));
        bytes.extend([16, 8, 0].map(|shift| (state >> shift & 255) as u8));
    }
    (base64, bytes)
}

/// Stores one object after the other until one is refused, or nobody answers any more; gives those
/// taken.
fn store_until_refused(api: &Api, most: u64) -> Vec<Cid> {
    let mut taken = Vec::new();
    for seed in 0..most {
        let (base64, bytes) = object(seed);
        match api.call("Filecoin.ChainPutObj", json!([base64])) {
            Ok(_) => taken.push(Cid::of_block(&bytes)),
            Err(_) => return taken,
        }
    }
    panic!("{most} objects were taken");
}

fn has(api: &Api, cid: &Cid) -> bool {
    let has = api.call("Filecoin.ChainHasObj", json!([{"/": cid.to_string()}]));
    has.expect("it is asked for") == Value::Bool(true)
}

mod another_genesis {
    use super::*;

    #[test]
    fn in_a_file_is_refused_with_both_named() {
        let place = Place::new();
        let (running, api) = following(&place);
        let head = api.head();
        running.stop();
        let other = place.network("other.toml", &network(OTHER_GENESIS));
        let file = chain("mock-chain-two");
        let wrong = ["--network", text(&other), "--import-snapshot", text(&file)];
        let said = place.run(daemon(&place, &wrong)).refused();
        assert!(
            said.contains(GENESIS) && said.contains(OTHER_GENESIS),
            "{said}"
        );
        assert_eq!(
            place
                .start(daemon(&place, &[]))
                .api(&place.path("repo"))
                .head(),
            head
        );
    }

    #[test]
    fn in_the_description_of_the_network_is_refused_with_both_named() {
        let place = Place::new();
        drop(following(&place));
        let other = place.network("other.toml", &network(OTHER_GENESIS));
        let wrong = daemon(&place, &["--network", text(&other)]);
        let said = place.run(wrong).refused();
        assert!(
            said.contains(GENESIS) && said.contains(OTHER_GENESIS),
            "{said}"
        );
        // The repo's own description is what it was.
        place.start(daemon(&place, &[])).api(&place.path("repo"));
    }

    #[test]
    fn leaves_nothing_behind_in_a_new_repo() {
        let place = Place::new();
        let other = place.network("other.toml", &network(OTHER_GENESIS));
        let file = chain("mock-chain");
        let wrong = ["--network", text(&other), "--import-snapshot", text(&file)];
        let said = place.run(daemon(&place, &wrong)).refused();
        assert!(
            said.contains(GENESIS) && said.contains(OTHER_GENESIS),
            "{said}"
        );
        assert!(!place.path("repo").join("datastore").exists());
        following(&place);
    }

    #[test]
    fn is_noticed_by_the_name_of_the_network_where_its_description_names_none() {
        let place = Place::new();
        let mut other = network(GENESIS);
        other.genesis = None;
        other.name = "elsewhere".to_owned();
        let other = place.network("other.toml", &other);
        let file = chain("mock-chain");
        let wrong = ["--network", text(&other), "--import-snapshot", text(&file)];
        let said = place.run(daemon(&place, &wrong)).refused();
        assert!(
            said.contains("elsewhere") && said.contains("\"test\""),
            "{said}"
        );
    }
}

mod a_truncated_chain {
    use super::*;

    fn cut(place: &Place) -> std::path::PathBuf {
        let whole = fs::read(chain("mock-chain")).expect("the recording");
        let path = place.path("cut.car.zst");
        fs::write(&path, &whole[..whole.len() / 2]).expect("the folder can be written");
        path
    }

    fn refused(place: &Place, flag: &str) {
        let (cut, network) = (cut(place), place.network("network.toml", &network(GENESIS)));
        let import = daemon(place, &["--network", text(&network), flag, text(&cut)]);
        let said = place.run(import).refused();
        assert!(said.contains("cut.car.zst"), "{said}");
        assert!(said.contains("truncated"), "{said}");
    }

    #[test]
    fn is_refused_and_leaves_nothing_behind_in_a_new_repo() {
        let place = Place::new();
        for flag in ["--import-snapshot", "--import-chain"] {
            refused(&place, flag);
            assert!(!place.path("repo").join("datastore").exists(), "{flag}");
        }
        following(&place);
    }

    #[test]
    fn is_refused_and_changes_nothing_in_a_repo_with_a_chain() {
        let place = Place::new();
        let (running, api) = following(&place);
        let head = api.head();
        running.stop();
        refused(&place, "--import-chain");
        let mut again = place.start(daemon(&place, &[]));
        assert_eq!(again.api(&place.path("repo")).head(), head);
    }
}

mod an_export {
    use super::*;

    #[test]
    fn that_lacks_something_is_an_error_and_no_file() {
        let place = Place::new();
        let (_running, _) = following(&place);
        let folder = place.path("exported");
        fs::create_dir(&folder).expect("the folder can be written");
        let file = folder.join("chain.car");
        // The recording has no state but that of its genesis.
        let states = ["chain", "export", "--recent-stateroots", "900"];
        let command = place.tool("lotus", states.into_iter().chain([text(&file)]));
        let said = place.run(command).refused();
        assert!(said.contains("incomplete export"), "{said}");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
    }

    #[test]
    fn is_validated_when_it_is_imported() {
        let place = Place::new();
        let (running, _) = following(&place);
        let file = place.path("short.car");
        place.done("lotus", ["chain", "export", "--tipset", "@5", text(&file)]);
        running.stop();
        fs::remove_dir_all(place.path("repo")).expect("a repo");

        let network = place.network("network.toml", &network(GENESIS));
        let import = ["--network", text(&network), "--import-chain", text(&file)];
        let import = import.into_iter().chain(["--halt-after-import"]);
        let ended = place.run(daemon(&place, &import.collect::<Vec<_>>()));
        assert!(ended.status.success(), "{}", ended.said);
        assert!(
            ended.said.contains("imported chain validated"),
            "{}",
            ended.said
        );
        let mut imported = place.start(daemon(&place, &[]));
        assert_eq!(imported.api(&place.path("repo")).head().1, 5);
    }
}

#[test]
fn missing_verifying_keys_are_named_with_the_command_that_makes_them() {
    let place = Place::new();
    let empty = place.path("parameters");
    fs::create_dir(&empty).expect("the folder can be written");
    let real = lotus_networks::Network::devnet("localnet-2f322ea4-eb8f-4175-b312-9ae2e04b6d53");
    let network = place.network("network.toml", &real);
    let genesis = fixture("real-chain/genesis.car");
    let flags = ["--network", text(&network), "--genesis", text(&genesis)];
    let mut command = daemon(&place, &flags);
    command.env("FIL_PROOFS_PARAMETER_CACHE", &empty);
    let said = place.run(command).refused();
    assert!(said.contains(text(&empty)), "{said}");
    assert!(
        said.contains("v28-proof-of-spacetime-fallback") && said.contains(".vk"),
        "{said}"
    );
    assert!(said.contains("lotus fetch-params 2048"), "{said}");
    assert!(!place.path("repo").join("datastore").exists());
}

mod a_full_disk {
    use super::*;

    #[test]
    fn ends_a_daemon_with_an_error_and_loses_nothing() {
        let place = Place::new();
        let Some(disk) = SmallDisk::mount(&place.path("repo"), 24) else {
            eprintln!("no file system can be mounted here: a limit on files is tested instead");
            return;
        };
        let (running, api) = following(&place);
        let head = api.head();
        let taken = store_until_refused(&api, 64);
        let said = running.ended().refused();
        assert!(said.contains("cannot be written"), "{said}");
        assert!(said.contains("No space left on device"), "{said}");

        // An operator, or systemd, tries again before there is space: whatever comes of it does no harm.
        let mut early = place.start(daemon(&place, &[]));
        early.settles(&place.path("repo"));
        drop(early);

        disk.grow(512);
        let mut again = place.start(daemon(&place, &[]));
        let api = again.api(&place.path("repo"));
        assert_eq!(api.head(), head);
        assert!(taken.iter().all(|cid| has(&api, cid)), "an object is lost");
        again.stop();
    }

    #[test]
    fn at_the_first_start_leaves_nothing_that_hinders_the_next() {
        let place = Place::new();
        let Some(disk) = SmallDisk::mount(&place.path("repo"), 1) else {
            eprintln!("no file system can be mounted here");
            return;
        };
        let flags = first(&place);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let said = place.run(daemon(&place, &flags)).refused();
        assert!(said.contains("No space left on device"), "{said}");
        disk.grow(512);
        following(&place).0.stop();
    }

    /// Where nothing can be mounted: a file of the database reaches the process' limit.
    #[test]
    fn is_like_a_limit_on_the_size_of_files() {
        let place = Place::new();
        if SmallDisk::mount(&place.path("probe"), 1).is_some() {
            eprintln!("a file system can be mounted here: a disk that is really full is tested");
            return;
        }
        let (running, api) = following(&place);
        let head = api.head();
        running.stop();
        // In blocks of 512 bytes: 64 MiB, what the database reserves for its journal.
        let limit = "trap '' XFSZ; ulimit -f 131072";
        let mut limited = place.start(daemon_after(&place, limit, &[]));
        let api = limited.api(&place.path("repo"));
        let taken = store_until_refused(&api, 200);
        let said = limited.ended().refused();
        assert!(said.contains("cannot be written"), "{said}");
        let mut again = place.start(daemon(&place, &[]));
        let api = again.api(&place.path("repo"));
        assert_eq!(api.head(), head);
        assert!(taken.iter().all(|cid| has(&api, cid)), "an object is lost");
    }
}

mod a_kill {
    use super::*;

    fn key(api: &Api, height: i64) -> Value {
        let tipset = api.call("Filecoin.ChainGetTipSetByHeight", json!([height, []]));
        tipset.expect("a tipset")["Cids"].clone()
    }

    #[test]
    fn during_the_first_import_lets_it_be_begun_again() {
        let place = Place::new();
        let flags = first(&place);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        for said in ["MOCK PROOFS", "is loaded", "listening"] {
            let mut killed = place.start(daemon(&place, &flags));
            killed.says(said);
            killed.kill();
        }
        following(&place);
    }

    #[test]
    fn in_the_midst_of_writing_loses_nothing_that_was_answered() {
        let place = Place::new();
        let (running, api) = following(&place);
        let heads = [key(&api, HEIGHT), key(&api, HEIGHT - 1)];
        let writer = std::thread::spawn({
            let (api, heads) = (api.clone(), heads.clone());
            move || {
                let mut taken = Vec::new();
                for seed in 0_u64.. {
                    let (base64, bytes) = object(seed);
                    let to = &heads[usize::from(seed % 2 == 0)];
                    let set = api.call("Filecoin.ChainSetHead", json!([to]));
                    if set.is_err() || api.call("Filecoin.ChainPutObj", json!([base64])).is_err() {
                        break;
                    }
                    taken.push(Cid::of_block(&bytes));
                }
                taken
            }
        });
        // Until it is in the midst of it.
        crate::process::eventually(
            "something written",
            || has(&api, &Cid::of_block(&object(5).1)).then_some(()),
            String::new,
        );
        running.kill();
        let taken = writer.join().expect("the writer ends with the daemon");
        assert!(taken.len() > 5);
        let mut again = place.start(daemon(&place, &[]));
        let api = again.api(&place.path("repo"));
        assert!(heads.contains(&api.head().0));
        assert!(taken.iter().all(|cid| has(&api, cid)), "an object is lost");
    }
}
