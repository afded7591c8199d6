//! The process behind an API: version, session, tokens, log, alerts, shutdown ([`CommonApi`]).
//!
//! # Lotus parity
//! `node/impl/common`.

use std::{fmt, future, time::SystemTime};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_rpc_api::{
    MethodInfo, Permission, RpcError, Subscription,
    node::CommonApi,
    openrpc_document,
    types::{
        go::{Empty, Time},
        node::{Alert, AlertEvent, AlertType, ApiVersion},
    },
};
use lotus_runtime::{
    alerts::{self, Alerts},
    logging::LogHandle,
    supervisor::Tasks,
    version::version,
};
use lotus_types::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::JwtSecret;

type Answer<T> = Result<T, RpcError>;

/// A process with tokens and a log, under a supervisor.
pub struct Process {
    api_version: u32,
    block_delay: u64,
    methods: Vec<&'static MethodInfo>,
    jwt: JwtSecret,
    log: Option<LogHandle>,
    alerts: Alerts,
    tasks: Tasks,
    session: Uuid,
    started: SystemTime,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.session)
    }
}

impl Process {
    /// This process, from now on. It speaks `methods` of version `api_version` (one of
    /// [`ApiVersion`]'s), on a network with a block every `block_delay` seconds.
    pub fn new(
        api_version: u32,
        block_delay: u64,
        methods: impl IntoIterator<Item = &'static MethodInfo>,
        jwt: JwtSecret,
        tasks: Tasks,
    ) -> Self {
        Self {
            api_version,
            block_delay,
            methods: methods.into_iter().collect(),
            jwt,
            log: None,
            alerts: Alerts::default(),
            tasks,
            session: Uuid::new_v4(),
            started: SystemTime::now(),
        }
    }

    /// Lets callers see and change the levels of the log.
    #[must_use]
    pub fn with_log(mut self, log: Option<LogHandle>) -> Self {
        self.log = log;
        self
    }

    /// Tells callers of these alerts; without them there are none to tell of.
    #[must_use]
    pub fn with_alerts(mut self, alerts: Alerts) -> Self {
        self.alerts = alerts;
        self
    }

    fn log(&self, method: &str) -> Answer<&LogHandle> {
        let log = self.log.as_ref();
        log.ok_or_else(|| RpcError::not_supported(method))
    }
}

#[async_trait]
impl CommonApi for Process {
    async fn version(&self) -> Answer<ApiVersion> {
        Ok(ApiVersion {
            version: version(),
            api_version: self.api_version,
            block_delay: self.block_delay,
        })
    }

    async fn session(&self) -> Answer<Uuid> {
        Ok(self.session)
    }

    async fn shutdown(&self) -> Answer<()> {
        self.tasks.request_stop("the API method Shutdown");
        Ok(())
    }

    async fn closing(&self) -> Answer<Subscription<Empty>> {
        // No value ever comes: the channel closes when the process ends.
        let stop = self.tasks.stop_token();
        let waiting = stream::once(async move { stop.cancelled_owned().await });
        Ok(waiting.filter_map(|()| future::ready(None)).boxed())
    }

    async fn discover(&self) -> Answer<Value> {
        Ok(openrpc_document(&version(), self.methods.iter().copied()))
    }

    async fn start_time(&self) -> Answer<Time> {
        Ok(self.started.into())
    }

    async fn auth_new(&self, permissions: Vec<Permission>) -> Answer<Bytes> {
        let token = self.jwt.token(&permissions).map_err(RpcError::new)?;
        Ok(token.into_bytes().into())
    }

    async fn auth_verify(&self, token: String) -> Answer<Vec<Permission>> {
        self.jwt.verify(&token).map_err(RpcError::new)
    }

    async fn log_list(&self) -> Answer<Vec<String>> {
        Ok(self.log("Filecoin.LogList")?.systems())
    }

    async fn log_set_level(&self, subsystem: String, level: String) -> Answer<()> {
        let log = self.log("Filecoin.LogSetLevel")?;
        log.set_level(&subsystem, &level)
            .map_err(|e| RpcError::from_error(&e))
    }

    async fn log_alerts(&self) -> Answer<Vec<Alert>> {
        Ok(self.alerts.list().into_iter().map(alert).collect())
    }
}

fn alert(state: alerts::State) -> Alert {
    let event = |change: alerts::Change| AlertEvent {
        kind: change.kind.to_owned(),
        message: change.message,
        time: change.at.into(),
    };
    Alert {
        kind: AlertType {
            system: state.system.to_owned(),
            subsystem: state.subsystem.to_owned(),
        },
        active: state.active,
        last_active: state.raised.map(event),
        last_resolved: state.resolved.map(event),
    }
}

#[cfg(test)]
mod alerts_of_a_process {
    use serde_json::json;

    use super::*;

    #[test]
    fn have_the_recorded_shape() {
        let alerts = Alerts::default();
        alerts.alarm("process", "fd-limit");
        let sync = alerts.alarm("chain", "head-lag");
        sync.raise(json!({ "message": "behind" }));
        let told = alerts.list().into_iter().map(alert);
        let told = serde_json::to_value(told.collect::<Vec<_>>()).expect("JSON");
        assert_eq!(
            told[1],
            json!({
                "Type": { "System": "process", "Subsystem": "fd-limit" },
                "Active": false, "LastActive": null, "LastResolved": null,
            })
        );
        assert_eq!(told[0]["Active"], true);
        assert_eq!(told[0]["LastActive"]["Type"], "raised");
        assert_eq!(told[0]["LastActive"]["Message"]["message"], "behind");
        assert!(told[0]["LastActive"]["Time"].is_string());
    }
}
