//! Routes for whoever operates a process: `/health/livez`, `/health/readyz`, `/debug/metrics`.
//!
//! They need no token, as with Lotus, and answer `GET` and `HEAD`.
//!
//! # Lotus parity
//! `node/health.go` and the Prometheus exporter; metrics come in the OpenMetrics text format, which
//! Prometheus reads. `/debug/pprof` profiles a Go program: here it answers 501.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use lotus_runtime::metrics::Metrics;

/// How a process does.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// Does it make progress? If not, it is to be started again.
    async fn live(&self) -> bool;
    /// May it be asked? If not, ask another one.
    async fn ready(&self) -> bool;
}

/// `/health/livez` and `/health/readyz`: 200 or 503, without a body.
pub fn health_routes(health: Arc<dyn Health>) -> Router {
    Router::new()
        .route("/health/livez", get(live))
        .route("/health/readyz", get(ready))
        .with_state(health)
}

async fn live(State(health): State<Arc<dyn Health>>) -> StatusCode {
    status(health.live().await)
}

async fn ready(State(health): State<Arc<dyn Health>>) -> StatusCode {
    status(health.ready().await)
}

fn status(well: bool) -> StatusCode {
    if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// `/debug/metrics`, and a word about `/debug/pprof`.
pub fn metrics_routes(metrics: Metrics) -> Router {
    Router::new()
        .route("/debug/metrics", get(print_metrics))
        .with_state(metrics)
        .route("/debug/pprof", any(no_pprof))
        .route("/debug/pprof/{*profile}", any(no_pprof))
        .route("/debug/pprof/", any(no_pprof))
}

async fn print_metrics(State(metrics): State<Metrics>) -> Response {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, KIND)], metrics.encode()).into_response()
}

async fn no_pprof() -> Response {
    const TEXT: &str = "pprof is not supported: this is not a Go program\n";
    (StatusCode::NOT_IMPLEMENTED, TEXT).into_response()
}
