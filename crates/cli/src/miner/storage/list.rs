//! `lotus-miner storage list`, and `list sectors`: paths, and the files in them.

use std::{cmp::Reverse, collections::BTreeMap, io::Write, time::Instant};

use lotus_rpc_api::{
    RpcError,
    miner::StorageMiner,
    types::storage::{Decl, FsStat, SectorFileType, StorageId, StorageInfo},
};
use lotus_types::TipsetKey;

use super::{places, sector_id};
use crate::{
    format::{Table, go_duration, size},
    miner::{Context, proving::all_partitions},
};

/// Columns of a bar.
const BAR: i64 = 50;
/// A round trip is told to a tenth of a millisecond.
const LATENCY_STEP_NANOS: u32 = 100_000;

/// list local storage paths
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::miner) struct List {
    /// Taken for the sake of scripts: output never has colours
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    color: Option<bool>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// get list of all sector files
    Sectors,
}

impl List {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.what {
            Some(What::Sectors) => files(context, out).await,
            None => paths(context.miner().await?, out).await,
        }
    }
}

async fn paths(miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
    let local = miner.storage_local().await?;
    let mut paths: Vec<(StorageId, Vec<Decl>, Result<FsStat, RpcError>)> = Vec::new();
    for (id, files) in miner.storage_list().await? {
        let stat = miner.storage_stat(id.clone()).await;
        paths.push((id, files, stat));
    }
    let capacity = |stat: &Result<FsStat, RpcError>| stat.as_ref().map_or(0, |s| s.capacity);
    paths.sort_by_key(|(id, _, stat)| (Reverse(capacity(stat)), id.clone()));
    for (id, files, stat) in paths {
        writeln!(out, "{id}:")?;
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) => {
                writeln!(out, "\tError: {error}:")?;
                continue;
            }
        };
        write_room(&stat, &files, out)?;
        let start = Instant::now();
        let info = miner.storage_info(id).await?;
        let mut ping = start.elapsed();
        ping -= std::time::Duration::from_nanos((ping.subsec_nanos() % LATENCY_STEP_NANOS).into());
        write_use(&info, out)?;
        let own = local.get(&info.id);
        if let Some(folder) = own {
            writeln!(out, "\tLocal: {folder}")?;
        }
        for (number, url) in info.urls.iter().enumerate() {
            let latency = if own.is_none() && number == 0 {
                format!(" (latency: {})", go_duration(ping))
            } else {
                String::new()
            };
            writeln!(out, "\tURL: {url}{latency}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How full a path is, and with what.
fn write_room(stat: &FsStat, files: &[Decl], out: &mut dyn Write) -> anyhow::Result<()> {
    let used = stat.capacity.saturating_sub(stat.fs_available);
    let kind = if stat.max > 0 { " (filesystem)" } else { "" };
    let room = bar(used, stat.reserved, stat.capacity);
    writeln!(out, "\t{room}{kind}")?;
    if stat.max > 0 {
        let room = bar(stat.used, stat.reserved, stat.max);
        writeln!(out, "\t{room} (limit)")?;
    }
    let count = |kind| {
        let mut all = files.iter().filter(|f| f.sector_file_type.contains(kind));
        all.by_ref().count()
    };
    writeln!(
        out,
        "\tUnsealed: {}; Sealed: {}; Caches: {}; Updated: {}; Update-caches: {}; Reserved: {}",
        count(SectorFileType::UNSEALED),
        count(SectorFileType::SEALED),
        count(SectorFileType::CACHE),
        count(SectorFileType::UPDATE),
        count(SectorFileType::UPDATE_CACHE),
        size(&stat.reserved)
    )?;
    Ok(())
}

/// `[####*     ] 184.2 GiB/252 GiB 73%`: what is used, and what is promised to running tasks.
fn bar(used: i64, reserved: i64, whole: i64) -> String {
    let part = |bytes: i64, of: i64| {
        let scaled = i128::from(bytes) * i128::from(of) / i128::from(whole.max(1));
        usize::try_from(scaled.clamp(0, i128::from(of))).unwrap_or(0)
    };
    let set = part(used, BAR);
    let promised = part(reserved, BAR).min(set);
    let columns = usize::try_from(BAR).unwrap_or(0);
    format!(
        "[{}{}{}] {}/{} {}%",
        "#".repeat(set - promised),
        "*".repeat(promised),
        " ".repeat(columns.saturating_sub(set)),
        size(&used),
        size(&whole),
        part(used, 100)
    )
}

fn write_use(info: &StorageInfo, out: &mut dyn Write) -> anyhow::Result<()> {
    if info.can_seal || info.can_store {
        let seal = if info.can_seal { "Seal " } else { "" };
        let store = if info.can_store { "Store" } else { "" };
        writeln!(out, "\tWeight: {}; Use: {seal}{store}", info.weight)?;
    } else {
        writeln!(out, "\tUse: ReadOnly")?;
    }
    for (name, list) in [("Groups", &info.groups), ("AllowTo", &info.allow_to)] {
        if !list.is_empty() {
            writeln!(out, "\t{name}: {}", list.join(", "))?;
        }
    }
    for (name, list) in [
        ("Allow Types: ", &info.allow_types),
        ("Deny Types:  ", &info.deny_types),
    ] {
        if !list.is_empty() {
            writeln!(out, "\t{name}{}", list.join(" "))?;
        }
    }
    Ok(())
}

/// A file of a sector in a path. Ordered as they are listed: long-term storage first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    place: (Reverse<bool>, StorageId, u64, SectorFileType),
    cells: [String; 8],
}

async fn files(context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
    let (miner, node) = (context.miner().await?, context.node().await?);
    let actor = miner.actor_address().await?;
    let partitions = all_partitions(node, actor, &TipsetKey::default()).await?;
    let states = states(miner).await?;
    let mut files = Vec::new();
    for (number, state) in states {
        let sector = sector_id(miner, number).await?;
        let mut all = partitions.iter().flatten();
        let faulty = all.any(|partition| partition.faulty_sectors.contains(number));
        for kind in SectorFileType::KINDS {
            let places = places(miner, sector, kind).await?;
            let alone = places.len() == 1;
            for place in places {
                let role = match (place.primary, alone) {
                    (true, _) => "primary",
                    (false, true) => "main",
                    (false, false) => "copy",
                };
                let seal = if place.can_seal { "seal " } else { "" };
                let store = if place.can_store { "store" } else { "" };
                files.push(File {
                    cells: [
                        place.id.to_string(),
                        number.to_string(),
                        kind.to_string(),
                        state.clone(),
                        if faulty { "faulty" } else { "" }.to_owned(),
                        role.to_owned(),
                        format!("{seal}{store}"),
                        place.urls.join(";"),
                    ],
                    place: (Reverse(place.can_store), place.id, number, kind),
                });
            }
        }
    }
    files.sort();
    let headings = [
        "Storage", "Sector", "Type", "State", "Faulty", "Primary", "Path use", "URLs",
    ];
    let mut table = Table::new(&headings);
    let none = files.is_empty();
    for file in files {
        table.row(file.cells);
    }
    if !none {
        table.write(out)?;
    }
    Ok(())
}

/// The state of every sector.
async fn states(miner: &dyn StorageMiner) -> anyhow::Result<BTreeMap<u64, String>> {
    let mut states = BTreeMap::new();
    for number in miner.sectors_list().await? {
        let status = miner.sectors_status(number, false).await?;
        states.insert(number, status.state);
    }
    Ok(states)
}
