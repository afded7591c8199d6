//! Workers of other processes.
//!
//! # Lotus parity
//! A worker calls `WorkerConnect` with the URL of its API; from then on the miner calls the worker,
//! with an admin token of its own making, which the worker has the miner verify.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lotus_rpc::{ClientOptions, HttpClient, WsClient};
use lotus_rpc_api::{
    ApiClient, RpcError,
    miner::WorkersApi,
    types::{
        node::ApiVersion,
        worker::{WorkerJob, WorkerStats},
    },
    worker::Worker,
};
use uuid::Uuid;

use super::{Answer, StorageMinerApi};

async fn client(url: &str, token: String) -> Answer<ApiClient> {
    let options = ClientOptions::default();
    let token = Some(token);
    if url.starts_with("ws:") || url.starts_with("wss:") {
        return Ok(ApiClient::new(Arc::new(
            WsClient::connect(url, token, options).await?,
        )));
    }
    let client = HttpClient::new(url, token, options)?;
    Ok(ApiClient::new(Arc::new(client)))
}

#[async_trait]
impl WorkersApi for StorageMinerApi {
    async fn worker_connect(&self, url: String) -> Answer<()> {
        let worker: Arc<dyn Worker> = Arc::new(client(&url, self.0.token.clone()).await?);
        let version = worker.version().await?;
        let ours = ApiVersion {
            version: String::new(),
            api_version: ApiVersion::WORKER,
            block_delay: 0,
        };
        if !ours.is_compatible(version) {
            let theirs = ApiVersion {
                api_version: version,
                ..ours.clone()
            };
            return Err(RpcError::new(format_args!(
                "the worker at {url} speaks version {} of the API, this miner {}",
                theirs.api_text(),
                ours.api_text()
            )));
        }
        let session = self.0.manager.connect(worker, url.clone()).await?;
        tracing::info!(%session, url, "worker connected");
        Ok(())
    }

    async fn worker_stats(&self) -> Answer<BTreeMap<Uuid, WorkerStats>> {
        Ok(self.0.manager.worker_stats())
    }

    async fn worker_jobs(&self) -> Answer<BTreeMap<Uuid, Vec<WorkerJob>>> {
        Ok(self.0.manager.jobs())
    }
}
