//! What the client keeps of a deal.

use lotus_rpc_api::types::{deals::DataRef, go::Time};
use lotus_types::{Cid, ClientDealProposal, DealId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{deal_store::DealRecord, protocol::StorageDealStatus};

/// A deal, as its row has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClientDeal {
    pub(crate) uuid: Uuid,
    pub(crate) proposal: ClientDealProposal,
    pub(crate) proposal_cid: Cid,
    /// As it was asked for.
    pub(crate) data: DataRef,
    /// Bytes of the CAR.
    pub(crate) payload_size: u64,
    /// Opens the data on the client's listener; empty for an offline deal.
    pub(crate) token: String,
    pub(crate) fast_retrieval: bool,
    /// The provider's peer and where it is.
    pub(crate) peer: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) state: StorageDealStatus,
    /// What went wrong.
    pub(crate) message: String,
    pub(crate) created: Time,
    /// The message that filled escrow.
    pub(crate) deposit: Option<Cid>,
    /// The proposal was sent, or is about to be.
    pub(crate) sent: bool,
    /// Bytes that the provider has.
    pub(crate) received: u64,
    pub(crate) publish_cid: Option<Cid>,
    /// On chain; 0 before it is published.
    pub(crate) deal_id: DealId,
}

impl ClientDeal {
    /// The data go over the network.
    pub(crate) fn is_online(&self) -> bool {
        !self.token.is_empty()
    }

    /// Escrow that must be free for it, until it is on chain and locked there.
    pub(crate) fn needs_escrow(&self) -> bool {
        use StorageDealStatus as S;
        matches!(
            self.state,
            S::ReserveClientFunds
                | S::ClientFunding
                | S::FundsReserved
                | S::StartDataTransfer
                | S::Transferring
                | S::WaitingForData
                | S::CheckForAcceptance
        )
    }
}

impl DealRecord for ClientDeal {
    fn proposal_cid(&self) -> &Cid {
        &self.proposal_cid
    }

    fn uuid(&self) -> Uuid {
        self.uuid
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
