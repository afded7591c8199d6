//! The storage market and the verified registry as of a tipset.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_actors::{
    market::{self, ComputeDataCommitmentParams, ComputeDataCommitmentReturn, SectorDataSpec},
    verifreg::Allocation,
};
use lotus_networks::{singletons::MARKET_ACTOR, supply::FIL_BASE};
use lotus_rpc_api::{
    RpcError,
    full::StateMarketApi,
    types::state::{DealCollateralBounds, MarketBalance, MarketDeal},
};
use lotus_types::{
    Address, BigInt, Cid, DealId, RegisteredSealProof, Tipset, TipsetKey, TokenAmount,
    sector::PaddedPieceSize, wire,
};

use super::{
    Answer, FullNodeApi, Services, Told as _, number_of, pledge::with_margin, while_doing,
};

/// Share of the circulating supply that all deals' collateral is to make up: one in this many.
const COLLATERAL_SUPPLY_SHARE: u64 = 100;

/// The least collateral that the market actor takes from a provider: the piece's share of the power
/// that the network has, or ought to have by its baseline, of a hundredth of the circulating supply.
fn least_collateral(
    piece: PaddedPieceSize,
    raw_power: &BigInt,
    baseline: &BigInt,
    circulating: &TokenAmount,
) -> TokenAmount {
    let piece = BigInt::from(piece.0);
    let power = raw_power.max(baseline).max(&piece);
    let target = circulating.atto() * &piece.0;
    TokenAmount::from_atto(target / (&power.0 * COLLATERAL_SUPPLY_SHARE))
}

impl Services {
    /// The data commitment of deals in a sector, computed by the market actor itself.
    pub(super) fn data_commitment(
        &self,
        tipset: &Tipset,
        miner: Address,
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
            miner,
            MARKET_ACTOR,
            TokenAmount::zero(),
            market::method::COMPUTE_DATA_COMMITMENT,
            &params,
        )
        .told()?;
        let called = self.states.call(&message, tipset).told();
        let called = called.map_err(|e| while_doing("calling ComputeDataCommitment", e))?;
        let receipt = called.applied.receipt;
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
        let id = number_of(&tree, client)?;
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

    async fn state_deal_provider_collateral_bounds(
        &self,
        size: PaddedPieceSize,
        _verified: bool,
        key: TipsetKey,
    ) -> Answer<DealCollateralBounds> {
        self.at(key, move |s, t| {
            let tree = s.tree(&t)?;
            let least = least_collateral(
                size,
                &tree.power_state().told()?.total_raw_byte_power,
                &tree.reward_state().told()?.this_epoch_baseline_power,
                &s.supply(&t)?.circulating,
            );
            Ok(DealCollateralBounds {
                // Supply and power move until the deal is published.
                min: with_margin(&least),
                max: TokenAmount::from_fil(FIL_BASE),
            })
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

#[cfg(test)]
mod the_least_collateral_of_a_deal {
    use super::*;

    fn least(piece: u64, power: u64, baseline: u64, circulating: i64) -> TokenAmount {
        least_collateral(
            PaddedPieceSize(piece),
            &BigInt::from(power),
            &BigInt::from(baseline),
            &TokenAmount::from_atto(circulating),
        )
    }

    #[test]
    fn follows_the_share_of_power_or_baseline() {
        assert_eq!(least(10, 1000, 500, 100_000), TokenAmount::from_atto(10));
        assert_eq!(least(10, 500, 1000, 100_000), TokenAmount::from_atto(10));
    }

    #[test]
    fn is_never_more_than_a_hundredth_of_the_supply() {
        assert_eq!(least(10, 1, 1, 100_000), TokenAmount::from_atto(1000));
        assert_eq!(least(10, 1, 1, 0), TokenAmount::zero());
    }
}
