//! `lotus client inspect-deal`.

use std::io::Write;

use anyhow::{Context as _, bail};
use lotus_rpc_api::{
    full::FullNode,
    types::{deals::DealInfo, go::Time},
};
use lotus_types::{Cid, DealId};
use serde::Deserialize;

use crate::format::{Paint, stamp};

/// Inspect detailed information about deal's lifecycle and the various stages it goes through
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct InspectDeal {
    /// Number of a deal on chain
    #[arg(long, value_name = "ID")]
    deal_id: Option<DealId>,
    /// Names a deal
    #[arg(long, value_name = "CID")]
    proposal_cid: Option<Cid>,
}

/// The story of a deal or a transfer, as the API has it.
#[derive(Debug, Default, Deserialize)]
struct Story {
    #[serde(rename = "Stages", default)]
    stages: Option<Vec<Stage>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stage {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    expected_duration: String,
    #[serde(default)]
    created_time: Time,
    #[serde(default)]
    logs: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    log: String,
    updated_time: Time,
}

/// The state in which data go to the provider; the transfer's own story is told under it.
const TRANSFER: &str = "StorageDealStartDataTransfer";

impl InspectDeal {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let proposal = self.find(node).await?;
        // The list has no stories.
        let deal = node.client_get_deal_info(proposal).await;
        let deal =
            deal.with_context(|| format!("cannot get deal info for proposal cid: {proposal}"))?;
        write_deal(&deal, paint, out)
    }

    async fn find(&self, node: &dyn FullNode) -> anyhow::Result<Cid> {
        let deal_id = self.deal_id.filter(|id| *id != 0);
        if self.proposal_cid.is_none() && deal_id.is_none() {
            bail!("you must specify proposal cid or deal id in order to inspect a deal");
        }
        let deals = node.client_list_deals().await?;
        let found = deals.iter().find(|deal| {
            self.proposal_cid == Some(deal.proposal_cid)
                || (deal.deal_id != 0 && deal_id == Some(deal.deal_id))
        });
        match (found, self.proposal_cid, deal_id) {
            (Some(deal), ..) => Ok(deal.proposal_cid),
            (None, Some(proposal), _) => bail!("cannot find deal with proposal cid: {proposal}"),
            (None, None, id) => {
                bail!("cannot find deal with deal id: {}", id.unwrap_or_default())
            }
        }
    }
}

fn write_deal(deal: &DealInfo, paint: Paint, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Deal ID:      {}", deal.deal_id)?;
    writeln!(out, "Proposal CID: {}", deal.proposal_cid)?;
    writeln!(out)?;
    for stage in stages(&deal.deal_stages)? {
        writeln!(
            out,
            "{} {}: {} (expected duration: {})",
            paint.cyan("Stage:"),
            paint.cyan(
                stage
                    .name
                    .strip_prefix("StorageDeal")
                    .unwrap_or(&stage.name)
            ),
            stage.description,
            paint.green(&stage.expected_duration)
        )?;
        for entry in stage.logs.into_iter().flatten() {
            writeln!(out, "  {} {}", at(entry.updated_time, paint), entry.log)?;
        }
        if stage.name != TRANSFER {
            continue;
        }
        let transfer = deal.data_transfer.as_ref().map(|transfer| &transfer.stages);
        for step in transfer.map_or_else(|| Ok(Vec::new()), stages)? {
            let (time, name) = (at(step.created_time, paint), paint.cyan(&step.name));
            writeln!(
                out,
                "        {time} {} {name}",
                paint.cyan("Data transfer stage:")
            )?;
            for entry in step.logs.into_iter().flatten() {
                let time = at(entry.updated_time, paint);
                writeln!(out, "              {time} {}", entry.log)?;
            }
        }
    }
    Ok(())
}

fn stages(story: &serde_json::Value) -> anyhow::Result<Vec<Stage>> {
    let story: Option<Story> =
        serde_json::from_value(story.clone()).context("reading the deal's stages")?;
    Ok(story.unwrap_or_default().stages.unwrap_or_default())
}

/// To the nearest second, in UTC.
fn at(time: Time, paint: Paint) -> String {
    let seconds = time.seconds + i64::from(time.nanos >= 500_000_000);
    paint.yellow(stamp(u64::try_from(seconds).unwrap_or(0)))
}
