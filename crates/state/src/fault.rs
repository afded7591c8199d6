//! Judging reported consensus faults.
//!
//! # Lotus parity
//! `FvmExtern.VerifyConsensusFault`: header syntax beyond decoding is not checked, since a miner
//! that signs a malformed block has signed it all the same. The witness of parent grinding needs no
//! signature of its own: a signed block names it as parent.

use lotus_actors::StateTree;
use lotus_networks::policy::CHAIN_FINALITY;
use lotus_ports::{
    Blockstore,
    vm::{ConsensusFault, ConsensusFaultKind},
};
use lotus_types::{Address, BlockHeader, ChainEpoch, Tipset, wire};

use crate::{
    ChainView, StateFault,
    lookback::{self, Lookback},
};

/// What two headers, and a third as witness, prove against their miner, signatures aside.
///
/// `a` must not be the later one.
pub fn classify(
    a: &BlockHeader,
    b: &BlockHeader,
    witness: Option<&BlockHeader>,
) -> Option<ConsensusFaultKind> {
    if a.cid() == b.cid() || a.miner != b.miner || b.height < a.height {
        return None;
    }
    let grinding = witness.is_some_and(|c| {
        a.parents == c.parents
            && a.height == c.height
            && b.parents.cids().contains(&c.cid())
            && !b.parents.cids().contains(&a.cid())
    });
    if grinding {
        Some(ConsensusFaultKind::ParentGrinding)
    } else if a.height == b.height {
        Some(ConsensusFaultKind::DoubleForkMining)
    } else if a.parents == b.parents {
        Some(ConsensusFaultKind::TimeOffsetMining)
    } else {
        None
    }
}

/// Judges encoded headers on the chain that ends in `base`, whose messages are being executed at
/// `epoch`. `None`: no fault proven.
///
/// # Errors
/// [`StateFault`] when the judgement could not be made.
pub fn verify(
    view: &dyn ChainView,
    store: &impl Blockstore,
    base: &Tipset,
    epoch: ChainEpoch,
    headers: (&[u8], &[u8], &[u8]),
) -> Result<Option<ConsensusFault>, StateFault> {
    let (a, b, extra) = headers;
    let decode = |bytes: &[u8]| wire::from_cbor::<BlockHeader>(bytes).ok();
    let (Some(a), Some(b)) = (decode(a), decode(b)) else {
        return Ok(None);
    };
    let witness = match extra {
        [] => None,
        bytes => match decode(bytes) {
            Some(c) => Some(c),
            None => return Ok(None),
        },
    };
    let Some(kind) = classify(&a, &b, witness.as_ref()) else {
        return Ok(None);
    };
    for header in [&a, &b] {
        let Some(worker) = worker_key_at_lookback(view, store, base, epoch, header)? else {
            return Ok(None);
        };
        let Some(signature) = &header.block_signature else {
            return Ok(None);
        };
        if lotus_crypto::verify(signature, &worker, &header.signing_bytes()).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(ConsensusFault {
        target: a.miner,
        epoch: b.height,
        kind,
    }))
}

/// The key that had to sign a miner's block at `header.height`; `None` when there is no such miner,
/// or the block is too old or too new to be judged.
fn worker_key_at_lookback(
    view: &dyn ChainView,
    store: &impl Blockstore,
    base: &Tipset,
    epoch: ChainEpoch,
    header: &BlockHeader,
) -> Result<Option<Address>, StateFault> {
    if header.height < epoch.saturating_sub(CHAIN_FINALITY) {
        return Ok(None);
    }
    let root = match lookback::for_epoch(view, base, header.height)? {
        Lookback::Known { state_root, .. } => state_root,
        // A header from far above the executed tipset: nobody can have mined it yet.
        Lookback::Base => return Ok(None),
    };
    let tree = StateTree::load(store, &root)?;
    let Some(miner) = tree.miner_state(&header.miner)? else {
        return Ok(None);
    };
    let worker = miner.info(store)?.worker;
    // As Lotus: the key is looked up in the state that is being changed.
    let current = StateTree::load(store, &base.parent_state_root())?;
    Ok(current.account_key(&worker)?)
}

#[cfg(test)]
mod tests {
    use lotus_types::TipsetKey;

    use super::*;

    fn header(height: ChainEpoch, parents: &[&BlockHeader], timestamp: u64) -> BlockHeader {
        let parents: TipsetKey = parents.iter().map(|h| h.cid()).collect();
        BlockHeader {
            timestamp,
            ..BlockHeader::bare(Address::new_id(1000), height, parents)
        }
    }

    fn of_another_miner(header: &BlockHeader) -> BlockHeader {
        BlockHeader {
            miner: Address::new_id(1001),
            ..header.clone()
        }
    }

    #[test]
    fn two_blocks_at_one_epoch_are_double_fork_mining() {
        let (a, b) = (header(5, &[], 1), header(5, &[], 2));
        assert_eq!(
            classify(&a, &b, None),
            Some(ConsensusFaultKind::DoubleForkMining)
        );
    }

    #[test]
    fn the_same_parents_at_two_epochs_are_time_offset_mining() {
        let parent = header(4, &[], 0);
        let (a, b) = (header(5, &[&parent], 1), header(6, &[&parent], 1));
        assert_eq!(
            classify(&a, &b, None),
            Some(ConsensusFaultKind::TimeOffsetMining)
        );
    }

    #[test]
    fn leaving_out_the_own_block_for_a_sibling_is_parent_grinding() {
        let grandparent = header(4, &[], 0);
        let own = header(5, &[&grandparent], 1);
        let sibling = of_another_miner(&header(5, &[&grandparent], 1));
        let child = header(6, &[&sibling], 1);
        let found = classify(&own, &child, Some(&sibling));
        assert_eq!(found, Some(ConsensusFaultKind::ParentGrinding));
        let honest = header(6, &[&sibling, &own], 1);
        assert_eq!(classify(&own, &honest, Some(&sibling)), None);
    }

    #[test]
    fn nothing_else_is_a_fault() {
        let parent = header(4, &[], 0);
        let (a, b) = (header(5, &[&parent], 1), header(6, &[&parent], 1));
        assert_eq!(classify(&a, &a, None), None, "the same block twice");
        assert_eq!(classify(&b, &a, None), None, "the later block first");
        assert_eq!(
            classify(&a, &of_another_miner(&b), None),
            None,
            "two miners"
        );
        let child = header(6, &[&a], 1);
        assert_eq!(classify(&a, &child, None), None, "an honest chain");
    }
}
