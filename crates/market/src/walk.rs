//! Walking a deal from step to step: the frame that client and provider share.
//!
//! # Invariants
//! - A step's outcome is on disk before the next step begins.
//! - Trouble of the moment is tried again; why a deal waits stands in its message, written once for each
//!   reason.

use std::{future::Future, time::Duration};

use lotus_types::Cid;

use crate::{
    chain::ChainError,
    deal_store::{DealRecord, DealStore, DealStoreError},
    protocol::StorageDealStatus,
};

/// An active deal is looked at that many times less often than one on its way.
const ACTIVE_POLLS: u32 = 6;

/// When to look at a deal again.
pub(crate) enum Next {
    Now,
    Later(Duration),
    /// When it is resumed, or never.
    Rest,
}

/// Why a step was not done.
pub(crate) enum Trouble {
    /// It is tried again later.
    Later(String),
    /// The deal has failed.
    Failed(String),
}

impl Trouble {
    /// Trouble of the moment.
    #[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
    pub(crate) fn later(error: impl ToString) -> Self {
        Self::Later(error.to_string())
    }

    /// Trouble that stays.
    #[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
    pub(crate) fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ChainError> for Trouble {
    fn from(error: ChainError) -> Self {
        Self::later(error)
    }
}

impl From<DealStoreError> for Trouble {
    fn from(error: DealStoreError) -> Self {
        Self::later(error)
    }
}

/// One side of deals, as far as walking them goes.
pub(crate) trait Walk: Sync {
    /// Its record of a deal.
    type Deal: DealRecord;

    /// Where the deals are.
    fn deals(&self) -> &DealStore<Self::Deal>;

    /// How often a deal on its way is looked at.
    fn poll(&self) -> Duration;

    /// Does what the deal's state asks for.
    fn step(&self, deal: &mut Self::Deal) -> impl Future<Output = Result<Next, Trouble>> + Send;

    /// Gives a deal up, for `reason`.
    fn fail(&self, deal: &mut Self::Deal, reason: String) -> Result<(), DealStoreError>;

    /// When to look at an active deal again.
    fn when_active(&self) -> Next {
        Next::Later(self.poll().saturating_mul(ACTIVE_POLLS))
    }

    /// The deal is in `state` from now on.
    fn enter(
        &self,
        deal: &mut Self::Deal,
        state: StorageDealStatus,
        note: &str,
    ) -> Result<Next, Trouble> {
        let (at, message) = deal.progress_mut();
        *at = state;
        message.clear();
        self.deals().update(deal, note)?;
        Ok(Next::Now)
    }

    /// Walks a deal until it rests; returns its name.
    fn follow(&self, deal: Cid) -> impl Future<Output = Cid> + Send {
        async move {
            loop {
                let next = match self.deals().get(&deal) {
                    Ok(Some(deal)) => attempt(self, deal).await,
                    Ok(None) => Next::Rest,
                    Err(error) => {
                        tracing::error!(%deal, %error, "a deal cannot be read");
                        Next::Later(self.poll())
                    }
                };
                match next {
                    Next::Now => {}
                    Next::Later(pause) => tokio::time::sleep(pause).await,
                    Next::Rest => return deal,
                }
            }
        }
    }
}

async fn attempt<W: Walk + ?Sized>(side: &W, mut deal: W::Deal) -> Next {
    match side.step(&mut deal).await {
        Ok(next) => next,
        Err(Trouble::Later(reason)) => {
            waits(side, &mut deal, reason);
            Next::Later(side.poll())
        }
        Err(Trouble::Failed(reason)) => match side.fail(&mut deal, reason) {
            Ok(()) => Next::Rest,
            Err(_) => Next::Later(side.poll()),
        },
    }
}

/// Notes why a deal waits, once for each reason.
fn waits<W: Walk + ?Sized>(side: &W, deal: &mut W::Deal, reason: String) {
    let (&mut state, message) = deal.progress_mut();
    if *message == reason {
        return;
    }
    message.clone_from(&reason);
    let cid = deal.proposal_cid();
    tracing::warn!(deal = %cid, %state, reason, "a deal waits, and is tried again");
    // Only told: the deal goes on without it.
    drop(side.deals().update(deal, &reason));
}
