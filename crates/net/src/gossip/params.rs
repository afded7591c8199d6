//! Gossipsub settings and score parameters of a Filecoin network.
//!
//! # Lotus parity
//! Mesh degrees, history, message ids and scores are those of Lotus' `node/modules/lp2p`. Message
//! signing is libp2p's default (signed, with author and sequence number; strict on receipt). Lotus'
//! rate limiting `PeerGater` has no counterpart in rust-libp2p.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Message, MessageAuthenticity, MessageId, PeerScoreParams,
    PeerScoreThresholds, TopicHash, TopicScoreParams, ValidationMode,
    score_parameter_decay_with_base,
};

use super::{MAX_SIZE, Topic};
use crate::{behaviour::StartError, config::NetConfig, key::HostKey};

const HOUR: Duration = Duration::from_secs(3600);
const DECAY_INTERVAL: Duration = Duration::from_secs(1);
const DECAY_TO_ZERO: f64 = 0.01;

/// The id of a gossiped message: blake2b-256 of its data, whoever sends it.
pub(crate) fn message_id(data: &[u8]) -> MessageId {
    MessageId::new(&lotus_types::block::blake2b256(data))
}

/// Gossipsub for this host, subscribed to nothing yet.
pub(crate) fn behaviour(config: &NetConfig, key: &HostKey) -> Result<Behaviour, StartError> {
    let settings = ConfigBuilder::default()
        .mesh_n(8)
        .mesh_n_low(6)
        .mesh_n_high(12)
        .mesh_outbound_min(3)
        .retain_scores(6)
        .gossip_lazy(12)
        .history_length(10)
        .history_gossip(3)
        .duplicate_cache_time(Duration::from_secs(120))
        .flood_publish(true)
        .heartbeat_initial_delay(Duration::from_millis(100))
        .heartbeat_interval(config.gossip.heartbeat)
        .validate_messages()
        .validation_mode(ValidationMode::Strict)
        .message_id_fn(|message: &Message| message_id(&message.data))
        // The library's defaults (64 KiB and 16 KiB) are below what Lotus' hosts send.
        .max_transmit_size(MAX_SIZE)
        .max_control_message_size(MAX_SIZE)
        .build()
        .map_err(|e| StartError::Setup(e.to_string()))?;
    let signed = MessageAuthenticity::Signed(key.pair().clone());
    let mut gossip =
        Behaviour::new(signed, settings).map_err(|e| StartError::Setup(e.to_owned()))?;
    gossip
        .with_peer_score(scores(&config.network), thresholds())
        .map_err(StartError::Setup)?;
    Ok(gossip)
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -500.0,
        publish_threshold: -1000.0,
        graylist_threshold: -2500.0,
        accept_px_threshold: 1000.0,
        opportunistic_graft_threshold: 3.5,
    }
}

/// The parameters that peers are scored by.
pub(crate) fn scores(network: &str) -> PeerScoreParams {
    let topics = [
        (Topic::Blocks, topic_score(5.0, HOUR)),
        (Topic::Messages, topic_score(0.5, HOUR / 6)),
    ];
    let topics: HashMap<_, _> = topics
        .into_iter()
        .map(|(topic, score)| (TopicHash::from_raw(topic.name(network)), score))
        .collect();
    PeerScoreParams {
        topics,
        topic_score_cap: 0.0,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: -100.0,
        ip_colocation_factor_threshold: 5.0,
        // A devnet lives on one machine.
        ip_colocation_factor_whitelist: HashSet::from([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]),
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: decay(HOUR),
        decay_interval: DECAY_INTERVAL,
        decay_to_zero: DECAY_TO_ZERO,
        retain_score: 6 * HOUR,
        ..PeerScoreParams::default()
    }
}

/// A topic where first deliveries earn `weight`, forgotten after `memory`; an invalid message costs
/// far more than a peer can earn.
fn topic_score(weight: f64, memory: Duration) -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 0.1,
        time_in_mesh_weight: 0.000_27,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 1.0,
        first_message_deliveries_weight: weight,
        first_message_deliveries_decay: decay(memory),
        first_message_deliveries_cap: 100.0,
        // Not scored: a quiet topic is no fault.
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -1000.0,
        invalid_message_deliveries_decay: decay(HOUR),
        ..TopicScoreParams::default()
    }
}

fn decay(time: Duration) -> f64 {
    score_parameter_decay_with_base(time, DECAY_INTERVAL, DECAY_TO_ZERO)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use data_encoding::HEXLOWER;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Recording {
        protocol: String,
        note: String,
        #[serde(default)]
        received_hex: String,
    }

    #[test]
    fn recorded_gossip_has_the_recorded_message_ids() {
        let text = include_str!("../../../../fixtures/lotus/wire/libp2p.json");
        let all: Vec<Recording> = serde_json::from_str(text).unwrap();
        let mut seen = 0;
        for gossip in all.iter().filter(|r| r.note.starts_with("gossip")) {
            let (_, rest) = gossip.note.split_once("message id ").unwrap();
            let id = rest.split(';').next().unwrap();
            let data = HEXLOWER.decode(gossip.received_hex.as_bytes()).unwrap();
            assert_eq!(
                HEXLOWER.encode(&message_id(&data).0),
                id,
                "{}",
                gossip.protocol
            );
            seen += 1;
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn the_library_takes_the_settings_and_scores() {
        let config = NetConfig::new("testnet", "test");
        behaviour(&config, &HostKey::generate()).unwrap();
    }
}
