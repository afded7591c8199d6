//! `lotus-miner sectors numbers`: which numbers new sectors get.

use std::io::Write;

use anyhow::anyhow;
use lotus_rpc_api::miner::StorageMiner;
use lotus_types::BitField;
use serde_json::json;

use crate::format::{Form, MOST_NUMBERS, ranges, write_json};

#[derive(Debug, clap::Subcommand)]
pub(in crate::miner) enum Numbers {
    /// view sector assigner state
    Info(Form),
    /// list sector number reservations
    Reservations(Form),
    /// create sector number reservations
    Reserve {
        /// skip duplicate reservation checks (note: can lead to damaging other reservations on free)
        #[arg(long)]
        force: bool,
        /// What it is for
        #[arg(value_name = "reservation name")]
        name: String,
        /// Numbers, as 0-9,12
        #[arg(value_name = "reserved ranges", value_parser = read_ranges)]
        numbers: BitField,
    },
    /// remove sector number reservations
    Free {
        /// Which one
        #[arg(value_name = "reservation name")]
        name: String,
    },
}

impl Numbers {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let told = |set: &BitField| ranges(set).map_err(|error| anyhow!("{error}"));
        match self {
            Self::Info(form) => {
                let numbers = miner.sector_num_assigner_meta().await?;
                if form.wrote(out, &numbers)? {
                    return Ok(());
                }
                writeln!(out, "Next free: {}", numbers.next)?;
                writeln!(out, "Allocated: {}", told(&numbers.allocated)?)?;
                writeln!(out, "Reserved: {}", told(&numbers.reserved)?)?;
            }
            Self::Reservations(form) => {
                let reserved = miner.sector_num_reservations().await?;
                if form.is_json() {
                    let listed = reserved.iter();
                    let listed = listed
                        .map(|(name, numbers)| json!({ "Name": name, "Numbers": numbers }))
                        .collect::<Vec<_>>();
                    return Ok(write_json(out, &listed)?);
                }
                writeln!(out, "reservations: {}", reserved.len())?;
                for (name, numbers) in reserved {
                    let count = numbers.len();
                    writeln!(out, "{name}: count={count} {}", told(&numbers)?)?;
                }
            }
            Self::Reserve {
                force,
                name,
                numbers,
            } => miner.sector_num_reserve(name, numbers, force).await?,
            Self::Free { name } => miner.sector_num_free(name).await?,
        }
        Ok(())
    }
}

fn read_ranges(text: &str) -> Result<BitField, String> {
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("{text:?} is not a number: write 0-9,12"))
    };
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if last < first {
            return Err(format!("{part:?}: {last} comes before {first}"));
        }
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        if (last - first).saturating_add(count) >= MOST_NUMBERS {
            return Err(format!("{text:?} are more than {MOST_NUMBERS} numbers"));
        }
        numbers.extend(first..=last);
    }
    BitField::try_from_numbers(numbers)
}
