//! `lotus-miner storage`: where the sectors' files lie.

mod list;

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use lotus_rpc_api::{
    miner::StorageMiner,
    types::storage::{SectorFileType, SectorStorageInfo, StorageId},
};
use lotus_types::{SectorId, SectorNumber};
use serde_json::json;

use super::{Context, states};
use crate::{
    common::paths::{Attach, Detach, Redeclare},
    format::{Form, write_json},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Storage {
    Attach(Attach),
    Detach(Detach),
    Redeclare(Redeclare),
    List(list::List),
    /// find sector in the storage system
    Find {
        /// Which
        #[arg(value_name = "sector number")]
        sector: SectorNumber,
        #[command(flatten)]
        form: Form,
    },
    /// trigger cleanup actions
    Cleanup {
        /// cleanup remaining files from removed sectors
        #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
            require_equals = true, default_missing_value = "true")]
        removed: bool,
    },
    /// show active sector locks
    Locks(Form),
}

impl Storage {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        match self {
            Self::Attach(command) => miner.storage_add_local(command.prepare()?).await?,
            Self::Detach(command) => miner.storage_detach_local(command.path()?).await?,
            Self::Redeclare(command) => {
                let (id, drop_missing) = command.target()?;
                miner.storage_redeclare_local(id, drop_missing).await?;
            }
            Self::List(command) => command.run(context, out).await?,
            Self::Find { sector, form } => find(miner, sector, form, out).await?,
            Self::Cleanup { removed } => {
                if removed {
                    cleanup(miner, out).await?;
                }
            }
            Self::Locks(form) => locks(context, form, out).await?,
        }
        Ok(())
    }
}

/// A sector of the miner by its number.
async fn sector_id(miner: &dyn StorageMiner, number: SectorNumber) -> anyhow::Result<SectorId> {
    let actor = miner.actor_address().await?;
    let id = actor.id();
    Ok(SectorId {
        miner: id.with_context(|| format!("the miner's address {actor} is not an ID address"))?,
        number,
    })
}

/// Where files of one kind of a sector lie.
async fn places(
    miner: &dyn StorageMiner,
    sector: SectorId,
    kind: SectorFileType,
) -> anyhow::Result<Vec<SectorStorageInfo>> {
    miner
        .storage_find_sector(sector, kind, 0, false)
        .await
        .with_context(|| format!("finding the {kind} file of sector {}", sector.number))
}

async fn find(
    miner: &dyn StorageMiner,
    number: SectorNumber,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let sector = sector_id(miner, number).await?;
    let mut found: BTreeMap<StorageId, (SectorStorageInfo, Vec<&str>)> = BTreeMap::new();
    for kind in SectorFileType::KINDS {
        let name = match kind {
            SectorFileType::UNSEALED => "Unsealed",
            SectorFileType::SEALED => "Sealed",
            SectorFileType::CACHE => "Cache",
            SectorFileType::UPDATE => "Update",
            _ => "UpdateCache",
        };
        for place in places(miner, sector, kind).await? {
            let entry = found.entry(place.id.clone());
            entry.or_insert((place, Vec::new())).1.push(name);
        }
    }
    let local = miner.storage_local().await?;
    if form.is_json() {
        let mut listed = Vec::new();
        for (id, (place, names)) in &found {
            let mut entry = serde_json::to_value(place)?;
            entry["Files"] = json!(names);
            entry["LocalPath"] = json!(local.get(id));
            listed.push(entry);
        }
        return Ok(write_json(out, &listed)?);
    }
    for (id, (place, names)) in found {
        writeln!(out, "In {id} ({})", names.join(", "))?;
        let (seal, store) = (place.can_seal, place.can_store);
        writeln!(out, "\tSealing: {seal}; Storage: {store}")?;
        match local.get(&id) {
            Some(folder) => writeln!(out, "\tLocal ({folder})")?,
            None => writeln!(out, "\tRemote")?,
        }
        for url in place.urls {
            writeln!(out, "\tURL: {url}")?;
        }
    }
    Ok(())
}

/// Removes what is left of sectors that are given up.
async fn cleanup(miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
    for number in miner.sectors_list().await? {
        let status = miner.sectors_status(number, false).await;
        let status = status.with_context(|| format!("getting the status of sector {number}"))?;
        if status.state != states::REMOVED {
            continue;
        }
        let sector = sector_id(miner, number).await?;
        let mut left = false;
        for kind in SectorFileType::KINDS {
            left |= !places(miner, sector, kind).await?.is_empty();
        }
        if left {
            writeln!(out, "cleaning up data for sector {number}")?;
            let done = miner.sector_remove(number).await;
            done.with_context(|| format!("cleaning up data for sector {number}"))?;
        }
    }
    Ok(())
}

async fn locks(context: &Context, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let (miner, paint) = (context.miner().await?, context.paint);
    let locks = miner.storage_get_locks().await?.locks;
    if form.wrote(out, &locks)? {
        return Ok(());
    }
    for lock in locks {
        let number = lock.sector.number;
        let status = miner.sectors_status(number, false).await;
        let status = status.with_context(|| format!("getting sector status({number})"))?;
        let state = states::painted(&status.state, paint);
        write!(out, "{number}\t{state}\t")?;
        let counts = lock.write.into_iter().zip(lock.read);
        for (kind, (writing, reading)) in SectorFileType::KINDS.into_iter().zip(counts) {
            if writing > 0 {
                write!(out, "{kind}({}) ", paint.red("W"))?;
            }
            if reading > 0 {
                write!(out, "{kind}({}:{reading}) ", paint.green("R"))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
