//! Validating a block, wherever it came from.
//!
//! # Lotus parity
//! `FilecoinEC.ValidateBlock`. The order of checks is ours: first those that need no state, then
//! those on the lookback state, the parents' execution last, since it costs most.

use std::sync::Arc;

use lotus_actors::StateTree;
use lotus_beacon::block::validate_block_entries;
use lotus_blockstore::SharedBlockstore;
use lotus_ports::{
    beacon::BeaconSchedule,
    proofs::{PoStVerifyInfo, ProofError, Verifier},
};
use lotus_state::{StateFault, StateManager, randomness::latest_beacon_entry};
use lotus_types::{Address, BeaconEntry, BlockHeader, SectorInfo, Tipset, block::FullBlock};

use crate::{
    base_fee, draw, election,
    election::WinningSectorsError,
    error::{BlockError, Rule, Violation, require},
    messages, rules,
    rules::Parts,
    weight,
};

/// Validates blocks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlockValidator {
    states: StateManager,
    beacons: BeaconSchedule,
    verifier: Arc<dyn Verifier>,
}

/// What the checks of one block share.
struct Context<'a> {
    header: &'a BlockHeader,
    parts: Parts<'a>,
    parents: &'a Tipset,
    /// The newest entry of the parents' chain.
    previous_beacon: BeaconEntry,
    /// The newest entry at this block.
    beacon: BeaconEntry,
    /// State before the parents.
    base: StateTree<'a, SharedBlockstore>,
    /// State before the lookback tipset.
    before_lookback: StateTree<'a, SharedBlockstore>,
    /// State after the lookback tipset.
    lookback: StateTree<'a, SharedBlockstore>,
    worker: Address,
}

impl BlockValidator {
    /// A validator.
    pub fn new(states: StateManager, beacons: BeaconSchedule, verifier: Arc<dyn Verifier>) -> Self {
        Self {
            states,
            beacons,
            verifier,
        }
    }

    /// Validates a block in full; `now` is Unix seconds. Its parents must be valid and stored.
    ///
    /// Takes as long as executing the parents, some milliseconds beside. CPU-bound: call it on a
    /// blocking thread.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn validate(&self, block: &FullBlock, now: u64) -> Result<(), BlockError> {
        let header = &block.header;
        let parts = rules::syntax(header)?;
        let view = self.states.view();
        let parents = view.tipset(&header.parents).map_err(StateFault::Chain)?;
        rules::time(self.states.network(), header, &parents, now)?;
        self.check_base_fee(header, &parents)?;
        self.check_weight(header, &parents)?;
        let context = self.context(header, parts, &parents)?;
        rules::signature(header, parts.signature, &context.worker)?;
        self.check_beacon(&context)?;
        check_ticket(&context)?;
        self.check_election(&context)?;
        self.check_winning_post(&context)?;
        let state_root = self.check_parent_state(header, &parents)?;
        messages::check(&self.states, block, &parents, &state_root)
    }

    fn context<'a>(
        &'a self,
        header: &'a BlockHeader,
        parts: Parts<'a>,
        parents: &'a Tipset,
    ) -> Result<Context<'a>, BlockError> {
        let (lookback, root) = self.states.lookback_state(parents, header.height)?;
        let base = self.states.tree(&parents.parent_state_root())?;
        require(
            election::has_claim(&base, &header.miner)?,
            Rule::Miner,
            || format!("{} isn't a miner with a power claim", header.miner),
        )?;
        let before_lookback = self.states.tree(&lookback.parent_state_root())?;
        let lookback = self.states.tree(&root)?;
        let (worker, _) = election::worker_key(&lookback, &header.miner)?.ok_or_else(|| {
            Violation::new(Rule::Miner, format!("{} has no worker key", header.miner))
        })?;
        let previous_beacon = latest_beacon_entry(self.states.view(), parents)?;
        let beacon = header
            .last_beacon_entry()
            .unwrap_or(&previous_beacon)
            .clone();
        Ok(Context {
            header,
            parts,
            parents,
            previous_beacon,
            beacon,
            base,
            before_lookback,
            lookback,
            worker,
        })
    }

    fn check_base_fee(&self, header: &BlockHeader, parents: &Tipset) -> Result<(), BlockError> {
        let computed = base_fee::next_base_fee(self.states.view(), parents)?;
        Ok(require(
            computed == header.parent_base_fee,
            Rule::BaseFee,
            || {
                let (named, computed) = (header.parent_base_fee.atto(), computed.atto());
                format!("base fee doesn't match: {named} (header) != {computed} (computed)")
            },
        )?)
    }

    fn check_weight(&self, header: &BlockHeader, parents: &Tipset) -> Result<(), BlockError> {
        let computed = weight::weight(self.states.store(), parents)?;
        Ok(require(
            computed == header.parent_weight,
            Rule::Weight,
            || {
                format!(
                    "parent weight different: {} (header) != {computed} (computed)",
                    header.parent_weight
                )
            },
        )?)
    }

    fn check_beacon(&self, c: &Context<'_>) -> Result<(), BlockError> {
        let (header, parent_epoch) = (c.header, c.parents.height());
        validate_block_entries(
            &self.beacons,
            header.height,
            &header.beacon_entries,
            parent_epoch,
            &c.previous_beacon,
        )
        .map_err(|e| match e.is_bad_block() {
            true => Violation::new(Rule::BeaconEntries, e.to_string()).into(),
            false => StateFault::Refused(e.to_string()).into(),
        })
    }

    fn check_election(&self, c: &Context<'_>) -> Result<(), BlockError> {
        let (miner, proof) = (&c.header.miner, c.parts.election_proof);
        require(proof.win_count >= 1, Rule::WinCount, || {
            format!(
                "block is not claiming to be a winner: win count {}",
                proof.win_count
            )
        })?;
        let eligible = election::is_eligible(
            self.states.network(),
            miner,
            &c.base,
            c.parents.height(),
            &c.before_lookback,
        )?;
        require(eligible, Rule::Miner, || {
            "block's miner is ineligible to mine".to_owned()
        })?;
        let drawn = draw::election(&c.beacon, miner, c.header.height);
        rules::vrf(Rule::ElectionProof, &c.worker, &drawn, &proof.vrf_proof)?;
        let power = election::power(&c.lookback, miner)?.ok_or_else(|| {
            Violation::new(Rule::Miner, format!("{miner} had no power at the lookback"))
        })?;
        let wins = lotus_crypto::compute_win_count(&power.miner, &power.network, &proof.vrf_proof);
        Ok(require(
            u64::try_from(proof.win_count) == Ok(wins),
            Rule::WinCount,
            || {
                let claimed = proof.win_count;
                format!("miner claims wrong number of wins: miner: {claimed}, computed: {wins}")
            },
        )?)
    }

    fn check_winning_post(&self, c: &Context<'_>) -> Result<(), BlockError> {
        let refuse = |reason: String| BlockError::from(Violation::new(Rule::WinningPoSt, reason));
        let judge = |e: ProofError| match e.is_bad_input() {
            true => refuse(format!("invalid election post: {e}")),
            false => StateFault::Refused(format!("cannot verify WinningPoSt: {e}")).into(),
        };
        let miner = &c.header.miner;
        let randomness = draw::winning_post(&c.beacon, miner, c.header.height);
        let sectors = election::winning_sectors(&*self.verifier, &c.lookback, miner, &randomness)
            .map_err(|e| match e {
            WinningSectorsError::None(reason) => refuse(reason),
            WinningSectorsError::Fault(fault) => fault.into(),
            WinningSectorsError::Proofs(e) => judge(e),
        })?;
        let info = PoStVerifyInfo {
            randomness,
            proofs: c.header.winning_post_proof.clone(),
            sectors: sectors
                .into_iter()
                .map(|s| SectorInfo {
                    seal_proof: s.seal_proof,
                    sector_number: s.sector_number,
                    sealed_cid: s.sealed_cid,
                })
                .collect(),
            prover: miner.id().unwrap_or_default(),
        };
        match self.verifier.verify_winning_post(&info) {
            Ok(true) => Ok(()),
            Ok(false) => Err(refuse("winning post was invalid".to_owned())),
            Err(e) => Err(judge(e)),
        }
    }

    fn check_parent_state(
        &self,
        header: &BlockHeader,
        parents: &Tipset,
    ) -> Result<lotus_types::Cid, BlockError> {
        let computed = self.states.tipset_state(parents)?;
        let (named, root) = (header.parent_state_root, computed.state_root);
        require(root == named, Rule::ParentState, || {
            format!("parent state root did not match computed state ({root} != {named})")
        })?;
        let (named, receipts) = (header.parent_message_receipts, computed.receipts_root);
        require(receipts == named, Rule::ParentReceipts, || {
            format!("parent receipts root did not match computed value ({receipts} != {named})")
        })?;
        Ok(root)
    }
}

fn check_ticket(c: &Context<'_>) -> Result<(), BlockError> {
    let parent = c
        .parents
        .min_ticket_block()
        .ticket
        .as_ref()
        .ok_or_else(|| StateFault::Refused(format!("tipset {} has no ticket", c.parents.key())))?;
    let drawn = draw::ticket(&c.beacon, &c.header.miner, parent, c.header.height);
    Ok(rules::vrf(
        Rule::Ticket,
        &c.worker,
        &drawn,
        &c.parts.ticket.vrf_proof,
    )?)
}
