//! Whether a proposal is taken.

use std::{path::PathBuf, time::SystemTime};

use lotus_networks::policy::{
    DEAL_MAX_DURATION, DEAL_MIN_DURATION, MAX_SECTOR_EXPIRATION_EXTENSION,
};
use lotus_rpc_api::types::go::Time;
use lotus_types::{
    Address, ChainEpoch, Cid, DealLabel, DealProposal, TokenAmount, bigint,
    sector::{self, PaddedPieceSize},
    wire,
};

use super::{DealPolicy, MarketProvider, ProviderDeal, STAGING, filter};
use crate::{
    ask,
    chain::ChainError,
    deal_store::DealStoreError,
    protocol::{DealParams, MAX_LABEL, StorageDealStatus, client_requirement, proposal_cid},
    transfer::{FetchError, Source},
};

/// Why a proposal is not taken: told to the client in these words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Meant for somebody else.
    #[error("incorrect provider for deal: it is for {got}, this is {here}")]
    WrongProvider {
        /// In the proposal.
        got: Box<Address>,
        /// This one.
        here: Box<Address>,
    },
    /// The client did not sign it.
    #[error("invalid signature: the proposal is not signed by its client {0}")]
    Signature(Address),
    /// No CommP.
    #[error("piece CID {0} is not a piece commitment")]
    PieceCid(Cid),
    /// No piece size, or too large.
    #[error("piece size {size} is not a power of two from 128 to the sector size {sector}")]
    PieceSize {
        /// In the proposal.
        size: u64,
        /// Bytes.
        sector: u64,
    },
    /// More data than the piece holds.
    #[error("{data} bytes of data do not fit a piece of {piece} bytes")]
    DataSize {
        /// In the transfer.
        data: u64,
        /// Unpadded.
        piece: u64,
    },
    /// The label is too long for the chain.
    #[error("deal label can be at most {MAX_LABEL} bytes, is {0}")]
    Label(usize),
    /// Ends before it begins.
    #[error("proposal end {end} before proposal start {start}")]
    Epochs {
        /// Its start.
        start: ChainEpoch,
        /// Its end.
        end: ChainEpoch,
    },
    /// Begins too early to be sealed.
    #[error(
        "deal start epoch {start} is too soon: sealing takes until epoch {ready}, propose a later start"
    )]
    StartTooSoon {
        /// Its start.
        start: ChainEpoch,
        /// When it could be sealed.
        ready: ChainEpoch,
    },
    /// Begins too late.
    #[error("deal start epoch {start} is too far in the future: the latest is {latest}")]
    StartTooLate {
        /// Its start.
        start: ChainEpoch,
        /// The latest that is taken.
        latest: ChainEpoch,
    },
    /// Too short or too long.
    #[error("deal duration out of bounds (min, max, provided): {min}, {max}, {got}")]
    Duration {
        /// Least.
        min: ChainEpoch,
        /// Most.
        max: ChainEpoch,
        /// In the proposal.
        got: ChainEpoch,
    },
    /// Ends later than any sector made now.
    #[error(
        "invalid deal end epoch {end}: cannot be more than {MAX_SECTOR_EXPIRATION_EXTENSION} past current epoch {now}"
    )]
    EndTooLate {
        /// Its end.
        end: ChainEpoch,
        /// The chain's height.
        now: ChainEpoch,
    },
    /// An amount below zero.
    #[error("the proposal has a negative amount")]
    NegativeAmount,
    /// Price or size are not those of the ask.
    #[error("{0}: see `lotus client query-ask`")]
    Ask(String),
    /// The provider would have to put up too little for the network, or too much.
    #[error("proposed provider collateral {got} is not from {min} to {max} attoFIL")]
    Collateral {
        /// In the proposal.
        got: String,
        /// The network's least.
        min: String,
        /// The most that is put up.
        max: String,
    },
    /// The client has too little in escrow.
    #[error(
        "client available funds in escrow {have} not enough to meet storage cost for deal {need}: add to them with `lotus wallet market add`"
    )]
    ClientFunds {
        /// Free in escrow.
        have: TokenAmount,
        /// Price and collateral.
        need: TokenAmount,
    },
    /// The client has too little DataCap.
    #[error("verified deal DataCap {have} too small for proposed piece size {need}")]
    DataCap {
        /// Bytes left.
        have: String,
        /// Bytes needed.
        need: u64,
    },
    /// The operator does not want the piece.
    #[error("piece {0} is on this provider's blocklist")]
    Blocked(Cid),
    /// The operator takes no such deals.
    #[error("this provider takes no {0} storage deals")]
    NotConsidered(&'static str),
    /// The operator's filter says no.
    #[error("deal rejected by the provider's filter: {0}")]
    Filtered(String),
    /// The same UUID or proposal was here before.
    #[error("a deal with this UUID or proposal exists already")]
    Duplicate,
    /// The staging folder is full.
    #[error("miner overloaded, staging area is full: {free} bytes are free, the deal has {need}")]
    StagingFull {
        /// Bytes.
        free: u64,
        /// Bytes.
        need: u64,
    },
    /// The data cannot be fetched.
    #[error(transparent)]
    Transfer(#[from] FetchError),
    /// Not the client's fault: it may try again.
    #[error("server error: {0}")]
    Server(String),
}

impl From<ChainError> for Refusal {
    fn from(error: ChainError) -> Self {
        Self::Server(error.to_string())
    }
}

impl From<DealStoreError> for Refusal {
    fn from(error: DealStoreError) -> Self {
        match error {
            DealStoreError::Duplicate => Self::Duplicate,
            // A path of the provider's machine is nobody's business.
            _ => Self::Server("the deal could not be written down".to_owned()),
        }
    }
}

impl MarketProvider {
    /// Decides on a proposal; one that is taken is begun with. The same proposal sent again gets the
    /// same answer.
    pub(super) async fn decide(&self, params: DealParams, client: &str) -> Result<(), Refusal> {
        let proposal_cid = proposal_cid(&params.client_deal_proposal);
        let _alone = self.0.deciding.lock().await;
        if let Some(known) = self.0.store.by_uuid(params.deal_uuid)? {
            return if known.params == params {
                Ok(())
            } else {
                Err(Refusal::Duplicate)
            };
        }
        self.check(&params).await?;
        let filter = self.policy().filter;
        match filter::ask(&filter, &params).await {
            Ok(None) => {}
            Ok(Some(reason)) => return Err(Refusal::Filtered(reason)),
            Err(reason) => {
                tracing::error!(reason, "the deal filter cannot be run");
                return Err(Refusal::Server("the deal filter failed".to_owned()));
            }
        }
        let deal = self.accept(params, proposal_cid, client);
        self.0.store.insert(&deal, "deal proposal accepted")?;
        self.resume(proposal_cid);
        Ok(())
    }

    fn accept(&self, params: DealParams, proposal_cid: Cid, client: &str) -> ProviderDeal {
        let staged: PathBuf = self.0.config.folder.join(STAGING);
        let state = if params.is_offline {
            StorageDealStatus::WaitingForData
        } else {
            StorageDealStatus::StartDataTransfer
        };
        ProviderDeal {
            staged: staged.join(format!("{}.car", params.deal_uuid)),
            params,
            proposal_cid,
            client: client.to_owned(),
            state,
            message: String::new(),
            created: Time::from(SystemTime::now()),
            received: 0,
            verified: false,
            deposit: None,
            publishing: false,
            publish_cid: None,
            publish_index: 0,
            published: false,
            deal_id: 0,
            place: None,
            slash_epoch: 0,
        }
    }

    /// Cheap checks first, those that ask the chain last.
    async fn check(&self, params: &DealParams) -> Result<(), Refusal> {
        let policy = self.policy();
        let proposal = &params.client_deal_proposal.proposal;
        let here = self.0.config.miner;
        if proposal.provider != here {
            return Err(Refusal::WrongProvider {
                got: Box::new(proposal.provider),
                here: Box::new(here),
            });
        }
        considered(params, &policy)?;
        if !params.is_offline {
            Source::parse(&params.transfer, &self.0.config.fetch)?;
        }
        let terms = self.terms().await.map_err(ChainError::from)?;
        piece(params, terms.sector_size)?;
        self.room(params, &policy)?;
        let now = self.0.chain.height().await?;
        epochs(proposal, now, &policy, self.0.config.block_time.as_secs())?;
        self.signature(params).await?;
        if let Some(objection) = self
            .ask()?
            .ask
            .and_then(|ask| ask::objection(&ask, proposal))
        {
            return Err(Refusal::Ask(objection));
        }
        self.amounts(proposal, &policy).await
    }

    async fn signature(&self, params: &DealParams) -> Result<(), Refusal> {
        let signed = &params.client_deal_proposal;
        let client = signed.proposal.client;
        let refused = || Refusal::Signature(client);
        let key = self.0.chain.key_address(&client).await?;
        let key = key.ok_or_else(refused)?;
        let bytes = wire::try_to_cbor(&signed.proposal).map_err(|_| refused())?;
        lotus_crypto::verify(&signed.client_signature, &key, &bytes).map_err(|_| refused())
    }

    fn room(&self, params: &DealParams, policy: &DealPolicy) -> Result<(), Refusal> {
        if policy.max_staging_bytes == 0 {
            return Ok(());
        }
        let deals = self.0.store.all()?;
        let used: u64 = deals
            .iter()
            .filter(|deal| deal.is_staged())
            .map(|deal| deal.params.transfer.size)
            .fold(0, u64::saturating_add);
        let free = policy.max_staging_bytes.saturating_sub(used);
        let need = params.transfer.size;
        if need > free {
            return Err(Refusal::StagingFull { free, need });
        }
        Ok(())
    }

    async fn amounts(&self, proposal: &DealProposal, policy: &DealPolicy) -> Result<(), Refusal> {
        let chain = &self.0.chain;
        let (size, verified) = (PaddedPieceSize(proposal.piece_size), proposal.verified_deal);
        let bounds = chain.collateral_bounds(size, verified).await?;
        let most = bounds.min.clone() * policy.max_collateral_multiplier;
        let got = &proposal.provider_collateral;
        if *got < bounds.min || *got > most {
            return Err(Refusal::Collateral {
                got: got.atto().to_string(),
                min: bounds.min.atto().to_string(),
                max: most.atto().to_string(),
            });
        }
        let held = chain.escrow(&proposal.client).await?;
        let (have, need) = (held.escrow - held.locked, client_requirement(proposal));
        if have < need {
            return Err(Refusal::ClientFunds { have, need });
        }
        if verified {
            let have = chain.datacap(&proposal.client).await?.unwrap_or_default();
            if have < bigint::BigInt::from(size.0) {
                return Err(Refusal::DataCap {
                    have: have.to_string(),
                    need: size.0,
                });
            }
        }
        Ok(())
    }
}

/// What the operator's switches say.
fn considered(params: &DealParams, policy: &DealPolicy) -> Result<(), Refusal> {
    let proposal = &params.client_deal_proposal.proposal;
    let switches = &policy.switches;
    let refused = |what| Err(Refusal::NotConsidered(what));
    match params.is_offline {
        true if !switches.offline => return refused("offline"),
        false if !switches.online => return refused("online"),
        _ => {}
    }
    match proposal.verified_deal {
        true if !switches.verified => return refused("verified"),
        false if !switches.unverified => return refused("unverified"),
        _ => {}
    }
    if switches.blocklist.contains(&proposal.piece_cid) {
        return Err(Refusal::Blocked(proposal.piece_cid));
    }
    Ok(())
}

fn piece(params: &DealParams, sector: u64) -> Result<(), Refusal> {
    let proposal = &params.client_deal_proposal.proposal;
    if sector::comm_d(&proposal.piece_cid).is_err() {
        return Err(Refusal::PieceCid(proposal.piece_cid));
    }
    let size = PaddedPieceSize(proposal.piece_size);
    if !size.is_valid() || size.0 > sector {
        let size = size.0;
        return Err(Refusal::PieceSize { size, sector });
    }
    let (data, piece) = (params.transfer.size, size.unpadded().0);
    if data > piece {
        return Err(Refusal::DataSize { data, piece });
    }
    let label = match &proposal.label {
        DealLabel::Text(text) => text.len(),
        DealLabel::Bytes(bytes) => bytes.len(),
    };
    if label > MAX_LABEL {
        return Err(Refusal::Label(label));
    }
    let negative = proposal.storage_price_per_epoch.is_negative()
        || proposal.provider_collateral.is_negative()
        || proposal.client_collateral.is_negative();
    if negative {
        return Err(Refusal::NegativeAmount);
    }
    Ok(())
}

fn epochs(
    proposal: &DealProposal,
    now: ChainEpoch,
    policy: &DealPolicy,
    block_time: u64,
) -> Result<(), Refusal> {
    let in_epochs = |seconds: u64| {
        let epochs = seconds / block_time.max(1);
        ChainEpoch::try_from(epochs).unwrap_or(ChainEpoch::MAX)
    };
    let (start, end) = (proposal.start_epoch, proposal.end_epoch);
    if end <= start || start < 0 {
        return Err(Refusal::Epochs { start, end });
    }
    let ready = now.saturating_add(in_epochs(policy.expected_seal_duration.as_secs()));
    if start < ready || start <= now {
        return Err(Refusal::StartTooSoon { start, ready });
    }
    let latest = now.saturating_add(in_epochs(policy.max_start_delay.as_secs()));
    if start > latest {
        return Err(Refusal::StartTooLate { start, latest });
    }
    let (min, max, got) = (DEAL_MIN_DURATION, DEAL_MAX_DURATION, end - start);
    if !(min..=max).contains(&got) {
        return Err(Refusal::Duration { min, max, got });
    }
    if end > now.saturating_add(MAX_SECTOR_EXPIRATION_EXTENSION) {
        return Err(Refusal::EndTooLate { end, now });
    }
    Ok(())
}
