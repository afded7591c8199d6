//! Taking DataCap away from a client: two verifiers sign the same proposal, the root key sends both.
//!
//! # Invariants
//! - Each verifier counts its proposals against a client: a proposal is signed with the next number,
//!   so that no signature is used twice.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{Address, BigInt, Signature, wire, wire_tuple};

use super::State;
use crate::{Map, StateError, map::HAMT_BIT_WIDTH};

/// Stands before what a verifier signs.
const DOMAIN: &[u8] = b"fil_removedatacap:";

/// Number of a proposal, by verifier and client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveDataCapProposalId {
    /// The first is 0.
    pub proposal_id: u64,
}
wire_tuple!(RemoveDataCapProposalId {
    proposal_id: "ProposalID"
});

/// What a verifier signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveDataCapProposal {
    /// Loses it; an ID address.
    pub verified_client: Address,
    /// Bytes.
    pub data_cap_amount: BigInt,
    /// The verifier's next number for this client.
    pub removal_proposal_id: RemoveDataCapProposalId,
}
wire_tuple!(RemoveDataCapProposal {
    verified_client: "VerifiedClient",
    data_cap_amount: "DataCapAmount",
    removal_proposal_id: "RemovalProposalID",
});

impl RemoveDataCapProposal {
    /// The bytes to sign.
    ///
    /// # Errors
    /// [`StateError::Malformed`] when the address is undefined.
    pub fn signing_bytes(&self) -> Result<Vec<u8>, StateError> {
        let body = wire::try_to_cbor(self)
            .map_err(|e| StateError::malformed("proposal to remove DataCap", e))?;
        Ok([DOMAIN, &body].concat())
    }
}

/// Parameters of RemoveVerifiedClientDataCap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveDataCapParams {
    /// Loses it.
    pub verified_client_to_remove: Address,
    /// Bytes.
    pub data_cap_amount_to_remove: BigInt,
    /// One verifier's consent.
    pub verifier_request_1: RemoveDataCapRequest,
    /// Another's.
    pub verifier_request_2: RemoveDataCapRequest,
}
wire_tuple!(RemoveDataCapParams {
    verified_client_to_remove: "VerifiedClientToRemove",
    data_cap_amount_to_remove: "DataCapAmountToRemove",
    verifier_request_1: "VerifierRequest1",
    verifier_request_2: "VerifierRequest2",
});

/// A verifier's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveDataCapRequest {
    /// Who consents.
    pub verifier: Address,
    /// Over [`RemoveDataCapProposal::signing_bytes`].
    pub signature: Signature,
}
wire_tuple!(RemoveDataCapRequest {
    verifier: "Verifier",
    signature: "VerifierSignature",
});

/// How a pair of addresses stands in the HAMT: one behind the other.
fn pair_key(verifier: &Address, client: &Address) -> Vec<u8> {
    [verifier.to_bytes(), client.to_bytes()].concat()
}

impl State {
    /// The number of a verifier's next proposal against a client; both as ID addresses.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn next_removal_id(
        &self,
        store: &impl Blockstore,
        verifier: &Address,
        client: &Address,
    ) -> Result<RemoveDataCapProposalId, StateError> {
        let ids: Map<'_, _, Vec<u8>, RemoveDataCapProposalId> = Map::load(
            store,
            &self.remove_data_cap_proposal_ids,
            HAMT_BIT_WIDTH,
            "DataCap removal proposals",
        )?;
        let used = ids.get(&pair_key(verifier, client))?;
        Ok(used.copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_signs_the_domain_and_the_proposal() {
        let proposal = RemoveDataCapProposal {
            verified_client: Address::new_id(102),
            data_cap_amount: BigInt::from(1000_u64),
            removal_proposal_id: RemoveDataCapProposalId { proposal_id: 1 },
        };
        let bytes = proposal.signing_bytes().expect("a defined address");
        // [h'0066', h'0003e8', [1]]
        let body = [0x83, 0x42, 0, 102, 0x43, 0, 3, 0xe8, 0x81, 1];
        assert_eq!(bytes, [DOMAIN, &body].concat());
    }

    #[test]
    fn a_pair_is_found_under_both_addresses() {
        let store = lotus_blockstore::MemoryBlockstore::new();
        let (verifier, client) = (Address::new_id(100), Address::new_id(102));
        let mut ids: Map<'_, _, Vec<u8>, RemoveDataCapProposalId> =
            Map::empty(&store, HAMT_BIT_WIDTH, "proposals");
        let id = RemoveDataCapProposalId { proposal_id: 7 };
        ids.set(&vec![0, 100, 0, 102], id).expect("memory");
        let root = ids.flush().expect("memory");
        let state = State {
            root_key: Address::new_id(80),
            verifiers: root,
            remove_data_cap_proposal_ids: root,
            allocations: root,
            next_allocation_id: 1,
            claims: root,
        };
        let next = |v, c| state.next_removal_id(&store, v, c).expect("memory");
        assert_eq!(next(&verifier, &client), id);
        assert_eq!(next(&client, &verifier).proposal_id, 0);
    }
}
