//! Every block of the recorded chains carries the entries that it should.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use futures::executor::block_on;
use lotus_beacon::{
    DrandBeacon, DrandChain, EntriesError, FilecoinTime, HttpClient, MockBeacon, entries_for_block,
    rounds_for_block, validate_block_entries,
};
use lotus_ports::{beacon::BeaconSchedule, clock::ManualClock};
use lotus_types::{BeaconEntry, BlockHeader, Cid, address::read_uvarint, wire};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(name)
}

/// The headers of a recorded chain.
fn headers(name: &str) -> HashMap<Cid, BlockHeader> {
    let packed = std::fs::read(fixture(name).join("chain.car.zst")).expect("fixture is there");
    let car = zstd::decode_all(packed.as_slice()).expect("zstd");
    let mut rest = car.as_slice();
    let mut headers = HashMap::new();
    while let Some((len, after)) = read_uvarint(rest) {
        let (section, next) = after.split_at(usize::try_from(len).expect("length"));
        rest = next;
        // Version, codec, hash code and length take 6 bytes in a chain object's CID, the hash 32.
        let decoded = section.get(38..).map(wire::from_cbor::<BlockHeader>);
        if let Some(Ok(header)) = decoded {
            headers.insert(header.cid(), header);
        }
    }
    assert!(headers.len() > 100, "a recorded chain has more blocks");
    headers
}

/// A block with what came before it.
struct Link<'a> {
    block: &'a BlockHeader,
    parent_epoch: i64,
    previous: BeaconEntry,
}

fn links(headers: &HashMap<Cid, BlockHeader>) -> Vec<Link<'_>> {
    let mut links: Vec<_> = headers
        .values()
        .filter(|block| block.height > 0)
        .map(|block| {
            let parent = |of: &BlockHeader| &headers[&of.parents.cids()[0]];
            let direct = parent(block);
            let mut at = direct;
            while at.beacon_entries.is_empty() {
                at = parent(at);
            }
            let previous = at.last_beacon_entry().expect("just looked for").clone();
            Link {
                block,
                parent_epoch: direct.height,
                previous,
            }
        })
        .collect();
    links.sort_by_key(|link| link.block.height);
    links
}

impl Link<'_> {
    fn validate(
        &self,
        schedule: &BeaconSchedule,
        entries: &[BeaconEntry],
    ) -> Result<(), EntriesError> {
        validate_block_entries(
            schedule,
            self.block.height,
            entries,
            self.parent_epoch,
            &self.previous,
        )
    }

    /// Rounds that the block should carry, and those that it does.
    fn rounds(&self, schedule: &BeaconSchedule) -> (Vec<u64>, Vec<u64>) {
        let expected = rounds_for_block(
            schedule,
            self.block.height,
            self.parent_epoch,
            &self.previous,
        );
        let carried = self.block.beacon_entries.iter().map(|e| e.round).collect();
        (expected.expect("not too many"), carried)
    }
}

fn real_schedule() -> BeaconSchedule {
    let read = |name: &str| std::fs::read_to_string(fixture(name)).expect("fixture is there");
    let info = serde_json::from_str(&read("real-chain/drand.json")).expect("chain info");
    let meta: serde_json::Value =
        serde_json::from_str(&read("real-chain/meta.json")).expect("meta");
    let time = FilecoinTime {
        genesis: meta["genesis_timestamp"].as_u64().expect("seconds"),
        block_delay: meta["block_delay_secs"].as_u64().expect("seconds"),
    };
    let chain = DrandChain::new(&info).expect("a drand chain");
    let clock = Arc::new(ManualClock::default());
    BeaconSchedule::new(Arc::new(DrandBeacon::new(
        chain,
        time,
        HttpClient::offline(),
        clock,
    )))
}

#[test]
fn the_mock_chains_carry_the_mock_beacons_entries() {
    let schedule = BeaconSchedule::new(Arc::new(MockBeacon));
    for name in ["mock-chain", "mock-chain-two"] {
        let headers = headers(name);
        let links = links(&headers);
        let mut several = 0;
        for link in &links {
            let block = link.block;
            let (expected, carried) = link.rounds(&schedule);
            assert_eq!(expected, carried, "{name} at {}", block.height);
            let made =
                entries_for_block(&schedule, block.height, link.parent_epoch, &link.previous);
            assert_eq!(block_on(made).as_ref(), Ok(&block.beacon_entries));
            link.validate(&schedule, &block.beacon_entries)
                .expect("as recorded");
            several += usize::from(carried.len() > 1);
        }
        assert!(several > 5, "{name} has null rounds");
    }
}

#[test]
fn the_real_chain_carries_verified_drand_rounds() {
    let schedule = real_schedule();
    let headers = headers("real-chain");
    for link in links(&headers) {
        let (expected, carried) = link.rounds(&schedule);
        assert_eq!(expected, carried, "at {}", link.block.height);
        link.validate(&schedule, &link.block.beacon_entries)
            .expect("as recorded");
    }
}

#[test]
fn altered_entries_of_the_real_chain_are_refused() {
    let headers = headers("real-chain");
    let links = links(&headers);
    let link = links
        .iter()
        .find(|link| link.block.beacon_entries.len() > 1 && link.parent_epoch > 0)
        .expect("there is a null round");
    // A fresh schedule each time: a verified entry is remembered.
    let check = |entries: &[BeaconEntry]| link.validate(&real_schedule(), entries);
    let good = &link.block.beacon_entries;
    for index in 0..good.len() {
        let mut altered = good.clone();
        let mut data = altered[index].data.to_vec();
        data[10] ^= 1;
        altered[index].data = data.into();
        let error = check(&altered).expect_err("altered");
        assert!(
            matches!(error, EntriesError::Entry { index: i, .. } if i == index),
            "{error}"
        );
        assert!(error.is_bad_block());
    }
    assert!(matches!(
        check(&good[1..]),
        Err(EntriesError::Entry { index: 0, .. })
    ));
    assert!(matches!(
        check(&good[..1]),
        Err(EntriesError::LastRound { .. })
    ));
    let swapped: Vec<_> = good.iter().rev().cloned().collect();
    assert!(check(&swapped).is_err());
}

#[test]
fn an_entry_that_differs_from_the_verified_one_is_refused() {
    let schedule = real_schedule();
    let headers = headers("real-chain");
    let links = links(&headers);
    let link = links.last().expect("a head");
    link.validate(&schedule, &link.block.beacon_entries)
        .expect("as recorded");
    let mut altered = link.block.beacon_entries.clone();
    altered[0].data = links[100].block.beacon_entries[0].data.clone();
    let error = link
        .validate(&schedule, &altered)
        .expect_err("altered")
        .to_string();
    assert!(error.contains("said something else"), "{error}");
}
