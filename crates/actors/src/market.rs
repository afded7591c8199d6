//! f05: deals and their escrow.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    Address, BitField, ChainEpoch, Cid, ClientDealProposal, DealId, DealProposal, DealState,
    RegisteredSealProof, TokenAmount, wire_tuple,
};

use crate::{
    Array, Map, StateError,
    map::HAMT_BIT_WIDTH,
    verifreg::{AllocationId, ClaimId},
};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor.";
    ADD_BALANCE = 2 "AddBalance" "Puts the value sent into the escrow of the address given.";
    WITHDRAW_BALANCE = 3 "WithdrawBalance" "Takes out of escrow what no deal locks.";
    PUBLISH_STORAGE_DEALS = 4 "PublishStorageDeals" "Puts deals on chain.";
    VERIFY_DEALS_FOR_ACTIVATION = 5 "VerifyDealsForActivation" "Computes the CommD of sectors to be.";
    ACTIVATE_DEALS = 6 "ActivateDeals" "A miner proved the deals' sector.";
    ON_MINER_SECTORS_TERMINATE = 7 "OnMinerSectorsTerminate" "A miner terminated the deals' sector.";
    COMPUTE_DATA_COMMITMENT = 8 "ComputeDataCommitment" "Computes CommD of deals.";
    CRON_TICK = 9 "CronTick" "Called by cron: payments, expirations.";
}

/// Bits per level of the balance tables' HAMTs.
pub const BALANCE_TABLE_BIT_WIDTH: u32 = 6;

/// State of f05.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// AMT from deal ids to proposals.
    pub proposals: Cid,
    /// AMT from deal ids to states of activated deals.
    pub states: Cid,
    /// HAMT, a set of the CIDs of proposals not yet started.
    pub pending_proposals: Cid,
    /// HAMT from addresses to what they hold here, locked or not.
    pub escrow_table: Cid,
    /// HAMT from addresses to what of it is locked.
    pub locked_table: Cid,
    /// The next deal's id.
    pub next_id: DealId,
    /// HAMT from epochs to sets of deals to look at.
    pub deal_ops_by_epoch: Cid,
    /// Last epoch handled by cron.
    pub last_cron: ChainEpoch,
    /// Locked as clients' collateral.
    pub total_client_locked_collateral: TokenAmount,
    /// Locked as providers' collateral.
    pub total_provider_locked_collateral: TokenAmount,
    /// Locked for payments to come.
    pub total_client_storage_fee: TokenAmount,
    /// HAMT from deals not yet activated to their DataCap allocations.
    pub pending_deal_allocation_ids: Cid,
}
wire_tuple!(State {
    proposals: "Proposals",
    states: "States",
    pending_proposals: "PendingProposals",
    escrow_table: "EscrowTable",
    locked_table: "LockedTable",
    next_id: "NextID",
    deal_ops_by_epoch: "DealOpsByEpoch",
    last_cron: "LastCron",
    total_client_locked_collateral: "TotalClientLockedCollateral",
    total_provider_locked_collateral: "TotalProviderLockedCollateral",
    total_client_storage_fee: "TotalClientStorageFee",
    pending_deal_allocation_ids: "PendingDealAllocationIds",
});

/// An activated deal, as the actor stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDeal {
    /// Its sector was proven.
    pub sector_start_epoch: ChainEpoch,
    /// Last time that payments were settled; -1 before.
    pub last_updated_epoch: ChainEpoch,
    /// It was slashed; -1 when it was not.
    pub slash_epoch: ChainEpoch,
    /// The claim on its DataCap; 0 without.
    pub verified_claim: ClaimId,
}
wire_tuple!(ActiveDeal {
    sector_start_epoch: "SectorStartEpoch",
    last_updated_epoch: "LastUpdatedEpoch",
    slash_epoch: "SlashEpoch",
    verified_claim: "VerifiedClaim" default,
});

impl ActiveDeal {
    /// The part that Lotus' API shows.
    pub const fn state(&self) -> DealState {
        DealState {
            sector_start_epoch: self.sector_start_epoch,
            last_updated_epoch: self.last_updated_epoch,
            slash_epoch: self.slash_epoch,
        }
    }
}

/// State of a deal that was not activated.
const NOT_ACTIVATED: DealState = DealState {
    sector_start_epoch: -1,
    last_updated_epoch: -1,
    slash_epoch: -1,
};

/// What an address holds in escrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarketBalance {
    /// All of it.
    pub escrow: TokenAmount,
    /// The part that deals lock.
    pub locked: TokenAmount,
}
wire_tuple!(MarketBalance {
    escrow: "Escrow",
    locked: "Locked"
});

impl State {
    /// All that deals lock: both sides' collateral and payments to come.
    pub fn total_locked(&self) -> TokenAmount {
        let collateral =
            &self.total_client_locked_collateral + &self.total_provider_locked_collateral;
        &collateral + &self.total_client_storage_fee
    }

    /// The proposals of all deals.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn proposals<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, DealProposal>, StateError> {
        Array::load(store, &self.proposals, "deal proposals")
    }

    /// The states of activated deals.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn states<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, ActiveDeal>, StateError> {
        Array::load(store, &self.states, "deal states")
    }

    /// A deal's proposal and state; the state is that of a deal not yet activated when there is none.
    /// `None` when there is no such deal.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn deal(
        &self,
        store: &impl Blockstore,
        id: DealId,
    ) -> Result<Option<(DealProposal, DealState)>, StateError> {
        let Some(proposal) = self.proposals(store)?.get(id)?.cloned() else {
            return Ok(None);
        };
        let active = self.states(store)?.get(id)?.cloned();
        let state = active.map_or(NOT_ACTIVATED, |active| active.state());
        Ok(Some((proposal, state)))
    }

    /// What addresses hold in escrow, locked or not. Keys are ID addresses.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn escrow<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, Address, TokenAmount>, StateError> {
        Map::load(
            store,
            &self.escrow_table,
            BALANCE_TABLE_BIT_WIDTH,
            "escrow table",
        )
    }

    /// What of it is locked.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn locked<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, Address, TokenAmount>, StateError> {
        Map::load(
            store,
            &self.locked_table,
            BALANCE_TABLE_BIT_WIDTH,
            "locked table",
        )
    }

    /// An ID address' escrow; zeros when it has none.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn balance(
        &self,
        store: &impl Blockstore,
        of: &Address,
    ) -> Result<MarketBalance, StateError> {
        let escrow = self.escrow(store)?.get(of)?.cloned().unwrap_or_default();
        let locked = self.locked(store)?.get(of)?.cloned().unwrap_or_default();
        Ok(MarketBalance { escrow, locked })
    }

    /// The DataCap allocation of a deal not yet activated.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn pending_allocation(
        &self,
        store: &impl Blockstore,
        deal: DealId,
    ) -> Result<Option<AllocationId>, StateError> {
        let map: Map<'_, _, u64, AllocationId> = Map::load(
            store,
            &self.pending_deal_allocation_ids,
            HAMT_BIT_WIDTH,
            "pending deal allocations",
        )?;
        Ok(map.get(&deal)?.copied())
    }
}

/// Parameters of WithdrawBalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawBalanceParams {
    /// Whose escrow.
    pub provider_or_client: Address,
    /// At most this much.
    pub amount: TokenAmount,
}
wire_tuple!(WithdrawBalanceParams {
    provider_or_client: "ProviderOrClientAddress",
    amount: "Amount",
});

/// Parameters of PublishStorageDeals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishStorageDealsParams {
    /// Signed by their clients; all of one provider.
    pub deals: Vec<ClientDealProposal>,
}
wire_tuple!(PublishStorageDealsParams { deals: "Deals" list });

/// What PublishStorageDeals returns.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishStorageDealsReturn {
    /// Ids of the deals that were published, in order.
    pub ids: Vec<DealId>,
    /// Indices, into the parameters, of the deals that were published.
    pub valid_deals: BitField,
}
wire_tuple!(PublishStorageDealsReturn { ids: "IDs" list, valid_deals: "ValidDeals" });

/// Parameters of VerifyDealsForActivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyDealsForActivationParams {
    /// Sectors to be pre-committed.
    pub sectors: Vec<SectorDeals>,
}
wire_tuple!(VerifyDealsForActivationParams { sectors: "Sectors" list });

/// The deals of a sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorDeals {
    /// How it is sealed.
    pub sector_type: RegisteredSealProof,
    /// When it expires.
    pub sector_expiry: ChainEpoch,
    /// In the order of their pieces.
    pub deal_ids: Vec<DealId>,
}
wire_tuple!(SectorDeals {
    sector_type: "SectorType",
    sector_expiry: "SectorExpiry",
    deal_ids: "DealIDs" list,
});

/// What VerifyDealsForActivation returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyDealsForActivationReturn {
    /// In the order of the sectors.
    pub sectors: Vec<SectorDealData>,
}
wire_tuple!(VerifyDealsForActivationReturn { sectors: "Sectors" list });

/// What the deals of a sector come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorDealData {
    /// `None` without deals.
    pub comm_d: Option<Cid>,
}
wire_tuple!(SectorDealData { comm_d: "CommD" default });

/// Parameters of ComputeDataCommitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeDataCommitmentParams {
    /// One per CommD.
    pub inputs: Vec<SectorDataSpec>,
}
wire_tuple!(ComputeDataCommitmentParams { inputs: "Inputs" list });

/// Deals that make up a sector's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorDataSpec {
    /// In the order of their pieces.
    pub deal_ids: Vec<DealId>,
    /// How the sector is sealed.
    pub sector_type: RegisteredSealProof,
}
wire_tuple!(SectorDataSpec { deal_ids: "DealIDs" list, sector_type: "SectorType" });

/// What ComputeDataCommitment returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeDataCommitmentReturn {
    /// In the order of the inputs.
    pub comm_ds: Vec<Cid>,
}
wire_tuple!(ComputeDataCommitmentReturn { comm_ds: "CommDs" list });
