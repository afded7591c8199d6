//! Following the network.

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_networks::policy::CHAIN_FINALITY;
use lotus_ports::clock::UnixTime;
use lotus_rpc_api::{
    Subscription,
    full::SyncApi,
    types::{
        chain::{ActiveSync, SyncState},
        go::Time,
        node::{NodeChainStatus, NodePeerStatus, NodeStatus, NodeSyncStatus},
    },
};
use lotus_types::{BlockHeader, BlockMessage, Cid, TipsetKey};
use tokio::sync::broadcast::error::RecvError;

use super::{Answer, FullNodeApi, Services, Told as _, complete};

fn time(at: UnixTime) -> Time {
    Time {
        seconds: i64::try_from(at.as_secs()).unwrap_or(i64::MAX),
        nanos: at.subsec_nanos(),
    }
}

fn active(work: lotus_sync::Work) -> ActiveSync {
    ActiveSync {
        worker_id: work.id,
        base: work.base,
        target: work.target,
        stage: work.stage,
        height: work.height,
        start: time(work.start),
        end: work.end.map_or(Time::ZERO, time),
        message: work.message,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of blocks are small")]
fn chain_status(s: &Services) -> Answer<NodeChainStatus> {
    let head = s.chain.require_head().told()?;
    let last_100 = usize::try_from(CHAIN_FINALITY.min(100)).unwrap_or(100);
    let finality = usize::try_from(CHAIN_FINALITY).unwrap_or(900);
    let (mut blocks_100, mut blocks, mut tipsets) = (0, 0, 0);
    for tipset in s.chain.walk_back(head).take(finality) {
        blocks += tipset.told()?.blocks().len();
        tipsets += 1;
        if tipsets == last_100 {
            blocks_100 = blocks;
        }
    }
    let mean = |blocks: usize, of: usize| {
        if tipsets < of {
            0.0
        } else {
            blocks as f64 / of as f64
        }
    };
    Ok(NodeChainStatus {
        blocks_per_tipset_last100: mean(blocks_100, last_100),
        blocks_per_tipset_last_finality: mean(blocks, finality),
    })
}

#[async_trait]
impl SyncApi for FullNodeApi {
    async fn sync_state(&self) -> Answer<SyncState> {
        let status = self.0.sync.status().borrow().clone();
        Ok(SyncState {
            active_syncs: status.works.into_iter().map(active).collect(),
            vm_applied: status.messages_applied,
        })
    }

    async fn sync_submit_block(&self, block: BlockMessage) -> Answer<()> {
        complete(&block.header)?;
        self.0.sync.submit_block(block).await.told()
    }

    async fn sync_incoming_blocks(&self) -> Answer<Subscription<BlockHeader>> {
        let blocks = self.0.sync.incoming_blocks();
        let stream = stream::unfold(blocks, |mut blocks| async move {
            loop {
                match blocks.recv().await {
                    Ok(header) => return Some((header, blocks)),
                    // Some were missed; the next ones still interest.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(stream.boxed())
    }

    async fn sync_checkpoint(&self, key: TipsetKey) -> Answer<()> {
        self.0.sync.set_checkpoint(key).await.told()
    }

    async fn sync_mark_bad(&self, cid: Cid) -> Answer<()> {
        self.0.sync.mark_bad(cid);
        Ok(())
    }

    async fn sync_unmark_bad(&self, cid: Cid) -> Answer<()> {
        self.0.sync.unmark_bad(&cid);
        Ok(())
    }

    async fn sync_unmark_all_bad(&self) -> Answer<()> {
        self.0.sync.unmark_all_bad();
        Ok(())
    }

    async fn sync_check_bad(&self, cid: Cid) -> Answer<String> {
        Ok(self
            .0
            .sync
            .bad_reason(&cid)
            .map(|reason| reason.to_string())
            .unwrap_or_default())
    }

    async fn sync_validate_tipset(&self, key: TipsetKey) -> Answer<bool> {
        self.0.sync.validate_tipset(key).await.told()?;
        Ok(true)
    }

    async fn create_backup(&self, path: String) -> Answer<()> {
        self.run(move |s| {
            let file = s.backup.place(&path).told()?;
            let metadata = &**s.chain.metadata();
            s.backup.collect(metadata).told()?.write(&file).told()
        })
        .await
    }

    async fn node_status(&self, with_chain: bool) -> Answer<NodeStatus> {
        let head = self.0.chain.require_head().told()?;
        let behind = self
            .0
            .clock
            .unix_seconds()
            .saturating_sub(head.min_timestamp())
            / self.0.network.block_delay_secs.max(1);
        let peers = self.0.net.peers().await.told()?;
        let on = |topic: &str| {
            let name = format!("/fil/{topic}/{}", self.0.network.name);
            let count = peers.iter().filter(|p| p.topics.contains(&name)).count();
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        let chain_status = if with_chain {
            self.run(chain_status).await?
        } else {
            NodeChainStatus::default()
        };
        Ok(NodeStatus {
            sync_status: NodeSyncStatus {
                epoch: u64::try_from(head.height()).unwrap_or_default(),
                behind,
            },
            peer_status: NodePeerStatus {
                peers_to_publish_msgs: on("msgs"),
                peers_to_publish_blocks: on("blocks"),
            },
            chain_status,
        })
    }
}
