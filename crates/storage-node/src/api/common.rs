//! The process itself: version, tokens, log, shutdown.

use std::future;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_rpc_api::{
    Permission, Subscription, miner,
    node::CommonApi,
    openrpc_document,
    types::{
        go::{Empty, Time},
        node::ApiVersion,
    },
};
use lotus_runtime::version::version;
use lotus_types::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, StorageMinerApi, Told as _, not_supported};

#[async_trait]
impl CommonApi for StorageMinerApi {
    async fn version(&self) -> Answer<ApiVersion> {
        Ok(ApiVersion {
            version: version(),
            api_version: ApiVersion::MINER,
            block_delay: self.0.network.block_delay_secs,
        })
    }

    async fn session(&self) -> Answer<Uuid> {
        Ok(self.0.session)
    }

    async fn shutdown(&self) -> Answer<()> {
        self.0.tasks.request_stop("the API method Shutdown");
        Ok(())
    }

    async fn closing(&self) -> Answer<Subscription<Empty>> {
        // No value ever comes: the channel closes when the process ends.
        let stop = self.0.tasks.stop_token();
        let waiting = stream::once(async move { stop.cancelled_owned().await });
        Ok(waiting.filter_map(|()| future::ready(None)).boxed())
    }

    async fn discover(&self) -> Answer<Value> {
        let methods: Vec<_> = miner::methods().collect();
        Ok(openrpc_document("Lotus StorageMiner", &version(), &methods))
    }

    async fn start_time(&self) -> Answer<Time> {
        Ok(self.0.started.into())
    }

    async fn auth_new(&self, permissions: Vec<Permission>) -> Answer<Bytes> {
        Ok(self.0.jwt.token(&permissions).told()?.into_bytes().into())
    }

    async fn auth_verify(&self, token: String) -> Answer<Vec<Permission>> {
        self.0.jwt.verify(&token).told()
    }

    async fn log_list(&self) -> Answer<Vec<String>> {
        let log = self.0.log.as_ref();
        log.map(lotus_runtime::logging::LogHandle::systems)
            .ok_or_else(|| not_supported("LogList"))
    }

    async fn log_set_level(&self, subsystem: String, level: String) -> Answer<()> {
        let log = self.0.log.as_ref();
        let log = log.ok_or_else(|| not_supported("LogSetLevel"))?;
        log.set_level(&subsystem, &level).told()
    }
}
