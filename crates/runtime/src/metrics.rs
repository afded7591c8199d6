//! The metrics registry.

use std::{fmt, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::text,
    metrics::{gauge::ConstGauge, info::Info},
    registry::Registry,
};

/// The process's metrics. Cloneable; each service registers its own under its prefix and keeps the
/// handles; [`Metrics::encode`] prints them all for `/debug/metrics`.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// A registry with the process's own metrics: version and start time.
    pub fn new(version: &str) -> Self {
        let mut registry = Registry::with_prefix("lotus");
        let info = Info::new(vec![("version".to_owned(), version.to_owned())]);
        registry.register("build", "Version of this process", info);
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let started = since_epoch.map_or(0.0, |time| time.as_secs_f64());
        registry.register(
            "process_start_time_seconds",
            "Start, Unix time",
            ConstGauge::new(started),
        );
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Lets a service register its metrics as `lotus_<prefix>_…`.
    pub fn register<T>(&self, prefix: &str, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(self.0.lock().sub_registry_with_prefix(prefix))
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing into a String does not fail; a metric that fails to encode itself ends the text.
        if let Err(error) = text::encode(&mut out, &self.0.lock()) {
            tracing::error!(%error, "metrics cannot be printed");
        }
        out
    }
}

#[cfg(test)]
mod a_service {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn finds_its_metrics_under_its_prefix() {
        let metrics = Metrics::new("1.20.0");
        let blocks: Counter = metrics.register("chain", |registry| {
            let blocks = Counter::default();
            registry.register("blocks", "Blocks put", blocks.clone());
            blocks
        });
        blocks.inc_by(3);
        let text = metrics.encode();
        assert!(text.contains("lotus_chain_blocks_total 3"), "{text}");
        assert!(
            text.contains(r#"lotus_build_info{version="1.20.0"} 1"#),
            "{text}"
        );
    }
}
