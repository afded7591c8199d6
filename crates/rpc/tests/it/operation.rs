//! The routes for operators, and that tokens stay out of the log.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use lotus_rpc::{Health, JwtSecret, Limits, Server, Verifier, health_routes, metrics_routes};
use lotus_rpc_api::Permission;
use lotus_runtime::metrics::Metrics;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::toy::start;

#[derive(Default)]
struct Patient {
    well: AtomicBool,
}

#[async_trait]
impl Health for Patient {
    async fn live(&self) -> bool {
        true
    }
    async fn ready(&self) -> bool {
        self.well.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let patient = Arc::new(Patient::default());
    let server = Server::new(Verifier::Secret(JwtSecret::generate()))
        .merge(health_routes(Arc::clone(&patient) as _))
        .merge(metrics_routes(Metrics::new("1.20.0")))
        .bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let url = format!("http://{}", server.address());
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.serve(stop.clone()));
    let get = async |path: &str| {
        let response = reqwest::get(format!("{url}{path}")).await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    };
    assert_eq!(get("/health/livez").await, (200, String::new()));
    assert_eq!(get("/health/readyz").await, (503, String::new()));
    patient.well.store(true, Ordering::SeqCst);
    assert_eq!(get("/health/readyz").await.0, 200);
    let (status, text) = get("/debug/metrics").await;
    assert_eq!(status, 200);
    assert!(
        text.contains("lotus_build_info{version=\"1.20.0\"} 1"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    for path in ["/debug/pprof", "/debug/pprof/", "/debug/pprof/heap"] {
        let (status, text) = get(path).await;
        assert_eq!(status, 501, "{path}");
        assert!(text.contains("not supported"), "{text}");
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn tokens_are_never_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // The test's runtime has one thread, so that the server's tasks log here, too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = start(Limits::default()).await;
    let good = server.token(Permission::Admin);
    let forged = JwtSecret::generate().token(&Permission::ALL).unwrap();
    let call = r#"{"id":1,"method":"Filecoin.ToyAdd","params":[1,2]}"#;
    let client = reqwest::Client::new();
    for token in [&good, &forged] {
        let in_header = client.post(server.http()).bearer_auth(token).body(call);
        in_header.send().await.unwrap();
        let url = format!("{}?token={token}", server.http());
        client.post(url).body(call).send().await.unwrap();
        let url = format!("{}?token={token}", server.ws());
        drop(tokio_tungstenite::connect_async(url).await);
        // Where a token does not belong: the method's name, a parameter, an id.
        for odd in [
            format!(r#"{{"id":1,"method":"{token}"}}"#),
            format!(r#"{{"id":1,"method":"Filecoin.ToyWrite","params":["{token}"]}}"#),
            format!(r#"{{"method":"Filecoin.ToyWrite","params":["{token}"]}}"#),
        ] {
            client.post(server.http()).body(odd).send().await.unwrap();
        }
    }
    let text = String::from_utf8(log.0.lock().clone()).unwrap();
    // What libraries of the asking side log is another matter: this is the server's log.
    let ours: Vec<_> = text.lines().filter(|l| l.contains("lotus_rpc")).collect();
    assert!(
        ours.iter().any(|line| line.contains("bad token")),
        "something is logged: {text}"
    );
    for token in [&good, &forged] {
        let signature = token.rsplit('.').next().unwrap();
        let found = ours.iter().find(|line| line.contains(signature));
        assert!(found.is_none(), "{found:?}");
    }
}
