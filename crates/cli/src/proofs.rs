//! Who proves and who verifies in a process.
//!
//! # Invariants
//! - The network's actors choose, by [`Network::proofs`], and nothing else: there is no flag and no
//!   variable by which a process would take mock proofs on a network whose actors do not.
//! - A process with mock proofs says so when it starts, whatever its log level.

use std::sync::Arc;

use anyhow::ensure;
use lotus_networks::{Network, NetworkVersion, Proofs, bundles};
use lotus_ports::proofs::{Prover, Verifier};
use lotus_proofs::{FilecoinProver, FilecoinVerifier, MockProver, MockVerifier};
use lotus_rpc_api::full::FullNode;

use crate::process;

/// Looks for what this network's proofs need, before anything else is started.
///
/// # Errors
/// When verifying keys are missing.
pub(crate) fn prepare(network: &Network) -> anyhow::Result<()> {
    if network.proofs().are_mock() {
        warn_of_mock_proofs(network);
        return Ok(());
    }
    process::check_verifying_keys(network)
}

/// Says that nothing is proven here.
pub(crate) fn warn_of_mock_proofs(network: &Network) {
    eprintln!(
        "MOCK PROOFS: nothing is proven on the network {}, its actors take anything. \
         For development only.",
        network.name
    );
}

/// Seals and proves.
pub(crate) fn prover(network: &Network) -> Arc<dyn Prover> {
    match network.proofs() {
        Proofs::Real => Arc::new(FilecoinProver::new()),
        Proofs::Mock(pace) => Arc::new(MockProver::paced(pace)),
    }
}

/// Checks proofs.
pub(crate) fn verifier(network: &Network) -> Arc<dyn Verifier> {
    match network.proofs() {
        Proofs::Real => Arc::new(FilecoinVerifier::new()),
        Proofs::Mock(_) => Arc::new(MockVerifier),
    }
}

/// A miner that makes mock proofs would lose its collateral on a chain with other actors than its
/// network.toml names.
///
/// # Errors
/// When the daemon's actors are others, or it does not say.
pub(crate) async fn expect_same_actors(
    node: &dyn FullNode,
    network: &Network,
) -> anyhow::Result<()> {
    if !network.proofs().are_mock() {
        return Ok(());
    }
    let actors = node.state_actor_manifest_cid(NetworkVersion::V17.0).await?;
    ensure!(
        actors == bundles::testing_fake_proofs(),
        "the daemon runs the actors {actors}, this miner's network.toml names those of mock proofs"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use lotus_ports::proofs::PoStVerifyInfo;
    use lotus_proofs::mock::VALID_WINNING_POST;
    use lotus_types::{Cid, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorInfo};

    use super::*;

    fn network(actors: Option<Cid>) -> Network {
        Network {
            actors_manifest: actors,
            ..Network::devnet("localnet-1")
        }
    }

    /// Does the network's verifier take a mock WinningPoSt?
    fn takes_mock_proofs(network: &Network) -> bool {
        let info = PoStVerifyInfo {
            randomness: [1; 32],
            proofs: vec![PoStProof {
                post_proof: RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1,
                proof_bytes: VALID_WINNING_POST.into(),
            }],
            sectors: vec![SectorInfo {
                seal_proof: RegisteredSealProof::STACKED_DRG_2KIB_V1_1,
                sector_number: 1,
                sealed_cid: lotus_types::sector::sealed_cid(&[1; 32]),
            }],
            prover: 1000,
        };
        // Without parameters the real one cannot answer: that is no yes.
        verifier(network)
            .verify_winning_post(&info)
            .unwrap_or(false)
    }

    #[test]
    fn mock_proofs_are_taken_by_the_network_of_their_actors_alone() {
        assert!(takes_mock_proofs(&network(Some(
            bundles::testing_fake_proofs()
        ))));
        assert!(!takes_mock_proofs(&network(Some(bundles::devnet()))));
        assert!(!takes_mock_proofs(&network(None)));
    }
}
