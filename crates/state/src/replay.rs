//! Executing a whole chain again and comparing it with what its headers say.

use std::time::Duration;

use lotus_ports::Blockstore as _;
use lotus_types::{ChainEpoch, Cid, Gas, Tipset, TipsetKey, wire_tuple};

use crate::{StateFault, execute::Executor};

/// A tipset whose execution did not give what the next header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Epoch of the executed tipset.
    pub height: ChainEpoch,
    /// The executed tipset.
    pub tipset: TipsetKey,
    /// State root in the child's header.
    pub expected_root: Cid,
    /// State root computed.
    pub computed_root: Cid,
    /// Receipts root in the child's header.
    pub expected_receipts: Cid,
    /// Receipts root computed.
    pub computed_receipts: Cid,
}
wire_tuple!(Mismatch {
    height: "height",
    tipset: "tipset",
    expected_root: "expected_root",
    computed_root: "computed_root",
    expected_receipts: "expected_receipts",
    computed_receipts: "computed_receipts",
});

/// What a replay found.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// Tipsets compared.
    pub tipsets: u64,
    /// Explicit messages executed.
    pub messages: u64,
    /// Gas that they used.
    pub gas_total: Gas,
    /// State after the last tipset compared.
    pub final_root: Option<Cid>,
    /// Tipsets that came out otherwise.
    pub mismatches: Vec<Mismatch>,
    /// Tipsets left uncompared because the state that they begin from never came out.
    pub unreachable: u64,
    /// Time spent inside the VM.
    pub vm_time: Duration,
    /// Time spent executing in all.
    pub time: Duration,
}

/// Executes `chain` (oldest first, without gaps) up to height `to` and compares each result with
/// the next header.
///
/// Every tipset begins from the state that its own header names. After a mismatch that state exists
/// only if the store has it from elsewhere; if not, the replay ends there, so that one wrong tipset
/// is reported and not all that follow from it.
///
/// # Errors
/// [`StateFault`] when a tipset cannot be executed at all.
pub fn replay(
    executor: &Executor,
    chain: &[Tipset],
    to: Option<ChainEpoch>,
    mut progress: impl FnMut(&Tipset),
) -> Result<Replayed, StateFault> {
    let mut out = Replayed::default();
    let pairs = chain
        .windows(2)
        .filter_map(|pair| <&[Tipset; 2]>::try_from(pair).ok());
    let mut pairs = pairs.take_while(|[tipset, _]| to.is_none_or(|to| tipset.height() <= to));
    while let Some([tipset, child]) = pairs.next() {
        let begins_from = tipset.parent_state_root();
        if !out.mismatches.is_empty() && !has(executor, &begins_from)? {
            out.unreachable = 1 + pairs.count() as u64;
            break;
        }
        progress(tipset);
        out.compare(executor, tipset, child)?;
    }
    Ok(out)
}

fn has(executor: &Executor, root: &Cid) -> Result<bool, StateFault> {
    executor.store.has(root).map_err(StateFault::store)
}

impl Replayed {
    fn compare(
        &mut self,
        executor: &Executor,
        tipset: &Tipset,
        child: &Tipset,
    ) -> Result<(), StateFault> {
        let executed = executor.execute(tipset, false)?;
        self.tipsets += 1;
        self.messages += executed.messages.iter().filter(|m| !m.implicit).count() as u64;
        self.gas_total += executed.gas_used;
        self.final_root = Some(executed.state_root);
        self.vm_time += executed.vm_time;
        self.time += executed.time;
        let found = Mismatch {
            height: tipset.height(),
            tipset: tipset.key().clone(),
            expected_root: child.parent_state_root(),
            computed_root: executed.state_root,
            expected_receipts: child.parent_message_receipts(),
            computed_receipts: executed.receipts_root,
        };
        if found.expected_root != found.computed_root
            || found.expected_receipts != found.computed_receipts
        {
            self.mismatches.push(found);
        }
        Ok(())
    }
}
