//! One deal's way, step by step.

use std::{path::Path, time::Duration};

use lotus_actors::market::PublishStorageDealsReturn;
use lotus_proofs::commp::CommP;
use lotus_sealing::{DealSchedule, PieceDealInfo, SectorState};
use lotus_types::{Cid, TokenAmount, sector::PaddedPieceSize, wire};

use super::{
    MarketProvider, PieceSealingError, ProviderDeal,
    sealing::{is_finished, is_pre_committed},
};
use crate::{
    chain::escrow,
    deal_store::{DealStore, DealStoreError},
    piece_index::PieceIndexError,
    protocol::StorageDealStatus as State,
    transfer::{self, FetchError, Source},
    walk::{Next, Trouble, Walk},
};

/// Progress of a transfer is written down whenever so many bytes have come.
const PROGRESS_STEP: u64 = 64 << 20;

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Disk { .. } => Self::Later(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<PieceSealingError> for Trouble {
    fn from(error: PieceSealingError) -> Self {
        match error {
            PieceSealingError::Refused(_) => Self::Failed(error.to_string()),
            PieceSealingError::Failed(_) => Self::Later(error.to_string()),
        }
    }
}

impl Walk for MarketProvider {
    type Deal = ProviderDeal;

    fn deals(&self) -> &DealStore<ProviderDeal> {
        &self.0.store
    }

    fn poll(&self) -> Duration {
        self.0.config.poll
    }

    async fn step(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        match deal.state {
            State::StartDataTransfer | State::Transferring => self.fetch(deal).await,
            State::VerifyData => self.verify(deal).await,
            State::ReserveProviderFunds | State::ProviderFunding => self.fund(deal).await,
            State::Publish => {
                self.0.queue.wake();
                Ok(Next::Rest)
            }
            State::Publishing => self.confirm(deal).await,
            State::Staged => self.add_to_sector(deal).await,
            State::AwaitingPreCommit | State::Sealing | State::Finalizing => {
                self.follow_sector(deal).await
            }
            State::Active => self.watch(deal).await,
            _ => Ok(Next::Rest),
        }
    }

    /// Its data go, its client is told why when it asks.
    fn fail(&self, deal: &mut ProviderDeal, reason: String) -> Result<(), DealStoreError> {
        tracing::warn!(deal = %deal.proposal_cid, state = %deal.state, reason, "a deal has failed");
        deal.message = reason;
        deal.state = State::Error;
        self.0.store.update(deal, &deal.message.clone())?;
        remove(&deal.staged);
        Ok(())
    }
}

impl MarketProvider {
    async fn fetch(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let permit = self.0.transfers.acquire().await;
        let _permit = permit.map_err(|e| Trouble::Later(e.to_string()))?;
        if deal.state == State::StartDataTransfer {
            self.enter(deal, State::Transferring, "fetching the data")?;
        }
        let limits = self.0.config.fetch;
        let source = Source::parse(&deal.params.transfer, &limits)?;
        let told = parking_lot::Mutex::new(deal.clone());
        let progress = |bytes: u64| {
            let mut deal = told.lock();
            if bytes < deal.received || bytes >= deal.received.saturating_add(PROGRESS_STEP) {
                deal.received = bytes;
                // Only shown: what counts is the file.
                drop(
                    self.0
                        .store
                        .update(&deal, &format!("{bytes} bytes have come")),
                );
            }
        };
        let size = deal.params.transfer.size;
        transfer::fetch(&source, size, &deal.staged, &limits, &progress).await?;
        deal.received = size;
        self.enter(deal, State::VerifyData, "the data have come")
    }

    /// The data must be the proposal's piece; their blocks are indexed for retrieval.
    async fn verify(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let (path, index) = (deal.staged.clone(), self.0.index.clone());
        let size = PaddedPieceSize(deal.proposal().piece_size);
        let expected = deal.proposal().piece_cid;
        let note = tokio::task::spawn_blocking(move || {
            let (found, len) = commitment(&path, size)?;
            if found != expected {
                return Err(Trouble::Failed(format!(
                    "CommP mismatch: the data are piece {found}, the proposal is about {expected}"
                )));
            }
            match index.index_file(&expected, &path) {
                Ok(indexed) => Ok(format!(
                    "the data are the piece, of {} blocks",
                    indexed.blocks
                )),
                Err(error) if error.is_bad_piece() => {
                    index.enter_opaque(&expected, len).map_err(index_trouble)?;
                    Ok(format!(
                        "the data are the piece, not to be retrieved by CID: {error}"
                    ))
                }
                Err(error) => Err(index_trouble(error)),
            }
        })
        .await
        .map_err(Trouble::later)??;
        deal.verified = true;
        self.enter(deal, State::ReserveProviderFunds, &note)
    }

    async fn fund(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let _alone = self.0.funds.lock().await;
        let chain = &*self.0.chain;
        if deal.state == State::ReserveProviderFunds {
            let miner = self.0.config.miner;
            let needed: TokenAmount = self.0.store.all()?.iter().map(ProviderDeal::reserved).sum();
            let wallet = self.publisher().await?;
            let fee = &self.0.config.max_deposit_fee;
            let Some(message) = escrow::deposit(chain, &wallet, &miner, &needed, fee)
                .await
                // The operator can send the wallet more FIL: no reason to fail deals.
                .map_err(Trouble::later)?
            else {
                return self.enter(deal, State::Publish, "collateral is in escrow");
            };
            deal.deposit = Some(message);
            let note = format!("putting collateral into escrow: {message}");
            self.enter(deal, State::ProviderFunding, &note)?;
        }
        if let Some(message) = deal.deposit
            && let Err(error) = escrow::landed(chain, &message).await
        {
            if !error.is_temporary() {
                self.enter(deal, State::ReserveProviderFunds, &error.to_string())?;
            }
            return Err(Trouble::later(error));
        }
        // Perhaps the deposit was somebody else's, for less: look again.
        self.enter(deal, State::ReserveProviderFunds, "a deposit has landed")
    }

    /// Waits until the publish message is deep enough; its return has the deal's number.
    async fn confirm(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let Some(message) = deal.publish_cid else {
            return self.enter(deal, State::Publish, "the publish message is not known");
        };
        let landed = self
            .0
            .chain
            .wait(&message, self.0.config.confidence)
            .await?;
        let code = landed.receipt.exit_code;
        if !code.is_success() {
            return Err(Trouble::Failed(format!(
                "publish message {} failed with exit code {}",
                landed.message, code.0
            )));
        }
        let returned = wire::from_cbor::<PublishStorageDealsReturn>(&landed.receipt.return_data)
            .map_err(|e| Trouble::Failed(format!("what publishing returned is unreadable: {e}")))?;
        let index = deal.publish_index;
        if !returned.valid_deals.contains(index) {
            return Err(Trouble::Failed(
                "the market actor left the deal out of the publish message".to_owned(),
            ));
        }
        let before = (0..index).filter(|i| returned.valid_deals.contains(*i));
        let id = returned.ids.get(before.count()).copied();
        let id = id.ok_or_else(|| {
            Trouble::Failed("what publishing returned has too few deal ids".to_owned())
        })?;
        deal.publish_cid = Some(landed.message);
        deal.deal_id = id;
        deal.published = true;
        self.enter(deal, State::Staged, &format!("published as deal {id}"))
    }

    async fn add_to_sector(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let sealing = &self.0.sealing;
        // Killed after the piece was added, before that was written down?
        let place = match sealing.find(deal.deal_id).await? {
            Some(place) => place,
            None => {
                self.must_not_be_late(deal).await?;
                let size = PaddedPieceSize(deal.proposal().piece_size).unpadded();
                let info = piece_info(deal);
                sealing.add_piece(size, &deal.staged, info).await?
            }
        };
        deal.place = Some(place);
        let note = format!("piece is in sector {} at {}", place.sector, place.offset);
        self.enter(deal, State::AwaitingPreCommit, &note)
    }

    async fn must_not_be_late(&self, deal: &ProviderDeal) -> Result<(), Trouble> {
        let start = deal.proposal().start_epoch;
        if self.0.chain.height().await? > start {
            return Err(Trouble::Failed(format!(
                "the deal was not active at its start epoch {start}"
            )));
        }
        Ok(())
    }

    async fn follow_sector(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let poll = Next::Later(self.0.config.poll);
        let Some(place) = deal.place else {
            return self.enter(deal, State::Staged, "the deal's sector is not known");
        };
        let number = place.sector;
        let sector = self.0.sealing.state(number).await?;
        if deal.state == State::Finalizing {
            if sector.is_some_and(is_finished) {
                self.enter(deal, State::Active, "deal is active")?;
                remove(&deal.staged);
                return Ok(Next::Now);
            }
            return Ok(poll);
        }
        match self.0.chain.deal(deal.deal_id).await? {
            None => self.must_not_be_late(deal).await?,
            Some(found) if found.state.slash_epoch >= 0 => {
                deal.slash_epoch = found.state.slash_epoch;
                return self.enter(deal, State::Slashed, "deal was slashed");
            }
            Some(found) if found.state.sector_start_epoch >= 0 => {
                let note = format!("deal was activated with sector {number}");
                return self.enter(deal, State::Finalizing, &note);
            }
            Some(_) => {}
        }
        match sector {
            Some(SectorState::Removed | SectorState::FailedUnrecoverable) | None => {
                // The data are still here: another sector takes them, while there is time.
                deal.place = None;
                let note = format!("sector {number} is gone, the piece goes into another one");
                self.enter(deal, State::Staged, &note)
            }
            Some(state) if deal.state == State::AwaitingPreCommit && is_pre_committed(state) => {
                let note = format!("sector {number} is pre-committed");
                self.enter(deal, State::Sealing, &note)
            }
            Some(_) => Ok(poll),
        }
    }

    async fn watch(&self, deal: &mut ProviderDeal) -> Result<Next, Trouble> {
        let end = deal.proposal().end_epoch;
        match self.0.chain.deal(deal.deal_id).await? {
            Some(found) if found.state.slash_epoch >= 0 => {
                deal.slash_epoch = found.state.slash_epoch;
                self.enter(deal, State::Slashed, "deal was slashed")
            }
            Some(_) => Ok(self.when_active()),
            None if self.0.chain.height().await? >= end => {
                self.enter(deal, State::Expired, "deal expired")
            }
            None => self.enter(deal, State::Slashed, "deal was terminated before its end"),
        }
    }
}

fn index_trouble(error: PieceIndexError) -> Trouble {
    Trouble::Later(error.to_string())
}

/// CommP of a file as a piece of `size`, and the file's length.
fn commitment(path: &Path, size: PaddedPieceSize) -> Result<(Cid, u64), Trouble> {
    let unreadable = |e: std::io::Error| Trouble::Later(format!("reading the data: {e}"));
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = CommP::new();
    std::io::copy(&mut file, &mut hasher).map_err(unreadable)?;
    let found = hasher.finish_in(size);
    let found = found.map_err(|e| Trouble::Failed(e.to_string()))?;
    Ok((found.piece.piece_cid, found.payload))
}

fn piece_info(deal: &ProviderDeal) -> PieceDealInfo {
    let proposal = deal.proposal();
    PieceDealInfo {
        publish_cid: deal.publish_cid,
        deal_id: deal.deal_id,
        deal_proposal: Some(proposal.clone()),
        deal_schedule: DealSchedule {
            start_epoch: proposal.start_epoch,
            end_epoch: proposal.end_epoch,
        },
        keep_unsealed: deal.keep_unsealed(),
    }
}

/// Staged data are of no use any more; a file that stays costs room only.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "staged data were not removed");
    }
}
