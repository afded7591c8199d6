//! Executing an exported chain again, apart from the node that made it.

use std::{ops::ControlFlow, sync::Arc};

use lotus_blockstore::{
    SharedBlockstore,
    car::{self, CarLimits, CarReader, LoadOptions},
};
use lotus_networks::Network;
use lotus_ports::beacon::BeaconSchedule;
use lotus_state::{
    execute::Executor,
    exported::ExportedChain,
    replay::{self, Replayed},
};
use lotus_types::Cid;

use crate::genesis;

/// Executes every tipset of an export but the last, from nothing but the file, and compares state
/// roots and receipts with what the next header says.
pub fn replay(network: &Network, export: &[u8]) -> Replayed {
    let store = SharedBlockstore::memory();
    let reader = CarReader::new(export, CarLimits::default());
    let reader = reader.unwrap_or_else(|error| panic!("the export: {error}"));
    let loaded = car::load(reader, &store, LoadOptions::default(), |_| {
        ControlFlow::Continue(())
    });
    let loaded = loaded.unwrap_or_else(|error| panic!("the export: {error}"));
    let head: Vec<Cid> = loaded.roots.into_iter().map(Cid::from).collect();
    let chain = ExportedChain::open(store.clone(), &head);
    let chain = Arc::new(chain.unwrap_or_else(|error| panic!("the export: {error}")));
    let beacons: BeaconSchedule = genesis::beacons();
    let executor = Executor {
        view: Arc::clone(&chain) as _,
        store,
        vm: genesis::vm(),
        network: Arc::new(network.clone()),
        round_of: Arc::new(move |epoch| beacons.max_round_for_epoch(epoch)),
    };
    let replayed = replay::replay(&executor, chain.tipsets(), None, |_| ());
    replayed.unwrap_or_else(|error| panic!("replaying: {error}"))
}
