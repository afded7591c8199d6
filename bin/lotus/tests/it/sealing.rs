//! A sector that is sealed under hard circumstances.

use std::{fs, io::Write as _};

use crate::{
    devnet::Devnet,
    disk::SmallDisk,
    process::{Ended, Place},
};

fn miner(place: &Place, args: &[&str]) -> Ended {
    let mut command = place.tool("lotus-miner", args);
    command
        .env("LOTUS_MINER_PATH", place.path("devnet/miner"))
        .env("LOTUS_PATH", place.path("devnet/daemon"));
    place.run(command)
}

/// Waits until what `sectors status` tells of sector 2 has `words`.
fn until_told(devnet: &mut Devnet, words: &str) -> String {
    let Devnet { place, supervisor } = devnet;
    supervisor.until(words, |_| {
        let told = miner(place, &["sectors", "status", "--log", "2"]).said;
        told.contains(words).then_some(told)
    })
}

#[test]
fn waits_for_space_on_a_full_disk_and_goes_on_under_its_number() {
    let ports = ["--api-port", "0", "--miner-port", "0", "--worker-port", "0"];
    let mut devnet = Devnet::start(&[&["up", "--no-deal"], &ports[..]].concat());
    devnet.supervisor.says("The devnet is up");
    let folder = devnet.place.path("devnet/worker/sealed");
    let Some(disk) = SmallDisk::mount(&folder, 1) else {
        println!("skipped: no small file system can be mounted here");
        return;
    };
    let mut filler = fs::File::create(folder.join("filler")).expect("an empty disk has room");
    while filler.write_all(&[0; 1024]).is_ok() {}

    let pledged = miner(&devnet.place, &["sectors", "pledge"]).said;
    assert!(pledged.contains("Created CC sector:  2"), "{pledged}");
    until_told(&mut devnet, "No space left on device");
    disk.grow(8);
    let told = until_told(&mut devnet, "Status:\t\tProving");
    assert_eq!(told.matches("SectorPreCommitted]").count(), 1, "{told}");
    let list = miner(&devnet.place, &["sectors", "list"]).said;
    assert!(list.contains("\n2 ") && !list.contains("\n3 "), "{list}");
}
