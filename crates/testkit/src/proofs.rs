//! Which of a network's proofs are real.

use std::sync::Arc;

use lotus_networks::bundles;
use lotus_ports::proofs::{
    AggregateSealVerifyInfo, PoStVerifyInfo, ProofError, Prover, Randomness, ReplicaUpdateInfo,
    SealVerifyInfo, Verifier,
};
use lotus_proofs::{FilecoinProver, FilecoinVerifier, MockProver, MockVerifier};
use lotus_types::{ActorId, RegisteredPoStProof};
use lotus_vm::{Bundle, BundleStore};

/// Whether sectors are really sealed and proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proofs {
    /// Nothing is proven; the actors are those that accept mock proofs. Takes microseconds.
    #[default]
    Mock,
    /// Sectors of 2 KiB, really sealed, on a network whose actors check every proof; only the
    /// WinningPoSt of blocks is mocked, which would cost seconds per block and which no actor sees.
    /// Needs the parameters in this process' cache.
    RealOnChain,
    /// Everything is proven, blocks too.
    Real,
}

impl Proofs {
    pub(crate) fn are_mocked(self) -> bool {
        self == Self::Mock
    }

    /// Who seals and proves what the chain checks.
    pub fn prover(self) -> Arc<dyn Prover> {
        match self {
            Self::Mock => Arc::new(MockProver::new()),
            Self::RealOnChain | Self::Real => Arc::new(FilecoinProver::new()),
        }
    }

    /// Who makes the proofs in blocks.
    pub fn winning_prover(self) -> Arc<dyn Prover> {
        match self {
            Self::Mock | Self::RealOnChain => Arc::new(MockProver::new()),
            Self::Real => Arc::new(FilecoinProver::new()),
        }
    }

    /// Who checks proofs off chain, those in blocks included.
    pub fn verifier(self) -> Arc<dyn Verifier> {
        match self {
            Self::Mock => Arc::new(MockVerifier),
            Self::RealOnChain => Arc::new(MockedBlocks(FilecoinVerifier::new())),
            Self::Real => Arc::new(FilecoinVerifier::new()),
        }
    }

    /// The actors that go with the proofs.
    pub(crate) fn bundle(self) -> Bundle {
        let manifest = if self.are_mocked() {
            bundles::testing_fake_proofs()
        } else {
            bundles::devnet()
        };
        let found = BundleStore::from_environment().load(&manifest);
        found.unwrap_or_else(|error| panic!("{error}; `make bundle` builds the actors"))
    }
}

/// Takes mock proofs in blocks, and real ones everywhere else.
#[derive(Debug)]
struct MockedBlocks(FilecoinVerifier);

impl Verifier for MockedBlocks {
    fn verify_seal(&self, info: &SealVerifyInfo) -> Result<bool, ProofError> {
        self.0.verify_seal(info)
    }

    fn verify_aggregate_seals(&self, info: &AggregateSealVerifyInfo) -> Result<bool, ProofError> {
        self.0.verify_aggregate_seals(info)
    }

    fn verify_replica_update(&self, info: &ReplicaUpdateInfo) -> Result<bool, ProofError> {
        self.0.verify_replica_update(info)
    }

    fn verify_winning_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        MockVerifier.verify_winning_post(info)
    }

    fn verify_window_post(&self, info: &PoStVerifyInfo) -> Result<bool, ProofError> {
        self.0.verify_window_post(info)
    }

    fn generate_winning_post_sector_challenge(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        randomness: &Randomness,
        eligible: u64,
    ) -> Result<Vec<u64>, ProofError> {
        self.0
            .generate_winning_post_sector_challenge(proof, miner, randomness, eligible)
    }
}
