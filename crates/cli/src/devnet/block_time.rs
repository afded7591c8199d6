//! How long an epoch of a devnet is.
//!
//! A miner has an epoch's time, less what a block needs to get around, for a WinningPoSt. Lotus' 4 s
//! are too short for a real proof on a small machine: then most epochs stay without a block. So the
//! proof is made once on a pre-sealed sector, and the epoch is a multiple of what it took. Mock proofs
//! take no time: there an epoch is a second, the least that timestamps can tell.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    str::FromStr,
    time::Instant,
};

use anyhow::Context as _;
use lotus_genesis::template::{Miner, PreSeal};
use lotus_ports::proofs::{Prover as _, Replica};
use lotus_proofs::{FilecoinProver, presealing::sector_paths};
use lotus_types::{ActorId, SectorId, SectorInfo};

use super::json::read_json;

/// Lotus' own block time on such networks, and the least that is chosen.
const LEAST: u64 = 4;
/// A block time above this serves nobody: what waits for epochs would wait longer than what waits for
/// blocks gains. A slower machine leaves some epochs without a block.
const MOST: u64 = 20;
/// How much longer than a proof an epoch is: a sector's proof takes processors from it at times.
const FACTOR: f64 = 1.5;
/// Seconds that a real block gets to reach everyone.
const PROPAGATION: u64 = 1;

/// Block time with mock proofs.
const MOCK: u64 = 1;
/// A mock block is on this machine at once.
const MOCK_PROPAGATION: u64 = 0;

/// How fast a network is, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Are its proofs mock ones?
    pub(super) mock_proofs: bool,
    /// Seconds of an epoch.
    pub(super) block_time: u64,
    /// Seconds that a WinningPoSt took when the block time was chosen by it.
    pub(super) measured_proof: Option<f64>,
}

impl Pace {
    /// Of mock proofs, where nothing else is wanted.
    pub(super) const MOCK: Self = Self {
        mock_proofs: true,
        block_time: MOCK,
        measured_proof: None,
    };
}

/// Seconds that a block gets to reach everyone; blocks are begun after them.
pub(super) const fn propagation(mock_proofs: bool) -> u64 {
    if mock_proofs {
        MOCK_PROPAGATION
    } else {
        PROPAGATION
    }
}

/// `--block-time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockTime {
    /// By measurement.
    Auto,
    /// Seconds.
    Fixed(u64),
}

impl FromStr for BlockTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let seconds: u64 = text
            .parse()
            .map_err(|_| format!("{text:?} is neither auto nor a number of seconds"))?;
        if (1..=3600).contains(&seconds) {
            Ok(Self::Fixed(seconds))
        } else {
            Err(format!(
                "a block time of {seconds} s is not between 1 and 3600"
            ))
        }
    }
}

/// The block time for a proof that takes so many seconds.
pub(super) fn for_proof(seconds: f64) -> u64 {
    let wanted = (1..=MOST).find(|time| {
        let left = time.saturating_sub(PROPAGATION);
        f64::from(u32::try_from(left).unwrap_or(u32::MAX)) >= seconds * FACTOR
    });
    wanted.unwrap_or(MOST).max(LEAST)
}

/// Makes a WinningPoSt and prints how many seconds it took
#[derive(Debug, clap::Args)]
pub(super) struct MeasureProof {
    /// Folder of pre-sealed sectors
    #[arg(long)]
    sectors: PathBuf,
    /// What pre-sealing wrote about them
    #[arg(long)]
    manifest: PathBuf,
}

impl MeasureProof {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let miners: BTreeMap<String, Miner> = read_json(&self.manifest)?;
        let miner = miners.into_values().next().context("no miner is there")?;
        let id = miner.id.id().context("the miner has no ID address")?;
        let sector = miner.sectors.first().context("no sector is there")?;
        let replica = replica(&self.sectors, id, sector);
        let proof = sector.proof_type.winning_post();
        let proof = proof.context("there is no WinningPoSt for this kind of sector")?;
        let begun = Instant::now();
        FilecoinProver::new().generate_winning_post(proof, id, &[replica], &[7; 32])?;
        writeln!(out, "{:.2}", begun.elapsed().as_secs_f64())?;
        Ok(true)
    }
}

fn replica(root: &Path, miner: ActorId, sector: &PreSeal) -> Replica {
    let number = sector.sector_id;
    let paths = sector_paths(root, SectorId { miner, number });
    Replica {
        info: SectorInfo {
            seal_proof: sector.proof_type,
            sector_number: number,
            sealed_cid: sector.comm_r,
        },
        sealed: paths.sealed,
        cache: paths.cache,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_leaves_time_beside_the_proof() {
        for (proof, time) in [
            (0.1, 4),
            (1.4, 4),
            (2.4, 5),
            (3.0, 6),
            (4.6, 8),
            (500.0, 20),
        ] {
            assert_eq!(for_proof(proof), time, "{proof} s");
        }
    }

    #[test]
    fn block_times_are_read() {
        assert_eq!("auto".parse(), Ok(BlockTime::Auto));
        assert_eq!("10".parse(), Ok(BlockTime::Fixed(10)));
        for wrong in ["", "fast", "0", "-4", "100000"] {
            assert!(wrong.parse::<BlockTime>().is_err(), "{wrong}");
        }
    }
}
