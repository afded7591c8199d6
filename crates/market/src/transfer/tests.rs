use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body, http::HeaderMap, routing::get};
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{server::TransferServer, *};
use crate::protocol::HttpRequest;

const LIMITS: FetchLimits = FetchLimits {
    connect: Duration::from_secs(5),
    stall: Duration::from_millis(500),
    attempts: 3,
    pause: Duration::from_millis(5),
    allow_private_hosts: true,
};
const SIZE: u64 = 300_000;

fn data() -> Vec<u8> {
    (0..SIZE).map(|i| (i * i % 251) as u8).collect()
}

fn transfer(request: &HttpRequest) -> Transfer {
    Transfer {
        size: SIZE,
        kind: Transfer::HTTP.to_owned(),
        params: serde_json::to_vec(request).unwrap().into(),
        client_id: String::new(),
    }
}

/// A client's listener with one deal's data.
struct Served {
    folder: TempDir,
    server: TransferServer,
    deal: Uuid,
    stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn served() -> Served {
    let folder = TempDir::new().unwrap();
    let car = folder.path().join("data.car");
    std::fs::write(&car, data()).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (server, listener) = TransferServer::bind(any, None).await.unwrap();
    let (deal, stop) = (Uuid::new_v4(), CancellationToken::new());
    server.grant(deal, "secret", car);
    tokio::spawn(server.clone().run(listener, stop.clone()));
    Served {
        folder,
        server,
        deal,
        stop,
    }
}

impl Served {
    fn target(&self) -> PathBuf {
        self.folder.path().join("fetched")
    }

    async fn fetch(&self, token: &str) -> Result<Vec<u8>, FetchError> {
        self.fetch_size(token, SIZE).await
    }

    async fn fetch_size(&self, token: &str, size: u64) -> Result<Vec<u8>, FetchError> {
        let request = self.server.request(self.deal, token);
        fetched(&request, size, &self.target()).await
    }
}

async fn fetched(request: &HttpRequest, size: u64, to: &Path) -> Result<Vec<u8>, FetchError> {
    let source = Source::parse(&transfer(request), &LIMITS)?;
    fetch(&source, size, to, &LIMITS, &|_| {}).await?;
    Ok(std::fs::read(to).unwrap())
}

mod a_clients_listener {
    use super::*;

    #[tokio::test]
    async fn gives_the_data_to_who_has_the_token() {
        let served = served().await;
        assert_eq!(served.fetch("secret").await.unwrap(), data());
    }

    #[tokio::test]
    async fn gives_nothing_for_another_token_or_deal_or_after_the_deal() {
        let mut served = served().await;
        for token in ["wrong", "", "secretsecret"] {
            let refused = served.fetch(token).await.unwrap_err();
            assert!(matches!(
                refused,
                FetchError::Refused(StatusCode::UNAUTHORIZED)
            ));
        }
        let granted = served.deal;
        served.deal = Uuid::new_v4();
        assert!(served.fetch("secret").await.is_err());
        served.deal = granted;
        served.server.revoke(granted);
        assert!(served.fetch("secret").await.is_err());
        assert!(!served.target().exists());
    }

    #[tokio::test]
    async fn goes_on_where_an_interrupted_transfer_ended() {
        let served = served().await;
        // Had they been fetched again, these bytes would be the data's.
        let mut expected = data();
        expected[..1000].fill(0xff);
        std::fs::write(served.target(), &expected[..1000]).unwrap();
        assert_eq!(served.fetch("secret").await.unwrap(), expected);
    }

    #[tokio::test]
    async fn answers_ranges_as_http_says() {
        let served = served().await;
        let request = served.server.request(served.deal, "secret");
        let ask = async |range: &'static str| {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client
                .get(&request.url)
                .header("Authorization", &request.headers["Authorization"])
                .header(RANGE, range);
            let answer = answer.send().await.unwrap();
            let status = answer.status().as_u16();
            let range = answer.headers().get(CONTENT_RANGE).cloned();
            let range = range.map(|r| r.to_str().unwrap().to_owned());
            (status, range, answer.bytes().await.unwrap().len())
        };
        let part = |text: &str| Some(text.to_owned());
        assert_eq!(
            ask("bytes=10-19").await,
            (206, part("bytes 10-19/300000"), 10)
        );
        assert_eq!(
            ask("bytes=-7").await,
            (206, part("bytes 299993-299999/300000"), 7)
        );
        assert_eq!(ask("bytes=299999-999999").await.2, 1);
        assert_eq!(ask("bytes=300000-").await, (416, part("bytes */300000"), 0));
        assert_eq!(ask("lines=1-2").await, (200, None, 300_000));
    }
}

mod fetching {
    use super::*;

    #[tokio::test]
    async fn refuses_more_than_the_deal_says() {
        let served = served().await;
        let refused = served.fetch_size("secret", SIZE - 1).await.unwrap_err();
        assert!(matches!(refused, FetchError::TooLong(_)), "{refused}");
    }

    #[tokio::test]
    async fn gives_up_when_the_data_end_early() {
        let served = served().await;
        let refused = served.fetch_size("secret", SIZE + 1).await.unwrap_err();
        assert!(
            refused.to_string().contains("300000 of 300001 bytes")
                || refused.to_string().contains("416"),
            "{refused}"
        );
    }

    /// A host that answers with the parts of the data given, and then breaks off or falls silent.
    async fn host(
        answer: impl Fn(usize, HeaderMap) -> Body + Clone + Send + Sync + 'static,
    ) -> HttpRequest {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let router = Router::new().route(
            "/",
            get(move |headers: HeaderMap| async move {
                answer(asked.fetch_add(1, Ordering::SeqCst), headers)
            }),
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        HttpRequest {
            url,
            ..HttpRequest::default()
        }
    }

    #[tokio::test]
    async fn begins_again_when_the_host_knows_no_ranges() {
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        let request = host(move |asked, headers| {
            seen.lock().push(headers.get(RANGE).cloned());
            let part = if asked == 0 { 1000 } else { data().len() };
            let first = futures::stream::once(async move { Ok(data()[..part].to_vec()) });
            let broken = (asked == 0).then(|| Err(io::Error::other("broken")));
            Body::from_stream(first.chain(futures::stream::iter(broken)))
        })
        .await;
        let folder = TempDir::new().unwrap();
        let got = fetched(&request, SIZE, &folder.path().join("x")).await;
        assert_eq!(got.unwrap(), data());
        let ranges = ranges.lock().clone();
        assert_eq!(ranges[0], None);
        assert_eq!(ranges.len(), 2, "the second try brings all");
    }

    #[tokio::test]
    async fn does_not_wait_for_a_silent_host_for_ever() {
        let request = host(|_, _| {
            let first = futures::stream::once(async { Ok::<_, io::Error>(vec![1; 10]) });
            Body::from_stream(first.chain(futures::stream::pending()))
        })
        .await;
        let folder = TempDir::new().unwrap();
        let got = fetched(&request, SIZE, &folder.path().join("x")).await;
        let error = got.unwrap_err();
        assert!(matches!(error, FetchError::Interrupted(_)), "{error}");
        assert!(error.is_temporary());
    }

    #[tokio::test]
    async fn stops_a_host_that_sends_more_than_the_deal_says() {
        let request = host(|_, _| {
            let endless = futures::stream::repeat_with(|| Ok::<_, io::Error>(vec![1; 4096]));
            Body::from_stream(endless)
        })
        .await;
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("x");
        let error = fetched(&request, SIZE, &target).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLong(SIZE)), "{error}");
        assert!(std::fs::metadata(&target).unwrap().len() <= SIZE);
    }
}

mod hosts_that_are_not_fetched_from {
    use super::*;

    #[test]
    fn are_those_of_the_providers_own_network() {
        let refused = |url: &str| {
            let request = HttpRequest {
                url: url.to_owned(),
                ..HttpRequest::default()
            };
            let limits = FetchLimits::default();
            Source::parse(&transfer(&request), &limits).is_err()
        };
        for url in [
            "http://127.0.0.1/",
            "http://localhost:80/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
            "http://2130706433/",
        ] {
            assert!(refused(url), "{url}");
        }
        assert!(!refused("http://8.8.8.8/"));
        assert!(!refused("https://example.com/data"));
    }
}
