//! What comes before the first command: parameters, and a daemon that answers.
//!
//! # Lotus parity
//! `lotus fetch-params` and `lotus wait-api`. Parameters of 2 KiB sectors are not downloaded but made
//! here, into a folder of their own: their trapdoor is known, so they are good for local networks only.

use std::{io::Write, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use lotus_proofs::params::{
    Circuit, DEVNET_SEED, GenerationRequest, Outcome, PARAMETER_CACHE_ENV, generate_parameters,
};
use lotus_types::SectorSize;

use super::{connect, daemon::local_parameters};

/// Fetch proving parameters
#[derive(Debug, clap::Args)]
pub(super) struct FetchParams {
    /// Size of sectors: 2048 or 2KiB
    #[arg(value_name = "SECTOR SIZE")]
    sector_size: String,
    /// Where to put them; default: FIL_PROOFS_PARAMETER_CACHE, or params-2048 in the cache folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl FetchParams {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
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

/// Wait for lotus api to come online
#[derive(Debug, clap::Args)]
pub(super) struct WaitApi {
    /// How long to wait, such as 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

impl WaitApi {
    pub(super) async fn run(&self, repo: Option<&str>) -> anyhow::Result<()> {
        let ask = async {
            loop {
                let answered = match connect::connect(repo).await {
                    Ok(daemon) => daemon.node.version().await.map_err(anyhow::Error::from),
                    Err(error) => Err(error),
                };
                if answered.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        let waited = tokio::time::timeout(self.timeout, ask).await;
        waited.with_context(|| format!("the daemon's API does not answer after {:?}", self.timeout))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("{text:?} is not a duration such as 30s"))?;
    let unit = match text.get(digits.len()..) {
        Some("s" | "") => 1,
        Some("m" | "m0s") => 60,
        Some("h") => 3600,
        _ => return Err(format!("{text:?} is not a duration such as 30s, 2m or 1h")),
    };
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::{Duration, duration};

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "5x", "-1s", "1.5h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
