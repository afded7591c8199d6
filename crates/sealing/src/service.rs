//! What operators and other services ask of sealing.

use std::time::Duration;

use lotus_sealer::SealError;
use lotus_types::{BitField, RegisteredSealProof, SectorNumber, SectorSize};
use serde::{Deserialize, Serialize};

use crate::{
    chain::ChainError,
    config::SealingConfig,
    driver::Sealing,
    event::Event,
    sector::Sector,
    state::SectorState,
    store::{SectorStore, StoreError},
};

/// Why sealing refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A limit of the configuration is reached.
    #[error("too many sectors sealing (current: {current}, max: {max})")]
    TooMany {
        /// Sectors that are being sealed.
        current: u64,
        /// How many there may be.
        max: u64,
    },
    /// The operation failed; it may be tried again.
    #[error("{0}")]
    Failed(String),
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SealError> for SealingError {
    fn from(error: SealError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// One line of `sectors status --log`, in Lotus' JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogLine {
    /// `event;sealing.<name>`.
    pub kind: String,
    /// Unix seconds.
    pub timestamp: u64,
    /// The reason, for failures.
    pub trace: String,
    /// `{"User":{<fields>}}`.
    pub message: String,
}

impl LogLine {
    fn new(at: u64, event: &Event) -> Self {
        let fields = event.fields_text();
        Self {
            kind: format!("event;sealing.{}", event.name()),
            timestamp: at,
            trace: event.error().unwrap_or_default().to_owned(),
            message: format!("{{\"User\":{fields}}}"),
        }
    }
}

impl Sealing {
    /// The sectors on disk.
    pub fn store(&self) -> &SectorStore {
        &self.0.store
    }

    /// The configuration as it is now.
    pub fn config(&self) -> SealingConfig {
        self.0.config()
    }

    /// Changes the configuration; sectors at work see it the next time they look.
    pub fn set_config(&self, config: SealingConfig) {
        *self.0.config.write() = config;
    }

    /// How long sectors wait for more deals.
    pub fn set_seal_delay(&self, delay: Duration) {
        self.0.config.write().wait_deals_delay = delay;
    }

    /// Makes a sector without deals and seals it.
    ///
    /// # Errors
    /// [`SealingError::TooMany`] when as many are sealed as the configuration allows.
    pub async fn pledge(&self) -> Result<Sector, SealingError> {
        let max = self.0.config.read().max_sealing_sectors;
        let states = self.0.store.states()?;
        let current = states
            .iter()
            .filter(|(_, state)| state.is_sealing())
            .count();
        let current = u64::try_from(current).unwrap_or(u64::MAX);
        if max != 0 && current >= max {
            return Err(SealingError::TooMany { current, max });
        }
        self.new_sector(|id, sector_type| Event::StartCC { id, sector_type })
            .await
    }

    pub(crate) async fn new_sector(
        &self,
        first: impl FnOnce(SectorNumber, RegisteredSealProof) -> Event,
    ) -> Result<Sector, SealingError> {
        let shared = &self.0;
        let seal_proof = self.seal_proof().await?;
        let head = shared.chain.head().await?;
        let taken: BitField = shared.chain.allocated(shared.miner, &head.key).await?;
        let sector = shared
            .store
            .create(&taken, |id| first(id, seal_proof), shared.now())?;
        shared.wake(sector.number);
        Ok(sector)
    }

    async fn seal_proof(&self) -> Result<RegisteredSealProof, SealingError> {
        let head = self.0.chain.head().await?;
        Ok(self.0.chain.seal_proof(self.0.miner, &head.key).await?)
    }

    pub(crate) async fn sector_size(&self) -> Result<SectorSize, SealingError> {
        let proof = self.seal_proof().await?;
        proof.sector_size().ok_or_else(|| {
            SealingError::Invalid(format!("the miner seals with unknown proof type {proof}"))
        })
    }

    /// Seals an open sector now, full or not.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it does not wait for deals.
    pub fn start_packing(&self, sector: SectorNumber) -> Result<(), SealingError> {
        self.0.send(sector, &Event::StartPacking {})?;
        Ok(())
    }

    /// Removes the sector's files, whatever is on chain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, sector: SectorNumber) -> Result<(), SealingError> {
        self.0.send(sector, &Event::Remove {})?;
        Ok(())
    }

    /// Terminates the sector on chain, then removes it. Costs a penalty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn terminate(&self, sector: SectorNumber) -> Result<(), SealingError> {
        self.0.send(sector, &Event::Terminate {})?;
        Ok(())
    }

    /// Puts the sector into a state. For operators who know what they do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn force_state(
        &self,
        sector: SectorNumber,
        state: SectorState,
    ) -> Result<(), SealingError> {
        self.0.send(sector, &Event::ForceState { state })?;
        Ok(())
    }

    /// Tries again what failed, as if it never had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restart(&self, sector: SectorNumber) -> Result<(), SealingError> {
        self.0.send(sector, &Event::Restart {})?;
        Ok(())
    }

    /// Marks a sector without deals for an upgrade.
    ///
    /// # Errors
    /// Always: this build cannot upgrade sectors.
    pub fn mark_for_upgrade(&self, sector: SectorNumber) -> Result<(), SealingError> {
        self.0.store.sector(sector)?;
        Err(SealingError::Invalid(
            "upgrading sectors is not supported".to_owned(),
        ))
    }

    /// Sends the pre-commits that wait, and names their sectors.
    pub fn flush_pre_commits(&self) -> Vec<SectorNumber> {
        let sectors = self.0.pre_commits.sectors();
        self.0.pre_commits.flush();
        sectors
    }

    /// Sectors whose pre-commits wait to be sent.
    pub fn pending_pre_commits(&self) -> Vec<SectorNumber> {
        self.0.pre_commits.sectors()
    }

    /// Sends the proofs that wait, and names their sectors.
    pub fn flush_commits(&self) -> Vec<SectorNumber> {
        let sectors = self.0.commits.sectors();
        self.0.commits.flush();
        sectors
    }

    /// Sectors whose proofs wait to be sent.
    pub fn pending_commits(&self) -> Vec<SectorNumber> {
        self.0.commits.sectors()
    }

    /// The sector's history as `sectors status --log` prints it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn log(&self, sector: SectorNumber) -> Result<Vec<LogLine>, SealingError> {
        let log = self.0.store.log(sector)?;
        Ok(log
            .iter()
            .map(|entry| LogLine::new(entry.at, &entry.event))
            .collect())
    }

    /// Why the sector does not go on by itself, if it does not: for operators.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stuck(&self, sector: SectorNumber) -> Result<Option<String>, SealingError> {
        let sector = self.0.store.sector(sector)?;
        let limit = self.0.config.read().retry.limit;
        let failures = sector.failures_here();
        Ok((sector.state.is_failure() && failures >= limit).then(|| {
            format!(
                "{} after {failures} tries: {}",
                sector.state, sector.last_error
            )
        }))
    }
}
