//! What providers want: of all with power, and for one retrieval.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, stream};
use lotus_rpc_api::{full::FullNode, types::deals::StorageAsk};
use lotus_types::{Address, Cid, TipsetKey};
use serde::Serialize;

use crate::format::{Form, go_duration, size};

/// Providers that are asked at once.
const AT_ONCE: usize = 50;
/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// List asks for top miners: those that have enough power to win blocks, and answer within four seconds
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct ListAsks {
    /// sort by ping
    #[arg(long)]
    by_ping: bool,
    /// Either 'text' or 'csv'
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output_format: Output,
    /// Output supported deal protocols
    #[arg(long)]
    protocols: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Csv,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    ask: StorageAsk,
    deal_protocols: Vec<String>,
    /// Nanoseconds.
    ping: u64,
}

impl ListAsks {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let miners = node.state_list_miners(TipsetKey::default()).await;
        let miners = miners.context("getting miner list")?;
        let asked = miners.into_iter().map(|miner| ask(node, miner));
        let mut asks: Vec<Asked> = stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .filter_map(|asked| async { asked })
            .collect()
            .await;
        if self.by_ping {
            asks.sort_by_key(|asked| asked.ping);
        } else {
            asks.sort_by(|a, b| {
                let prices = a.ask.price.cmp(&b.ask.price);
                prices.then_with(|| a.ask.miner.cmp(&b.ask.miner))
            });
        }
        if self.form.wrote(out, &asks)? {
            return Ok(());
        }
        if self.output_format == Output::Csv {
            let protocols = if self.protocols { ",Protocols" } else { "" };
            writeln!(out, "Miner,Min,Max,Price,VerifiedPrice,Ping{protocols}")?;
        }
        for asked in &asks {
            self.line(asked, out)?;
        }
        Ok(())
    }

    fn line(&self, asked: &Asked, out: &mut dyn Write) -> anyhow::Result<()> {
        let ask = &asked.ask;
        let (min, max) = (size(&ask.min_piece_size.0), size(&ask.max_piece_size.0));
        let (miner, price, verified) = (ask.miner, &ask.price, &ask.verified_price);
        let ping = go_duration(Duration::from_nanos(asked.ping));
        let protocols = format!("[{}]", asked.deal_protocols.join(","));
        match self.output_format {
            Output::Text => {
                write!(
                    out,
                    "{miner}: min:{min} max:{max} price:{price}/GiB/Epoch \
                     verifiedPrice:{verified}/GiB/Epoch ping:{ping}"
                )?;
                if self.protocols {
                    write!(out, " protos:{protocols}")?;
                }
            }
            Output::Csv => {
                write!(out, "{miner},{min},{max},{price},{verified},{ping}")?;
                if self.protocols {
                    // More than one would be more than one column.
                    write!(out, ",\"{protocols}\"")?;
                }
            }
        }
        Ok(writeln!(out)?)
    }
}

/// The answer of a provider; none of one without power, without a peer, or that does not answer in time.
async fn ask(node: &dyn FullNode, miner: Address) -> Option<Asked> {
    let power = node.state_miner_power(miner, TipsetKey::default()).await;
    if !power.ok()?.has_min_power {
        return None;
    }
    let asking = async {
        let info = node.state_miner_info(miner, TipsetKey::default()).await;
        let peer = info.ok()?.peer_id?;
        // The first call connects, the second one is measured.
        node.client_query_ask(peer.clone(), miner).await.ok()?;
        let begun = Instant::now();
        let answer = node.client_query_ask(peer, miner).await.ok()?;
        Some(Asked {
            ask: answer.response,
            deal_protocols: answer.deal_protocols,
            ping: u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX),
        })
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()?
}

/// Get a miner's retrieval ask
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct RetrievalAsk {
    /// data size in bytes
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,
    /// Whose
    #[arg(value_name = "minerAddress")]
    miner: Address,
    /// For what
    #[arg(value_name = "data CID")]
    root: Cid,
}

impl RetrievalAsk {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = self.miner;
        let offer = node
            .client_miner_query_offer(miner, self.root, None)
            .await?;
        if !offer.err.is_empty() {
            bail!("{miner} does not offer {}: {}", self.root, offer.err);
        }
        writeln!(out, "Ask: {miner}")?;
        writeln!(out, "Unseal price: {}", offer.unseal_price)?;
        writeln!(out, "Price per byte: {}", offer.price_per_byte)?;
        writeln!(out, "Payment interval: {}", size(&offer.payment_interval))?;
        let increase = size(&offer.payment_interval_increase);
        writeln!(out, "Payment interval increase: {increase}")?;
        let bytes = match self.size.filter(|bytes| *bytes > 0) {
            Some(bytes) => bytes,
            None if offer.size == 0 => return Ok(()),
            None => {
                writeln!(out, "Size: {}", size(&offer.size))?;
                offer.size
            }
        };
        let mut total = &offer.price_per_byte * bytes;
        total += &offer.unseal_price;
        writeln!(out, "Total price for {bytes} bytes: {total}")?;
        Ok(())
    }
}
