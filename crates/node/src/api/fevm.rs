//! What came with the FEVM (network version 18) outside of the Eth group.
//!
//! # Lotus parity
//! `ChainGetEvents` reads whatever list of events the store has; receipts name one from network version
//! 18 on. The other methods answer whether or not there is an Ethereum API, without which Lotus refuses
//! them; `NetListening` is true when the host listens, for Lotus always.

use async_trait::async_trait;
use lotus_actors::Array;
use lotus_blockstore::Blockstore;
use lotus_rpc_api::{
    RpcError,
    full::FevmApi,
    types::chain::{Event, EventEntry},
};
use lotus_types::{Bytes, Cid};

use super::{Answer, FullNodeApi};
use crate::{config::version, keys::eip155_chain_id};

/// An event as it lies in the store.
type Stored = (u64, Vec<(u8, String, u64, Bytes)>);

#[async_trait]
impl FevmApi for FullNodeApi {
    async fn chain_get_events(&self, root: Cid) -> Answer<Vec<Event>> {
        self.run(move |s| events(s.store(), &root)).await
    }

    async fn net_listening(&self) -> Answer<bool> {
        Ok(!self.0.net.listening().is_empty())
    }

    async fn net_version(&self) -> Answer<String> {
        Ok(eip155_chain_id(&self.0.network).to_string())
    }

    async fn web3_client_version(&self) -> Answer<String> {
        Ok(version())
    }
}

fn events(store: &impl Blockstore, root: &Cid) -> Answer<Vec<Event>> {
    let stored = Array::<_, Stored>::load(store, root, "events");
    let stored = stored.and_then(|array| array.entries());
    let stored = stored.map_err(|error| {
        let why = RpcError::from_error(&error);
        RpcError::new(format_args!(
            "load events amt: {why}; {root} is no list of events: receipts name one from network version \
             18 on"
        ))
    })?;
    Ok(stored
        .into_iter()
        .map(|(_, stored)| event(stored))
        .collect())
}

fn event((emitter, entries): Stored) -> Event {
    let entries = entries
        .into_iter()
        .map(|(flags, key, codec, value)| EventEntry {
            flags,
            key,
            codec,
            value,
        });
    Event {
        emitter,
        entries: entries.collect(),
    }
}

#[cfg(test)]
mod a_list_of_events {
    use lotus_blockstore::SharedBlockstore;

    use super::*;

    /// The bit width of lists of events.
    const WIDTH: u32 = 5;

    #[test]
    fn is_read_in_its_order() {
        let store = SharedBlockstore::memory();
        let mut list = Array::<_, Stored>::empty(&store, WIDTH, "events");
        for number in 0..40 {
            let value = Bytes::from(vec![0x41, number]);
            let entry = (3, format!("t{number}"), 0x55, value);
            list.set(number.into(), (1000 + u64::from(number), vec![entry]))
                .expect("set");
        }
        let root = list.flush().expect("written");
        let read = events(&store, &root).expect("read");
        assert_eq!(read.len(), 40);
        assert_eq!(read[39].emitter, 1039);
        let json = serde_json::to_value(&read[7]).expect("JSON");
        let entry = serde_json::json!({ "Flags": 3, "Key": "t7", "Codec": 0x55, "Value": "QQc=" });
        assert_eq!(
            json,
            serde_json::json!({ "Emitter": 1007, "Entries": [entry] })
        );
    }

    #[test]
    fn is_nothing_else() {
        let store = SharedBlockstore::memory();
        let mut list = Array::<_, u64>::empty(&store, WIDTH, "numbers");
        list.set(0, 1).expect("set");
        let numbers = list.flush().expect("written");
        for root in [numbers, Cid::of_block(b"not there")] {
            let error = events(&store, &root).expect_err("no events").to_string();
            assert!(error.starts_with("load events amt: "), "{error}");
            assert!(error.contains("is no list of events"), "{error}");
        }
    }
}
