//! `lotus-miner proving check`: could the sectors of a deadline be proven now?

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use lotus_rpc_api::types::storage::StorageId;
use lotus_types::{SectorId, SectorNumber, TipsetKey, sector::SectorRef};

use super::{all_partitions, partitions};
use crate::{
    format::{MOST_NUMBERS, Table},
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
        let mut table = Table::open(&["deadline", "partition", "sector", "status"]);
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
                let status = match bad.get(&number) {
                    Some(reason) => format!("bad ({reason})"),
                    None if self.only_bad => continue,
                    None => "good".to_owned(),
                };
                let place = [self.deadline.to_string(), index.to_string()];
                table.row(place.into_iter().chain([number.to_string(), status]));
            }
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
