//! Applying a tipset.
//!
//! Order: for each null epoch since the parents a cron of its own; then per block its BLS messages,
//! its secp256k1 messages and its reward; then one cron for the whole tipset.
//!
//! # Lotus parity
//! `TipSetExecutor.ApplyBlocks`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lotus_actors::{StateTree, reward::AwardBlockRewardParams};
use lotus_blockstore::SharedBlockstore;
use lotus_networks::{Network, singletons};
use lotus_ports::vm::{
    Applied, ConsensusFault, ExternError, Externs, Machine, MachineContext, Vm, VmError,
};
use lotus_types::{
    Address, BlockHeader, Bytes, ChainEpoch, Cid, Gas, Message, Tipset, TokenAmount, wire,
};

use crate::{
    ChainView, StateFault, fault,
    messages::{ChainMessage, TipsetMessages},
    randomness::{ChainRandomness, RoundOfEpoch},
    receipts, supply, view,
};

/// Method of cron and of the reward actor that the protocol itself calls.
const EPOCH_TICK_METHOD: u64 = 2;
const AWARD_BLOCK_REWARD_METHOD: u64 = 2;
/// Gas that implicit messages may use: as good as unlimited.
pub(crate) const IMPLICIT_GAS_LIMIT: Gas = i64::MAX / 2;

/// A message with what it did.
#[derive(Debug, Clone)]
pub struct AppliedMessage {
    /// As applied (for implicit ones: as the protocol made it).
    pub message: Message,
    /// The CID under which it is listed; for implicit messages its own.
    pub cid: Cid,
    /// True for the protocol's own: rewards and cron.
    pub implicit: bool,
    /// What it did.
    pub applied: Applied,
    /// How long that took.
    pub duration: Duration,
}

/// What came out of a tipset.
#[derive(Debug, Clone)]
pub struct ExecutedTipset {
    /// State after it.
    pub state_root: Cid,
    /// Root of its receipts.
    pub receipts_root: Cid,
    /// Every message in order of application, the crons of null epochs first; explicit ones have the
    /// order of the receipts.
    pub messages: Vec<AppliedMessage>,
    /// Gas of the explicit messages.
    pub gas_used: Gas,
    /// Time spent inside the VM.
    pub vm_time: Duration,
    /// Time spent in all.
    pub time: Duration,
}

/// Everything that execution stands on. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    /// The chain.
    pub view: Arc<dyn ChainView>,
    /// Where state is read and written.
    pub store: SharedBlockstore,
    /// The VM of this process.
    pub vm: Arc<dyn Vm>,
    /// The network's rules.
    pub network: Arc<Network>,
    /// The beacon's schedule.
    pub round_of: RoundOfEpoch,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("network", &self.network.name)
            .finish_non_exhaustive()
    }
}

impl Executor {
    /// Executes a tipset on its parents' state. Genesis stands for itself.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn execute(&self, tipset: &Tipset, tracing: bool) -> Result<ExecutedTipset, StateFault> {
        let begun = Instant::now();
        if tipset.height() == 0 {
            return Ok(ExecutedTipset {
                state_root: tipset.parent_state_root(),
                receipts_root: tipset.parent_message_receipts(),
                messages: Vec::new(),
                gas_used: 0,
                vm_time: Duration::ZERO,
                time: begun.elapsed(),
            });
        }
        let messages = TipsetMessages::load(&*self.view, &self.store, tipset)?;
        let mut run = Run {
            executor: self,
            tipset,
            tracing,
            vm_time: Duration::ZERO,
        };
        let (root, mut applied) = run.null_epochs()?;
        let (state_root, of_tipset) = run.tipset_epoch(root, &messages)?;
        applied.extend(of_tipset);
        let explicit: Vec<_> = applied
            .iter()
            .filter(|m| !m.implicit)
            .map(|m| m.applied.receipt.clone())
            .collect();
        Ok(ExecutedTipset {
            state_root,
            receipts_root: receipts::write(&self.store, &explicit)?,
            gas_used: explicit.iter().map(|r| r.gas_used).sum(),
            messages: applied,
            vm_time: run.vm_time,
            time: begun.elapsed(),
        })
    }

    /// A machine at `epoch` on a state, with the rules and randomness of the chain that ends in
    /// `tipset`.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn machine(
        &self,
        tipset: &Tipset,
        epoch: ChainEpoch,
        state_root: Cid,
        base_fee: TokenAmount,
        tracing: bool,
    ) -> Result<Box<dyn Machine>, StateFault> {
        let tree = StateTree::load(&self.store, &state_root)?;
        let context = MachineContext {
            epoch,
            state_root,
            base_fee,
            circulating_supply: supply::circulating(&self.network, &tree, epoch)?.circulating,
            network_version: self.network.version_at(epoch),
            actor_debugging: self.network.actor_debugging,
            tracing,
        };
        let externs = ChainExterns {
            executor: self.clone(),
            tipset: tipset.clone(),
            epoch,
        };
        Ok(self
            .vm
            .machine(&context, Arc::new(self.store.clone()), Arc::new(externs))?)
    }
}

struct Run<'a> {
    executor: &'a Executor,
    tipset: &'a Tipset,
    tracing: bool,
    vm_time: Duration,
}

impl Run<'_> {
    fn machine(&self, epoch: ChainEpoch, root: Cid) -> Result<Box<dyn Machine>, StateFault> {
        let base_fee = self.tipset.parent_base_fee().clone();
        self.executor
            .machine(self.tipset, epoch, root, base_fee, self.tracing)
    }

    /// Cron of every null epoch between the parents and the tipset.
    fn null_epochs(&mut self) -> Result<(Cid, Vec<AppliedMessage>), StateFault> {
        let parent = view::load(&*self.executor.view, self.tipset.parents())?;
        let (mut root, mut done) = (self.tipset.parent_state_root(), Vec::new());
        for epoch in parent.height().saturating_add(1)..self.tipset.height() {
            let mut machine = self.machine(epoch, root)?;
            let cron = apply_implicit(&mut *machine, cron_message(epoch), "cron", epoch)?;
            done.push(cron);
            root = self.finish(machine)?;
        }
        Ok((root, done))
    }

    fn tipset_epoch(
        &mut self,
        root: Cid,
        messages: &TipsetMessages,
    ) -> Result<(Cid, Vec<AppliedMessage>), StateFault> {
        let epoch = self.tipset.height();
        let mut machine = self.machine(epoch, root)?;
        let mut done = Vec::new();
        for (header, messages) in &messages.blocks {
            let (mut penalty, mut tip) = (TokenAmount::zero(), TokenAmount::zero());
            for message in messages {
                let applied = apply_explicit(&mut *machine, message)?;
                penalty += &applied.applied.penalty;
                tip += &applied.applied.miner_tip;
                done.push(applied);
            }
            let reward = reward_message(header, penalty, tip)?;
            done.push(apply_implicit(
                &mut *machine,
                reward,
                "block reward",
                epoch,
            )?);
        }
        done.push(apply_implicit(
            &mut *machine,
            cron_message(epoch),
            "cron",
            epoch,
        )?);
        Ok((self.finish(machine)?, done))
    }

    fn finish(&mut self, mut machine: Box<dyn Machine>) -> Result<Cid, StateFault> {
        let root = machine.flush()?;
        self.vm_time += machine.elapsed();
        Ok(root)
    }
}

fn apply_explicit(
    machine: &mut dyn Machine,
    message: &ChainMessage,
) -> Result<AppliedMessage, StateFault> {
    let begun = Instant::now();
    let applied = machine.apply_explicit(message.message(), message.chain_length())?;
    Ok(AppliedMessage {
        message: message.message().clone(),
        cid: message.cid(),
        implicit: false,
        applied,
        duration: begun.elapsed(),
    })
}

/// The protocol's own messages must succeed.
fn apply_implicit(
    machine: &mut dyn Machine,
    message: Message,
    what: &'static str,
    epoch: ChainEpoch,
) -> Result<AppliedMessage, StateFault> {
    let begun = Instant::now();
    let applied = machine.apply_implicit(&message)?;
    if !applied.receipt.exit_code.is_success() {
        return Err(StateFault::Implicit {
            what,
            epoch,
            exit_code: applied.receipt.exit_code.0,
            reason: applied.failure.unwrap_or_default(),
        });
    }
    Ok(AppliedMessage {
        cid: message.cid(),
        message,
        implicit: true,
        applied,
        duration: begun.elapsed(),
    })
}

fn implicit_message(to: Address, epoch: ChainEpoch, method: u64, params: Bytes) -> Message {
    Message {
        nonce: u64::try_from(epoch).unwrap_or_default(),
        gas_limit: IMPLICIT_GAS_LIMIT,
        method,
        params,
        ..Message::transfer(singletons::SYSTEM_ACTOR, to, TokenAmount::zero())
    }
}

/// The message by which the protocol runs cron at `epoch`.
pub fn cron_message(epoch: ChainEpoch) -> Message {
    implicit_message(
        singletons::CRON_ACTOR,
        epoch,
        EPOCH_TICK_METHOD,
        Bytes::new(),
    )
}

/// The message by which the protocol rewards a block's miner.
fn reward_message(
    header: &BlockHeader,
    penalty: TokenAmount,
    gas_reward: TokenAmount,
) -> Result<Message, StateFault> {
    let win_count = header
        .election_proof
        .as_ref()
        .map(|p| p.win_count)
        .ok_or_else(|| {
            StateFault::Refused(format!("block {} has no election proof", header.cid()))
        })?;
    let params = AwardBlockRewardParams {
        miner: header.miner,
        penalty,
        gas_reward,
        win_count,
    };
    Ok(implicit_message(
        singletons::REWARD_ACTOR,
        header.height,
        AWARD_BLOCK_REWARD_METHOD,
        wire::to_cbor(&params).into(),
    ))
}

/// What machines ask: answered from the chain that ends in the executed tipset.
struct ChainExterns {
    executor: Executor,
    tipset: Tipset,
    epoch: ChainEpoch,
}

impl ChainExterns {
    fn randomness(&self) -> ChainRandomness<'_> {
        ChainRandomness::new(&*self.executor.view, &self.tipset, &self.executor.round_of)
    }
}

fn extern_error(e: StateFault) -> ExternError {
    match e {
        StateFault::Refused(reason) => ExternError::Refused(reason),
        other => ExternError::Fault(VmError::new(other)),
    }
}

impl Externs for ChainExterns {
    fn chain_randomness(&self, epoch: ChainEpoch) -> Result<[u8; 32], ExternError> {
        self.randomness().ticket_digest(epoch).map_err(extern_error)
    }

    fn beacon_randomness(&self, epoch: ChainEpoch) -> Result<[u8; 32], ExternError> {
        self.randomness().beacon_digest(epoch).map_err(extern_error)
    }

    fn verify_consensus_fault(
        &self,
        header_1: &[u8],
        header_2: &[u8],
        extra: &[u8],
    ) -> Result<Option<ConsensusFault>, ExternError> {
        fault::verify(
            &*self.executor.view,
            &self.executor.store,
            &self.tipset,
            self.epoch,
            (header_1, header_2, extra),
        )
        .map_err(extern_error)
    }
}
