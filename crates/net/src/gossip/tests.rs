#![allow(clippy::unwrap_used, reason = "tests")]

//! Gossip from a host that does not keep to the rules of this crate.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    gossipsub::{Behaviour, ConfigBuilder, Event, MessageAuthenticity, ValidationMode},
    noise, tcp, yamux,
};
use lotus_ports::network::{Gossip as _, Inbox};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{HostKey, NetConfig, NetService};

const SOON: Duration = Duration::from_secs(20);

/// This crate's host, its inbox of messages and its counters.
struct Victim {
    net: NetService,
    inbox: Box<dyn Inbox<Incoming<SignedMessage>>>,
    metrics: Metrics,
    stop: CancellationToken,
}

impl Victim {
    fn start() -> Self {
        let (stop, metrics) = (CancellationToken::new(), Metrics::default());
        let mut config = NetConfig::new("testnet", "victim");
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        let key = HostKey::generate();
        let (net, task) =
            NetService::start(config, &key, None, metrics.clone(), stop.clone()).unwrap();
        tokio::spawn(task);
        Self {
            inbox: net.messages(),
            net,
            metrics,
            stop,
        }
    }

    async fn hears_nothing(&mut self) {
        let heard = tokio::time::timeout(Duration::from_millis(700), self.inbox.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    async fn rejects(&self, count: u64) {
        let deadline = Instant::now() + SOON;
        while self.metrics.gossip_rejected.get() < count {
            assert!(Instant::now() < deadline, "not rejected");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A bare gossipsub host with limits four times as high, connected to the victim.
async fn attacker(victim: &Victim, sign: bool) -> Swarm<Behaviour> {
    let key = libp2p::identity::Keypair::generate_ed25519();
    let (mode, author) = if sign {
        (
            ValidationMode::Strict,
            MessageAuthenticity::Signed(key.clone()),
        )
    } else {
        (ValidationMode::None, MessageAuthenticity::Anonymous)
    };
    let settings = ConfigBuilder::default()
        .max_transmit_size(4 * MAX_SIZE)
        .validation_mode(mode)
        .message_id_fn(|m| params::message_id(&m.data))
        .build()
        .unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|_| Behaviour::new(author, settings).unwrap())
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(SOON))
        .build();
    let addresses = victim.net.dial_addresses(SOON).await.unwrap();
    swarm
        .dial(addresses.first().unwrap().parse::<Multiaddr>().unwrap())
        .unwrap();
    loop {
        let event = tokio::time::timeout(SOON, swarm.next()).await.unwrap();
        if let Some(libp2p::swarm::SwarmEvent::Behaviour(Event::Subscribed { .. })) = event {
            return swarm;
        }
    }
}

/// Publishes, and keeps the attacker's host going in the background.
fn publish(mut swarm: Swarm<Behaviour>, messages: Vec<Vec<u8>>) {
    for data in messages {
        let topic = IdentTopic::new(Topic::Messages.name("testnet"));
        swarm.behaviour_mut().publish(topic, data).unwrap();
    }
    tokio::spawn(async move { while swarm.next().await.is_some() {} });
}

fn recorded() -> Vec<u8> {
    let text = include_str!("../../../../fixtures/lotus/wire/libp2p.json");
    let all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let of_message = |r: &&serde_json::Value| {
        r.get("protocol")
            .unwrap()
            .as_str()
            .unwrap()
            .starts_with("/fil/msgs/")
    };
    let hex = all
        .iter()
        .find(of_message)
        .unwrap()
        .get("received_hex")
        .unwrap();
    data_encoding::HEXLOWER
        .decode(hex.as_str().unwrap().as_bytes())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_message_is_delivered() {
    let mut victim = Victim::start();
    let attacker = attacker(&victim, true).await;
    publish(attacker, vec![recorded()]);
    let heard = tokio::time::timeout(SOON, victim.inbox.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(wire::to_cbor(&heard.value), recorded());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_rejected_and_never_delivered() {
    let mut victim = Victim::start();
    let attacker = attacker(&victim, true).await;
    let mut trailing = recorded();
    trailing.push(0);
    // The second integer of the message, 0, in two bytes.
    let mut other_encoding = recorded();
    assert_eq!(other_encoding.get(2), Some(&0));
    other_encoding.splice(2..3, [0x18, 0x00]);
    publish(
        attacker,
        vec![vec![], vec![0xff; 100], trailing, other_encoding],
    );
    victim.rejects(4).await;
    victim.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_the_limit_does_not_get_in() {
    let mut victim = Victim::start();
    let attacker = attacker(&victim, true).await;
    let large: SignedMessage = wire::from_cbor(&recorded()).unwrap();
    let mut large = large;
    large.message.params = vec![0; MAX_SIZE + 1].into();
    publish(attacker, vec![wire::to_cbor(&large)]);
    victim.hears_nothing().await;
    assert_eq!(victim.metrics.gossip_rejected.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_its_author_does_not_get_in() {
    let mut victim = Victim::start();
    let attacker = attacker(&victim, false).await;
    publish(attacker, vec![recorded()]);
    victim.hears_nothing().await;
}
