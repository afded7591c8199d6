//! The port to consensus: is this block valid?

use std::sync::Arc;

use lotus_consensus::{
    BlockError, BlockValidator, Violation, election::worker_key, error::Rule, rules,
};
use lotus_state::StateManager;
use lotus_types::{BlockHeader, Tipset, block::FullBlock};

/// Judges blocks. Calls take CPU time: they run on blocking threads.
pub trait Judge: Send + Sync + std::fmt::Debug + 'static {
    /// Validates a block in full; `now` is Unix seconds. Its parents are stored and valid.
    ///
    /// # Errors
    /// [`BlockError`].
    fn validate(&self, block: &FullBlock, now: u64) -> Result<(), BlockError>;

    /// Checks that the miner's worker signed the header, as far as the chain that ends in `head` can
    /// tell: enough to pass a gossiped block on.
    ///
    /// # Errors
    /// [`BlockError`].
    fn check_signature(&self, header: &BlockHeader, head: &Tipset) -> Result<(), BlockError>;
}

/// Filecoin's rules on the node's state.
#[derive(Debug, Clone)]
pub struct NodeJudge {
    validator: BlockValidator,
    states: StateManager,
}

impl NodeJudge {
    /// Judges by these.
    pub fn new(validator: BlockValidator, states: StateManager) -> Arc<Self> {
        Arc::new(Self { validator, states })
    }
}

impl Judge for NodeJudge {
    fn validate(&self, block: &FullBlock, now: u64) -> Result<(), BlockError> {
        self.validator.validate(block, now)
    }

    fn check_signature(&self, header: &BlockHeader, head: &Tipset) -> Result<(), BlockError> {
        let parts = rules::syntax(header)?;
        let epoch = header.height.max(head.height().saturating_add(1));
        let (_, root) = self.states.lookback_state(head, epoch)?;
        let worker = worker_key(&self.states.tree(&root)?, &header.miner)?;
        let (worker, _) = worker.ok_or_else(|| {
            Violation::new(Rule::Miner, format!("{} has no worker key", header.miner))
        })?;
        Ok(rules::signature(header, parts.signature, &worker)?)
    }
}
