//! Sectors on chain.
//!
//! # Lotus parity
//! The JSON of a proven sector is that of Lotus' API, which hides fields of older versions and shows
//! `PowerBaseEpoch`, `ReplacedDayReward` and `Flags` of newer ones as zero for actors v9.

use lotus_types::{
    BigInt, ChainEpoch, Cid, DealId, RegisteredSealProof, SectorNumber, TokenAmount, wire_tuple,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A pre-committed sector, as the miner announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorPreCommitInfo {
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Its number.
    pub sector_number: SectorNumber,
    /// CommR.
    pub sealed_cid: Cid,
    /// Chain randomness of then was sealed in.
    pub seal_rand_epoch: ChainEpoch,
    /// In the order of their pieces.
    pub deal_ids: Vec<DealId>,
    /// Its life ends then.
    pub expiration: ChainEpoch,
    /// CommD; `None` for a sector without deals.
    pub unsealed_cid: Option<Cid>,
}
wire_tuple!(SectorPreCommitInfo {
    seal_proof: "SealProof",
    sector_number: "SectorNumber",
    sealed_cid: "SealedCID",
    seal_rand_epoch: "SealRandEpoch",
    deal_ids: "DealIDs" list,
    expiration: "Expiration",
    unsealed_cid: "UnsealedCid" default,
});

/// A pre-committed sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorPreCommitOnChainInfo {
    /// As announced.
    pub info: SectorPreCommitInfo,
    /// Locked until it is proven.
    pub pre_commit_deposit: TokenAmount,
    /// When it was announced.
    pub pre_commit_epoch: ChainEpoch,
}
wire_tuple!(SectorPreCommitOnChainInfo {
    info: "Info",
    pre_commit_deposit: "PreCommitDeposit",
    pre_commit_epoch: "PreCommitEpoch",
});

/// A proven sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorOnChainInfo {
    /// Its number.
    pub sector_number: SectorNumber,
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// CommR.
    pub sealed_cid: Cid,
    /// In the order of their pieces.
    pub deal_ids: Vec<DealId>,
    /// When it was proven.
    pub activation: ChainEpoch,
    /// Its life ends then.
    pub expiration: ChainEpoch,
    /// Deals' bytes times epochs.
    pub deal_weight: BigInt,
    /// Verified deals' bytes times epochs.
    pub verified_deal_weight: BigInt,
    /// Locked for it.
    pub initial_pledge: TokenAmount,
    /// Reward of a day, as expected when it was proven.
    pub expected_day_reward: TokenAmount,
    /// Reward of twenty days, as expected when it was proven.
    pub expected_storage_pledge: TokenAmount,
    /// Age of the sector that it replaced, or 0.
    pub replaced_sector_age: ChainEpoch,
    /// Expected day reward of the sector that it replaced, or 0.
    pub replaced_day_reward: TokenAmount,
    /// CommR before it was upgraded; `None` when it never was.
    pub sector_key_cid: Option<Cid>,
    /// Its power does not depend on the deals' weights over time (FIP-0045).
    pub simple_qa_power: bool,
}

/// The binary form.
type Tuple = (
    SectorNumber,
    RegisteredSealProof,
    Cid,
    Vec<DealId>,
    ChainEpoch,
    ChainEpoch,
    BigInt,
    BigInt,
    TokenAmount,
    TokenAmount,
    TokenAmount,
    ChainEpoch,
    TokenAmount,
    Option<Cid>,
    bool,
);

/// The JSON form.
struct Json {
    sector_number: SectorNumber,
    seal_proof: RegisteredSealProof,
    sealed_cid: Cid,
    deal_ids: Vec<DealId>,
    activation: ChainEpoch,
    expiration: ChainEpoch,
    deal_weight: BigInt,
    verified_deal_weight: BigInt,
    initial_pledge: TokenAmount,
    expected_day_reward: TokenAmount,
    expected_storage_pledge: TokenAmount,
    power_base_epoch: ChainEpoch,
    replaced_day_reward: TokenAmount,
    sector_key_cid: Option<Cid>,
    flags: u64,
}
wire_tuple!(Json {
    sector_number: "SectorNumber",
    seal_proof: "SealProof",
    sealed_cid: "SealedCID",
    deal_ids: "DealIDs" list,
    activation: "Activation",
    expiration: "Expiration",
    deal_weight: "DealWeight",
    verified_deal_weight: "VerifiedDealWeight",
    initial_pledge: "InitialPledge",
    expected_day_reward: "ExpectedDayReward",
    expected_storage_pledge: "ExpectedStoragePledge",
    power_base_epoch: "PowerBaseEpoch" default,
    replaced_day_reward: "ReplacedDayReward" default,
    sector_key_cid: "SectorKeyCID" default,
    flags: "Flags" default,
});

impl Serialize for SectorOnChainInfo {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let i = self.clone();
        if s.is_human_readable() {
            let json = Json {
                sector_number: i.sector_number,
                seal_proof: i.seal_proof,
                sealed_cid: i.sealed_cid,
                deal_ids: i.deal_ids,
                activation: i.activation,
                expiration: i.expiration,
                deal_weight: i.deal_weight,
                verified_deal_weight: i.verified_deal_weight,
                initial_pledge: i.initial_pledge,
                expected_day_reward: i.expected_day_reward,
                expected_storage_pledge: i.expected_storage_pledge,
                power_base_epoch: 0,
                replaced_day_reward: TokenAmount::zero(),
                sector_key_cid: i.sector_key_cid,
                flags: 0,
            };
            return json.serialize(s);
        }
        let tuple: Tuple = (
            i.sector_number,
            i.seal_proof,
            i.sealed_cid,
            i.deal_ids,
            i.activation,
            i.expiration,
            i.deal_weight,
            i.verified_deal_weight,
            i.initial_pledge,
            i.expected_day_reward,
            i.expected_storage_pledge,
            i.replaced_sector_age,
            i.replaced_day_reward,
            i.sector_key_cid,
            i.simple_qa_power,
        );
        tuple.serialize(s)
    }
}

impl<'de> Deserialize<'de> for SectorOnChainInfo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let j = Json::deserialize(d)?;
            return Ok(Self {
                sector_number: j.sector_number,
                seal_proof: j.seal_proof,
                sealed_cid: j.sealed_cid,
                deal_ids: j.deal_ids,
                activation: j.activation,
                expiration: j.expiration,
                deal_weight: j.deal_weight,
                verified_deal_weight: j.verified_deal_weight,
                initial_pledge: j.initial_pledge,
                expected_day_reward: j.expected_day_reward,
                expected_storage_pledge: j.expected_storage_pledge,
                replaced_sector_age: 0,
                replaced_day_reward: j.replaced_day_reward,
                sector_key_cid: j.sector_key_cid,
                simple_qa_power: true,
            });
        }
        let t = Tuple::deserialize(d)?;
        Ok(Self {
            sector_number: t.0,
            seal_proof: t.1,
            sealed_cid: t.2,
            deal_ids: t.3,
            activation: t.4,
            expiration: t.5,
            deal_weight: t.6,
            verified_deal_weight: t.7,
            initial_pledge: t.8,
            expected_day_reward: t.9,
            expected_storage_pledge: t.10,
            replaced_sector_age: t.11,
            replaced_day_reward: t.12,
            sector_key_cid: t.13,
            simple_qa_power: t.14,
        })
    }
}
