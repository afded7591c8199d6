//! `fetch-params`: parameters for proofs.
//!
//! # Lotus parity
//! `lotus fetch-params`. Parameters of 2 KiB sectors are not downloaded but made here, into a folder
//! of their own: their trapdoor is known, so they are good for local networks only.

use std::{io::Write, path::PathBuf};

use anyhow::{Context as _, bail};
use lotus_proofs::params::{
    Circuit, DEVNET_SEED, GenerationRequest, Outcome, PARAMETER_CACHE_ENV, generate_parameters,
};
use lotus_types::SectorSize;

use crate::process::local_parameters;

/// Fetch proving parameters
#[derive(Debug, clap::Args)]
pub(crate) struct FetchParams {
    /// Size of sectors: 2048 or 2KiB
    #[arg(value_name = "SECTOR SIZE")]
    sector_size: String,
    /// Where to put them; default: FIL_PROOFS_PARAMETER_CACHE, or params-2048 in the cache folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl FetchParams {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let size: SectorSize = match self.sector_size.to_ascii_lowercase().as_str() {
            "2048" | "2kib" | "2k" => 2048,
            other => bail!(
                "parameters for sectors of {other} cannot be made here; give the folder that holds \
                 the official ones in {PARAMETER_CACHE_ENV}"
            ),
        };
        let named = || std::env::var_os(PARAMETER_CACHE_ENV).map(PathBuf::from);
        let dir = self.dir.clone().or_else(named).or_else(local_parameters);
        let dir = dir.context("no folder for parameters: neither --dir nor HOME is given")?;
        let request = GenerationRequest {
            sector_size: size,
            dir,
            seed: DEVNET_SEED,
            circuits: Circuit::ALL.to_vec(),
            aggregation: true,
            allow_default_dir: false,
        };
        let bar = indicatif::ProgressBar::new(0);
        let made = generate_parameters(&request, &mut |step| {
            bar.set_length(step.total);
            bar.set_position(step.done);
            bar.set_message(format!("{:?}", step.circuit));
        })?;
        bar.finish_and_clear();
        for file in made {
            let done = match file.outcome {
                Outcome::Present => "present",
                Outcome::Written => "written",
            };
            writeln!(out, "{done} {}", file.file.display())?;
        }
        Ok(())
    }
}
