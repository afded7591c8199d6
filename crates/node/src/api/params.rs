//! The network's constants as the API tells them.
//!
//! # Lotus parity
//! `StateGetNetworkParams` of a `2k` build: upgrades up to Shark lie before genesis, later ones are
//! not scheduled and have the heights that Lotus gives to those.

use lotus_networks::Network;
use lotus_rpc_api::types::state::NetworkParams;
use lotus_types::{ChainEpoch, RegisteredSealProof, SectorSize};

use crate::keys::eip155_chain_id;

/// Upgrades of which only the height is left to tell.
const UPGRADES: [(&str, ChainEpoch); 25] = [
    ("UpgradeSmokeHeight", -1),
    ("UpgradeBreezeHeight", -1),
    ("UpgradeIgnitionHeight", -2),
    ("UpgradeAssemblyHeight", -5),
    ("UpgradeRefuelHeight", -3),
    ("UpgradeTapeHeight", -4),
    ("UpgradeKumquatHeight", -7),
    ("BreezeGasTampingDuration", 0),
    ("UpgradeCalicoHeight", -9),
    ("UpgradePersianHeight", -10),
    ("UpgradeOrangeHeight", -11),
    ("UpgradeClausHeight", -12),
    ("UpgradeTrustHeight", -13),
    ("UpgradeNorwegianHeight", -14),
    ("UpgradeTurboHeight", -15),
    ("UpgradeHyperdriveHeight", -16),
    ("UpgradeChocolateHeight", -17),
    ("UpgradeOhSnapHeight", -18),
    ("UpgradeSkyrHeight", -19),
    ("UpgradeHyggeHeight", 1_000_000),
    ("UpgradeLightningHeight", 1_000_001),
    ("UpgradeThunderHeight", 1_000_002),
    ("UpgradeWatermelonHeight", 1_000_003),
    ("UpgradeDragonHeight", 1_000_004),
    ("UpgradePhoenixHeight", 1_000_124),
];

pub(super) fn of(network: &Network) -> NetworkParams {
    let upgrades = UPGRADES.into_iter().chain([
        ("UpgradeLiftoffHeight", network.upgrades.liftoff),
        ("UpgradeSharkHeight", network.upgrades.shark),
    ]);
    let sizes = network.sector_sizes.iter();
    NetworkParams {
        network_name: network.name.clone(),
        block_delay_secs: network.block_delay_secs,
        consensus_miner_min_power: network.min_power(),
        supported_proof_types: sizes.filter_map(|size| first_proof(*size)).collect(),
        pre_commit_challenge_delay: network.pre_commit_challenge_delay,
        fork_upgrade_params: upgrades.map(|(name, at)| (name.to_owned(), at)).collect(),
        eip155_chain_id: eip155_chain_id(network),
    }
}

/// The first seal proof of a sector size. By it a size is told, whichever proof is in use now.
fn first_proof(size: SectorSize) -> Option<RegisteredSealProof> {
    RegisteredSealProof::for_sector_size(size)
        .map(|now| RegisteredSealProof(now.0 - RegisteredSealProof::STACKED_DRG_2KIB_V1_1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_every_upgrade_once() {
        let params = of(&Network::devnet("test"));
        assert_eq!(params.fork_upgrade_params.len(), 27);
        assert_eq!(params.fork_upgrade_params["UpgradeSharkHeight"], -20);
        let first = RegisteredSealProof::STACKED_DRG_2KIB_V1;
        assert!(params.supported_proof_types.contains(&first));
    }
}
