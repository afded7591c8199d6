//! f00: the system actor; holds the list of builtin actors' codes.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{Cid, wire_tuple};

use crate::{Manifest, StateError};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor.";
}

/// State of f00.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The list of names and code CIDs ([`Manifest`]).
    pub builtin_actors: Cid,
}
wire_tuple!(State {
    builtin_actors: "BuiltinActors"
});

impl State {
    /// The codes of all builtin actors in use.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn manifest(&self, store: &impl Blockstore) -> Result<Manifest, StateError> {
        Manifest::load_data(store, &self.builtin_actors)
    }
}
