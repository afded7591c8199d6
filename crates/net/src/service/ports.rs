//! The ports of [`lotus_ports::network`], which is all that the rest of the node sees of the host.

use async_trait::async_trait;
use lotus_ports::network::{
    BlockMessages, ChainExchange, ExchangeError, FetchFrom, FetchedTipset, Gossip, Inbox, Incoming,
    PeerHead, PeerHeads, PublishError,
};
use lotus_types::{BlockMessage, SignedMessage, Tipset, TipsetKey};
use tokio::sync::mpsc;

use super::NetService;
use crate::{
    gossip::{self, Subscriber, Topic},
    hello::Hello,
};

#[async_trait]
impl ChainExchange for NetService {
    async fn fetch(
        &self,
        from: FetchFrom,
        head: &TipsetKey,
        length: u64,
        with_messages: bool,
    ) -> Result<Vec<FetchedTipset>, ExchangeError> {
        self.0
            .exchange
            .fetch(self, from, head, length, with_messages)
            .await
    }

    async fn fetch_messages(
        &self,
        from: FetchFrom,
        tipsets: &[Tipset],
    ) -> Result<Vec<Vec<BlockMessages>>, ExchangeError> {
        self.0.exchange.fetch_messages(self, from, tipsets).await
    }
}

#[async_trait]
impl Gossip for NetService {
    async fn publish_block(&self, block: &BlockMessage) -> Result<(), PublishError> {
        self.publish(Topic::Blocks, gossip::encode(block)?).await
    }

    async fn publish_message(&self, message: &SignedMessage) -> Result<(), PublishError> {
        self.publish(Topic::Messages, gossip::encode(message)?)
            .await
    }

    fn blocks(&self) -> Box<dyn Inbox<Incoming<BlockMessage>>> {
        let (sender, receiver) = mpsc::channel(self.0.config.gossip.block_inbox);
        self.subscribe(Subscriber::Blocks(sender));
        Box::new(Queue(receiver))
    }

    fn messages(&self) -> Box<dyn Inbox<Incoming<SignedMessage>>> {
        let (sender, receiver) = mpsc::channel(self.0.config.gossip.message_inbox);
        self.subscribe(Subscriber::Messages(sender));
        Box::new(Queue(receiver))
    }
}

impl PeerHeads for NetService {
    fn heads(&self) -> Box<dyn Inbox<PeerHead>> {
        // Without a chain there is no hello, and the inbox ends at once.
        let receiver = self
            .hello()
            .map_or_else(|| mpsc::channel(1).1, Hello::subscribe);
        Box::new(Queue(receiver))
    }
}

struct Queue<T>(mpsc::Receiver<T>);

#[async_trait]
impl<T: Send> Inbox<T> for Queue<T> {
    async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }
}
