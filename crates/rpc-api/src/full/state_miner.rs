//! Miners and deals on chain.

use std::collections::BTreeMap;

use lotus_actors::miner::{
    DeadlineInfo, SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo,
};
use lotus_types::{
    Address, BitField, ChainEpoch, DealId, SectorNumber, TipsetKey, TokenAmount,
    sector::PaddedPieceSize,
};

use crate::{
    rpc_api,
    types::{
        go::NilVec,
        state::{
            Deadline, DealCollateralBounds, Fault, MarketBalance, MarketDeal, MinerInfo,
            MinerPower, MinerSectors, Partition, SectorExpiration, SectorLocation,
        },
    },
};

rpc_api! {
    /// Miners as of a tipset.
    pub trait StateMinerApi {
        /// All miners.
        #[method("StateListMiners", Read)]
        fn state_list_miners(key: TipsetKey) -> Vec<Address>;
        /// What seldom changes.
        #[method("StateMinerInfo", Read)]
        fn state_miner_info(miner: Address, key: TipsetKey) -> MinerInfo;
        /// A miner's power and everyone's; only the latter for the undefined address.
        #[method("StateMinerPower", Read)]
        fn state_miner_power(miner: Address, key: TipsetKey) -> MinerPower;
        /// FIL that may be withdrawn.
        #[method("StateMinerAvailableBalance", Read)]
        fn state_miner_available_balance(miner: Address, key: TipsetKey) -> TokenAmount;
        /// The deadline that is open or comes next.
        #[method("StateMinerProvingDeadline", Read)]
        fn state_miner_proving_deadline(miner: Address, key: TipsetKey) -> DeadlineInfo;
        /// All deadlines.
        #[method("StateMinerDeadlines", Read)]
        fn state_miner_deadlines(miner: Address, key: TipsetKey) -> Vec<Deadline>;
        /// Partitions of a deadline.
        #[method("StateMinerPartitions", Read)]
        fn state_miner_partitions(
            miner: Address, deadline: u64, key: TipsetKey
        ) -> NilVec<Partition>;
        /// Faulty sectors.
        #[method("StateMinerFaults", Read)]
        fn state_miner_faults(miner: Address, key: TipsetKey) -> BitField;
        /// Sectors to be proven again.
        #[method("StateMinerRecoveries", Read)]
        fn state_miner_recoveries(miner: Address, key: TipsetKey) -> BitField;
        /// Numbers that were ever used.
        #[method("StateMinerAllocated", Read)]
        fn state_miner_allocated(miner: Address, key: TipsetKey) -> BitField;
        /// Was this number ever used?
        #[method("StateMinerSectorAllocated", Read)]
        fn state_miner_sector_allocated(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> bool;
        /// How many sectors.
        #[method("StateMinerSectorCount", Read)]
        fn state_miner_sector_count(miner: Address, key: TipsetKey) -> MinerSectors;
        /// Sectors, or those of a set.
        #[method("StateMinerSectors", Read)]
        fn state_miner_sectors(
            miner: Address, sectors: Option<BitField>, key: TipsetKey
        ) -> Vec<SectorOnChainInfo>;
        /// Sectors with power.
        #[method("StateMinerActiveSectors", Read)]
        fn state_miner_active_sectors(miner: Address, key: TipsetKey) -> Vec<SectorOnChainInfo>;
        /// A sector; nothing when it is not proven.
        #[method("StateSectorGetInfo", Read)]
        fn state_sector_get_info(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> Option<SectorOnChainInfo>;
        /// A sector's pre-commitment; nothing when there is none.
        #[method("StateSectorPreCommitInfo", Read)]
        fn state_sector_pre_commit_info(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> Option<SectorPreCommitOnChainInfo>;
        /// When a sector ends.
        #[method("StateSectorExpiration", Read)]
        fn state_sector_expiration(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> Option<SectorExpiration>;
        /// Where a sector is proven.
        #[method("StateSectorPartition", Read)]
        fn state_sector_partition(
            miner: Address, sector: SectorNumber, key: TipsetKey
        ) -> Option<SectorLocation>;
        /// Deposit for a pre-commitment.
        #[method("StateMinerPreCommitDepositForPower", Read)]
        fn state_miner_pre_commit_deposit_for_power(
            miner: Address, info: SectorPreCommitInfo, key: TipsetKey
        ) -> TokenAmount;
        /// Pledge for a sector.
        #[method("StateMinerInitialPledgeCollateral", Read)]
        fn state_miner_initial_pledge_collateral(
            miner: Address, info: SectorPreCommitInfo, key: TipsetKey
        ) -> TokenAmount;
        /// Faults of all miners.
        #[method("StateAllMinerFaults", Read)]
        fn state_all_miner_faults(lookback: ChainEpoch, key: TipsetKey) -> Vec<Fault>;
    }
}

rpc_api! {
    /// The storage market as of a tipset.
    pub trait StateMarketApi {
        /// What someone has in escrow.
        #[method("StateMarketBalance", Read)]
        fn state_market_balance(address: Address, key: TipsetKey) -> MarketBalance;
        /// What everyone has in escrow.
        #[method("StateMarketParticipants", Read)]
        fn state_market_participants(key: TipsetKey) -> BTreeMap<String, MarketBalance>;
        /// All deals by number.
        #[method("StateMarketDeals", Read)]
        fn state_market_deals(key: TipsetKey) -> BTreeMap<String, MarketDeal>;
        /// A deal.
        #[method("StateMarketStorageDeal", Read)]
        fn state_market_storage_deal(deal: DealId, key: TipsetKey) -> MarketDeal;
        /// Least and most collateral of a provider for a piece.
        #[method("StateDealProviderCollateralBounds", Read)]
        fn state_deal_provider_collateral_bounds(
            size: PaddedPieceSize, verified: bool, key: TipsetKey
        ) -> DealCollateralBounds;
    }
}
