//! `lotus info`: the node at a glance.
//!
//! # Lotus parity
//! Layout of Lotus 1.27: deals included, which later versions have no more. "Market available" is all
//! that lies in escrow, as there.

mod money;

use std::{io::Write, time::Duration};

use lotus_rpc_api::{
    RpcError,
    full::FullNode,
    types::{
        deals::DealInfo,
        go::Time,
        net::BandwidthStats,
        node::{Alert, NodeStatus},
    },
};
use lotus_types::Tipset;
use serde_json::json;

use self::money::Money;
use super::{Context, block_delay, unix_seconds};
use crate::{
    common::{
        deals::state_name,
        health::{self, Health},
    },
    format::{Form, Paint, Table, decimal_size, go_duration, go_time, size, write_json},
};

/// Print node info
#[derive(Debug, clap::Args)]
pub(super) struct Info {
    #[command(flatten)]
    form: Form,
}

/// What is told.
struct Told {
    network: String,
    start: Time,
    head: Tipset,
    delay: u64,
    status: NodeStatus,
    alerts: Result<Vec<Alert>, RpcError>,
    money: Money,
    /// Nothing where the node keeps none.
    deals: Option<Vec<DealInfo>>,
    traffic: BandwidthStats,
}

impl Info {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let told = Told::load(context.node).await?;
        if self.form.is_json() {
            return told.write_json(out);
        }
        told.write(context.paint, out)
    }
}

/// What a node answers that need not have this method.
fn if_supported<T>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Err(error) if error.is_not_supported() => Ok(None),
        answer => answer.map(Some),
    }
}

impl Told {
    async fn load(node: &dyn FullNode) -> anyhow::Result<Self> {
        Ok(Self {
            network: node.state_get_network_params().await?.network_name,
            start: node.start_time().await?,
            head: node.chain_head().await?,
            delay: block_delay(node).await?,
            status: node.node_status(true).await?,
            // Who may only read is told the rest.
            alerts: node.log_alerts().await,
            money: Money::load(node).await?,
            deals: if_supported(node.client_list_deals().await)?,
            traffic: node.net_bandwidth_stats().await?,
        })
    }

    fn write_json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let shown = json!({
            "NetworkName": self.network, "StartTime": self.start,
            "Head": self.head.height(), "HeadTime": self.head.min_timestamp(),
            "BaseFee": self.head.parent_base_fee(), "Status": self.status,
            "Alerts": self.alerts.as_ref().ok(), "Money": self.money, "Deals": self.deals,
            "Bandwidth": self.traffic,
        });
        Ok(write_json(out, &shown)?)
    }

    fn write(&self, paint: Paint, out: &mut dyn Write) -> anyhow::Result<()> {
        writeln!(out, "Network: {}", self.network)?;
        let age = u64::try_from(self.start.seconds).map_or(0, |s| unix_seconds().saturating_sub(s));
        writeln!(
            out,
            "StartTime: {} (started at {})",
            go_duration(Duration::from_secs(age)),
            go_time(self.start.seconds)
        )?;
        let age = unix_seconds().saturating_sub(self.head.min_timestamp());
        writeln!(
            out,
            "Chain: [{}] [basefee {}] [epoch {}]",
            health::sync(age, self.delay, paint),
            health::priced(self.head.parent_base_fee(), paint),
            paint.magenta(self.status.sync_status.epoch)
        )?;
        let peers = &self.status.peer_status;
        writeln!(
            out,
            "Peers to: [publish messages {}] [publish blocks {}]",
            peers.peers_to_publish_msgs, peers.peers_to_publish_blocks
        )?;
        self.write_alerts(paint, out)?;
        let blocks = self.status.chain_status.blocks_per_tipset_last_finality;
        if let Some(line) = Health::of(blocks).line(paint) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        self.money.write(out)?;
        writeln!(out)?;
        self.write_deals(out)?;
        writeln!(out)?;
        self.write_traffic(out)
    }

    fn write_alerts(&self, paint: Paint, out: &mut dyn Write) -> std::io::Result<()> {
        match &self.alerts {
            Ok(alerts) => {
                let active = alerts.iter().filter(|alert| alert.active).count();
                if active > 0 {
                    writeln!(
                        out,
                        "{} (check {})",
                        paint.red(format!("⚠ {active} Active alerts")),
                        paint.yellow("lotus log alerts")
                    )?;
                }
                Ok(())
            }
            Err(error) if error.is_not_supported() => Ok(()),
            Err(error) => writeln!(out, "ERROR: getting alerts: {error}"),
        }
    }

    fn write_deals(&self, out: &mut dyn Write) -> std::io::Result<()> {
        // A node that keeps no deals has none.
        let deals = self.deals.as_deref().unwrap_or_default();
        let total: u128 = deals.iter().map(|deal| u128::from(deal.size)).sum();
        writeln!(out, "Deals: {}, {}", deals.len(), size(&total))?;
        for (state, count, bytes) in by_state(deals) {
            let (state, bytes) = (state_name(state), size(&bytes));
            writeln!(out, "      {state}: {count} deals, {bytes}")?;
        }
        Ok(())
    }

    fn write_traffic(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let traffic = &self.traffic;
        writeln!(out, "Bandwidth:")?;
        // The first column is empty: it sets the table in.
        let mut table = Table::open(&["    ", "TotalIn", "TotalOut", "RateIn", "RateOut"]);
        let total = |bytes: i64| decimal_size(bytes as f64);
        let rate = |bytes: f64| format!("{}/s", decimal_size(bytes));
        table.row([
            String::new(),
            total(traffic.total_in),
            total(traffic.total_out),
            rate(traffic.rate_in),
            rate(traffic.rate_out),
        ]);
        Ok(table.write(out)?)
    }
}

/// Number and bytes of deals by state, in the order of the states' numbers.
fn by_state(deals: &[DealInfo]) -> Vec<(u64, usize, u128)> {
    let mut states: std::collections::BTreeMap<u64, (usize, u128)> = Default::default();
    for deal in deals {
        let (count, bytes) = states.entry(deal.state).or_default();
        *count += 1;
        *bytes += u128::from(deal.size);
    }
    let states = states.into_iter();
    states
        .map(|(state, (count, bytes))| (state, count, bytes))
        .collect()
}

#[cfg(test)]
mod tests;
