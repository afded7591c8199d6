//! What the provider keeps of a deal.

use std::path::PathBuf;

use lotus_rpc_api::types::go::Time;
use lotus_sealing::SectorOffset;
use lotus_types::{ChainEpoch, Cid, DealId, DealProposal, TokenAmount};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    deal_store::DealRecord,
    protocol::{Checkpoint, DealParams, StorageDealStatus},
};

/// A deal, as its row has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProviderDeal {
    pub(crate) params: DealParams,
    pub(crate) proposal_cid: Cid,
    /// The client's peer.
    pub(crate) client: String,
    pub(crate) state: StorageDealStatus,
    /// What went wrong, or what is waited for.
    pub(crate) message: String,
    pub(crate) created: Time,
    /// The data while they are not in a finished sector.
    pub(crate) staged: PathBuf,
    /// Bytes of data that are here.
    pub(crate) received: u64,
    /// The data are complete and those of the proposal.
    pub(crate) verified: bool,
    /// The message that filled escrow.
    pub(crate) deposit: Option<Cid>,
    /// A message that publishes the deal may have been sent.
    pub(crate) publishing: bool,
    /// That message, and the deal's place among those that it publishes.
    pub(crate) publish_cid: Option<Cid>,
    pub(crate) publish_index: u64,
    /// The deal is on chain under `deal_id`.
    pub(crate) published: bool,
    pub(crate) deal_id: DealId,
    /// Where its piece is.
    pub(crate) place: Option<SectorOffset>,
    /// 0: not slashed.
    pub(crate) slash_epoch: ChainEpoch,
}

impl ProviderDeal {
    pub(crate) fn proposal(&self) -> &DealProposal {
        &self.params.client_deal_proposal.proposal
    }

    /// Why it failed; empty when it did not.
    pub(crate) fn failure(&self) -> String {
        match self.state {
            StorageDealStatus::Error => self.message.clone(),
            _ => String::new(),
        }
    }

    /// The last milestone of the status protocol.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        if self.state == StorageDealStatus::Active {
            Checkpoint::Complete
        } else if self.place.is_some() {
            // Its blocks were indexed before it was published.
            Checkpoint::IndexedAndAnnounced
        } else if self.published {
            Checkpoint::PublishConfirmed
        } else if self.publish_cid.is_some() {
            Checkpoint::Published
        } else if self.verified {
            Checkpoint::Transferred
        } else {
            Checkpoint::Accepted
        }
    }

    /// Escrow that must be free for it, until it is on chain and locked there.
    pub(crate) fn reserved(&self) -> TokenAmount {
        use StorageDealStatus as S;
        match self.state {
            S::ReserveProviderFunds | S::ProviderFunding | S::Publish | S::Publishing => {
                self.proposal().provider_collateral.clone()
            }
            _ => TokenAmount::zero(),
        }
    }

    /// Keep a readable copy?
    pub(crate) fn keep_unsealed(&self) -> bool {
        !self.params.remove_unsealed_copy.unwrap_or(false)
    }

    /// Do its data take room in the staging folder?
    pub(crate) fn is_staged(&self) -> bool {
        !self.state.is_final() && self.state != StorageDealStatus::Active
    }
}

impl DealRecord for ProviderDeal {
    fn proposal_cid(&self) -> &Cid {
        &self.proposal_cid
    }

    fn uuid(&self) -> Uuid {
        self.params.deal_uuid
    }

    fn state(&self) -> StorageDealStatus {
        self.state
    }

    fn created(&self) -> Time {
        self.created
    }

    fn progress_mut(&mut self) -> (&mut StorageDealStatus, &mut String) {
        (&mut self.state, &mut self.message)
    }
}
