//! Where the data of `retrieve`, `cat` and `ls` come from: an import of the daemon, or a provider.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use lotus_rpc_api::{
    Subscription,
    full::FullNode,
    types::deals::{ExportRef, QueryOffer, RetrievalInfo},
};
use lotus_types::{Address, Cid, TokenAmount};
use serde_json::Value;

use super::{payer, status};
use crate::{
    common::duration,
    format::{go_duration, size},
};

/// How data are retrieved.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// address to send transactions from
    #[arg(long)]
    from: Option<Address>,
    /// provider to use for retrieval, if not present it'll use local discovery
    #[arg(long, visible_alias = "miner", value_name = "ADDRESS")]
    provider: Option<Address>,
    /// maximum price the client is willing to consider, in FIL
    #[arg(long = "maxPrice", value_name = "FIL", default_value = "0")]
    max_price: TokenAmount,
    /// require data to be retrieved from a specific Piece CID
    #[arg(long = "pieceCid", value_name = "CID")]
    piece: Option<Cid>,
    /// Take the data from an import of this node when there is one
    #[arg(long)]
    allow_local: bool,
    /// Give up when nothing was heard of the retrieval for so long
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    timeout: Duration,
}

impl Source {
    /// Has the data of `root` at the daemon, and says what it exports them from; tells `out` how a retrieval
    /// goes on.
    pub(super) async fn find(
        &self,
        root: Cid,
        node: &dyn FullNode,
        out: &mut dyn Write,
    ) -> anyhow::Result<ExportRef> {
        let mut source = ExportRef {
            root,
            dags: Value::Null,
            from_local_car: String::new(),
            deal_id: 0,
        };
        match self.local_car(root, node).await? {
            Some(car) => source.from_local_car = car,
            None => source.deal_id = Box::pin(self.retrieve(root, node, out)).await?,
        }
        Ok(source)
    }

    /// The CAR of an import with this root, if the data may come from one.
    async fn local_car(&self, root: Cid, node: &dyn FullNode) -> anyhow::Result<Option<String>> {
        if !self.allow_local {
            return Ok(None);
        }
        let imports = node.client_list_imports().await?;
        let mut found = imports.into_iter();
        Ok(found
            .find(|import| import.root == Some(root))
            .map(|import| import.car_path))
    }

    /// Gets the data from a provider; answers with the retrieval's number.
    async fn retrieve(
        &self,
        root: Cid,
        node: &dyn FullNode,
        out: &mut dyn Write,
    ) -> anyhow::Result<u64> {
        let client = payer(node, self.from).await?;
        let offer = self.offer(root, node).await?;
        ensure!(
            offer.min_price <= self.max_price,
            "failed to find offer satisfying maxPrice: {}: {} wants {}. Try increasing maxPrice",
            self.max_price,
            offer.miner_peer.address,
            offer.min_price
        );
        // What happens before the call answers is told, too.
        let updates = match node.client_get_retrieval_updates().await {
            Ok(updates) => Some(updates),
            Err(error) if error.is_not_supported() => None,
            Err(error) => return Err(error).context("error setting up retrieval updates"),
        };
        let started = node.client_retrieve(offer.order(client)).await;
        let id = started.context("error setting up retrieval")?.deal_id;
        match updates {
            Some(updates) => self.follow(id, updates, out).await?,
            None => {
                let done = node.client_retrieve_wait(id);
                let done = tokio::time::timeout(self.timeout, done).await;
                done.with_context(|| self.silence())?
                    .context("Retrieval Error")?;
            }
        }
        Ok(id)
    }

    fn silence(&self) -> String {
        format!(
            "Retrieval Timed Out: nothing was heard of it for {}",
            go_duration(self.timeout)
        )
    }

    async fn offer(&self, root: Cid, node: &dyn FullNode) -> anyhow::Result<QueryOffer> {
        if let Some(provider) = self.provider {
            let offer = node
                .client_miner_query_offer(provider, root, self.piece)
                .await?;
            ensure!(offer.err.is_empty(), "offer error: {}", offer.err);
            return Ok(offer);
        }
        let offers = node.client_find_data(root, self.piece).await?;
        let refused = offers.iter().find(|offer| !offer.err.is_empty()).cloned();
        let good = offers.into_iter().filter(|offer| offer.err.is_empty());
        match good.min_by(|a, b| a.min_price.cmp(&b.min_price)) {
            Some(offer) => Ok(offer),
            None => match refused {
                Some(offer) => bail!(
                    "failed to find providers: {} does not offer {}: {}",
                    offer.miner_peer.address,
                    root,
                    offer.err
                ),
                None => bail!(
                    "failed to find providers: this node knows of no deal for {}; --provider names one",
                    root
                ),
            },
        }
    }

    /// Tells how the retrieval goes on until it ends.
    async fn follow(
        &self,
        id: u64,
        mut updates: Subscription<RetrievalInfo>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let next = tokio::time::timeout(self.timeout, updates.next()).await;
            let update = next.with_context(|| self.silence())?;
            let Some(update) = update else {
                bail!(
                    "the daemon tells no more of the retrieval: it stopped, or the connection broke"
                );
            };
            if update.id != id {
                continue;
            }
            let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            writeln!(
                out,
                "Recv {}, Paid {}, {}, {} [{id}|{}]",
                size(&update.bytes_received),
                update.total_paid,
                status::short_name(update.status),
                go_duration(Duration::from_millis(millis)),
                update.bytes_received
            )?;
            out.flush()?;
            match update.status {
                status::COMPLETED => return Ok(()),
                status::REJECTED => bail!("Retrieval Proposal Rejected: {}", update.message),
                status::CANCELLED => bail!("Retrieval Proposal Cancelled: {}", update.message),
                status::DEAL_NOT_FOUND | status::ERRORED => {
                    bail!("Retrieval Error: {}", update.message)
                }
                _ => {}
            }
        }
    }
}
