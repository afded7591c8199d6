//! What the provider's records say: its deals, and where pieces are.

use std::path::Path;

use lotus_rpc_api::types::{
    deals::{ChannelId, DataRef, DataTransferChannel},
    market::{MinerDeal, PieceDeal},
};
use lotus_types::{Cid, sector::PaddedPieceSize};
use serde_json::Value;

use super::{MarketProvider, ProviderDeal};
use crate::{
    deal_store::DealStoreError,
    protocol::{StorageDealStatus as State, Transfer},
};

/// Numbers of a transfer's state, as Lotus shows them.
mod transfer_status {
    pub(super) const REQUESTED: u64 = 0;
    pub(super) const ONGOING: u64 = 1;
    pub(super) const COMPLETED: u64 = 6;
    pub(super) const FAILED: u64 = 8;
}

/// Why data are not taken for an offline deal.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportDataError {
    /// There is no such deal.
    #[error("no deal with proposal {0}: see `lotus-miner storage-deals list`")]
    NoDeal(Cid),
    /// It waits for nothing.
    #[error("deal {proposal} is in state {state} and waits for no data")]
    NotWaiting {
        /// Which.
        proposal: Cid,
        /// Its state.
        state: State,
    },
    /// The file cannot be read or copied.
    #[error("copying the data from {path}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too long for the piece.
    #[error("{len} bytes do not fit the deal's piece of {room} bytes")]
    TooLong {
        /// Of the file.
        len: u64,
        /// Unpadded.
        room: u64,
    },
    /// The step could not be written down.
    #[error(transparent)]
    Store(#[from] DealStoreError),
}

impl MarketProvider {
    /// Where a piece is, once for each of its deals; for retrieval.
    ///
    /// # Errors
    /// [`DealStoreError`].
    pub fn piece_deals(&self, piece: &Cid) -> Result<Vec<PieceDeal>, DealStoreError> {
        let deals = self.0.store.all()?;
        let of_piece = deals.iter().filter(|d| d.proposal().piece_cid == *piece);
        Ok(of_piece.filter_map(piece_deal).collect())
    }

    /// Pieces that are in sectors, each once.
    pub(super) fn pieces(&self) -> Result<Vec<Cid>, DealStoreError> {
        self.distinct(|deal| deal.proposal().piece_cid)
    }

    /// Roots of the DAGs in them, each once.
    pub(super) fn roots(&self) -> Result<Vec<Cid>, DealStoreError> {
        self.distinct(|deal| deal.params.deal_data_root)
    }

    fn distinct(&self, of: impl Fn(&ProviderDeal) -> Cid) -> Result<Vec<Cid>, DealStoreError> {
        let deals = self.0.store.all()?;
        let mut found = Vec::new();
        for deal in deals.iter().filter(|deal| deal.place.is_some()) {
            let cid = of(deal);
            if !found.contains(&cid) {
                found.push(cid);
            }
        }
        Ok(found)
    }

    /// A deal as the API shows it.
    pub(super) fn miner_deal(&self, deal: &ProviderDeal) -> MinerDeal {
        let params = &deal.params;
        let transfer = transfer(deal);
        MinerDeal {
            proposal: deal.proposal().clone(),
            client_signature: params.client_deal_proposal.client_signature.clone(),
            proposal_cid: deal.proposal_cid,
            add_funds_cid: deal.deposit,
            publish_cid: deal.publish_cid,
            miner: self.0.net.id().to_string(),
            client: deal.client.clone(),
            state: deal.state.number(),
            piece_path: String::new(),
            metadata_path: String::new(),
            slash_epoch: deal.slash_epoch,
            fast_retrieval: deal.keep_unsealed(),
            message: deal.message.clone(),
            funds_reserved: deal.reserved(),
            data_ref: Some(data_ref(deal)),
            available_for_retrieval: deal.place.is_some(),
            deal_id: deal.deal_id,
            creation_time: deal.created,
            transfer_channel_id: transfer.map(|transfer| ChannelId {
                initiator: deal.client.clone(),
                responder: self.0.net.id().to_string(),
                id: transfer.transfer_id,
            }),
            sector_number: deal.place.map_or(0, |place| place.sector),
            inbound_car: deal.staged.display().to_string(),
        }
    }

    /// Takes the data of an offline deal from a file; the file stays where it is.
    pub(super) async fn import_data(
        &self,
        proposal: Cid,
        path: String,
    ) -> Result<(), ImportDataError> {
        let deal = self.0.store.get(&proposal)?;
        let mut deal = deal.ok_or(ImportDataError::NoDeal(proposal))?;
        if deal.state != State::WaitingForData {
            let state = deal.state;
            return Err(ImportDataError::NotWaiting { proposal, state });
        }
        let room = PaddedPieceSize(deal.proposal().piece_size).unpadded().0;
        let staged = deal.staged.clone();
        let source = path.clone();
        let copied = tokio::task::spawn_blocking(move || copy(Path::new(&source), &staged, room))
            .await
            .map_err(std::io::Error::other)
            .and_then(|copied| copied);
        let len = copied.map_err(|source| ImportDataError::Io { path, source })?;
        if len > room {
            return Err(ImportDataError::TooLong { len, room });
        }
        deal.received = len;
        deal.state = State::VerifyData;
        self.0.store.update(&deal, "the data were imported")?;
        self.resume(proposal);
        Ok(())
    }
}

/// Copies a file that fits; its length either way.
fn copy(from: &Path, to: &Path, room: u64) -> std::io::Result<u64> {
    let len = std::fs::metadata(from)?.len();
    if len > room {
        return Ok(len);
    }
    std::fs::copy(from, to)?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(len)
}

fn piece_deal(deal: &ProviderDeal) -> Option<PieceDeal> {
    let place = deal.place?;
    let gone = deal.state.is_final();
    (!gone).then(|| PieceDeal {
        deal_id: deal.deal_id,
        sector_id: place.sector,
        offset: place.offset,
        length: PaddedPieceSize(deal.proposal().piece_size),
    })
}

fn data_ref(deal: &ProviderDeal) -> DataRef {
    let proposal = deal.proposal();
    let offline = deal.params.is_offline;
    DataRef {
        transfer_type: if offline { "manual" } else { Transfer::HTTP }.to_owned(),
        root: deal.params.deal_data_root,
        piece_cid: offline.then_some(proposal.piece_cid),
        piece_size: if offline {
            PaddedPieceSize(proposal.piece_size).unpadded()
        } else {
            Default::default()
        },
        raw_block_size: deal.params.transfer.size,
    }
}

/// A deal's transfer; `None` when its data come otherwise.
pub(super) fn transfer(deal: &ProviderDeal) -> Option<DataTransferChannel> {
    let online = !deal.params.is_offline;
    online.then(|| DataTransferChannel {
        transfer_id: deal.params.deal_uuid.as_u64_pair().1,
        status: match deal.state {
            State::StartDataTransfer => transfer_status::REQUESTED,
            State::Transferring => transfer_status::ONGOING,
            State::Error if !deal.verified => transfer_status::FAILED,
            _ => transfer_status::COMPLETED,
        },
        base_cid: deal.params.deal_data_root,
        is_initiator: false,
        is_sender: false,
        voucher: String::new(),
        message: deal.message.clone(),
        other_peer: deal.client.clone(),
        transferred: deal.received,
        stages: Value::Null,
    })
}
