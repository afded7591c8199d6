//! One round after the other.

use std::{sync::Arc, time::Duration};

use lotus_ports::clock::{Clock, UnixTime};
use lotus_sealer::{PoStProver, SealError};
use lotus_sealing::ChainError;
use lotus_types::{
    ActorId, Address, ChainEpoch, Cid, ElectionProof, RegisteredSealProof, Ticket, Tipset,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    chain::{BaseInfo, BlockTemplate, MinedBlock, MiningChain},
    election,
    plan::{Base, Timing, catch_up, next_base},
    slash::{SlashError, SlashFilter},
};

/// Settings of block production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinerConfig {
    /// The network's times.
    pub timing: Timing,
    /// Pause after something failed.
    pub retry: Duration,
}

/// What block production works with.
#[derive(Debug)]
pub struct MinerDeps {
    /// The miner.
    pub miner: ActorId,
    /// The full node.
    pub chain: Arc<dyn MiningChain>,
    /// Who proves.
    pub prover: Arc<dyn PoStProver>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Own blocks so far.
    pub slash_filter: SlashFilter,
    /// Settings.
    pub config: MinerConfig,
}

/// What block production is doing, for operators.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MinerStatus {
    /// What is built on now (`MiningBase`).
    pub base: Option<Tipset>,
    /// The last epoch that was tried.
    pub epoch: ChainEpoch,
    /// Rounds without a win in a row.
    pub null_rounds: u32,
    /// Blocks published since the start.
    pub blocks: u64,
    /// The last of them.
    pub last_block: Option<Cid>,
    /// The last thing that went wrong.
    pub last_error: String,
}

/// Why a round gave no block although the miner may have won.
#[derive(Debug, thiserror::Error)]
enum MiningError {
    /// The full node could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Proving failed.
    #[error(transparent)]
    Prover(#[from] SealError),
    /// The block would be a fault, or cannot be written down.
    #[error("block held back")]
    Slash(#[from] SlashError),
    /// The node's answer makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// What a round has come to.
#[derive(Debug, Clone, PartialEq)]
enum Round {
    /// The miner may not make blocks now.
    NotEligible,
    /// Not elected.
    Lost,
    /// A block, ready to be published at its time.
    Won(Box<MinedBlock>),
}

/// Cloneable front of block production.
#[derive(Debug, Clone)]
pub struct Miner(watch::Receiver<MinerStatus>);

impl Miner {
    /// Gives the handle and the future that the supervisor runs.
    pub fn start(
        deps: MinerDeps,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (publish, status) = watch::channel(MinerStatus::default());
        let actor = Actor {
            deps,
            publish,
            last: None,
        };
        let run = async move {
            stop.run_until_cancelled(actor.run()).await;
        };
        (Self(status), run)
    }

    /// What it is doing.
    pub fn status(&self) -> MinerStatus {
        self.0.borrow().clone()
    }
}

struct Actor {
    deps: MinerDeps,
    publish: watch::Sender<MinerStatus>,
    last: Option<Base>,
}

impl Actor {
    async fn run(mut self) {
        loop {
            let base = match self.next().await {
                Ok(base) => base,
                Err(error) => {
                    self.fail(&MiningError::Chain(error)).await;
                    continue;
                }
            };
            let outcome = self.round(&base).await;
            self.last = Some(base.clone());
            self.publish.send_modify(|s| {
                s.base = Some(base.tipset.clone());
                s.epoch = base.epoch();
                s.null_rounds = base.null_rounds;
            });
            match outcome {
                Ok(Round::Won(block)) => {
                    if let Err(error) = self.publish_block(&base, *block).await {
                        self.fail(&error).await;
                    }
                }
                Ok(Round::Lost) => tracing::debug!(epoch = base.epoch(), "not elected"),
                Ok(Round::NotEligible) => {
                    tracing::debug!(epoch = base.epoch(), "not eligible for mining");
                }
                Err(error) => self.fail(&error).await,
            }
            // The next round begins when this one's block is due, won or not.
            self.deps
                .clock
                .sleep_until(base.block_at(&self.timing()))
                .await;
        }
    }

    const fn timing(&self) -> Timing {
        self.deps.config.timing
    }

    async fn fail(&self, error: &MiningError) {
        tracing::error!(%error, "no block");
        self.publish
            .send_modify(|s| s.last_error = error.to_string());
        self.deps.clock.sleep(self.deps.config.retry).await;
    }

    /// The base of the next round, once its time has come.
    async fn next(&self) -> Result<Base, ChainError> {
        let timing = self.timing();
        let mut base = self.look(&timing).await?;
        loop {
            self.deps.clock.sleep_until(base.start_at(&timing)).await;
            self.deps.chain.beacon_entry(base.epoch()).await?;
            // While we waited the head may have got heavier; one more block means another base.
            let newest = self.look(&timing).await?;
            if newest == base {
                return Ok(base);
            }
            base = newest;
        }
    }

    async fn look(&self, timing: &Timing) -> Result<Base, ChainError> {
        let head = self.deps.chain.head().await?;
        let base = next_base(self.last.as_ref(), &head);
        Ok(catch_up(base, self.deps.clock.now(), timing))
    }

    async fn round(&self, base: &Base) -> Result<Round, MiningError> {
        let deps = &self.deps;
        let (epoch, parents) = (base.epoch(), base.tipset.key());
        let info = deps.chain.base_info(deps.miner, epoch, parents).await?;
        let Some(info) = info.filter(|i| i.eligible) else {
            return Ok(Round::NotEligible);
        };
        let miner = Address::new_id(deps.miner);
        let beacon = info.randomness_base();
        let input = election::election_input(beacon, &miner, epoch);
        let vrf_proof = deps.chain.vrf(&info.worker, &input).await?;
        let wins = election::wins(&info, &vrf_proof);
        if wins == 0 {
            return Ok(Round::Lost);
        }
        let win_count = i64::try_from(wins).unwrap_or(i64::MAX);
        let election_proof = ElectionProof {
            win_count,
            vrf_proof: vrf_proof.into(),
        };
        let parent_ticket = base
            .tipset
            .min_ticket_block()
            .ticket
            .clone()
            .unwrap_or_default();
        let input = election::ticket_input(beacon, &miner, &parent_ticket, epoch);
        let ticket = Ticket {
            vrf_proof: deps.chain.vrf(&info.worker, &input).await?.into(),
        };
        tracing::info!(epoch, wins, "elected");
        let winning_post_proof = self.prove(&info, &miner, epoch).await?;
        let quality = election::quality(&ticket);
        let messages = deps.chain.select_messages(parents, quality).await?;
        let template = BlockTemplate {
            miner,
            parents: parents.clone(),
            ticket,
            election_proof,
            beacon_values: info.beacon_entries,
            messages,
            epoch,
            timestamp: base.timestamp(&self.timing()),
            winning_post_proof,
        };
        Ok(Round::Won(Box::new(
            deps.chain.create_block(template).await?,
        )))
    }

    async fn prove(
        &self,
        info: &BaseInfo,
        miner: &Address,
        epoch: ChainEpoch,
    ) -> Result<Vec<lotus_types::PoStProof>, MiningError> {
        let proof = RegisteredSealProof::for_sector_size(info.sector_size)
            .and_then(RegisteredSealProof::winning_post)
            .ok_or_else(|| {
                MiningError::Invalid(format!("{} bytes are no sector size", info.sector_size))
            })?;
        let randomness = election::post_input(info.randomness_base(), miner, epoch);
        let sectors = info.sectors.clone();
        let id = self.deps.miner;
        Ok(self
            .deps
            .prover
            .winning_post(proof, id, sectors, randomness)
            .await?)
    }

    /// Publishes the block at its time, unless it would be a fault.
    async fn publish_block(&self, base: &Base, block: MinedBlock) -> Result<(), MiningError> {
        let due: UnixTime = base.block_at(&self.timing());
        let now = self.deps.clock.now();
        if now > due {
            let late = now.saturating_sub(due);
            tracing::warn!(epoch = base.epoch(), late = ?late, "block is late");
        }
        self.deps.clock.sleep_until(due).await;
        let recorded = self.deps.slash_filter.mined(&block, base.tipset.height());
        if let Err(error) = recorded {
            self.publish_again(&error).await?;
            return Err(error.into());
        }
        let cid = block.header.cid();
        self.deps.chain.submit_block(block).await?;
        tracing::info!(epoch = base.epoch(), block = %cid, "block published");
        self.publish.send_modify(|s| {
            s.blocks += 1;
            s.last_block = Some(cid);
        });
        Ok(())
    }

    /// The own block that forbids another one may never have got anywhere: this process or the node
    /// ended while it was handed over. Then everybody waits for it, on a network of one miner for
    /// ever. Who has it does not mind to get it again.
    async fn publish_again(&self, held_back: &SlashError) -> Result<(), MiningError> {
        let Some(cid) = held_back.other() else {
            return Ok(());
        };
        let Some(block) = self.deps.slash_filter.block(cid)? else {
            return Ok(());
        };
        let epoch = block.header.height;
        self.deps.chain.submit_block(block).await?;
        tracing::warn!(epoch, block = %cid, reason = %held_back, "an earlier block is published again");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
