//! `lotus-miner sectors list`.

use std::{collections::BTreeSet, io::Write, pin::pin, time::Duration};

use futures::StreamExt as _;
use lotus_rpc_api::{
    miner::StorageMiner,
    types::sealing::{SectorLog, SectorStatus},
};
use lotus_types::{ChainEpoch, SectorNumber, TipsetKey};
use serde_json::json;

use crate::{
    format::{Colour, Form, Paint, Table, compact_size, epoch_time, go_duration, write_json},
    lotus::block_delay,
    miner::{Context, sectors::statuses, states},
};

/// The entry of a sector's story that ends its sealing.
const PROVEN: &str = "event;sealing.SectorProving";
/// An entry that tells of the program, not of the sector.
const RESTARTED: &str = "event;sealing.SectorRestart";
/// Bytes of a verified deal count that many times more.
const VERIFIED_GAIN: u8 = 9;
/// Sealing takes longer than usual, and far too long: 12 and 24 hours.
const SLOW: [Duration; 2] = [
    Duration::from_secs(12 * 3600),
    Duration::from_secs(24 * 3600),
];
/// More entries of a story than usual, and far too many; each piece has one more.
const MANY: [usize; 2] = [12, 20];

/// List sectors
#[derive(Debug, clap::Args)]
#[command(mut_arg("color", |flag| flag.short('c')))]
pub(in crate::miner) struct List {
    /// show removed sectors
    #[arg(short = 'r', long)]
    show_removed: bool,
    #[command(flatten)]
    colour: Colour,
    /// don't show on-chain info for better performance
    #[arg(short, long)]
    fast: bool,
    /// display number of events the sector has received
    #[arg(short, long)]
    events: bool,
    /// display initial pledge
    #[arg(short = 'p', long)]
    initial_pledge: bool,
    /// display how long it took for the sector to be sealed
    #[arg(short = 't', long)]
    seal_time: bool,
    /// filter sectors by a comma-separated list of states
    #[arg(long, value_delimiter = ',', conflicts_with = "unproven")]
    states: Vec<String>,
    /// only show sectors which aren't in the 'Proving' state
    #[arg(short, long)]
    unproven: bool,
    #[command(flatten)]
    form: Form,
}

/// What the chain knows of the miner's sectors.
struct OnChain {
    head: ChainEpoch,
    delay: u64,
    active: BTreeSet<SectorNumber>,
    committed: BTreeSet<SectorNumber>,
}

impl List {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        let mut numbers = match self.wanted_states()? {
            Some(states) => miner.sectors_list_in_states(states).await?,
            None => miner.sectors_list().await?,
        };
        numbers.sort_unstable();
        let chain = on_chain(context).await?;
        if self.form.is_json() {
            return self.json(miner, numbers, &chain, out).await;
        }
        let paint = self.colour.paint(context.paint);
        let mut table = Table::new(&[
            "ID",
            "State",
            "OnChain",
            "Active",
            "Expiration",
            "SealTime",
            "Events",
            "Deals",
            "DealWeight",
            "VerifiedPower",
            "Pledge",
        ]);
        let mut statuses = pin!(statuses(miner, numbers, !self.fast));
        while let Some((number, status)) = statuses.next().await {
            let status = match status {
                Ok(status) => status,
                Err(error) => {
                    table.row([number.to_string()]);
                    table.note("Error", &error.to_string());
                    continue;
                }
            };
            if self.hides(&status) {
                continue;
            }
            table.row(self.row(number, &status, &chain, paint));
            let listed = chain.committed.contains(&number);
            if !self.fast && listed && status.early > 0 {
                let early = epoch_time(chain.head, status.early, chain.delay);
                table.note("RecoveryTimeout", &paint.yellow(early));
            }
        }
        Ok(table.write(out)?)
    }

    /// What the API says of each sector, and whether the chain has it; its story with `--events` only.
    async fn json(
        &self,
        miner: &dyn StorageMiner,
        numbers: Vec<SectorNumber>,
        chain: &OnChain,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let mut listed = Vec::new();
        let mut statuses = pin!(statuses(miner, numbers, !self.fast));
        while let Some((number, status)) = statuses.next().await {
            let status = match status {
                Ok(status) if self.hides(&status) => continue,
                Ok(status) => status,
                Err(error) => {
                    listed.push(json!({ "SectorID": number, "Error": error.to_string() }));
                    continue;
                }
            };
            let mut entry = serde_json::to_value(status)?;
            entry["OnChain"] = json!(chain.committed.contains(&number));
            entry["Active"] = json!(chain.active.contains(&number));
            if let Some(fields) = entry.as_object_mut().filter(|_| !self.events) {
                fields.remove("Log");
            }
            listed.push(entry);
        }
        Ok(write_json(out, &listed)?)
    }

    /// Is it a sector of which nothing is left, and nobody asked for those?
    fn hides(&self, status: &SectorStatus) -> bool {
        !self.show_removed && self.states.is_empty() && status.state == states::REMOVED
    }

    /// The states whose sectors are listed; `None`: all.
    fn wanted_states(&self) -> anyhow::Result<Option<Vec<String>>> {
        if self.unproven {
            let unproven = states::all().filter(|state| !states::is_proven(state));
            return Ok(Some(unproven.map(str::to_owned).collect()));
        }
        for state in &self.states {
            anyhow::ensure!(
                states::all().any(|known| known == state),
                "--states: there is no state {state:?}; they are {}",
                states::all().collect::<Vec<_>>().join(", ")
            );
        }
        Ok((!self.states.is_empty()).then(|| self.states.clone()))
    }

    fn row(
        &self,
        number: SectorNumber,
        status: &SectorStatus,
        chain: &OnChain,
        paint: Paint,
    ) -> [String; 11] {
        let yes_no = |yes| {
            if yes {
                paint.green("YES")
            } else {
                paint.red("NO")
            }
        };
        let committed = chain.committed.contains(&number);
        let deals = status.deals.iter().filter(|deal| **deal != 0).count();
        let mut row = <[String; 11]>::default();
        row[0] = number.to_string();
        row[1] = states::painted(&status.state, paint);
        row[2] = yes_no(committed);
        row[3] = yes_no(chain.active.contains(&number));
        if !self.fast {
            row[4] = if committed {
                epoch_time(chain.head, expiration(status), chain.delay)
            } else {
                "n/a".to_owned()
            };
        }
        if self.seal_time {
            let took = sealing_time(&status.log);
            row[5] = took.map_or_else(String::new, |took| {
                graded(took, SLOW, paint, go_duration(took))
            });
        }
        if self.events {
            let events = status.log.iter().filter(|entry| is_event(entry)).count();
            let pieces = status.deals.len();
            let many = MANY.map(|many| many + pieces);
            row[6] = graded(events, many, paint, events.to_string());
        }
        row[7] = match deals {
            0 if status.to_upgrade => paint.cyan("CC(upgrade)"),
            0 => paint.blue("CC"),
            deals => paint.green(deals),
        };
        if !self.fast && deals > 0 {
            (row[8], row[9]) = weights(status, paint);
        }
        if !self.fast && self.initial_pledge && committed {
            row[10] = status.initial_pledge.to_short();
        }
        row
    }
}

async fn on_chain(context: &Context) -> anyhow::Result<OnChain> {
    let node = context.node().await?;
    let actor = context.miner().await?.actor_address().await?;
    let head = node.chain_head().await?;
    let key: TipsetKey = head.key().clone();
    let numbers = |sectors: Vec<lotus_actors::miner::SectorOnChainInfo>| {
        sectors.into_iter().map(|s| s.sector_number).collect()
    };
    let active = node.state_miner_active_sectors(actor, key.clone()).await?;
    let committed = node.state_miner_sectors(actor, None, key).await?;
    Ok(OnChain {
        head: head.height(),
        delay: block_delay(node).await?,
        active: numbers(active),
        committed: numbers(committed),
    })
}

/// A sector that was upgraded may end earlier than the chain's entry of it says.
fn expiration(status: &SectorStatus) -> ChainEpoch {
    if status.on_time > 0 {
        status.expiration.min(status.on_time)
    } else {
        status.expiration
    }
}

fn is_event(entry: &SectorLog) -> bool {
    entry.kind.starts_with("event") && entry.kind != RESTARTED
}

/// Green below the first bound, yellow below the second, red from there on.
fn graded<T: PartialOrd>(value: T, bounds: [T; 2], paint: Paint, text: String) -> String {
    let [good, fair] = bounds;
    match value {
        value if value < good => paint.green(text),
        value if value < fair => paint.yellow(text),
        _ => paint.red(text),
    }
}

/// From the first entry of the story to the proof's.
fn sealing_time(log: &[SectorLog]) -> Option<Duration> {
    let start = log.first()?.timestamp;
    let end = log.iter().find(|entry| entry.kind == PROVEN)?.timestamp;
    Some(Duration::from_secs(end.saturating_sub(start)))
}

/// Bytes of deals, and the power that verified ones add; in brackets when the chain does not yet say.
fn weights(status: &SectorStatus, paint: Paint) -> (String, String) {
    let length = status.expiration.saturating_sub(status.activation);
    if length > 0 && !states::is_upgrade(&status.state) {
        let bytes = (&status.deal_weight.0 + &status.verified_deal_weight.0) / length;
        let verified = &status.verified_deal_weight.0 * VERIFIED_GAIN / length;
        let verified = verified.to_string();
        let verified = if verified == "0" {
            String::new()
        } else {
            paint.green(compact_size(&verified))
        };
        return (compact_size(&bytes), verified);
    }
    let (mut bytes, mut verified) = (0_u128, 0_u128);
    for piece in &status.pieces {
        let Some(deal) = &piece.deal_info else {
            continue;
        };
        let size = u128::from(piece.piece.size.0);
        bytes += size;
        if deal.deal_proposal.as_ref().is_some_and(|p| p.verified_deal) {
            verified += size * u128::from(VERIFIED_GAIN);
        }
    }
    let verified = if verified > 0 {
        format!("[{}]", paint.green(compact_size(&verified)))
    } else {
        String::new()
    };
    (format!("[{}]", compact_size(&bytes)), verified)
}
