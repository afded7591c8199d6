//! Which code is which builtin actor.
//!
//! # Lotus parity
//! A bundle's root is the manifest `[version, data]`; its CID names the bundle. `data` is the list of
//! names and code CIDs, and its CID is what the system actor holds.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{Cid, wire_tuple};

use crate::{StateError, load};

/// A kind of builtin actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// f00.
    System,
    /// f01.
    Init,
    /// f03.
    Cron,
    /// Behind every key.
    Account,
    /// f04.
    Power,
    /// A storage provider.
    Miner,
    /// f05.
    Market,
    /// A payment channel.
    PaymentChannel,
    /// Several signers.
    Multisig,
    /// f02.
    Reward,
    /// f06.
    VerifiedRegistry,
    /// f07.
    DataCap,
}

impl ActorKind {
    /// All of them, in the order of their numbers in a manifest (1 to 12).
    pub const ALL: [Self; 12] = [
        Self::System,
        Self::Init,
        Self::Cron,
        Self::Account,
        Self::Power,
        Self::Miner,
        Self::Market,
        Self::PaymentChannel,
        Self::Multisig,
        Self::Reward,
        Self::VerifiedRegistry,
        Self::DataCap,
    ];

    /// The name in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Init => "init",
            Self::Cron => "cron",
            Self::Account => "account",
            Self::Power => "storagepower",
            Self::Miner => "storageminer",
            Self::Market => "storagemarket",
            Self::PaymentChannel => "paymentchannel",
            Self::Multisig => "multisig",
            Self::Reward => "reward",
            Self::VerifiedRegistry => "verifiedregistry",
            Self::DataCap => "datacap",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Number and name of the kind's methods.
    pub const fn methods(self) -> &'static [(lotus_types::MethodNum, &'static str)] {
        match self {
            Self::System => crate::system::method::NAMES,
            Self::Init => crate::init::method::NAMES,
            Self::Cron => crate::cron::method::NAMES,
            Self::Account => crate::account::method::NAMES,
            Self::Power => crate::power::method::NAMES,
            Self::Miner => crate::miner::method::NAMES,
            Self::Market => crate::market::method::NAMES,
            Self::PaymentChannel => crate::paych::method::NAMES,
            Self::Multisig => crate::multisig::method::NAMES,
            Self::Reward => crate::reward::method::NAMES,
            Self::VerifiedRegistry => crate::verifreg::method::NAMES,
            Self::DataCap => crate::datacap::method::NAMES,
        }
    }
}

/// A bundle's root block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHeader {
    /// Always 1.
    pub version: u32,
    /// The list of names and code CIDs.
    pub data: Cid,
}
wire_tuple!(ManifestHeader {
    version: "Version",
    data: "Data"
});

/// Names and code CIDs of the builtin actors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// CID of the list, as the system actor holds it.
    pub data_cid: Cid,
    /// In the order of the list.
    pub actors: Vec<(String, Cid)>,
}

impl Manifest {
    /// Reads a bundle's manifest; `root` names the bundle.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(store: &impl Blockstore, root: &Cid) -> Result<Self, StateError> {
        let header: ManifestHeader = load(store, root, "actor bundle manifest")?;
        match header.version {
            1 => Self::load_data(store, &header.data),
            other => Err(StateError::Unsupported {
                what: "actor bundle manifest",
                version: other.into(),
            }),
        }
    }

    /// Reads the list that the system actor points to.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load_data(store: &impl Blockstore, data: &Cid) -> Result<Self, StateError> {
        Ok(Self {
            data_cid: *data,
            actors: load(store, data, "list of builtin actors")?,
        })
    }

    /// The code of a kind.
    ///
    /// # Errors
    /// [`StateError::Malformed`] when the list lacks it.
    pub fn code(&self, kind: ActorKind) -> Result<Cid, StateError> {
        let found = self.actors.iter().find(|(name, _)| name == kind.name());
        found.map(|(_, code)| *code).ok_or_else(|| {
            StateError::malformed(
                "list of builtin actors",
                format!("{} is missing", kind.name()),
            )
        })
    }

    /// The kind behind a code; `None` when it is no builtin actor of this bundle.
    pub fn kind(&self, code: &Cid) -> Option<ActorKind> {
        let found = self.actors.iter().find(|(_, known)| known == code);
        found.and_then(|(name, _)| ActorKind::from_name(name))
    }

    /// The name under which Lotus prints this code: `fil/9/account`.
    pub fn display_name(&self, code: &Cid) -> Option<String> {
        self.kind(code).map(|kind| format!("fil/9/{}", kind.name()))
    }
}
