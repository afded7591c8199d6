//! Blocks, messages, the head.

use std::{collections::BTreeMap, ops::ControlFlow};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_blockstore::{
    Blockstore as _, Store as _,
    car::CarWriter,
    dag::{self, DagError},
};
use lotus_chain::{ChainError, ExportOptions, HeadChange as Step};
use lotus_rpc_api::{
    RpcError, Subscription,
    full::ChainApi,
    types::{
        chain::{ApiMessage, BlockMessages, HeadChange, HeadChangeType, IpldObject, ObjStat},
        go::NilVec,
    },
};
use lotus_state::{StateFault, messages::TipsetMessages, receipts};
use lotus_types::{
    BigInt, BlockHeader, Bytes, ChainEpoch, Cid, Message, Receipt, Tipset, TipsetError, TipsetKey,
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Answer, FullNodeApi, Services, Told as _, told, while_doing};

/// Bytes of an export that are sent at once.
const EXPORT_CHUNK: usize = 1 << 20;

fn change(step: &Step) -> HeadChange {
    let kind = match step {
        Step::Current(_) => HeadChangeType::Current,
        Step::Apply(_) => HeadChangeType::Apply,
        Step::Revert(_) => HeadChangeType::Revert,
    };
    HeadChange {
        kind,
        val: step.tipset().clone(),
    }
}

/// Why a tipset's blocks do not make one, as Lotus tells it.
fn no_tipset(error: &TipsetError) -> RpcError {
    match error {
        TipsetError::Mismatch { what, .. } if *what == "height" => {
            RpcError::new("cannot create tipset with mismatching heights")
        }
        TipsetError::Mismatch { .. } => {
            RpcError::new("cannot create tipset with mismatching parents")
        }
        other => RpcError::from_error(other),
    }
}

/// A block that is not in the store, where Lotus would fetch one.
fn not_local(cid: impl std::fmt::Display) -> RpcError {
    RpcError::new(format_args!(
        "block was not found locally (offline): ipld: could not find {cid}"
    ))
}

fn unwalkable(error: &DagError) -> RpcError {
    match error {
        DagError::Missing { cid } => not_local(cid),
        other => RpcError::from_error(other),
    }
}

/// Major type of lists in CBOR, in place.
const LIST: u8 = 4 << 5;
/// Fields of a signed message: the last form that is tried for a message.
const SIGNED_MESSAGE_FIELDS: u8 = 2;
/// Fields of a block's header.
const HEADER_FIELDS: u8 = 16;

impl Services {
    /// What the caller of a method reads about an object of the chain that cannot be had.
    pub(super) fn missing(&self, error: &ChainError) -> RpcError {
        match error {
            ChainError::NotFound { cid, .. } => {
                RpcError::new(format_args!("ipld: could not find {cid}"))
            }
            ChainError::Malformed(object) => {
                let fields = match object.what {
                    "block" => HEADER_FIELDS,
                    _ => SIGNED_MESSAGE_FIELDS,
                };
                let bytes = self.store().get(&object.cid).ok().flatten();
                match bytes.unwrap_or_default().first() {
                    Some(first) if first & 0xe0 != LIST => {
                        RpcError::new("cbor input should be of type array")
                    }
                    Some(first) if *first != LIST | fields => {
                        RpcError::new("cbor input had wrong number of fields")
                    }
                    _ => RpcError::from_error(error),
                }
            }
            other => RpcError::from_error(other),
        }
    }

    /// What the caller reads when there is no tipset of a key.
    pub(super) fn no_tipset(&self, error: &ChainError) -> RpcError {
        let cid = match error {
            ChainError::NotFound { cid, .. } => cid,
            ChainError::Malformed(object) => &object.cid,
            ChainError::BadTipset { source, .. } => return no_tipset(source),
            other => return RpcError::from_error(other),
        };
        while_doing(&format!("get block {cid}"), self.missing(error))
    }

    /// Why there is no randomness.
    pub(super) fn no_randomness(&self, fault: &StateFault) -> RpcError {
        let StateFault::Chain(source) = fault else {
            return RpcError::from_error(fault);
        };
        match source.downcast_ref::<ChainError>() {
            Some(error) => while_doing(
                "failed to load parents when searching back for beacon entry",
                self.no_tipset(error),
            ),
            None => RpcError::from_error(fault),
        }
    }

    /// Messages of a tipset, each once, in the order of their receipts.
    pub(super) fn messages_of(&self, tipset: &Tipset) -> Answer<Vec<ApiMessage>> {
        if tipset.height() == 0 {
            return Ok(Vec::new());
        }
        let all = TipsetMessages::load(self.states.view(), self.store(), tipset).told()?;
        let message = |m: &lotus_state::messages::ChainMessage| ApiMessage {
            cid: m.cid(),
            message: m.message().clone(),
        };
        Ok(all.iter().map(message).collect())
    }

    pub(super) fn object(&self, cid: &Cid) -> Answer<Vec<u8>> {
        let data = self.store().get(cid).map_err(told)?;
        data.ok_or_else(|| {
            RpcError::new(format_args!("blockstore get: ipld: could not find {cid}"))
        })
    }

    /// As [`Self::object`], in the words of Lotus' DAG service.
    pub(super) fn dag_object(&self, cid: &Cid) -> Answer<Vec<u8>> {
        let data = self.store().get(cid).map_err(told)?;
        data.ok_or_else(|| not_local(cid))
    }

    fn stat(&self, obj: &Cid, base: Option<&Cid>) -> Answer<ObjStat> {
        let mut known = std::collections::HashSet::new();
        if let Some(base) = base {
            dag::walk(
                base.inner(),
                self.store(),
                &mut known,
                |_| false,
                |_, _| Ok(()),
            )
            .map_err(|e| unwalkable(&e))?;
        }
        let mut stat = ObjStat { size: 0, links: 0 };
        dag::walk(
            obj.inner(),
            self.store(),
            &mut known,
            |_| false,
            |_, data| {
                stat.size += data.len() as u64;
                // Lotus counts the objects it visits.
                stat.links += 1;
                Ok(())
            },
        )
        .map_err(|e| unwalkable(&e))?;
        Ok(stat)
    }
}

#[async_trait]
impl ChainApi for FullNodeApi {
    async fn chain_head(&self) -> Answer<Tipset> {
        self.0.chain.require_head().told()
    }

    async fn chain_notify(&self) -> Answer<Subscription<Vec<HeadChange>>> {
        let heads = self.0.chain.subscribe();
        // A subscriber that fell behind is cut off, as Lotus does; it subscribes again.
        let changes = stream::unfold(heads, |mut heads| async move {
            match heads.next().await {
                Some(Ok(batch)) => Some((batch.iter().map(change).collect(), heads)),
                _ => None,
            }
        });
        Ok(changes.boxed())
    }

    async fn chain_get_genesis(&self) -> Answer<Tipset> {
        Tipset::new(vec![(*self.0.genesis).clone()]).told()
    }

    async fn chain_get_tipset(&self, key: TipsetKey) -> Answer<Tipset> {
        self.run(move |s| s.given_tipset(&key)).await
    }

    async fn chain_get_tipset_by_height(
        &self,
        height: ChainEpoch,
        key: TipsetKey,
    ) -> Answer<Tipset> {
        self.at(key, move |s, from| {
            s.chain.tipset_by_height(height, &from, true).told()
        })
        .await
    }

    async fn chain_get_tipset_after_height(
        &self,
        height: ChainEpoch,
        key: TipsetKey,
    ) -> Answer<Tipset> {
        self.at(key, move |s, from| {
            s.chain.tipset_by_height(height, &from, false).told()
        })
        .await
    }

    async fn chain_tipset_weight(&self, key: TipsetKey) -> Answer<BigInt> {
        self.at(key, |s, tipset| s.chain.weight(&tipset).told())
            .await
    }

    async fn chain_get_block(&self, cid: Cid) -> Answer<BlockHeader> {
        self.run(move |s| s.chain.header(&cid).map_err(|e| s.missing(&e)))
            .await
    }

    async fn chain_get_block_messages(&self, cid: Cid) -> Answer<BlockMessages> {
        self.run(move |s| {
            let header = s.chain.header(&cid).map_err(|e| s.missing(&e))?;
            let cids = s.chain.message_cids(&header).told()?;
            let messages = s.chain.block_messages(&header).told()?;
            Ok(BlockMessages {
                bls_messages: messages.bls,
                secpk_messages: messages.secpk,
                cids: cids.iter().copied().collect(),
            })
        })
        .await
    }

    async fn chain_get_message(&self, cid: Cid) -> Answer<Message> {
        self.run(move |s| s.chain.message(&cid).map_err(|e| s.missing(&e)))
            .await
    }

    async fn chain_get_messages_in_tipset(&self, key: TipsetKey) -> Answer<NilVec<ApiMessage>> {
        self.run(move |s| Ok(s.messages_of(&s.tipset(&key)?)?.into()))
            .await
    }

    async fn chain_get_parent_messages(&self, block: Cid) -> Answer<NilVec<ApiMessage>> {
        self.run(move |s| {
            let header = s.chain.header(&block).map_err(|e| s.missing(&e))?;
            if header.height == 0 {
                return Ok(NilVec::default());
            }
            Ok(s.messages_of(&s.tipset(&header.parents)?)?.into())
        })
        .await
    }

    async fn chain_get_parent_receipts(&self, block: Cid) -> Answer<Option<Vec<Receipt>>> {
        self.run(move |s| {
            let header = s.chain.header(&block).map_err(|e| s.missing(&e))?;
            if header.height == 0 {
                return Ok(None);
            }
            receipts::read(s.store(), &header.parent_message_receipts)
                .told()
                .map(Some)
        })
        .await
    }

    async fn chain_get_path(&self, from: TipsetKey, to: TipsetKey) -> Answer<Vec<HeadChange>> {
        self.run(move |s| {
            let end = |which: &str, key: &TipsetKey| {
                s.given_tipset(key)
                    .map_err(|e| while_doing(&format!("loading {which} tipset {key}"), e))
            };
            let (from, to) = (end("from", &from)?, end("to", &to)?);
            let path = s.chain.path(&from, &to).told();
            let path = path.map_err(|e| while_doing("error getting tipset branches", e))?;
            Ok(path.into_changes().iter().map(change).collect())
        })
        .await
    }

    async fn chain_read_obj(&self, cid: Cid) -> Answer<Bytes> {
        self.run(move |s| Ok(s.object(&cid)?.into())).await
    }

    async fn chain_has_obj(&self, cid: Cid) -> Answer<bool> {
        self.run(move |s| s.store().has(&cid).map_err(told)).await
    }

    async fn chain_put_obj(&self, data: Bytes) -> Answer<()> {
        self.run(move |s| {
            s.store()
                .put_keyed(&Cid::of_block(&data), &data)
                .map_err(told)
        })
        .await
    }

    async fn chain_delete_obj(&self, cid: Cid) -> Answer<()> {
        self.run(move |s| {
            if s.read_only {
                return Err(RpcError::new(
                    "ChainDeleteObj: this node serves a chain read-only, nothing is deleted",
                ));
            }
            // As Lotus, whatever needs the object: an operator takes out what is to be fetched anew.
            s.store().delete(&cid).map_err(told)
        })
        .await
    }

    async fn chain_stat_obj(&self, obj: Cid, base: Option<Cid>) -> Answer<ObjStat> {
        self.run(move |s| s.stat(&obj, base.as_ref())).await
    }

    async fn chain_get_node(&self, path: String) -> Answer<IpldObject> {
        self.run(move |s| s.node_at(&path)).await
    }

    async fn chain_check_blockstore(&self) -> Answer<()> {
        Err(RpcError::new(
            "underlying blockstore does not support health checks",
        ))
    }

    async fn chain_blockstore_info(&self) -> Answer<BTreeMap<String, Value>> {
        Err(RpcError::new("underlying blockstore does not provide info"))
    }

    async fn chain_prune(&self, _options: Value) -> Answer<()> {
        Err(RpcError::new(
            "base blockstore does not support pruning: all state is kept",
        ))
    }

    async fn chain_set_head(&self, key: TipsetKey) -> Answer<()> {
        self.at(key, |s, tipset| s.chain.set_head(&tipset).told())
            .await
    }

    async fn chain_export(
        &self,
        roots: ChainEpoch,
        skip_old_messages: bool,
        key: TipsetKey,
    ) -> Answer<Subscription<Bytes>> {
        let head = self
            .run(move |s| s.tipset_named("loading tipset", &key))
            .await?;
        let (sender, chunks) = mpsc::channel(4);
        let chain = self.0.chain.clone();
        let options = ExportOptions {
            recent_states: roots,
            skip_old_messages,
            ..ExportOptions::default()
        };
        let work = tokio::task::spawn_blocking(move || -> Result<(), ChainError> {
            let out = Chunks {
                sender,
                held: Vec::new(),
            };
            let io = |e| ChainError::from(lotus_blockstore::car::CarError::Io(e));
            let mut car = CarWriter::new(out, &raw_cids(&head)).map_err(io)?;
            chain.export(&head, options, &mut car, |_| ControlFlow::Continue(()))?;
            let mut out = car.finish().map_err(io)?;
            out.send_held().map_err(io)?;
            // As in Lotus: an empty chunk says that the export is whole.
            drop(out.sender.blocking_send(Bytes::new()));
            Ok(())
        });
        self.0.tasks.background("chain export", async move {
            match work.await {
                Ok(done) => done.map_err(lotus_runtime::supervisor::TaskError::from),
                Err(died) => Err(died.into()),
            }
        });
        let stream = stream::unfold(chunks, |mut chunks| async move {
            chunks.recv().await.map(|chunk| (chunk, chunks))
        });
        Ok(stream.boxed())
    }
}

fn raw_cids<T: From<Cid>>(tipset: &Tipset) -> Vec<T> {
    tipset.cids().iter().copied().map(T::from).collect()
}

/// Cuts what is written into chunks for a channel; fails when nobody listens any more.
struct Chunks {
    sender: mpsc::Sender<Bytes>,
    held: Vec<u8>,
}

impl Chunks {
    fn send_held(&mut self) -> std::io::Result<()> {
        let chunk = std::mem::take(&mut self.held);
        if chunk.is_empty() {
            return Ok(());
        }
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(chunk.into()).map_err(gone)
    }
}

impl std::io::Write for Chunks {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.held.extend_from_slice(data);
        if self.held.len() >= EXPORT_CHUNK {
            self.send_held()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.send_held()
    }
}
