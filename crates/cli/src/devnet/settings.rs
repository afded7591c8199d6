//! What a devnet has chosen once and keeps: `devnet.json`.

use serde::{Deserialize, Serialize};

use super::{
    block_time::Pace,
    json::{read_json, write_json},
    layout::Layout,
    ports::Ports,
    stored::Stored,
};

/// Raised when an older program could not continue a devnet.
const VERSION: u32 = 1;

/// The choices of one devnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Of this file.
    pub(super) version: u32,
    /// Are its actors those that take mock proofs?
    #[serde(default)]
    pub(super) mock_proofs: bool,
    /// Seconds of an epoch.
    pub(super) block_time: u64,
    /// Seconds that a WinningPoSt took when the block time was chosen by it.
    pub(super) measured_proof: Option<f64>,
    /// Unix seconds of the genesis block.
    pub(super) genesis_time: u64,
    /// Where the processes listen.
    pub(super) ports: Ports,
    /// Has the miner's repo been made, and its peer been announced?
    pub(super) miner_ready: bool,
    /// The file that was stored in it at its first start.
    #[serde(default)]
    pub(super) stored: Option<Stored>,
}

impl Settings {
    pub(super) fn new(pace: Pace, genesis_time: u64, ports: Ports) -> Self {
        Self {
            version: VERSION,
            mock_proofs: pace.mock_proofs,
            block_time: pace.block_time,
            measured_proof: pace.measured_proof,
            genesis_time,
            ports,
            miner_ready: false,
            stored: None,
        }
    }

    /// # Errors
    /// When there are none, or of another version.
    pub(super) fn load(layout: &Layout) -> anyhow::Result<Self> {
        let path = layout.settings();
        let settings: Self = read_json(&path)?;
        anyhow::ensure!(
            settings.version == VERSION,
            "{} is of version {}, this program knows version {VERSION}: `lotus-devnet clean` \
             removes the devnet",
            path.display(),
            settings.version
        );
        Ok(settings)
    }

    /// # Errors
    /// When the file cannot be written.
    pub(super) fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&layout.settings(), self)
    }

    /// Some settings.
    #[cfg(test)]
    pub(super) fn example() -> Self {
        let pace = Pace {
            mock_proofs: false,
            block_time: 4,
            measured_proof: Some(1.25),
        };
        Self::new(pace, 1_795_354_620, Ports::example())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        Settings::example().save(&layout).expect("saves");
        assert_eq!(Settings::load(&layout).expect("loads"), Settings::example());
    }

    #[test]
    fn settings_of_another_version_are_refused_with_a_way_out() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        let newer = Settings {
            version: VERSION + 1,
            ..Settings::example()
        };
        newer.save(&layout).expect("saves");
        let error = Settings::load(&layout).expect_err("unknown version");
        assert!(error.to_string().contains("lotus-devnet clean"), "{error}");
    }
}
