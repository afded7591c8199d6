//! What commands change, kept in the deals' database: switches and the ask.

use lotus_rpc_api::types::{
    deals::StorageAsk,
    market::{RetrievalAsk, SignedStorageAsk},
};
use lotus_types::{Address, TokenAmount};

use super::{DealPolicy, MarketProvider, ProviderDeal, ProviderStartError, policy::Switches};
use crate::{
    ask,
    chain::{ChainError, MinerTerms},
    deal_store::{DealStore, DealStoreError},
};

const SWITCHES: &str = "switches";
const ASK: &str = "ask";
const RETRIEVAL_ASK: &str = "retrieval-ask";
/// Bytes between payments for retrieval, and by how much they grow.
const PAYMENT_INTERVAL: u64 = 1 << 20;

/// The configured policy, with what commands have changed.
pub(super) fn load(
    store: &DealStore<ProviderDeal>,
    configured: &DealPolicy,
) -> Result<DealPolicy, DealStoreError> {
    let mut policy = configured.clone();
    if let Some(changed) = store.setting(SWITCHES)? {
        policy.switches = changed;
    }
    Ok(policy)
}

impl MarketProvider {
    /// The settings in force.
    pub fn policy(&self) -> DealPolicy {
        self.0.policy.lock().clone()
    }

    /// Changes switches, for good.
    pub(super) fn change(&self, change: impl FnOnce(&mut Switches)) -> Result<(), DealStoreError> {
        let mut policy = self.0.policy.lock();
        let mut switches = policy.switches.clone();
        change(&mut switches);
        self.0.store.set(SWITCHES, &switches)?;
        policy.switches = switches;
        Ok(())
    }

    /// The signed ask.
    ///
    /// # Errors
    /// [`DealStoreError`].
    pub fn ask(&self) -> Result<SignedStorageAsk, DealStoreError> {
        let stored = self.0.store.setting(ASK)?;
        Ok(stored.unwrap_or(SignedStorageAsk {
            ask: None,
            signature: None,
        }))
    }

    /// Signs an ask and keeps it.
    pub(super) async fn set_ask(&self, ask: StorageAsk) -> Result<(), ProviderStartError> {
        let worker = self.terms().await?.worker;
        let signed = ask::sign(&*self.0.chain, &worker, ask).await?;
        Ok(self.0.store.set(ASK, &signed)?)
    }

    /// A new provider asks Lotus' default prices.
    pub(super) async fn ensure_ask(&self) -> Result<(), ProviderStartError> {
        if self.ask()?.ask.is_some() {
            return Ok(());
        }
        let terms = self.terms().await?;
        let now = self.0.chain.height().await?;
        let miner = self.0.config.miner;
        self.set_ask(ask::default_ask(miner, terms.sector_size, now))
            .await
    }

    /// The miner on chain.
    pub(super) async fn terms(&self) -> Result<MinerTerms, ProviderStartError> {
        let miner: Address = self.0.config.miner;
        let terms = self.0.chain.miner(&miner).await?;
        terms.ok_or(ProviderStartError::NoMiner(miner))
    }

    /// The conditions for retrieval: free, unless changed.
    pub(super) fn retrieval_ask(&self) -> Result<RetrievalAsk, DealStoreError> {
        let stored = self.0.store.setting(RETRIEVAL_ASK)?;
        Ok(stored.unwrap_or(RetrievalAsk {
            price_per_byte: TokenAmount::zero(),
            unseal_price: TokenAmount::zero(),
            payment_interval: PAYMENT_INTERVAL,
            payment_interval_increase: PAYMENT_INTERVAL,
        }))
    }

    pub(super) fn set_retrieval_ask(&self, ask: &RetrievalAsk) -> Result<(), DealStoreError> {
        self.0.store.set(RETRIEVAL_ASK, ask)
    }
}

impl From<ProviderStartError> for ChainError {
    fn from(error: ProviderStartError) -> Self {
        match error {
            ProviderStartError::Ask(error) => error,
            other => Self::new("the miner", other),
        }
    }
}
