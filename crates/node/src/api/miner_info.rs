//! What seldom changes of a miner, as the API tells it.
//!
//! # Lotus parity
//! `StateMinerInfo`: a peer id that is no multihash is not told, and neither is a proposed owner.

use lotus_actors::miner;
use lotus_rpc_api::types::state::MinerInfo;
use lotus_types::{Address, address::read_uvarint};

use super::base58;

/// Is this a multihash: code, length, as many bytes as it says?
fn is_multihash(bytes: &[u8]) -> bool {
    let length = read_uvarint(bytes).and_then(|(_code, rest)| read_uvarint(rest));
    length.is_some_and(|(length, digest)| length == digest.len() as u64)
}

/// A miner as the API tells it.
pub(super) fn info(info: miner::MinerInfo) -> MinerInfo {
    let change = info.pending_worker_key;
    let peer_id = is_multihash(&info.peer_id).then(|| base58::encode(&info.peer_id));
    MinerInfo {
        owner: info.owner,
        worker: info.worker,
        new_worker: change.as_ref().map_or(Address::UNDEFINED, |c| c.new_worker),
        control_addresses: info.control_addresses,
        worker_change_epoch: change.map_or(-1, |c| c.effective_at),
        peer_id,
        multiaddrs: info.multiaddrs,
        window_post_proof_type: info.window_post_proof_type,
        sector_size: info.sector_size,
        window_post_partition_sectors: info.window_post_partition_sectors,
        consensus_fault_elapsed: info.consensus_fault_elapsed,
        // Lotus has the field and leaves it empty, whatever the state says.
        pending_owner_address: None,
        beneficiary: info.beneficiary,
        beneficiary_term: Some(info.beneficiary_term),
        pending_beneficiary_term: info.pending_beneficiary_term,
    }
}

#[cfg(test)]
mod a_peer_id {
    use lotus_types::{Bytes, RegisteredPoStProof};

    use super::*;

    /// A miner whose owner is about to change.
    fn with(peer_id: &[u8]) -> MinerInfo {
        info(miner::MinerInfo {
            owner: Address::new_id(100),
            worker: Address::new_id(101),
            control_addresses: Vec::new(),
            pending_worker_key: None,
            peer_id: Bytes::from(peer_id.to_vec()),
            multiaddrs: Vec::new(),
            window_post_proof_type: RegisteredPoStProof(5),
            sector_size: 2048,
            window_post_partition_sectors: 2,
            consensus_fault_elapsed: -1,
            pending_owner_address: Some(Address::new_id(102)),
            beneficiary: Address::new_id(100),
            beneficiary_term: miner::BeneficiaryTerm::default(),
            pending_beneficiary_term: None,
        })
    }

    #[test]
    fn of_other_bytes_is_not_told_and_a_proposed_owner_neither() {
        let told = serde_json::to_value(with(b"peer")).expect("prints");
        assert!(told["PeerId"].is_null() && told["PendingOwnerAddress"].is_null());
        assert!(with(&[0, 2, 7, 7]).peer_id.is_some());
    }

    #[test]
    fn is_told_when_it_is_a_multihash_only() {
        assert!(is_multihash(&[0, 2, 7, 7]));
        assert!(is_multihash(&[0, 0]));
        for other in [&b"peer"[..], &[], &[0], &[0, 2, 7], &[0, 2, 7, 7, 7]] {
            assert!(!is_multihash(other), "{other:?}");
        }
    }
}
