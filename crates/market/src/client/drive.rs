//! One deal's way, step by step.

use std::time::Duration;

use lotus_sealing::SectorState;
use lotus_types::{Cid, DealProposal, wire};

use super::{ClientDeal, MarketClient, StartDealError};
use crate::{
    chain::{EscrowError, escrow},
    deal_store::{DealStore, DealStoreError},
    imports::ImportError,
    protocol::{
        Checkpoint, DEAL_PROTOCOL, DealParams, DealResponse, DealStatus, DealStatusRequest,
        DealStatusResponse, ExchangeError, Peer, STATUS_PROTOCOL, StorageDealStatus as State,
        Transfer, exchange,
    },
    walk::{Next, Trouble, Walk},
};

impl From<StartDealError> for Trouble {
    fn from(error: StartDealError) -> Self {
        Self::later(error)
    }
}

impl From<ImportError> for Trouble {
    fn from(error: ImportError) -> Self {
        Self::later(error)
    }
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Self {
        Self::later(error)
    }
}

/// A wallet without funds does not fill up by waiting for it.
fn escrow_trouble(error: EscrowError) -> Trouble {
    if error.is_temporary() {
        Trouble::later(error)
    } else {
        Trouble::failed(error)
    }
}

impl Walk for MarketClient {
    type Deal = ClientDeal;

    fn deals(&self) -> &DealStore<ClientDeal> {
        &self.0.store
    }

    fn poll(&self) -> Duration {
        self.0.config.poll
    }

    async fn step(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        match deal.state {
            State::ReserveClientFunds => self.reserve(deal).await,
            State::ClientFunding => self.funded(deal).await,
            State::FundsReserved => self.propose(deal).await,
            State::StartDataTransfer
            | State::Transferring
            | State::WaitingForData
            | State::CheckForAcceptance => self.ask_provider(deal).await,
            State::ProposalAccepted => self.check_published(deal).await,
            State::AwaitingPreCommit | State::Sealing => self.check_active(deal).await,
            State::Active => self.watch(deal).await,
            _ => Ok(Next::Rest),
        }
    }

    /// Its data are not served any more.
    fn fail(&self, deal: &mut ClientDeal, reason: String) -> Result<(), DealStoreError> {
        self.0.server.revoke(deal.uuid);
        deal.state = State::Error;
        deal.message.clone_from(&reason);
        self.0.store.update(deal, &reason)
    }
}

impl MarketClient {
    async fn reserve(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let _alone = self.0.funds.lock().await;
        let client = deal.proposal.proposal.client;
        let needed = self.reserved(&client)?;
        let (chain, max_fee) = (&*self.0.chain, &self.0.config.max_fee);
        let sent = escrow::deposit(chain, &client, &client, &needed, max_fee)
            .await
            .map_err(escrow_trouble)?;
        match sent {
            None => self.enter(deal, State::FundsReserved, "funds are in escrow"),
            Some(message) => {
                deal.deposit = Some(message);
                let note = format!("reserving funds for storage deal, message cid: <{message}>");
                self.enter(deal, State::ClientFunding, &note)?;
                // Others wait until this deposit counts.
                self.landed(deal, &message).await
            }
        }
    }

    async fn funded(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let _alone = self.0.funds.lock().await;
        let Some(message) = deal.deposit else {
            return self.enter(deal, State::ReserveClientFunds, "the deposit is not known");
        };
        self.landed(deal, &message).await
    }

    async fn landed(&self, deal: &mut ClientDeal, message: &Cid) -> Result<Next, Trouble> {
        escrow::landed(&*self.0.chain, message)
            .await
            .map_err(escrow_trouble)?;
        // Perhaps the deposit was somebody else's, for less: look again.
        self.enter(deal, State::ReserveClientFunds, "a deposit has landed")
    }

    async fn propose(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let start = deal.proposal.proposal.start_epoch;
        if self.0.chain.height().await? > start {
            let said = &deal.message;
            return Err(Trouble::Failed(format!(
                "the provider did not take the proposal before its start epoch {start}: {said}"
            )));
        }
        self.serve(deal)?;
        if deal.sent && self.is_known(deal).await? {
            return self.accepted(deal);
        }
        let request = self.request(deal)?;
        deal.sent = true;
        self.0.store.update(deal, "sending the proposal")?;
        let answer: DealResponse =
            exchange(&self.0.net, peer(deal), DEAL_PROTOCOL, &request).await?;
        if answer.accepted {
            return self.accepted(deal);
        }
        let provider = deal.proposal.proposal.provider;
        let reason = answer.message;
        Err(Trouble::Failed(format!(
            "deal rejected by {provider}: {reason}"
        )))
    }

    fn accepted(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let note = "deal proposal accepted by storage provider";
        let next = if deal.is_online() {
            State::StartDataTransfer
        } else {
            State::CheckForAcceptance
        };
        self.enter(deal, next, note)
    }

    /// Did an earlier try reach the provider?
    async fn is_known(&self, deal: &ClientDeal) -> Result<bool, Trouble> {
        let answer = self.status(deal).await?;
        Ok(answer.deal_status.is_some())
    }

    /// Puts the deal's data on the listener.
    fn serve(&self, deal: &ClientDeal) -> Result<(), Trouble> {
        if deal.is_online() {
            let car = self.0.imports.car(&deal.data.root)?;
            self.0.server.grant(deal.uuid, &deal.token, car);
        }
        Ok(())
    }

    fn request(&self, deal: &ClientDeal) -> Result<DealParams, Trouble> {
        let mut transfer = Transfer::default();
        if deal.is_online() {
            let request = self.0.server.request(deal.uuid, &deal.token);
            let params =
                serde_json::to_vec(&request).map_err(|e| Trouble::Failed(e.to_string()))?;
            transfer = Transfer {
                size: deal.payload_size,
                kind: Transfer::HTTP.to_owned(),
                params: params.into(),
                client_id: deal.uuid.to_string(),
            };
        }
        Ok(DealParams {
            deal_uuid: deal.uuid,
            transfer,
            is_offline: !deal.is_online(),
            deal_data_root: deal.data.root,
            skip_ipni_announce: Some(false),
            client_deal_proposal: deal.proposal.clone(),
            remove_unsealed_copy: Some(!deal.fast_retrieval),
        })
    }

    async fn status(&self, deal: &ClientDeal) -> Result<DealStatusResponse, Trouble> {
        let client = &deal.proposal.proposal.client;
        let signature = self.0.chain.sign(client, deal.uuid.as_bytes()).await?;
        let request = DealStatusRequest {
            deal_uuid: deal.uuid,
            signature,
        };
        Ok(exchange(&self.0.net, peer(deal), STATUS_PROTOCOL, &request).await?)
    }

    /// What the provider says of a deal that is not published yet.
    async fn ask_provider(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        if matches!(deal.state, State::StartDataTransfer | State::Transferring) {
            self.serve(deal)?;
        }
        let answer = self.status(deal).await;
        let start = deal.proposal.proposal.start_epoch;
        if self.0.chain.height().await? > start {
            return Err(Trouble::Failed(format!(
                "the provider did not publish the deal before its start epoch {start}"
            )));
        }
        let answer = answer?;
        let Some(status) = answer.deal_status else {
            return Err(Trouble::Later(answer.error));
        };
        if !status.error.is_empty() {
            let reason = status.error;
            return Err(Trouble::Failed(format!("the provider failed: {reason}")));
        }
        let received = answer.bytes_received.min(deal.payload_size);
        let (state, note) = told(&status, deal.is_online());
        if state == State::CheckForAcceptance || state == State::ProposalAccepted {
            self.0.server.revoke(deal.uuid);
        }
        if state == State::ProposalAccepted {
            deal.publish_cid = status.publish_cid;
            deal.deal_id = status.chain_deal_id;
            deal.received = deal.payload_size;
            return self.enter(deal, state, note);
        }
        if state != deal.state || received != deal.received {
            deal.received = received;
            self.enter(deal, state, note)?;
        }
        Ok(Next::Later(self.0.config.poll))
    }

    /// The chain must have the deal that was signed.
    async fn check_published(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let found = self.0.chain.deal(deal.deal_id).await?;
        let signed = &deal.proposal.proposal;
        let Some(found) = found else {
            self.must_not_be_late(signed).await?;
            return Ok(Next::Later(self.0.config.poll));
        };
        let client = self.0.chain.id_address(&signed.client).await?;
        let published = DealProposal {
            client: client.unwrap_or(signed.client),
            ..signed.clone()
        };
        let same = wire::try_to_cbor(&published).ok() == wire::try_to_cbor(&found.proposal).ok();
        if !same {
            let id = deal.deal_id;
            return Err(Trouble::Failed(format!(
                "the provider says this is deal {id}, which on chain is another one"
            )));
        }
        self.enter(deal, State::AwaitingPreCommit, "deal has been published")
    }

    async fn must_not_be_late(&self, proposal: &DealProposal) -> Result<(), Trouble> {
        let start = proposal.start_epoch;
        if self.0.chain.height().await? > start {
            return Err(Trouble::Failed(format!(
                "the deal was not active at its start epoch {start}: its sector was not proven in time"
            )));
        }
        Ok(())
    }

    async fn check_active(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let Some(found) = self.0.chain.deal(deal.deal_id).await? else {
            self.must_not_be_late(&deal.proposal.proposal).await?;
            return Ok(Next::Later(self.0.config.poll));
        };
        if found.state.slash_epoch >= 0 {
            return self.enter(deal, State::Slashed, "deal was slashed");
        }
        if found.state.sector_start_epoch >= 0 {
            return self.enter(deal, State::Active, "deal activated");
        }
        if deal.state == State::AwaitingPreCommit && self.is_pre_committed(deal).await {
            let note = "deal pre-commit message has landed on chain";
            return self.enter(deal, State::Sealing, note);
        }
        Ok(Next::Later(self.0.config.poll))
    }

    /// Does the provider say that its sector is past the pre-commit? Only told to the user, so no answer
    /// is as good as "no".
    async fn is_pre_committed(&self, deal: &ClientDeal) -> bool {
        let Ok(answer) = self.status(deal).await else {
            return false;
        };
        let state = answer.deal_status.map(|status| status.sealing_status);
        state
            .and_then(|name| name.parse::<SectorState>().ok())
            .is_some_and(crate::provider::is_pre_committed)
    }

    async fn watch(&self, deal: &mut ClientDeal) -> Result<Next, Trouble> {
        let end = deal.proposal.proposal.end_epoch;
        match self.0.chain.deal(deal.deal_id).await? {
            Some(found) if found.state.slash_epoch >= 0 => {
                self.enter(deal, State::Slashed, "deal was slashed")
            }
            None if self.0.chain.height().await? >= end => {
                self.enter(deal, State::Expired, "deal expired")
            }
            None => self.enter(deal, State::Slashed, "deal was terminated before its end"),
            Some(_) => Ok(self.when_active()),
        }
    }
}

fn peer(deal: &ClientDeal) -> Peer<'_> {
    Peer {
        id: &deal.peer,
        addresses: &deal.addresses,
    }
}

/// The client's name for what the provider says.
fn told(status: &DealStatus, online: bool) -> (State, &'static str) {
    match Checkpoint::from_name(&status.status) {
        None | Some(Checkpoint::Accepted) if online => {
            (State::Transferring, "provider is fetching the data")
        }
        None | Some(Checkpoint::Accepted) => (
            State::CheckForAcceptance,
            "waiting for the data to be imported",
        ),
        Some(Checkpoint::Transferred) => (State::CheckForAcceptance, "provider has the data"),
        Some(Checkpoint::Published) => (
            State::CheckForAcceptance,
            "provider has submitted the deal on-chain and is waiting for confirmation",
        ),
        Some(_) => (
            State::ProposalAccepted,
            "deal has been accepted by storage provider",
        ),
    }
}
