//! The storage market and the verified registry as of a tipset.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_actors::{
    market::{self, ComputeDataCommitmentParams, ComputeDataCommitmentReturn, SectorDataSpec},
    verifreg::Allocation,
};
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::{
    RpcError,
    full::StateMarketApi,
    types::state::{MarketBalance, MarketDeal},
};
use lotus_types::{
    Address, Cid, DealId, RegisteredSealProof, Tipset, TipsetKey, TokenAmount, wire,
};

use super::{Answer, FullNodeApi, Services, Told as _};

impl Services {
    /// The data commitment of deals in a sector, computed by the market actor itself.
    pub(super) fn data_commitment(
        &self,
        tipset: &Tipset,
        proof: RegisteredSealProof,
        deals: Vec<DealId>,
    ) -> Answer<Cid> {
        let params = ComputeDataCommitmentParams {
            inputs: vec![SectorDataSpec {
                deal_ids: deals,
                sector_type: proof,
            }],
        };
        let message = lotus_actors::call(
            MARKET_ACTOR,
            MARKET_ACTOR,
            TokenAmount::zero(),
            market::method::COMPUTE_DATA_COMMITMENT,
            &params,
        )
        .told()?;
        let receipt = self.states.call(&message, tipset).told()?.applied.receipt;
        if !receipt.exit_code.is_success() {
            return Err(RpcError::new(format_args!(
                "receipt for ComputeDataCommitment had exit code {}",
                receipt.exit_code.0
            )));
        }
        let answer: ComputeDataCommitmentReturn = wire::from_cbor(&receipt.return_data).told()?;
        let first = answer.comm_ds.first().copied();
        first.ok_or_else(|| RpcError::new("the market actor computed no data commitment"))
    }

    pub(super) fn allocations(
        &self,
        tipset: &Tipset,
        client: &Address,
    ) -> Answer<BTreeMap<u64, Allocation>> {
        let tree = self.tree(tipset)?;
        let Some(id) = tree.lookup_id(client).told()? else {
            return Ok(BTreeMap::new());
        };
        let state = tree.verifreg_state().told()?;
        match state.allocations(self.store(), id).told()? {
            Some(held) => Ok(held.entries().told()?.into_iter().collect()),
            None => Ok(BTreeMap::new()),
        }
    }

    pub(super) fn allocation_of_deal(
        &self,
        tipset: &Tipset,
        deal: DealId,
    ) -> Answer<Option<Allocation>> {
        let market = self.tree(tipset)?.market_state().told()?;
        let Some(id) = market.pending_allocation(self.store(), deal).told()? else {
            return Ok(None);
        };
        let (proposal, _) = self.deal(tipset, deal)?;
        Ok(self.allocations(tipset, &proposal.client)?.remove(&id))
    }

    fn deal(
        &self,
        tipset: &Tipset,
        id: DealId,
    ) -> Answer<(lotus_types::DealProposal, lotus_types::DealState)> {
        let market = self.tree(tipset)?.market_state().told()?;
        market.deal(self.store(), id).told()?.ok_or_else(|| {
            RpcError::new(format_args!(
                "deal {id} not found - deal may not have completed sealing before deal proposal \
                 start epoch, or deal may have been slashed"
            ))
        })
    }
}

#[async_trait]
impl StateMarketApi for FullNodeApi {
    async fn state_market_balance(
        &self,
        address: Address,
        key: TipsetKey,
    ) -> Answer<MarketBalance> {
        self.at(key, move |s, t| {
            let tree = s.tree(&t)?;
            let id = tree.lookup_id(&address).told()?.ok_or_else(|| {
                RpcError::new(format_args!("resolve address {address}: actor not found"))
            })?;
            let market = tree.market_state().told()?;
            let held = market.balance(s.store(), &Address::new_id(id)).told()?;
            Ok(MarketBalance {
                escrow: held.escrow,
                locked: held.locked,
            })
        })
        .await
    }

    async fn state_market_participants(
        &self,
        key: TipsetKey,
    ) -> Answer<BTreeMap<String, MarketBalance>> {
        self.at(key, |s, t| {
            let market = s.tree(&t)?.market_state().told()?;
            let locked = market.locked(s.store()).told()?;
            let mut all = BTreeMap::new();
            for (address, escrow) in market.escrow(s.store()).told()?.entries().told()? {
                let locked = locked.get(&address).told()?.cloned().unwrap_or_default();
                all.insert(address.to_string(), MarketBalance { escrow, locked });
            }
            Ok(all)
        })
        .await
    }

    async fn state_market_deals(&self, key: TipsetKey) -> Answer<BTreeMap<String, MarketDeal>> {
        self.at(key, |s, t| {
            let market = s.tree(&t)?.market_state().told()?;
            let mut all = BTreeMap::new();
            for (id, _) in market.proposals(s.store()).told()?.entries().told()? {
                if let Some((proposal, state)) = market.deal(s.store(), id).told()? {
                    all.insert(id.to_string(), MarketDeal { proposal, state });
                }
            }
            Ok(all)
        })
        .await
    }

    async fn state_market_storage_deal(&self, deal: DealId, key: TipsetKey) -> Answer<MarketDeal> {
        self.at(key, move |s, t| {
            let (proposal, state) = s.deal(&t, deal)?;
            Ok(MarketDeal { proposal, state })
        })
        .await
    }
}
