//! Gossip of blocks and messages, validated by their consumers before they are passed on.
//!
//! # Invariants
//! - A value is forwarded only after its consumer said [`Verdict::Accept`]. What does not decode is
//!   rejected here; what finds the inbox full is ignored.
//! - Nothing is remembered about a value before it was validated (Lotus once stored sequence numbers
//!   first, and could be poisoned).

use std::time::Instant;

use libp2p::{
    PeerId,
    gossipsub::{self, IdentTopic, MessageAcceptance, MessageId, TopicHash},
};
use lotus_ports::network::{Incoming, PublishError, Ticket, Verdict};
use lotus_types::{BlockMessage, SignedMessage, wire};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;

use self::standing::Standings;
use crate::{metrics::Metrics, peers::port_id};

pub(crate) mod params;
pub(crate) mod standing;

/// Largest gossiped value with its envelope, in bytes.
pub const MAX_SIZE: usize = 1 << 20;
/// Room for author, sequence number, signature and topic within [`MAX_SIZE`].
const ENVELOPE: usize = 512;

/// What is gossiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Blocks,
    Messages,
}

impl Topic {
    /// The topic's name in `network`.
    pub(crate) fn name(self, network: &str) -> String {
        match self {
            Self::Blocks => format!("/fil/blocks/{network}"),
            Self::Messages => format!("/fil/msgs/{network}"),
        }
    }
}

/// A verdict on its way back to gossipsub.
#[derive(Debug)]
pub(crate) struct Judged {
    id: MessageId,
    topic: TopicHash,
    source: PeerId,
    verdict: Verdict,
}

/// Who receives a topic.
#[derive(Debug)]
pub(crate) enum Subscriber {
    Blocks(mpsc::Sender<Incoming<BlockMessage>>),
    Messages(mpsc::Sender<Incoming<SignedMessage>>),
}

impl Subscriber {
    const fn topic(&self) -> Topic {
        match self {
            Self::Blocks(_) => Topic::Blocks,
            Self::Messages(_) => Topic::Messages,
        }
    }
}

/// The part of gossip that lives in the service's task.
#[derive(Debug)]
pub(crate) struct Desk {
    blocks_topic: IdentTopic,
    messages_topic: IdentTopic,
    blocks: Option<mpsc::Sender<Incoming<BlockMessage>>>,
    messages: Option<mpsc::Sender<Incoming<SignedMessage>>>,
    judged: mpsc::UnboundedSender<Judged>,
    standings: Standings,
    metrics: Metrics,
}

impl Desk {
    /// A desk, and where the verdicts of its consumers arrive. That queue holds at most one entry
    /// per value that was delivered, and deliveries are bounded by the inboxes.
    pub(crate) fn new(network: &str, metrics: Metrics) -> (Self, mpsc::UnboundedReceiver<Judged>) {
        let (judged, verdicts) = mpsc::unbounded_channel();
        let desk = Self {
            blocks_topic: IdentTopic::new(Topic::Blocks.name(network)),
            messages_topic: IdentTopic::new(Topic::Messages.name(network)),
            blocks: None,
            messages: None,
            judged,
            standings: Standings::new(params::scores(network)),
            metrics,
        };
        (desk, verdicts)
    }

    const fn topic(&self, topic: Topic) -> &IdentTopic {
        match topic {
            Topic::Blocks => &self.blocks_topic,
            Topic::Messages => &self.messages_topic,
        }
    }

    /// Begins to receive a topic, in place of an earlier subscriber.
    pub(crate) fn subscribe(&mut self, gossip: &mut gossipsub::Behaviour, to: Subscriber) {
        if let Err(error) = gossip.subscribe(self.topic(to.topic())) {
            tracing::error!(%error, topic = ?to.topic(), "cannot subscribe");
        }
        match to {
            Subscriber::Blocks(sender) => self.blocks = Some(sender),
            Subscriber::Messages(sender) => self.messages = Some(sender),
        }
    }

    /// Publishes encoded data.
    pub(crate) fn publish(
        &self,
        gossip: &mut gossipsub::Behaviour,
        topic: Topic,
        data: Vec<u8>,
    ) -> Result<(), PublishError> {
        let size = data.len();
        match gossip.publish(self.topic(topic).clone(), data) {
            Ok(_) => {
                self.metrics.gossip_published.inc();
                Ok(())
            }
            // Alone in the network, or told everybody already: nothing is wrong.
            Err(
                gossipsub::PublishError::NoPeersSubscribedToTopic
                | gossipsub::PublishError::Duplicate,
            ) => Ok(()),
            Err(gossipsub::PublishError::MessageTooLarge) => Err(PublishError::TooLarge {
                size,
                limit: MAX_SIZE,
            }),
            Err(other) => Err(PublishError::Failed(other.to_string())),
        }
    }

    /// Decodes a received value and hands it to its consumer.
    pub(crate) fn received(&self, source: PeerId, id: MessageId, message: &gossipsub::Message) {
        let judge = Judge {
            to: self.judged.clone(),
            id,
            topic: message.topic.clone(),
            source,
        };
        if message.topic == self.blocks_topic.hash() {
            self.deliver(self.blocks.as_ref(), judge, &message.data);
        } else if message.topic == self.messages_topic.hash() {
            self.deliver(self.messages.as_ref(), judge, &message.data);
        } else {
            judge.say(Verdict::Ignore);
        }
    }

    fn deliver<T>(&self, to: Option<&mpsc::Sender<Incoming<T>>>, judge: Judge, data: &[u8])
    where
        T: Serialize + DeserializeOwned,
    {
        // Decoding in the swarm's task: at most MAX_SIZE bytes, a few milliseconds.
        let value = match wire::from_cbor::<T>(data) {
            Ok(value) => value,
            Err(error) => {
                tracing::debug!(peer = %judge.source, %error, "rejecting undecodable gossip");
                return judge.say(Verdict::Reject);
            }
        };
        let from = port_id(&judge.source);
        let incoming = Incoming {
            from,
            value,
            ticket: Ticket::new(move |v| judge.say(v)),
        };
        // Without a place the value is dropped here, and its ticket says `Ignore`.
        if let Some(sender) = to {
            drop(sender.try_send(incoming));
        }
    }

    /// What scores are made of.
    pub(crate) const fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Brings the standings up to date; to be called about once a second.
    pub(crate) fn look(&mut self, gossip: &gossipsub::Behaviour, now: Instant) {
        self.standings
            .keep(gossip.all_peers().map(|(peer, _)| peer));
        self.standings.fade(now);
        for topic in [self.blocks_topic.hash(), self.messages_topic.hash()] {
            self.standings.mesh(&topic, gossip.mesh_peers(&topic), now);
        }
    }

    /// The topics in whose mesh a peer is.
    pub(crate) fn meshes(&self, gossip: &gossipsub::Behaviour, peer: &PeerId) -> Vec<String> {
        let topics = [self.blocks_topic.hash(), self.messages_topic.hash()].into_iter();
        topics
            .filter(|topic| gossip.mesh_peers(topic).any(|member| member == peer))
            .map(|topic| topic.to_string())
            .collect()
    }

    /// Passes a verdict to gossipsub.
    pub(crate) fn judged(&mut self, gossip: &mut gossipsub::Behaviour, judged: &Judged) {
        let (acceptance, counter) = match judged.verdict {
            Verdict::Accept => (MessageAcceptance::Accept, &self.metrics.gossip_accepted),
            Verdict::Ignore => (MessageAcceptance::Ignore, &self.metrics.gossip_ignored),
            Verdict::Reject => (MessageAcceptance::Reject, &self.metrics.gossip_rejected),
        };
        counter.inc();
        match judged.verdict {
            Verdict::Accept => self.standings.delivered(judged.source, &judged.topic),
            Verdict::Reject => self.standings.offended(judged.source, &judged.topic),
            Verdict::Ignore => {}
        }
        gossip.report_message_validation_result(&judged.id, &judged.source, acceptance);
    }
}

/// Carries the verdict on one message.
struct Judge {
    to: mpsc::UnboundedSender<Judged>,
    id: MessageId,
    topic: TopicHash,
    source: PeerId,
}

impl Judge {
    fn say(self, verdict: Verdict) {
        // The receiver is gone only when the service is.
        drop(self.to.send(Judged {
            id: self.id,
            topic: self.topic,
            source: self.source,
            verdict,
        }));
    }
}

/// Encodes a value for gossip and checks its size.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, PublishError> {
    let data = wire::try_to_cbor(value).map_err(|e| PublishError::Unencodable(e.to_string()))?;
    let limit = MAX_SIZE - ENVELOPE;
    if data.len() > limit {
        return Err(PublishError::TooLarge {
            size: data.len(),
            limit,
        });
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
