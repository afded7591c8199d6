//! The randomness that a block's maker draws: for its ticket, its election and its WinningPoSt.
//!
//! One place for miner and validator, so that both draw the same.

use lotus_crypto::{DomainSeparationTag, draw_randomness};
use lotus_networks::policy::TICKET_RANDOMNESS_LOOKBACK;
use lotus_types::{Address, BeaconEntry, ChainEpoch, Ticket, wire};

/// What the ticket's VRF is computed over, for a block at `epoch` on parents whose smallest ticket
/// is `parent`.
pub fn ticket(
    beacon: &BeaconEntry,
    miner: &Address,
    parent: &Ticket,
    epoch: ChainEpoch,
) -> [u8; 32] {
    let entropy = [wire::to_cbor(miner), parent.vrf_proof.to_vec()].concat();
    let tag = DomainSeparationTag::TicketProduction;
    draw_randomness(
        &beacon.data,
        tag,
        epoch - TICKET_RANDOMNESS_LOOKBACK,
        &entropy,
    )
}

/// What the election proof's VRF is computed over.
pub fn election(beacon: &BeaconEntry, miner: &Address, epoch: ChainEpoch) -> [u8; 32] {
    let tag = DomainSeparationTag::ElectionProofProduction;
    draw_randomness(&beacon.data, tag, epoch, &wire::to_cbor(miner))
}

/// What chooses the sectors and challenges of the WinningPoSt.
pub fn winning_post(beacon: &BeaconEntry, miner: &Address, epoch: ChainEpoch) -> [u8; 32] {
    let tag = DomainSeparationTag::WinningPoStChallengeSeed;
    draw_randomness(&beacon.data, tag, epoch, &wire::to_cbor(miner))
}
