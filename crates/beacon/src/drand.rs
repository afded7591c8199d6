//! A drand chain as a network's beacon: what servers say, verified and remembered.
//!
//! # Lotus parity
//! `chain/beacon/drand.DrandBeacon`, over HTTP only: its gossip network is not joined.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use lotus_ports::{
    beacon::{Beacon, BeaconError},
    clock::Clock,
};
use lotus_types::{BeaconEntry, Bytes, ChainEpoch};
use parking_lot::Mutex;

use crate::{
    chain::{DrandChain, FilecoinTime},
    client::HttpClient,
};

/// Verified entries that are remembered.
const CACHE_SIZE: usize = 2048;
/// How often servers are asked again for a round that should be there, and the first pause between;
/// pauses double. Together about 30 s.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A drand chain as beacon of a Filecoin network.
#[derive(Debug)]
pub struct DrandBeacon {
    chain: DrandChain,
    time: FilecoinTime,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    verified: Mutex<BTreeMap<u64, Bytes>>,
}

impl DrandBeacon {
    /// A beacon that asks `client`. A client without servers makes a beacon that only verifies.
    pub fn new(
        chain: DrandChain,
        time: FilecoinTime,
        client: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            chain,
            time,
            client,
            clock,
            verified: Mutex::new(BTreeMap::new()),
        }
    }

    /// The drand chain.
    pub fn chain(&self) -> &DrandChain {
        &self.chain
    }

    fn remembered(&self, round: u64) -> Option<Bytes> {
        self.verified.lock().get(&round).cloned()
    }

    fn remember(&self, entry: &BeaconEntry) {
        let mut verified = self.verified.lock();
        verified.insert(entry.round, entry.data.clone());
        if verified.len() > CACHE_SIZE {
            verified.pop_first();
        }
    }

    async fn fetch(&self, round: u64) -> Result<BeaconEntry, BeaconError> {
        let due = Duration::from_secs(self.chain.time_of_round(round));
        self.clock.sleep_until(due).await;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.client.round(&self.chain, round).await {
                Ok(entry) => return Ok(entry),
                Err(error) if attempt == ATTEMPTS || !self.client.has_servers() => {
                    return Err(BeaconError::Unavailable {
                        round,
                        reason: error.to_string(),
                    });
                }
                Err(error) => {
                    tracing::debug!(round, attempt, %error, "drand round is not there yet");
                    self.clock.sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
            }
        }
    }
}

#[async_trait]
impl Beacon for DrandBeacon {
    async fn entry(&self, round: u64) -> Result<BeaconEntry, BeaconError> {
        if round == 0 {
            let reason = "drand counts from round 1".to_owned();
            return Err(BeaconError::Unavailable { round, reason });
        }
        if let Some(data) = self.remembered(round) {
            return Ok(BeaconEntry { round, data });
        }
        let entry = self.fetch(round).await?;
        self.remember(&entry);
        Ok(entry)
    }

    fn verify_entry(&self, entry: &BeaconEntry, previous: &BeaconEntry) -> Result<(), BeaconError> {
        let invalid = |reason| BeaconError::Invalid {
            round: entry.round,
            reason,
        };
        if self.is_chained() && previous.round.checked_add(1) != Some(entry.round) {
            return Err(invalid(format!("it follows round {}", previous.round)));
        }
        match self.remembered(entry.round) {
            Some(data) if data == entry.data => return Ok(()),
            Some(_) => return Err(invalid("the beacon said something else".to_owned())),
            None => {}
        }
        self.chain
            .verify(entry, &previous.data)
            .map_err(|e| invalid(e.to_string()))?;
        self.remember(entry);
        Ok(())
    }

    fn max_round_for_epoch(&self, epoch: ChainEpoch) -> u64 {
        self.chain.max_round_for_epoch(self.time, epoch)
    }

    fn is_chained(&self) -> bool {
        self.chain.scheme().is_chained()
    }
}
