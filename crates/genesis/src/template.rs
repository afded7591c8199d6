//! The genesis template: a JSON file that says who holds what and who mines.
//!
//! # Lotus parity
//! `genesis.Template`; the file reads and prints as `lotus-seed` writes it, field by field.

mod peer;

pub use peer::PeerId;

use lotus_types::{
    Address, ChainEpoch, Cid, DealLabel, DealProposal, KeyInfo, RegisteredSealProof, SectorNumber,
    SectorSize, TokenAmount,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct as _};

use crate::{FIL_BASE, GenesisError, INITIAL_REWARD_FIL, MINER_START};

/// Network version of a genesis that this build can make.
pub const NETWORK_VERSION: u32 = 17;
/// Given to the owner of each miner that [`Template::add_miner`] adds.
pub const OWNER_BALANCE_FIL: u64 = 50_000_000;
/// Given to each signer that [`Template::set_signers`] adds.
pub const SIGNER_BALANCE_FIL: u64 = 50_000;
/// Key behind the default root of the verified registry and the default remainder account; its
/// secret is public.
const TEST_KEY: &str = "t1ceb34gnsc6qk5dt6n7xg6ycwzasjhbxm3iylkiy";
/// End of a presealed deal before the genesis sets it to the end of its sector.
const PLACEHOLDER_END: ChainEpoch = 9001;

/// A genesis template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    /// Version of the protocol at genesis.
    pub network_version: u32,
    /// Accounts and multisigs, in the order of their ids.
    #[serde(default, deserialize_with = "null_is_default")]
    pub accounts: Vec<Actor>,
    /// Miners, in the order of their ids.
    #[serde(default, deserialize_with = "null_is_default")]
    pub miners: Vec<Miner>,
    /// The network's name: part of its gossip topics and of the init actor's state.
    pub network_name: String,
    /// Unix seconds; 0: when the genesis is made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timestamp: u64,
    /// f080, which appoints verifiers.
    pub verifreg_root_key: Actor,
    /// f090, which gets all FIL that is left; its balance is ignored.
    pub remainder_account: Actor,
}

/// An actor that exists from the genesis on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What it holds, in attoFIL.
    pub balance: TokenAmount,
    /// What it is.
    pub meta: Meta,
}

/// What an actor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meta {
    /// The account of a key.
    Account(AccountMeta),
    /// A multisig.
    Multisig(MultisigMeta),
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountMeta {
    /// Its key address.
    pub owner: Address,
}

/// A multisig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultisigMeta {
    /// Key addresses.
    #[serde(deserialize_with = "null_is_default")]
    pub signers: Vec<Address>,
    /// So many must approve.
    pub threshold: u64,
    /// Its balance unlocks over so many epochs.
    #[serde(default)]
    pub vesting_duration: ChainEpoch,
    /// Beginning then.
    #[serde(default)]
    pub vesting_start: ChainEpoch,
}

/// A genesis miner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Miner {
    /// Its ID address.
    #[serde(rename = "ID")]
    pub id: Address,
    /// Pays for its creation; the worker becomes owner.
    pub owner: Address,
    /// Worker and owner on chain.
    pub worker: Address,
    /// libp2p identity.
    #[serde(default)]
    pub peer_id: PeerId,
    /// Put into the market's escrow, from the worker.
    pub market_balance: TokenAmount,
    /// Given to the miner, from the owner.
    pub power_balance: TokenAmount,
    /// Bytes.
    pub sector_size: SectorSize,
    /// Sealed already.
    #[serde(default, deserialize_with = "null_is_default")]
    pub sectors: Vec<PreSeal>,
}

/// A presealed sector, filled by a deal of the miner with itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreSeal {
    /// Replica commitment.
    pub comm_r: Cid,
    /// Data commitment.
    pub comm_d: Cid,
    /// Its number.
    #[serde(rename = "SectorID")]
    pub sector_id: SectorNumber,
    /// The deal; its end and its being verified are set by the genesis.
    pub deal: DealProposal,
    /// Signs the deal.
    pub deal_client_key: KeyInfo,
    /// How it was sealed.
    pub proof_type: RegisteredSealProof,
}

impl Template {
    /// A template without accounts and miners; f080 and f090 belong to a key that everybody knows.
    pub fn new(network_name: impl Into<String>) -> Self {
        let test_key: Address = TEST_KEY.parse().expect("a constant address");
        let known = MultisigMeta {
            signers: vec![test_key],
            threshold: 1,
            vesting_duration: 0,
            vesting_start: 0,
        };
        let known = Actor {
            balance: TokenAmount::zero(),
            meta: Meta::Multisig(known),
        };
        Self {
            network_version: NETWORK_VERSION,
            accounts: Vec::new(),
            miners: Vec::new(),
            network_name: network_name.into(),
            timestamp: 0,
            verifreg_root_key: known.clone(),
            remainder_account: known,
        }
    }

    /// Reads a template.
    ///
    /// # Errors
    /// [`GenesisError::Template`] with line and column.
    pub fn parse(json: &[u8]) -> Result<Self, GenesisError> {
        serde_json::from_slice(json).map_err(|e| GenesisError::Template(e.to_string()))
    }

    /// Prints the template as `lotus-seed` does.
    ///
    /// # Panics
    /// Never: every template has a JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a template always has a JSON form")
    }

    /// Adds a miner, and an account with 50,000,000 FIL for its owner.
    ///
    /// # Errors
    /// [`GenesisError::Template`] when the miner's id is not the next one.
    pub fn add_miner(&mut self, miner: Miner) -> Result<(), GenesisError> {
        let next = MINER_START + self.miners.len() as u64;
        if miner.id.id() != Some(next) {
            return Err(GenesisError::Template(format!(
                "tried to set miner {} as {}: genesis miners must be added in the order of their ids",
                miner.id,
                Address::new_id(next)
            )));
        }
        self.accounts.push(Actor::account(
            miner.owner,
            TokenAmount::from_fil(OWNER_BALANCE_FIL),
        ));
        self.miners.push(miner);
        Ok(())
    }

    /// Makes the verified registry's root a multisig of these signers, each with an account of
    /// 50,000 FIL.
    ///
    /// # Errors
    /// [`GenesisError::Template`] without signers, or when more must approve than there are.
    pub fn set_signers(
        &mut self,
        signers: Vec<Address>,
        threshold: u64,
    ) -> Result<(), GenesisError> {
        let balance = || TokenAmount::from_fil(SIGNER_BALANCE_FIL);
        let meta = MultisigMeta {
            signers: signers.clone(),
            threshold,
            vesting_duration: 0,
            vesting_start: 0,
        };
        meta.check("the verified registry's root")?;
        self.accounts.extend(
            signers
                .into_iter()
                .map(|signer| Actor::account(signer, balance())),
        );
        self.verifreg_root_key = Actor {
            balance: TokenAmount::zero(),
            meta: Meta::Multisig(meta),
        };
        Ok(())
    }

    /// Checks what can be checked without state.
    ///
    /// # Errors
    /// [`GenesisError::Template`] names what is wrong.
    pub fn check(&self) -> Result<(), GenesisError> {
        let refuse = |reason: String| Err(GenesisError::Template(reason));
        if self.network_version != NETWORK_VERSION {
            return refuse(format!(
                "network version {} is not supported, only {NETWORK_VERSION}",
                self.network_version
            ));
        }
        if self.network_name.is_empty() {
            return refuse("the network has no name".to_owned());
        }
        if self.miners.is_empty() {
            return refuse("no genesis miners: add one with `genesis add-miner`".to_owned());
        }
        for (k, actor) in self.accounts.iter().enumerate() {
            actor.check(&format!("account {k}"))?;
        }
        self.verifreg_root_key.check("VerifregRootKey")?;
        self.remainder_account.check("RemainderAccount")?;
        let given = self.accounts.iter().map(|actor| actor.balance.clone());
        let given: TokenAmount = given.chain([self.verifreg_root_key.balance.clone()]).sum();
        let there_is = TokenAmount::from_fil(FIL_BASE - INITIAL_REWARD_FIL);
        if given > there_is {
            return refuse(format!(
                "{given} are given away, but there are only {there_is}"
            ));
        }
        (MINER_START..)
            .zip(&self.miners)
            .try_for_each(|(id, miner)| miner.check(id))
    }
}

impl Actor {
    /// The account of a key.
    pub const fn account(owner: Address, balance: TokenAmount) -> Self {
        Self {
            balance,
            meta: Meta::Account(AccountMeta { owner }),
        }
    }

    fn check(&self, what: &str) -> Result<(), GenesisError> {
        if self.balance.is_negative() {
            return Err(GenesisError::Template(format!(
                "{what} has a negative balance"
            )));
        }
        match &self.meta {
            Meta::Account(meta) => check_key(&meta.owner, what),
            Meta::Multisig(meta) => meta.check(what),
        }
    }
}

impl MultisigMeta {
    fn check(&self, what: &str) -> Result<(), GenesisError> {
        let signers = self.signers.len() as u64;
        if self.threshold == 0 || self.threshold > signers {
            return Err(GenesisError::Template(format!(
                "{what}: {} of {signers} signers cannot approve",
                self.threshold
            )));
        }
        self.signers
            .iter()
            .try_for_each(|signer| check_key(signer, what))
    }
}

fn check_key(address: &Address, what: &str) -> Result<(), GenesisError> {
    if address.is_key() {
        return Ok(());
    }
    Err(GenesisError::Template(format!(
        "{what}: {address} is not the address of a key (t1… or t3…)"
    )))
}

impl Miner {
    fn check(&self, id: u64) -> Result<(), GenesisError> {
        let id = Address::new_id(id);
        let refuse = |reason: String| Err(GenesisError::Template(format!("miner {id}: {reason}")));
        if self.id != id {
            return refuse(format!("its ID says {}", self.id));
        }
        if RegisteredSealProof::for_sector_size(self.sector_size).is_none() {
            return refuse(format!(
                "there are no sectors of {} bytes",
                self.sector_size
            ));
        }
        for sector in &self.sectors {
            let number = sector.sector_id;
            if sector.proof_type.sector_size() != Some(self.sector_size) {
                return refuse(format!("sector {number} is not of its size"));
            }
            if sector.deal.provider != id {
                return refuse(format!(
                    "the deal of sector {number} is with provider {}",
                    sector.deal.provider
                ));
            }
        }
        Ok(())
    }
}

impl PreSeal {
    /// A sector as presealing leaves it: a deal of the miner with itself over all of it, `index`
    /// being its label.
    pub fn new(
        (provider, client): (Address, Address),
        index: usize,
        (comm_r, comm_d): (Cid, Cid),
        sector_id: SectorNumber,
        proof_type: RegisteredSealProof,
        deal_client_key: KeyInfo,
    ) -> Self {
        let deal = DealProposal {
            piece_cid: comm_d,
            piece_size: proof_type.sector_size().unwrap_or_default(),
            verified_deal: false,
            client,
            provider,
            label: DealLabel::Text(index.to_string()),
            start_epoch: 0,
            end_epoch: PLACEHOLDER_END,
            storage_price_per_epoch: TokenAmount::zero(),
            provider_collateral: TokenAmount::zero(),
            client_collateral: TokenAmount::zero(),
        };
        Self {
            comm_r,
            comm_d,
            sector_id,
            deal,
            deal_client_key,
            proof_type,
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("Actor", 3)?;
        let kind = match self.meta {
            Meta::Account(_) => "account",
            Meta::Multisig(_) => "multisig",
        };
        out.serialize_field("Type", kind)?;
        out.serialize_field("Balance", &self.balance)?;
        match &self.meta {
            Meta::Account(meta) => out.serialize_field("Meta", meta)?,
            Meta::Multisig(meta) => out.serialize_field("Meta", meta)?,
        }
        out.end()
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Json {
            r#type: String,
            balance: TokenAmount,
            meta: serde_json::Value,
        }
        let json = Json::deserialize(d)?;
        let meta = match json.r#type.as_str() {
            "account" => serde_json::from_value(json.meta).map(Meta::Account),
            "multisig" => serde_json::from_value(json.meta).map(Meta::Multisig),
            other => {
                return Err(de::Error::custom(format!(
                    "unsupported account type {other:?}: account or multisig"
                )));
            }
        };
        Ok(Self {
            balance: json.balance,
            meta: meta.map_err(de::Error::custom)?,
        })
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Go prints a slice that was never made as null.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests;
