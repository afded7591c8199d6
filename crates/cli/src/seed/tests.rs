//! The files that the commands leave, and what they refuse.

use std::path::Path;

use clap::Parser as _;
use lotus_genesis::{Template, template::Meta};

use super::Seed;

fn seed(args: &[&str]) -> anyhow::Result<String> {
    let seed = Seed::try_parse_from(["lotus-seed"].iter().chain(args))?;
    let mut out = Vec::new();
    seed.run(&mut out)?;
    Ok(String::from_utf8(out)?)
}

fn template(path: &Path) -> Template {
    Template::parse(&std::fs::read(path).expect("was written")).expect("reads")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn fixture(path: &str) -> String {
    format!(
        "{}/../../fixtures/lotus/real-chain/{path}",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn sectors_are_faked_and_become_a_genesis_miner() {
    let dir = tempfile::tempdir().expect("dir");
    let sectors = dir.path().join("sectors");
    let json = dir.path().join("localnet.json");
    let args = [
        "--sector-dir",
        text(&sectors),
        "pre-seal",
        "--num-sectors",
        "2",
        "--fake-sectors",
    ];
    seed(&args).expect("fakes");
    for file in ["sealed/s-t01000-0", "cache/s-t01000-1", "sectorstore.json"] {
        assert!(sectors.join(file).exists(), "{file}");
    }
    let key = std::fs::read_to_string(sectors.join("pre-seal-t01000.key")).expect("key");
    let key = lotus_crypto::parse_exported_key(&key).expect("a key");

    seed(&["genesis", "new", text(&json), "--network-name", "testnet"]).expect("makes");
    let manifest = sectors.join("pre-seal-t01000.json");
    seed(&["genesis", "add-miner", text(&json), text(&manifest)]).expect("adds");
    let made = template(&json);
    made.check().expect("is good");
    assert_eq!(made.network_name, "testnet");
    let miner = &made.miners[0];
    assert_eq!(miner.sectors.len(), 2);
    assert_eq!(miner.sectors[1].deal_client_key, key);
    assert_eq!(miner.sectors[1].deal.piece_cid, miner.sectors[1].comm_d);
    assert_eq!(miner.peer_id.as_bytes().len(), 38);

    let error = seed(&["genesis", "add-miner", text(&json), text(&manifest)]).expect_err("again");
    assert!(error.to_string().contains("t01001"), "{error:#}");
    assert_eq!(template(&json), made);
}

#[test]
fn signers_are_set_from_a_list() {
    let dir = tempfile::tempdir().expect("dir");
    let json = dir.path().join("localnet.json");
    std::fs::copy(fixture("localnet.json"), &json).expect("copies");
    let signer = "t1ceb34gnsc6qk5dt6n7xg6ycwzasjhbxm3iylkiy";
    let args = [
        "genesis",
        "set-signers",
        "--threshold=1",
        "--signers",
        signer,
        text(&json),
    ];
    seed(&args).expect("sets");
    let Meta::Multisig(meta) = template(&json).verifreg_root_key.meta else {
        panic!("multisig")
    };
    assert_eq!(meta.signers[0].to_string(), signer);
    assert!(seed(&["genesis", "set-signers", text(&json)]).is_err());
    let error = seed(&[
        "genesis",
        "set-signers",
        "--threshold=2",
        "--signers",
        signer,
        text(&json),
    ]);
    assert!(error.expect_err("2 of 1").to_string().contains("2 of 1"));
}

#[test]
fn a_recorded_genesis_is_made_again() {
    let dir = tempfile::tempdir().expect("dir");
    let car = dir.path().join("again.car");
    let (like, localnet) = (fixture("genesis.car"), fixture("localnet.json"));
    let out = seed(&[
        "genesis",
        "car",
        "--like",
        &like,
        "--out",
        text(&car),
        &localnet,
    ]);
    let out = out.expect("makes");
    let cid = "bafy2bzaceb4edxtxkoqwvxfhrscssqrb4udtghh67c7ybjjxucdtx7b57csye";
    assert_eq!(
        out,
        format!("GENESIS MINER ADDRESS: t01000\nGENESIS CID: {cid}\n")
    );
    let root = lotus_blockstore::car::CarReader::open(&car)
        .expect("a CAR")
        .roots()[0];
    assert_eq!(root.to_string(), cid);
}

#[test]
fn wrong_input_is_named() {
    let dir = tempfile::tempdir().expect("dir");
    let missing = dir.path().join("missing.json");
    let refused = |args: &[&str]| format!("{:#}", seed(args).expect_err("refused"));
    assert!(refused(&["genesis", "car", text(&missing)]).contains("missing.json"));
    assert!(refused(&["pre-seal", "--sector-size", "3KiB"]).contains("3072"));
    assert!(refused(&["pre-seal", "--sector-size", "2 moons"]).contains("moons"));
    assert!(refused(&["pre-seal", "--miner-addr", "t3"]).contains("t3"));
    let localnet = fixture("localnet.json");
    assert!(refused(&["genesis", "car", "--ticket", "00", &localnet]).contains("32 bytes"));
    let broken = dir.path().join("broken.json");
    std::fs::write(&broken, "{").expect("writes");
    assert!(
        refused(&[
            "genesis",
            "set-signers",
            "--signers",
            "t1ceb34gnsc6qk5dt6n7xg6ycwzasjhbxm3iylkiy",
            text(&broken)
        ])
        .contains("line 1")
    );
}

#[test]
fn sizes_are_read_with_and_without_units() {
    use super::presealing::parse_size;
    assert_eq!(parse_size("2KiB"), Ok(2048));
    assert_eq!(parse_size("2048"), Ok(2048));
    assert_eq!(parse_size("32G"), Ok(32 << 30));
    assert!(parse_size("").is_err());
    assert!(parse_size("99999999999999999999GiB").is_err());
}
