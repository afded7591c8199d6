//! Machines on the FVM's second generation (network versions 16 and 17).
//!
//! # Invariants
//! - One engine per process: the actors' WASM is compiled once, on first use or by
//!   [`FilecoinVm::warm_up`], and may be kept on disk for the next process.
//! - Messages run on threads with a stack of 64 MiB, since 1024 nested calls need about 36 MiB.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use cid::Cid as RawCid;
use fvm_shared2::version::NetworkVersion as FvmVersion;
use fvm2::{
    DefaultKernel,
    call_manager::DefaultCallManager,
    executor::{ApplyKind, DefaultExecutor, Executor, ThreadedExecutor},
    externs::{Consensus, Externs as FvmExterns, Rand},
    machine::{DefaultMachine, Engine, MultiEngine, NetworkConfig},
};
use lotus_actors::StateTree;
use lotus_networks::NetworkVersion;
use lotus_ports::{
    Blockstore,
    vm::{Applied, ExternError, Externs, Machine, MachineContext, StateStore, Vm, VmError},
};
use lotus_types::{Cid, Message};

use crate::{BundleStore, compiled::CompiledActors, convert};

/// The VM of this process.
#[derive(Default)]
pub struct FilecoinVm {
    engines: MultiEngine,
    compiled: Option<CompiledActors>,
    /// Network versions whose engines were given what is on disk. Held while they are: whoever else
    /// wants a machine would compile the same.
    prepared: Mutex<BTreeSet<NetworkVersion>>,
}

impl fmt::Debug for FilecoinVm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilecoinVm").finish_non_exhaustive()
    }
}

impl FilecoinVm {
    /// A VM that has compiled nothing yet, and keeps nothing on disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A VM that keeps compiled actors in `folder`, for itself and for other processes of this user.
    pub fn with_compiled(folder: impl Into<PathBuf>) -> Self {
        Self {
            compiled: Some(CompiledActors::new(folder.into())),
            ..Self::default()
        }
    }

    /// A VM that keeps compiled actors beside the bundles.
    pub fn from_environment() -> Self {
        Self::with_compiled(BundleStore::from_environment().compiled())
    }

    /// Compiles the actors of a state, so that the first message does not wait for it (10 to 15
    /// seconds of one core, unless they are on disk). Call it on a thread of its own.
    ///
    /// # Errors
    /// [`VmError`] as [`Vm::machine`].
    pub fn warm_up(&self, context: &MachineContext, store: StateStore) -> Result<(), VmError> {
        self.machine(context, store, Arc::new(NoExterns)).map(drop)
    }

    /// A machine, whose engine has the actors from disk where they are there and writes them where they
    /// are not. Only the first machine of each network version looks.
    fn prepared<M>(
        &self,
        engine: &Engine,
        context: &MachineContext,
        store: &StateStore,
        machine: impl FnOnce() -> anyhow::Result<M>,
    ) -> anyhow::Result<M> {
        let Some(compiled) = &self.compiled else {
            return machine();
        };
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let version = context.network_version;
        if prepared.contains(&version) {
            drop(prepared);
            return machine();
        }
        // A state that cannot be read: the machine says it better.
        let Ok(codes) = codes(store, &context.state_root) else {
            return machine();
        };
        let missing = compiled.load(engine, version, &codes);
        let machine = machine()?;
        prepared.insert(version);
        drop(prepared);
        compiled.keep(engine, version, &missing);
        Ok(machine)
    }
}

/// The codes of a state's built-in actors.
fn codes(store: &StateStore, root: &Cid) -> anyhow::Result<Vec<Cid>> {
    let store = SharedStore(Arc::clone(store));
    let manifest = StateTree::load(&store, root)?.manifest()?;
    Ok(manifest.actors.into_iter().map(|(_, code)| code).collect())
}

impl Vm for FilecoinVm {
    fn machine(
        &self,
        context: &MachineContext,
        store: StateStore,
        externs: Arc<dyn Externs>,
    ) -> Result<Box<dyn Machine>, VmError> {
        let mut config = NetworkConfig::new(version(context.network_version)?);
        if context.actor_debugging {
            config.enable_actor_debugging();
        }
        let engine = self.engines.get(&config).map_err(fault)?;
        let mut inner = config.for_epoch(context.epoch, context.state_root.into());
        inner.set_base_fee(convert::amount_to_fvm(&context.base_fee));
        inner.set_circulating_supply(convert::amount_to_fvm(&context.circulating_supply));
        if context.tracing {
            inner.enable_tracing();
        }
        let slot = FaultSlot::default();
        let externs = ExternsAdapter {
            externs,
            fault: Arc::clone(&slot),
        };
        let shared = SharedStore(Arc::clone(&store));
        let machine = || DefaultMachine::new(&engine, &inner, shared, externs);
        let machine = self
            .prepared(&engine, context, &store, machine)
            .map_err(fault)?;
        let executor = ThreadedExecutor(DefaultExecutor::new(machine));
        Ok(Box::new(Fvm2Machine {
            executor,
            fault: slot,
            elapsed: Duration::ZERO,
        }))
    }
}

fn version(v: NetworkVersion) -> Result<FvmVersion, VmError> {
    match v.0 {
        16 => Ok(FvmVersion::V16),
        17 => Ok(FvmVersion::V17),
        other => Err(VmError::new(format!(
            "network version {other} is not supported"
        ))),
    }
}

fn fault(e: anyhow::Error) -> VmError {
    VmError::new(format!("{e:#}"))
}

type Kernel = DefaultKernel<DefaultCallManager<DefaultMachine<SharedStore, ExternsAdapter>>>;

struct Fvm2Machine {
    executor: ThreadedExecutor<DefaultExecutor<Kernel>>,
    fault: FaultSlot,
    elapsed: Duration,
}

impl Fvm2Machine {
    fn apply(
        &mut self,
        message: &Message,
        kind: ApplyKind,
        raw_length: usize,
    ) -> Result<Applied, VmError> {
        let message = convert::message_to_fvm(message)?;
        let begun = Instant::now();
        let ret = self.executor.execute_message(message, kind, raw_length);
        self.elapsed += begun.elapsed();
        if let Some(fault) = self
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            return Err(fault);
        }
        ret.map(convert::applied_from_fvm).map_err(fault)
    }
}

impl Machine for Fvm2Machine {
    fn apply_explicit(&mut self, message: &Message, raw_length: usize) -> Result<Applied, VmError> {
        self.apply(message, ApplyKind::Explicit, raw_length)
    }

    fn apply_implicit(&mut self, message: &Message) -> Result<Applied, VmError> {
        self.apply(message, ApplyKind::Implicit, 0)
    }

    fn flush(&mut self) -> Result<Cid, VmError> {
        let begun = Instant::now();
        let root = self.executor.flush();
        self.elapsed += begun.elapsed();
        root.map(Cid::from).map_err(fault)
    }

    fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

/// A store behind a pointer, as the FVM wants it: a sized type.
struct SharedStore(StateStore);

impl Blockstore for SharedStore {
    fn get(&self, k: &RawCid) -> anyhow::Result<Option<Vec<u8>>> {
        self.0.get(k)
    }

    fn put_keyed(&self, k: &RawCid, block: &[u8]) -> anyhow::Result<()> {
        self.0.put_keyed(k, block)
    }

    fn has(&self, k: &RawCid) -> anyhow::Result<bool> {
        self.0.has(k)
    }
}

/// The node's answers, as the FVM wants them.
///
/// The FVM shows every error of an extern to the actor. A fault of this node must not become part
/// of the state, so it is kept aside and ends the execution.
struct ExternsAdapter {
    externs: Arc<dyn Externs>,
    fault: FaultSlot,
}

type FaultSlot = Arc<Mutex<Option<VmError>>>;

impl ExternsAdapter {
    fn answer<T>(&self, answer: Result<T, ExternError>) -> anyhow::Result<T> {
        answer.map_err(|e| match e {
            ExternError::Refused(reason) => anyhow!(reason),
            ExternError::Fault(fault) => {
                let shown = anyhow!("{fault}");
                self.fault
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(fault);
                shown
            }
        })
    }
}

impl FvmExterns for ExternsAdapter {}

impl Rand for ExternsAdapter {
    fn get_chain_randomness(&self, round: i64) -> anyhow::Result<[u8; 32]> {
        self.answer(self.externs.chain_randomness(round))
    }

    fn get_beacon_randomness(&self, round: i64) -> anyhow::Result<[u8; 32]> {
        self.answer(self.externs.beacon_randomness(round))
    }
}

impl Consensus for ExternsAdapter {
    fn verify_consensus_fault(
        &self,
        h1: &[u8],
        h2: &[u8],
        extra: &[u8],
    ) -> anyhow::Result<(Option<fvm_shared2::consensus::ConsensusFault>, i64)> {
        let found = self.answer(self.externs.verify_consensus_fault(h1, h2, extra))?;
        // Gas for reading state is charged up to network version 15 only.
        Ok((found.map(convert::fault_to_fvm).transpose()?, 0))
    }
}

/// For machines that execute nothing.
struct NoExterns;

impl NoExterns {
    fn refuse<T>() -> Result<T, ExternError> {
        Err(ExternError::Refused(
            "a machine for warming up executes nothing".to_owned(),
        ))
    }
}

impl Externs for NoExterns {
    fn chain_randomness(&self, _: i64) -> Result<[u8; 32], ExternError> {
        Self::refuse()
    }

    fn beacon_randomness(&self, _: i64) -> Result<[u8; 32], ExternError> {
        Self::refuse()
    }

    fn verify_consensus_fault(
        &self,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Option<lotus_ports::vm::ConsensusFault>, ExternError> {
        Self::refuse()
    }
}
