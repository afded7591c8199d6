//! A copy of a chain in which one message was altered: the replay names just that tipset.

use std::sync::Arc;

use fvm_ipld_amt::Amtv0;
use lotus_ports::Blockstore as _;
use lotus_state::{ChainView as _, execute::Executor, exported::ExportedChain, replay::replay};
use lotus_types::{BlockHeader, Bytes, Cid, MessageMeta, Tipset, TipsetKey, wire};

use crate::recorded::mock_chain;

fn put<T: serde::Serialize>(executor: &Executor, value: &T) -> Cid {
    let block = wire::to_cbor(value);
    let cid = Cid::of_block(&block);
    executor.store.put_keyed(&cid, &block).unwrap();
    cid
}

/// The header with the parameters of its first BLS message altered.
fn alter_message(chain: &ExportedChain, executor: &Executor, header: &BlockHeader) -> BlockHeader {
    let messages = chain.block_messages(header).unwrap();
    let mut bls = messages.bls;
    let mut params = bls[0].params.to_vec();
    *params.last_mut().unwrap() ^= 0xff;
    bls[0].params = Bytes::from(params);
    let store = &executor.store;
    let list = |cids: Vec<Cid>| Cid::from(Amtv0::new_from_iter(store, cids).unwrap());
    let meta = MessageMeta {
        bls_messages: list(bls.iter().map(|m| put(executor, m)).collect()),
        secpk_messages: list(messages.secpk.iter().map(|m| put(executor, m)).collect()),
    };
    BlockHeader {
        messages: put(executor, &meta),
        ..header.clone()
    }
}

/// The chain again, linked through the altered tipset.
fn relink(chain: &ExportedChain, executor: &Executor, at: usize) -> ExportedChain {
    let mut parents: Option<TipsetKey> = None;
    for (k, tipset) in chain.tipsets().iter().enumerate().skip(at) {
        let headers = tipset.blocks().iter().enumerate().map(|(n, header)| {
            let linked = match &parents {
                Some(parents) => BlockHeader {
                    parents: parents.clone(),
                    ..header.clone()
                },
                None => header.clone(),
            };
            let first = k == at && n == 0;
            if first {
                alter_message(chain, executor, &linked)
            } else {
                linked
            }
        });
        let headers: Vec<_> = headers.collect();
        for header in &headers {
            put(executor, header);
        }
        parents = Some(Tipset::new(headers).unwrap().key().clone());
    }
    ExportedChain::open(executor.store.clone(), parents.unwrap().cids()).unwrap()
}

#[test]
fn is_reported_at_that_tipset_and_nowhere_else() {
    let (chain, executor) = mock_chain("mock-chain");
    let has_params = |t: &Tipset| {
        let messages = chain.block_messages(t.min_ticket_block()).unwrap();
        messages.bls.first().is_some_and(|m| m.params.len() > 4)
    };
    let at = chain.tipsets().iter().position(has_params).unwrap();
    let altered = Arc::new(relink(&chain, &executor, at));
    let executor = Executor {
        view: Arc::clone(&altered) as _,
        ..executor
    };
    let replayed = replay(&executor, altered.tipsets(), None, |_| ()).unwrap();
    let found: Vec<_> = replayed.mismatches.iter().map(|m| m.height).collect();
    assert_eq!(found, [chain.tipsets()[at].height()]);
    assert_eq!(replayed.mismatches[0].tipset, *altered.tipsets()[at].key());
}
