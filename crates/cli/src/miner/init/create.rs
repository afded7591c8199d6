//! Creating a miner's actor.

use anyhow::{Context as _, bail, ensure};
use lotus_actors::{call, power};
use lotus_net::HostKey;
use lotus_networks::{Network, singletons::POWER_ACTOR};
use lotus_rpc_api::full::FullNode;
use lotus_types::{
    Address, ChainEpoch, KeyType, RegisteredSealProof, TipsetKey, TokenAmount, wire,
};

use super::Init;

/// Epochs after which the actor counts as created.
const CONFIDENCE: u64 = 5;
/// As far back as the chain goes.
const NO_LIMIT: ChainEpoch = -1;

impl Init {
    /// Has the power actor create a miner, and waits until it is there.
    pub(super) async fn create(
        &self,
        node: &dyn FullNode,
        network: &Network,
        host_key: &HostKey,
    ) -> anyhow::Result<Address> {
        let size = match self.sector_size {
            Some(size) => size,
            None => *network
                .sector_sizes
                .iter()
                .max()
                .context("the network's description names no sector size")?,
        };
        let proof = RegisteredSealProof::for_sector_size(size).and_then(|p| p.window_post());
        let window_post_proof_type =
            proof.with_context(|| format!("there are no sectors of {size} bytes"))?;
        let owner = match self.owner {
            Some(owner) => owner,
            None => {
                let default = node.wallet_default_address().await;
                default.context("which owner? give it with --owner, or make a default address")?
            }
        };
        let worker = match self.worker {
            Some(worker) => worker,
            None if self.create_worker_key => node.wallet_new(KeyType::Bls).await?,
            None => owner,
        };
        let worker_key = node.state_account_key(worker, TipsetKey::default()).await;
        let worker_key = worker_key.unwrap_or(worker);
        ensure!(
            matches!(worker_key.protocol(), Some(lotus_types::Protocol::Bls)),
            "the worker {worker} has no BLS key: --create-worker-key makes one"
        );
        let params = power::CreateMinerParams {
            owner,
            worker,
            window_post_proof_type,
            peer: host_key.peer_id_bytes().into(),
            multiaddrs: Vec::new(),
        };
        let from = self.from.unwrap_or(owner);
        let method = power::method::CREATE_MINER;
        let nothing = TokenAmount::zero();
        let message = call::call(from, POWER_ACTOR, nothing, method, &params)?;
        let sent = node.mpool_push_message(message, None).await;
        let cid = sent.context("sending CreateMiner")?.cid();
        eprintln!("waiting for CreateMiner message {cid} to be {CONFIDENCE} epochs deep");
        let done = node
            .state_wait_msg(cid, CONFIDENCE, NO_LIMIT, true)
            .await
            .context("waiting for CreateMiner")?;
        if !done.receipt.exit_code.is_success() {
            bail!("CreateMiner failed: exit code {}", done.receipt.exit_code.0);
        }
        let created: power::CreateMinerReturn = wire::from_cbor(&done.receipt.return_data)
            .context("reading what CreateMiner has returned")?;
        Ok(created.id_address)
    }
}
