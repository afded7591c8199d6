//! f06: verifiers, and the allocations and claims that DataCap turns into.

pub mod removal;

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    ActorId, Address, BigInt, ChainEpoch, Cid, SectorNumber, sector::PaddedPieceSize, wire_tuple,
};

use crate::{Map, StateError, map::HAMT_BIT_WIDTH};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor; its parameter is the root key's address.";
    ADD_VERIFIER = 2 "AddVerifier" "Root: appoints a verifier.";
    REMOVE_VERIFIER = 3 "RemoveVerifier" "Root: dismisses a verifier.";
    ADD_VERIFIED_CLIENT = 4 "AddVerifiedClient" "Verifier: gives DataCap to a client.";
    REMOVE_VERIFIED_CLIENT_DATA_CAP = 7 "RemoveVerifiedClientDataCap" "Root: takes DataCap away.";
    REMOVE_EXPIRED_ALLOCATIONS = 8 "RemoveExpiredAllocations" "Gives DataCap back to the client.";
    CLAIM_ALLOCATIONS = 9 "ClaimAllocations" "A miner proved the data.";
    GET_CLAIMS = 10 "GetClaims" "Tells a provider's claims.";
    EXTEND_CLAIM_TERMS = 11 "ExtendClaimTerms" "Client: prolongs claims.";
    REMOVE_EXPIRED_CLAIMS = 12 "RemoveExpiredClaims" "Cleans up.";
    UNIVERSAL_RECEIVER_HOOK = 3_726_118_371 "UniversalReceiverHook" "DataCap arrived.";
}

/// Id of an allocation; 0 is none.
pub type AllocationId = u64;
/// Id of a claim: that of the allocation it was.
pub type ClaimId = u64;

/// State of f06.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// May appoint verifiers; an ID address.
    pub root_key: Address,
    /// HAMT from verifiers to what they may still give, in bytes.
    pub verifiers: Cid,
    /// HAMT of used removal proposals.
    pub remove_data_cap_proposal_ids: Cid,
    /// HAMT from clients to HAMTs of their allocations.
    pub allocations: Cid,
    /// The next allocation's id.
    pub next_allocation_id: AllocationId,
    /// HAMT from providers to HAMTs of their claims.
    pub claims: Cid,
}
wire_tuple!(State {
    root_key: "RootKey",
    verifiers: "Verifiers",
    remove_data_cap_proposal_ids: "RemoveDataCapProposalIDs",
    allocations: "Allocations",
    next_allocation_id: "NextAllocationId",
    claims: "Claims",
});

/// DataCap put aside for a provider to store something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Whose DataCap.
    pub client: ActorId,
    /// Who may claim it.
    pub provider: ActorId,
    /// CommP.
    pub data: Cid,
    /// Of the piece.
    pub size: PaddedPieceSize,
    /// Shortest time of storage, in epochs.
    pub term_min: ChainEpoch,
    /// Longest time that counts as verified, in epochs.
    pub term_max: ChainEpoch,
    /// To be claimed by then.
    pub expiration: ChainEpoch,
}
wire_tuple!(Allocation {
    client: "Client",
    provider: "Provider",
    data: "Data",
    size: "Size",
    term_min: "TermMin",
    term_max: "TermMax",
    expiration: "Expiration",
});

/// An allocation whose data was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who stores.
    pub provider: ActorId,
    /// Whose DataCap it was.
    pub client: ActorId,
    /// CommP.
    pub data: Cid,
    /// Of the piece.
    pub size: PaddedPieceSize,
    /// Shortest time of storage, in epochs.
    pub term_min: ChainEpoch,
    /// Longest time that counts as verified, in epochs.
    pub term_max: ChainEpoch,
    /// When the data was proven.
    pub term_start: ChainEpoch,
    /// Where it lies.
    pub sector: SectorNumber,
}
wire_tuple!(Claim {
    provider: "Provider",
    client: "Client",
    data: "Data",
    size: "Size",
    term_min: "TermMin",
    term_max: "TermMax",
    term_start: "TermStart",
    sector: "Sector",
});

impl State {
    /// What an ID address may still give as a verifier, in bytes; `None` when it is none.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verifier_data_cap(
        &self,
        store: &impl Blockstore,
        verifier: &Address,
    ) -> Result<Option<BigInt>, StateError> {
        Ok(self.verifiers(store)?.get(verifier)?.cloned())
    }

    /// All verifiers.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verifiers<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, Address, BigInt>, StateError> {
        Map::load(store, &self.verifiers, HAMT_BIT_WIDTH, "verifiers")
    }

    /// A client's allocations; `None` when it never had any.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn allocations<'s, S: Blockstore>(
        &self,
        store: &'s S,
        client: ActorId,
    ) -> Result<Option<Map<'s, S, AllocationId, Allocation>>, StateError> {
        inner(store, &self.allocations, client, "allocations")
    }

    /// A provider's claims; `None` when it never had any.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn claims<'s, S: Blockstore>(
        &self,
        store: &'s S,
        provider: ActorId,
    ) -> Result<Option<Map<'s, S, ClaimId, Claim>>, StateError> {
        inner(store, &self.claims, provider, "claims")
    }
}

fn inner<'s, S: Blockstore, V: serde::Serialize + serde::de::DeserializeOwned>(
    store: &'s S,
    root: &Cid,
    id: ActorId,
    what: &'static str,
) -> Result<Option<Map<'s, S, u64, V>>, StateError> {
    let outer: Map<'_, S, ActorId, Cid> = Map::load(store, root, HAMT_BIT_WIDTH, what)?;
    let root = outer.get(&id)?;
    root.map(|root| Map::load(store, root, HAMT_BIT_WIDTH, what))
        .transpose()
}

/// Parameters of AddVerifier and of AddVerifiedClient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierParams {
    /// Who gets it.
    pub address: Address,
    /// Bytes.
    pub allowance: BigInt,
}
wire_tuple!(VerifierParams {
    address: "Address",
    allowance: "Allowance"
});

/// Parameters of RemoveExpiredAllocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveExpiredAllocationsParams {
    /// Whose.
    pub client: ActorId,
    /// Which; none: all that have expired.
    pub allocation_ids: Vec<AllocationId>,
}
wire_tuple!(RemoveExpiredAllocationsParams {
    client: "Client",
    allocation_ids: "AllocationIds" list,
});

/// What a client sends along with DataCap to f06 (as `operator_data` of a transfer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRequests {
    /// New allocations.
    pub allocations: Vec<AllocationRequest>,
    /// Claims to prolong.
    pub extensions: Vec<ClaimExtensionRequest>,
}
wire_tuple!(AllocationRequests { allocations: "Allocations" list, extensions: "Extensions" list });

/// A wish for an [`Allocation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRequest {
    /// Who may claim it.
    pub provider: Address,
    /// CommP.
    pub data: Cid,
    /// Of the piece.
    pub size: PaddedPieceSize,
    /// Shortest time of storage, in epochs.
    pub term_min: ChainEpoch,
    /// Longest time that counts as verified, in epochs.
    pub term_max: ChainEpoch,
    /// To be claimed by then.
    pub expiration: ChainEpoch,
}
wire_tuple!(AllocationRequest {
    provider: "Provider",
    data: "Data",
    size: "Size",
    term_min: "TermMin",
    term_max: "TermMax",
    expiration: "Expiration",
});

/// A wish to prolong a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimExtensionRequest {
    /// Who stores.
    pub provider: Address,
    /// Which claim.
    pub claim: ClaimId,
    /// Its new longest time, in epochs.
    pub term_max: ChainEpoch,
}
wire_tuple!(ClaimExtensionRequest {
    provider: "Provider",
    claim: "Claim",
    term_max: "TermMax"
});
