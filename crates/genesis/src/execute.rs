//! Sending messages on a state that has no chain yet.

use std::sync::Arc;

use lotus_blockstore::SharedBlockstore;
use lotus_networks::NetworkVersion;
use lotus_ports::vm::{
    ConsensusFault, ExternError, Externs, Machine, MachineContext, StateStore, Vm,
};
use lotus_types::{Address, Bytes, Cid, Message, MethodNum, TokenAmount};

use crate::GenesisError;

/// Gas for each message; nobody pays for it.
const GAS_LIMIT: i64 = 1_000_000_000_000_000;

/// Sends messages and lets the state be changed by hand in between.
pub(crate) struct Session<'a> {
    vm: &'a dyn Vm,
    state: StateStore,
    store: &'a SharedBlockstore,
    root: Cid,
    machine: Option<Box<dyn Machine>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        vm: &'a dyn Vm,
        state: StateStore,
        store: &'a SharedBlockstore,
        root: Cid,
    ) -> Self {
        Self {
            vm,
            state,
            store,
            root,
            machine: None,
        }
    }

    /// The store that the state lies in.
    pub(crate) fn store(&self) -> &'a SharedBlockstore {
        self.store
    }

    /// Sends a message as the protocol itself does: free, from any actor. `what` names it in errors.
    pub(crate) fn send(
        &mut self,
        what: &str,
        from: Address,
        to: Address,
        value: TokenAmount,
        (method, params): (MethodNum, Bytes),
    ) -> Result<Bytes, GenesisError> {
        let message = Message {
            method,
            params,
            gas_limit: GAS_LIMIT,
            ..Message::transfer(from, to, value)
        };
        let applied = self.machine()?.apply_implicit(&message)?;
        if applied.receipt.exit_code.is_success() {
            return Ok(applied.receipt.return_data);
        }
        Err(GenesisError::Refused {
            what: what.to_owned(),
            exit_code: applied.receipt.exit_code.0,
            reason: applied.failure.unwrap_or_default(),
        })
    }

    /// Writes the state and gives its root.
    pub(crate) fn root(&mut self) -> Result<Cid, GenesisError> {
        if let Some(mut machine) = self.machine.take() {
            self.root = machine.flush()?;
        }
        Ok(self.root)
    }

    /// Goes on from another state.
    pub(crate) fn set_root(&mut self, root: Cid) {
        self.machine = None;
        self.root = root;
    }

    fn machine(&mut self) -> Result<&mut Box<dyn Machine>, GenesisError> {
        let machine = match self.machine.take() {
            Some(machine) => machine,
            None => {
                let context = MachineContext {
                    epoch: 0,
                    state_root: self.root,
                    base_fee: TokenAmount::zero(),
                    circulating_supply: TokenAmount::zero(),
                    network_version: NetworkVersion::V17,
                    actor_debugging: true,
                    tracing: false,
                };
                self.vm
                    .machine(&context, Arc::clone(&self.state), Arc::new(NoChain))?
            }
        };
        Ok(self.machine.insert(machine))
    }
}

/// There is no randomness before the first block, and no actor of a genesis asks for any.
struct NoChain;

fn refuse<T>() -> Result<T, ExternError> {
    Err(ExternError::Refused(
        "there is no chain before its genesis".to_owned(),
    ))
}

impl Externs for NoChain {
    fn chain_randomness(&self, _: i64) -> Result<[u8; 32], ExternError> {
        refuse()
    }

    fn beacon_randomness(&self, _: i64) -> Result<[u8; 32], ExternError> {
        refuse()
    }

    fn verify_consensus_fault(
        &self,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Option<ConsensusFault>, ExternError> {
        refuse()
    }
}
