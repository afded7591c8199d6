//! `lotus-miner proving check`: could the sectors of a deadline be proven now?

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use lotus_rpc_api::types::storage::StorageId;
use lotus_types::{SectorId, SectorNumber, TipsetKey, sector::SectorRef};
use serde_json::json;

use super::{all_partitions, partitions};
use crate::{
    format::{Form, MOST_NUMBERS, Paint, Table, write_json},
    miner::Context,
};

/// Check sectors provable
#[derive(Debug, clap::Args)]
pub(in crate::miner) struct Check {
    /// print only bad sectors
    #[arg(long)]
    only_bad: bool,
    /// run slower checks (they are always run)
    #[arg(long)]
    slow: bool,
    /// filter sectors by storage path (path id)
    #[arg(long, value_name = "ID")]
    storage_id: Option<String>,
    /// only check faulty sectors
    #[arg(long)]
    faulty: bool,
    #[command(flatten)]
    form: Form,
    /// Which deadline
    #[arg(value_name = "deadlineIdx")]
    deadline: u64,
}

impl Check {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let (miner, node) = (context.miner().await?, context.node().await?);
        let actor = miner.actor_address().await?;
        let id = actor.id();
        let id = id.with_context(|| format!("the miner's address {actor} is not an ID address"))?;
        let head = node.chain_head().await.context("getting chain head")?;
        let key = head.key();
        let info = node.state_miner_info(actor, key.clone()).await?;
        let filter = self.filter(context, key).await?;
        let mut checked = Vec::new();
        let partitions = partitions(node, actor, self.deadline, key).await?;
        for (index, partition) in partitions.iter().enumerate() {
            let live = Some(partition.live_sectors.clone());
            let sectors = node.state_miner_sectors(actor, live, key.clone()).await?;
            let wanted = |number: &SectorNumber| {
                filter.as_ref().is_none_or(|filter| filter.contains(number))
            };
            let to_check: Vec<_> = sectors
                .iter()
                .filter(|sector| wanted(&sector.sector_number))
                .map(|sector| SectorRef {
                    id: SectorId {
                        miner: id,
                        number: sector.sector_number,
                    },
                    proof_type: sector.seal_proof,
                })
                .collect();
            let numbers: Vec<_> = to_check.iter().map(|sector| sector.id.number).collect();
            let bad = miner
                .check_provable(info.window_post_proof_type, to_check)
                .await?;
            for number in numbers {
                let wrong = bad.get(&number).cloned();
                if wrong.is_some() || !self.only_bad {
                    checked.push((index, number, wrong));
                }
            }
        }
        self.write(checked, context.paint, out)
    }

    /// Tells of the sectors by partition and number, and what is wrong with each.
    fn write(
        &self,
        checked: Vec<(usize, SectorNumber, Option<String>)>,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        if self.form.is_json() {
            let listed = checked.iter().map(|(partition, number, wrong)| {
                json!({
                    "Deadline": self.deadline, "Partition": partition, "SectorNumber": number,
                    "Good": wrong.is_none(), "Error": wrong,
                })
            });
            return Ok(write_json(out, &listed.collect::<Vec<_>>())?);
        }
        let mut table = Table::open(&["deadline", "partition", "sector", "status"]);
        for (partition, number, wrong) in checked {
            let status = match wrong {
                Some(reason) => format!("{} ({reason})", paint.red("bad")),
                None => paint.green("good"),
            };
            let place = [self.deadline.to_string(), partition.to_string()];
            table.row(place.into_iter().chain([number.to_string(), status]));
        }
        Ok(table.write(out)?)
    }

    /// The sectors that are asked about; `None`: all.
    async fn filter(
        &self,
        context: &Context,
        key: &TipsetKey,
    ) -> anyhow::Result<Option<BTreeSet<SectorNumber>>> {
        let mut filter: Option<BTreeSet<SectorNumber>> = None;
        if let Some(id) = &self.storage_id {
            let list = context.miner().await?.storage_list().await?;
            let files = list.get(&StorageId(id.clone()));
            let files = files.with_context(|| {
                format!(
                    "--storage-id: there is no path {id:?}; `lotus-miner storage list` lists them"
                )
            })?;
            filter = Some(files.iter().map(|file| file.number).collect());
        }
        if self.faulty {
            let (miner, node) = (context.miner().await?, context.node().await?);
            let actor = miner.actor_address().await?;
            let mut faulty = BTreeSet::new();
            for partition in all_partitions(node, actor, key).await?.iter().flatten() {
                let numbers = partition.faulty_sectors.numbers(MOST_NUMBERS);
                faulty.extend(numbers.map_err(anyhow::Error::msg)?);
            }
            filter = Some(match filter {
                Some(filter) => filter.intersection(&faulty).copied().collect(),
                None => faulty,
            });
        }
        Ok(filter)
    }
}
