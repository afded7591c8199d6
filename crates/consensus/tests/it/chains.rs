//! The recorded chains with a validator over each.

use std::sync::Arc;

use lotus_beacon::{FilecoinTime, schedule_of};
use lotus_consensus::BlockValidator;
use lotus_networks::{BeaconConfig, ChainInfo};
use lotus_ports::{clock::SystemClock, proofs::Verifier};
use lotus_proofs::{FilecoinVerifier, MockVerifier};
use lotus_state::{
    ChainView as _, StateManager, execute::Executor, exported::ExportedChain, replay::replay,
};
use lotus_types::{BlockHeader, block::FullBlock};

use crate::recorded;

/// A chain and the validator for its blocks.
pub(crate) struct Recorded {
    pub(crate) chain: Arc<ExportedChain>,
    pub(crate) validator: BlockValidator,
    executor: Executor,
}

impl Recorded {
    /// A header with its messages.
    pub(crate) fn full_block(&self, header: &BlockHeader) -> FullBlock {
        let messages = self.chain.block_messages(header).unwrap();
        FullBlock {
            header: header.clone(),
            bls_messages: messages.bls,
            secpk_messages: messages.secpk,
        }
    }

    /// The same, with the state of every tipset in the store.
    pub(crate) fn executed(self) -> Self {
        let replayed = replay(&self.executor, self.chain.tipsets(), None, |_| ()).unwrap();
        assert_eq!(replayed.mismatches, []);
        self
    }

    /// Unix seconds at which every block of the chain is in the past.
    pub(crate) fn now(&self) -> u64 {
        self.chain.tipsets().last().unwrap().min_timestamp()
    }
}

fn recorded(
    (chain, executor): (Arc<ExportedChain>, Executor),
    block_delay: u64,
    beacon: &BeaconConfig,
    verifier: Arc<dyn Verifier>,
) -> Recorded {
    let network = lotus_networks::Network {
        block_delay_secs: block_delay,
        ..(*executor.network).clone()
    };
    let genesis = chain.genesis().min_timestamp();
    let time = FilecoinTime {
        genesis,
        block_delay,
    };
    let clock = SystemClock::new(|_| Box::pin(std::future::pending()));
    let beacons = schedule_of(beacon, time, Arc::new(clock)).unwrap();
    let executor = Executor {
        network: Arc::new(network),
        ..executor
    };
    let states = StateManager::new(executor.clone());
    Recorded {
        chain,
        validator: BlockValidator::new(states, beacons, verifier),
        executor,
    }
}

pub(crate) fn mock(name: &str) -> Recorded {
    let verifier = Arc::new(MockVerifier);
    recorded(recorded::mock_chain(name), 4, &BeaconConfig::Mock, verifier)
}

pub(crate) fn real() -> Recorded {
    let text = std::fs::read_to_string(recorded::fixture("real-chain/drand.json")).unwrap();
    let chain: ChainInfo = serde_json::from_str(&text).unwrap();
    let beacon = BeaconConfig::Drand {
        servers: Vec::new(),
        chain,
    };
    let opened = recorded::real_chain();
    recorded(opened, 10, &beacon, Arc::new(FilecoinVerifier::new()))
}
