//! Makes the genesis of a network from a template, as Lotus does: same ids, same balances, same
//! order, same CID.
//!
//! | module | what it holds |
//! |---|---|
//! | [`template`] | the JSON file that `lotus-seed` writes |
//! | `initial` | the actors that exist before any message: written directly |
//! | `miners` | genesis miners and their presealed sectors: made by messages in the VM |
//! | [`block`](mod@block) | the header, and the CAR that holds it all |
//!
//! # Invariants
//! - The same template, bundle and [`Drawn`] values give the same genesis CID.
//!
//! # Lotus parity
//! Takes the place of `chain/gen/genesis` and of `node/modules/testing` at v1.20, for network version
//! 17. Where Lotus draws at random (ticket, first verifier's key) the values are parameters here.
//! Lotus silently drops a balance when a template declares an account twice; here that is refused.

pub mod block;
mod error;
mod execute;
mod initial;
mod miners;
pub mod template;

pub use block::{Genesis, write_car};
pub use error::GenesisError;
pub use template::Template;

use std::{path::Path, sync::Arc};

use lotus_actors::{Manifest, StateTree, account, address};
use lotus_blockstore::{MemoryBlockstore, SharedBlockstore, car};
use lotus_crypto::SigningKey;
use lotus_ports::vm::Vm;
use lotus_types::{Address, BlockHeader, Bytes, Cid, KeyType};
use rand::{CryptoRng, RngCore};

/// First id of accounts.
pub const ACCOUNT_START: u64 = 100;
/// First id of miners.
pub const MINER_START: u64 = 1000;
/// All FIL that there will ever be.
pub const FIL_BASE: u64 = 2_000_000_000;
/// FIL that the reward actor hands out over time.
pub const INITIAL_REWARD_FIL: u64 = 1_100_000_000;
/// Bytes of a genesis ticket.
pub const TICKET_LEN: usize = 32;

/// What Lotus draws anew for each genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Unix seconds; `None`: the template's.
    pub timestamp: Option<u64>,
    /// The header's ticket: [`TICKET_LEN`] bytes.
    pub ticket: Bytes,
    /// Key address of f081, the first verifier. Nobody needs its secret.
    pub verifier: Address,
}

impl Drawn {
    /// Draws ticket and key; the timestamp is the template's.
    ///
    /// # Errors
    /// Never in practice: drawing a BLS key does not fail.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Result<Self, GenesisError> {
        let mut ticket = [0; TICKET_LEN];
        rng.fill_bytes(&mut ticket);
        let key = SigningKey::generate(&KeyType::Bls, rng)
            .map_err(|e| GenesisError::Fault(Box::new(e)))?;
        Ok(Self {
            timestamp: None,
            ticket: ticket.into(),
            verifier: key.address(),
        })
    }

    /// Where neither this nor the template names a time, genesis is `now` (Unix seconds).
    #[must_use]
    pub fn or_now(mut self, template: &Template, now: u64) -> Self {
        if self.timestamp.is_none() && template.timestamp == 0 {
            self.timestamp = Some(now);
        }
        self
    }

    /// Takes the values from another genesis, so that the same template gives the same CID.
    ///
    /// # Errors
    /// [`GenesisError::NotAGenesis`] when the file holds none.
    pub fn like(path: &Path) -> Result<(Self, Manifest), GenesisError> {
        let not = |reason: String| GenesisError::NotAGenesis {
            path: path.to_owned(),
            reason,
        };
        let store = MemoryBlockstore::new();
        let loaded = car::load_file(path, &store);
        let loaded = loaded.map_err(|e| not(e.to_string()))?;
        let [root] = *loaded.roots else {
            return Err(not(format!("it has {} roots, not one", loaded.roots.len())));
        };
        let read = || -> Result<_, lotus_actors::StateError> {
            let header: BlockHeader = lotus_actors::load(&store, &Cid::from(root), "block header")?;
            let tree = StateTree::load(&store, &header.parent_state_root)?;
            let verifier: Option<account::State> =
                tree.state(&address::VERIFIER, "first verifier's account")?;
            let manifest = tree.manifest()?;
            Ok((header, verifier, manifest))
        };
        let (header, verifier, manifest) = read().map_err(|e| not(e.to_string()))?;
        if header.height != 0 {
            return Err(not(format!("its block is of height {}", header.height)));
        }
        let verifier = verifier
            .ok_or_else(|| not("it has no actor f081".to_owned()))?
            .address;
        let ticket = header.ticket.map(|t| t.vrf_proof).unwrap_or_default();
        Ok((
            Self {
                timestamp: Some(header.timestamp),
                ticket,
                verifier,
            },
            manifest,
        ))
    }
}

/// Makes a genesis in `store`.
///
/// The store must hold the blocks of the actor bundle whose manifest is `bundle`.
///
/// # Errors
/// [`GenesisError`]; [`GenesisError::is_templates_fault`] tells whether the template is to blame.
pub fn make_genesis(
    vm: &dyn Vm,
    store: &SharedBlockstore,
    bundle: &Cid,
    template: &Template,
    drawn: &Drawn,
) -> Result<Genesis, GenesisError> {
    template.check()?;
    if drawn.ticket.len() != TICKET_LEN {
        return Err(GenesisError::Option(format!(
            "a genesis ticket has {TICKET_LEN} bytes, not {}",
            drawn.ticket.len()
        )));
    }
    if !drawn.verifier.is_key() {
        return Err(GenesisError::Option(format!(
            "the first verifier must be a key address, not {}",
            drawn.verifier
        )));
    }
    let manifest = Manifest::load(store, bundle)?;
    let initial = initial::make(store, &manifest, template, drawn.verifier)?;
    let mut session = execute::Session::new(vm, Arc::new(store.clone()), store, initial.root);
    miners::grant_data_cap(&mut session, template, &initial.ids)?;
    miners::onboard(&mut session, &template.miners)?;
    let root = session.root()?;
    block::make(
        store,
        root,
        drawn.timestamp.unwrap_or(template.timestamp),
        drawn.ticket.clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(timestamp: Option<u64>) -> Drawn {
        Drawn {
            timestamp,
            ticket: Bytes::new(),
            verifier: Address::new_id(81),
        }
    }

    #[test]
    fn genesis_is_now_unless_a_time_is_named() {
        let unset = Template::new("localnet-1".to_owned());
        let mut set = unset.clone();
        set.timestamp = 5;
        assert_eq!(drawn(None).or_now(&unset, 7).timestamp, Some(7));
        assert_eq!(drawn(Some(3)).or_now(&unset, 7).timestamp, Some(3));
        assert_eq!(drawn(None).or_now(&set, 7).timestamp, None);
    }
}
