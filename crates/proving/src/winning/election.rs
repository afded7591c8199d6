//! Tickets and elections: what is drawn, and who wins. Pure but for the VRF, which the worker signs.
//!
//! # Lotus parity
//! `computeTicket`, `gen.IsRoundWinner`, and the challenge of the WinningPoSt. Since the Smoke
//! upgrade, which lies before every network's genesis here, tickets also depend on the parents'.

use lotus_crypto::{DomainSeparationTag, blake2b_256, compute_win_count, draw_randomness};
use lotus_types::{Address, BeaconEntry, ChainEpoch, Ticket, wire};

use super::chain::BaseInfo;

/// A ticket of epoch e is drawn from randomness of e − 1.
const TICKET_RANDOMNESS_LOOKBACK: ChainEpoch = 1;

/// What the worker signs to get its ticket.
pub fn ticket_input(
    beacon: &BeaconEntry,
    miner: &Address,
    parent_ticket: &Ticket,
    epoch: ChainEpoch,
) -> [u8; 32] {
    let mut entropy = wire::to_cbor(miner);
    entropy.extend_from_slice(&parent_ticket.vrf_proof);
    let epoch = epoch - TICKET_RANDOMNESS_LOOKBACK;
    draw_randomness(
        &beacon.data,
        DomainSeparationTag::TicketProduction,
        epoch,
        &entropy,
    )
}

/// What the worker signs to see whether it is elected.
pub fn election_input(beacon: &BeaconEntry, miner: &Address, epoch: ChainEpoch) -> [u8; 32] {
    let tag = DomainSeparationTag::ElectionProofProduction;
    draw_randomness(&beacon.data, tag, epoch, &wire::to_cbor(miner))
}

/// The challenge of the WinningPoSt.
pub fn post_input(beacon: &BeaconEntry, miner: &Address, epoch: ChainEpoch) -> [u8; 32] {
    let tag = DomainSeparationTag::WinningPoStChallengeSeed;
    draw_randomness(&beacon.data, tag, epoch, &wire::to_cbor(miner))
}

/// How often the miner wins with this VRF proof; 0 is not elected.
pub fn wins(info: &BaseInfo, vrf_proof: &[u8]) -> u64 {
    compute_win_count(&info.miner_power.0, &info.network_power.0, vrf_proof)
}

/// How good a ticket is, from 0 (worst) to 1: the place of its block among others of the tipset.
pub fn quality(ticket: &Ticket) -> f64 {
    let digest = blake2b_256(&ticket.vrf_proof);
    let fraction = digest
        .iter()
        .rev()
        .fold(0.0, |sum, byte| (sum + f64::from(*byte)) / 256.0);
    1.0 - fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(base64: &str) -> lotus_types::Bytes {
        serde_json::from_value(base64.into()).unwrap()
    }

    #[test]
    fn the_recorded_ticket_has_the_quality_that_was_asked_with() {
        let vrf_proof = bytes(
            "q/CVInl/EP5ZdVp7bAHuDL+NuAFwnOA77GiP7/pxnF/+1DhI505d2yx6rc+TEEONDGhDP6afqPdRSa8NVQuckCSg\
             qY1d3GcKxwXrCCymTQZz6Yv4RfSH0k8V2yPZ+HMD",
        );
        let quality = quality(&Ticket { vrf_proof });
        assert!(
            (quality - 0.031_195_217_262_743_88).abs() < 1e-15,
            "{quality}"
        );
    }

    #[test]
    fn the_recorded_round_asked_the_worker_to_sign_these_inputs() {
        let beacon = BeaconEntry {
            round: 54,
            data: bytes(
                "jpzOHRtdbRqF0JU2FqRNoWzAkzVUfWQFWs5Ykc4PWXmbvZWdaJ6Gal7pjdMOF6+EFHoaVyiC12rRyuBq9sAlr8Yh\
                 ZhB5Jyp3na/TuVVL94Boy8v6t1NSbNbfhtclrQ/G",
            ),
        };
        let parent_ticket = Ticket {
            vrf_proof: bytes(
                "rD0j3ZZSGLG8b2/SNmcav4SmRRw9DT0h1KLxRcZFJpmjjmNWB+DYogEBgZrc99EoC4IBhlwdsOeNvuN5Zt6Qggr0\
                 y5Kt34eIMmdc86YJtHoPtxZF+MTWh5dsm1zJ0fND",
            ),
        };
        let miner = Address::new_id(1000);
        let ticket = ticket_input(&beacon, &miner, &parent_ticket, 17);
        assert_eq!(
            ticket[..],
            bytes("kvIYYteAMR9dzIpTf+24kSFMYzs4839YR2WnSLFeQRM=")[..]
        );
        let election = election_input(&beacon, &miner, 17);
        assert_eq!(
            election[..],
            bytes("7w5ZDnsdlXXMrMfvFgMC8apqZO1aBoHV/XLZZdW0Rpo=")[..]
        );
    }
}
