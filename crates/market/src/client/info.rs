//! Deals as `ClientListDeals` and `ClientGetDealInfo` show them.

use lotus_rpc_api::types::{
    deals::{ChannelId, DataTransferChannel, DealInfo},
    go::Time,
};
use lotus_types::Cid;
use serde_json::{Value, json};

use super::{ClientDeal, MarketClient, start::unpadded};
use crate::{
    deal_store::{DealStoreError, Step},
    protocol::StorageDealStatus as State,
};

/// Numbers of a transfer's state, as Lotus shows them.
mod transfer_status {
    pub(super) const REQUESTED: u64 = 0;
    pub(super) const ONGOING: u64 = 1;
    pub(super) const COMPLETED: u64 = 6;
    pub(super) const FAILED: u64 = 8;
}

impl MarketClient {
    /// All deals, oldest first.
    ///
    /// # Errors
    /// [`DealStoreError`].
    pub fn list_deals(&self) -> Result<Vec<DealInfo>, DealStoreError> {
        let deals = self.0.store.all()?;
        Ok(deals.iter().map(|deal| self.info(deal)).collect())
    }

    /// A deal with its story; `None` when there is none of that proposal.
    ///
    /// # Errors
    /// [`DealStoreError`].
    pub fn deal_info(&self, proposal: &Cid) -> Result<Option<DealInfo>, DealStoreError> {
        let Some(deal) = self.0.store.get(proposal)? else {
            return Ok(None);
        };
        let deal_stages = stages(&self.0.store.steps(proposal)?);
        Ok(Some(DealInfo {
            deal_stages,
            ..self.info(&deal)
        }))
    }

    /// Transfers of deals whose data go over the network.
    ///
    /// # Errors
    /// [`DealStoreError`].
    pub fn data_transfers(&self) -> Result<Vec<DataTransferChannel>, DealStoreError> {
        let deals = self.0.store.all()?;
        Ok(deals.iter().filter_map(transfer).collect())
    }

    pub(super) fn info(&self, deal: &ClientDeal) -> DealInfo {
        let proposal = &deal.proposal.proposal;
        let data_transfer = transfer(deal);
        let channel = data_transfer.as_ref().map(|transfer| ChannelId {
            initiator: self.0.net.id().to_string(),
            responder: deal.peer.clone(),
            id: transfer.transfer_id,
        });
        let duration = proposal.end_epoch.saturating_sub(proposal.start_epoch);
        DealInfo {
            proposal_cid: deal.proposal_cid,
            state: deal.state.number(),
            message: deal.message.clone(),
            deal_stages: Value::Null,
            provider: proposal.provider,
            data_ref: Some(deal.data.clone()),
            piece_cid: proposal.piece_cid,
            size: unpadded(proposal).0,
            price_per_epoch: proposal.storage_price_per_epoch.clone(),
            duration: u64::try_from(duration).unwrap_or(0),
            deal_id: deal.deal_id,
            creation_time: deal.created,
            verified: proposal.verified_deal,
            transfer_channel_id: channel,
            data_transfer,
        }
    }
}

pub(super) fn transfer(deal: &ClientDeal) -> Option<DataTransferChannel> {
    let begun = deal.is_online() && deal.sent;
    begun.then(|| DataTransferChannel {
        transfer_id: deal.uuid.as_u64_pair().1,
        status: transfer_status_of(deal),
        base_cid: deal.data.root,
        is_initiator: true,
        is_sender: true,
        voucher: String::new(),
        message: deal.message.clone(),
        other_peer: deal.peer.clone(),
        transferred: deal.received,
        stages: Value::Null,
    })
}

fn transfer_status_of(deal: &ClientDeal) -> u64 {
    if deal.received >= deal.payload_size {
        return transfer_status::COMPLETED;
    }
    match deal.state {
        State::Transferring => transfer_status::ONGOING,
        State::FundsReserved | State::StartDataTransfer => transfer_status::REQUESTED,
        State::Error => transfer_status::FAILED,
        _ => transfer_status::COMPLETED,
    }
}

/// The steps of a deal, those of one state under one heading.
fn stages(steps: &[Step]) -> Value {
    let mut stages: Vec<Value> = Vec::new();
    for run in steps.chunk_by(|a, b| a.state == b.state) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let logs: Vec<_> = run.iter().map(log_line).collect();
        stages.push(json!({
            "Name": first.state.name(),
            "Description": first.state.description(),
            "ExpectedDuration": first.state.expected_duration(),
            "CreatedTime": first.at,
            "UpdatedTime": last.at,
            "Logs": logs,
        }));
    }
    json!({ "Stages": stages })
}

fn log_line(step: &Step) -> Value {
    let at: Time = step.at;
    json!({ "Log": step.note, "UpdatedTime": at })
}
