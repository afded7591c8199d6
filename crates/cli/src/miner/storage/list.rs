//! `lotus-miner storage list`, and `list sectors`: paths, and the files in them.

use std::{cmp::Reverse, collections::BTreeMap, io::Write, pin::pin, time::Instant};

use futures::StreamExt as _;
use lotus_rpc_api::{
    RpcError,
    miner::StorageMiner,
    types::storage::{Decl, FsStat, SectorFileType, StorageId, StorageInfo},
};
use lotus_types::{SectorNumber, TipsetKey};
use serde::Serialize;
use serde_json::json;

use super::{places, sector_id};
use crate::{
    format::{Colour, Form, Paint, Table, go_duration, size, write_json},
    miner::{Context, proving::all_partitions, sectors::statuses, states},
};

/// Columns of a bar.
const BAR: i64 = 50;
/// A round trip is told to a tenth of a millisecond.
const LATENCY_STEP_NANOS: u32 = 100_000;

/// list local storage paths
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::miner) struct List {
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// get list of all sector files
    Sectors {
        #[command(flatten)]
        colour: Colour,
        #[command(flatten)]
        form: Form,
    },
}

impl List {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.what {
            Some(What::Sectors { colour, form }) => {
                files(context, colour.paint(context.paint), form, out).await
            }
            None => {
                let paint = self.colour.paint(context.paint);
                paths(context.miner().await?, paint, self.form, out).await
            }
        }
    }
}

async fn paths(
    miner: &dyn StorageMiner,
    paint: Paint,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let local = miner.storage_local().await?;
    let mut paths: Vec<(StorageId, Vec<Decl>, Result<FsStat, RpcError>)> = Vec::new();
    for (id, files) in miner.storage_list().await? {
        let stat = miner.storage_stat(id.clone()).await;
        paths.push((id, files, stat));
    }
    let capacity = |stat: &Result<FsStat, RpcError>| stat.as_ref().map_or(0, |s| s.capacity);
    paths.sort_by_key(|(id, _, stat)| (Reverse(capacity(stat)), id.clone()));
    if form.is_json() {
        let mut listed = Vec::new();
        for (id, files, stat) in paths {
            let (stat, error) = match stat {
                Ok(stat) => (Some(stat), None),
                Err(error) => (None, Some(error.to_string())),
            };
            let mut entry = serde_json::to_value(miner.storage_info(id.clone()).await?)?;
            entry["LocalPath"] = json!(local.get(&id));
            entry["Stat"] = json!(stat);
            entry["Error"] = json!(error);
            entry["Files"] = json!(files);
            listed.push(entry);
        }
        return Ok(write_json(out, &listed)?);
    }
    for (id, files, stat) in paths {
        writeln!(out, "{id}:")?;
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) => {
                writeln!(out, "\t{}: {error}:", paint.red("Error"))?;
                continue;
            }
        };
        write_room(&stat, &files, paint, out)?;
        let start = Instant::now();
        let info = miner.storage_info(id).await?;
        let mut ping = start.elapsed();
        ping -= std::time::Duration::from_nanos((ping.subsec_nanos() % LATENCY_STEP_NANOS).into());
        write_use(&info, paint, out)?;
        let own = local.get(&info.id);
        if let Some(folder) = own {
            writeln!(out, "\tLocal: {}", paint.green(folder))?;
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
fn write_room(
    stat: &FsStat,
    files: &[Decl],
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let used = stat.capacity.saturating_sub(stat.fs_available);
    let kind = if stat.max > 0 { " (filesystem)" } else { "" };
    let room = bar(used, stat.reserved, stat.capacity, paint);
    writeln!(out, "\t{room}{kind}")?;
    if stat.max > 0 {
        let room = bar(stat.used, stat.reserved, stat.max, paint);
        writeln!(out, "\t{room} (limit)")?;
    }
    let count = |kind| {
        let mut all = files.iter().filter(|f| f.sector_file_type.contains(kind));
        all.by_ref().count()
    };
    writeln!(
        out,
        "\t{}; {}; {}; {}; {}; Reserved: {}",
        paint.yellow(format!("Unsealed: {}", count(SectorFileType::UNSEALED))),
        paint.green(format!("Sealed: {}", count(SectorFileType::SEALED))),
        paint.blue(format!("Caches: {}", count(SectorFileType::CACHE))),
        paint.green(format!("Updated: {}", count(SectorFileType::UPDATE))),
        paint.blue(format!(
            "Update-caches: {}",
            count(SectorFileType::UPDATE_CACHE)
        )),
        size(&stat.reserved)
    )?;
    Ok(())
}

/// `[####*     ] 184.2 GiB/252 GiB 73%`: what is used, and what is promised to running tasks.
fn bar(used: i64, reserved: i64, whole: i64, paint: Paint) -> String {
    let part = |bytes: i64, of: i64| {
        let scaled = i128::from(bytes) * i128::from(of) / i128::from(whole.max(1));
        usize::try_from(scaled.clamp(0, i128::from(of))).unwrap_or(0)
    };
    let set = part(used, BAR);
    let promised = part(reserved, BAR).min(set);
    let columns = usize::try_from(BAR).unwrap_or(0);
    let percent = part(used, 100);
    let coloured = |text: String| match percent {
        99.. => paint.red(text),
        91.. => paint.yellow(text),
        _ => paint.green(text),
    };
    let bar = format!(
        "{}{}{}",
        "#".repeat(set - promised),
        "*".repeat(promised),
        " ".repeat(columns.saturating_sub(set))
    );
    format!(
        "[{}] {}/{} {}",
        coloured(bar),
        size(&used),
        size(&whole),
        coloured(format!("{percent}%"))
    )
}

fn write_use(info: &StorageInfo, paint: Paint, out: &mut dyn Write) -> anyhow::Result<()> {
    if info.can_seal || info.can_store {
        let seal = if info.can_seal { "Seal " } else { "" };
        let store = if info.can_store { "Store" } else { "" };
        let (seal, store) = (paint.magenta(seal), paint.cyan(store));
        writeln!(out, "\tWeight: {}; Use: {seal}{store}", info.weight)?;
    } else {
        writeln!(out, "\t{}", paint.yellow("Use: ReadOnly"))?;
    }
    for (name, list) in [("Groups", &info.groups), ("AllowTo", &info.allow_to)] {
        if !list.is_empty() {
            writeln!(out, "\t{name}: {}", list.join(", "))?;
        }
    }
    for (name, list, colour) in [
        (
            "Allow Types: ",
            &info.allow_types,
            Paint::green as fn(Paint, String) -> String,
        ),
        ("Deny Types:  ", &info.deny_types, Paint::red),
    ] {
        if !list.is_empty() {
            writeln!(out, "\t{name}{}", colour(paint, list.join(" ")))?;
        }
    }
    Ok(())
}

/// A file of a sector in a path.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    storage: StorageId,
    sector: SectorNumber,
    #[serde(rename = "Type")]
    kind: String,
    state: String,
    faulty: bool,
    /// The one that is used, its only one, or another one.
    primary: &'static str,
    can_seal: bool,
    can_store: bool,
    #[serde(rename = "URLs")]
    urls: Vec<String>,
}

async fn files(
    context: &Context,
    paint: Paint,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let files = all_files(context).await?;
    if form.wrote(out, &files)? || files.is_empty() {
        return Ok(());
    }
    let headings = [
        "Storage", "Sector", "Type", "State", "Faulty", "Primary", "Path use", "URLs",
    ];
    let mut table = Table::new(&headings);
    // The two colours of paths in turn.
    let (mut last, mut second) = (None, true);
    for file in files {
        if last.as_ref() != Some(&file.storage) {
            second = !second;
            last = Some(file.storage.clone());
        }
        let primary = match file.primary {
            "main" => paint.red(file.primary),
            "copy" => paint.blue(file.primary),
            _ => paint.green(file.primary),
        };
        let seal = paint.magenta(if file.can_seal { "seal " } else { "" });
        let store = paint.cyan(if file.can_store { "store" } else { "" });
        table.row([
            if second {
                paint.cyan(file.storage)
            } else {
                paint.blue(file.storage)
            },
            file.sector.to_string(),
            file.kind,
            states::painted(&file.state, paint),
            paint.red(if file.faulty { "faulty" } else { "" }),
            primary,
            format!("{seal}{store}"),
            file.urls.join(";"),
        ]);
    }
    Ok(table.write(out)?)
}

/// All files of all sectors; those in long-term storage first, path by path.
async fn all_files(context: &Context) -> anyhow::Result<Vec<File>> {
    let (miner, node) = (context.miner().await?, context.node().await?);
    let actor = miner.actor_address().await?;
    let partitions = all_partitions(node, actor, &TipsetKey::default()).await?;
    let mut files = Vec::new();
    for (number, state) in states_of(miner).await? {
        let sector = sector_id(miner, number).await?;
        let mut all = partitions.iter().flatten();
        let faulty = all.any(|partition| partition.faulty_sectors.contains(number));
        for kind in SectorFileType::KINDS {
            let places = places(miner, sector, kind).await?;
            let alone = places.len() == 1;
            for place in places {
                let file = File {
                    storage: place.id,
                    sector: number,
                    kind: kind.to_string(),
                    state: state.clone(),
                    faulty,
                    primary: match (place.primary, alone) {
                        (true, _) => "primary",
                        (false, true) => "main",
                        (false, false) => "copy",
                    },
                    can_seal: place.can_seal,
                    can_store: place.can_store,
                    urls: place.urls,
                };
                files.push((kind, file));
            }
        }
    }
    files.sort_by_cached_key(|(kind, file)| {
        let path = (Reverse(file.can_store), file.storage.clone());
        (path, file.sector, *kind)
    });
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

/// The state of every sector.
async fn states_of(miner: &dyn StorageMiner) -> anyhow::Result<BTreeMap<u64, String>> {
    let mut states = BTreeMap::new();
    let mut statuses = pin!(statuses(miner, miner.sectors_list().await?, false));
    while let Some((number, status)) = statuses.next().await {
        states.insert(number, status?.state);
    }
    Ok(states)
}
