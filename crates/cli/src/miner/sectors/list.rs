//! `lotus-miner sectors list`.

use std::{collections::BTreeSet, io::Write, time::Duration};

use lotus_rpc_api::types::sealing::{SectorLog, SectorStatus};
use lotus_types::{ChainEpoch, SectorNumber, TipsetKey};

use crate::{
    format::{Table, compact_size, epoch_time, go_duration},
    lotus::block_delay,
    miner::{Context, states},
};

/// The entry of a sector's story that ends its sealing.
const PROVEN: &str = "event;sealing.SectorProving";
/// An entry that tells of the program, not of the sector.
const RESTARTED: &str = "event;sealing.SectorRestart";
/// Bytes of a verified deal count that many times more.
const VERIFIED_GAIN: u8 = 9;

/// List sectors
#[derive(Debug, clap::Args)]
pub(in crate::miner) struct List {
    /// show removed sectors
    #[arg(short = 'r', long)]
    show_removed: bool,
    /// Taken for the sake of scripts: output never has colours
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    color: Option<bool>,
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
        for number in numbers {
            let status = match miner.sectors_status(number, !self.fast).await {
                Ok(status) => status,
                Err(error) => {
                    table.row([number.to_string()]);
                    table.note("Error", &error.to_string());
                    continue;
                }
            };
            let hidden = !self.show_removed && self.states.is_empty();
            if hidden && status.state == states::REMOVED {
                continue;
            }
            table.row(self.row(number, &status, &chain));
            let listed = chain.committed.contains(&number);
            if !self.fast && listed && status.early > 0 {
                let early = epoch_time(chain.head, status.early, chain.delay);
                table.note("RecoveryTimeout", &early);
            }
        }
        Ok(table.write(out)?)
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

    fn row(&self, number: SectorNumber, status: &SectorStatus, chain: &OnChain) -> [String; 11] {
        let yes_no = |yes| if yes { "YES" } else { "NO" }.to_owned();
        let committed = chain.committed.contains(&number);
        let deals = status.deals.iter().filter(|deal| **deal != 0).count();
        let mut row = <[String; 11]>::default();
        row[0] = number.to_string();
        row[1].clone_from(&status.state);
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
            row[5] = sealing_time(&status.log).map_or_else(String::new, go_duration);
        }
        if self.events {
            row[6] = status
                .log
                .iter()
                .filter(|e| is_event(e))
                .count()
                .to_string();
        }
        row[7] = match deals {
            0 if status.to_upgrade => "CC(upgrade)".to_owned(),
            0 => "CC".to_owned(),
            deals => deals.to_string(),
        };
        if !self.fast && deals > 0 {
            (row[8], row[9]) = weights(status);
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

/// From the first entry of the story to the proof's.
fn sealing_time(log: &[SectorLog]) -> Option<Duration> {
    let start = log.first()?.timestamp;
    let end = log.iter().find(|entry| entry.kind == PROVEN)?.timestamp;
    Some(Duration::from_secs(end.saturating_sub(start)))
}

/// Bytes of deals, and the power that verified ones add; in brackets when the chain does not yet say.
fn weights(status: &SectorStatus) -> (String, String) {
    let length = status.expiration.saturating_sub(status.activation);
    if length > 0 && !states::is_upgrade(&status.state) {
        let bytes = (&status.deal_weight.0 + &status.verified_deal_weight.0) / length;
        let verified = &status.verified_deal_weight.0 * VERIFIED_GAIN / length;
        let verified = verified.to_string();
        let verified = if verified == "0" {
            String::new()
        } else {
            compact_size(&verified)
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
    let estimate = |bytes: u128| format!("[{}]", compact_size(&bytes));
    let verified = if verified > 0 {
        estimate(verified)
    } else {
        String::new()
    };
    (estimate(bytes), verified)
}
