//! Takes a file that a process gives out beside its API, such as `/rest/v0/export`.

use std::{io, time::Duration};

use futures::StreamExt as _;

use super::http::error_text;
use crate::ApiInfo;

/// A server may be silent for so long, once it has begun to answer.
const STALL: Duration = Duration::from_secs(60);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// Characters of a refusal that are shown.
const SHOWN: usize = 500;

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The server cannot be reached, or the connection broke.
    #[error("{peer}: {reason}")]
    Lost {
        /// Where it is.
        peer: String,
        /// What happened.
        reason: String,
    },
    /// The server does not give it.
    #[error("{peer} answered status {status}: {text}")]
    Refused {
        /// Where it is.
        peer: String,
        /// Of HTTP.
        status: u16,
        /// Its words.
        text: String,
    },
    /// What came cannot be written.
    #[error("writing what came")]
    Write(#[from] io::Error),
}

/// Gives what the process at `info` answers at `path` (`rest/v0/export`) with these parameters to `take`,
/// piece by piece; how many bytes that were.
///
/// # Errors
/// [`DownloadError`]; what was taken before stays taken.
pub async fn download(
    info: &ApiInfo,
    path: &str,
    parameters: &[(&str, &str)],
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, DownloadError> {
    let peer = info.host();
    let lost = |reason: String| DownloadError::Lost {
        peer: peer.clone(),
        reason,
    };
    let mut url = info.http_url("v1");
    // Whatever stands before the API's own path belongs to the address.
    let base = url.path().trim_end_matches("/rpc/v1").trim_end_matches('/');
    let path = format!("{base}/{path}");
    url.set_path(&path);
    url.query_pairs_mut().extend_pairs(parameters);
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        .build();
    let mut request = client.map_err(|e| lost(error_text(&e)))?.get(url);
    if let Some(token) = &info.token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.map_err(|e| lost(error_text(&e)))?;
    let status = response.status();
    if !status.is_success() {
        let text = beginning(response).await;
        return Err(DownloadError::Refused {
            peer,
            status: status.as_u16(),
            text: text.trim().chars().take(SHOWN).collect(),
        });
    }
    let mut pieces = response.bytes_stream();
    let mut taken = 0u64;
    loop {
        let next = tokio::time::timeout(STALL, pieces.next()).await;
        match next.map_err(|_| lost(format!("silent for {} s", STALL.as_secs())))? {
            Some(piece) => {
                let piece = piece.map_err(|e| lost(error_text(&e)))?;
                take(&piece)?;
                taken = taken.saturating_add(piece.len() as u64);
            }
            None => return Ok(taken),
        }
    }
}

/// As much of a refusal as is shown, however long it is and wherever it breaks off.
async fn beginning(response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    let mut pieces = response.bytes_stream();
    while bytes.len() < SHOWN {
        match tokio::time::timeout(STALL, pieces.next()).await {
            Ok(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod a_download {
    use axum::{Router, http::HeaderMap, http::Uri, routing::get};

    use super::*;

    async fn server() -> String {
        let answer = |uri: Uri, headers: HeaderMap| async move {
            let token = headers
                .get("authorization")
                .map(|v| v.to_str().unwrap_or(""));
            format!("{} {}", uri.query().unwrap_or(""), token.unwrap_or("none"))
        };
        let router = Router::new().route("/x/rest/v0/export", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/x")
    }

    #[tokio::test]
    async fn goes_where_the_api_is_with_its_token() {
        let info = ApiInfo::new(&server().await, Some("abc".to_owned())).expect("an address");
        let mut text = Vec::new();
        let take = |piece: &[u8]| {
            text.extend_from_slice(piece);
            Ok(())
        };
        let parameters = [("car", "true"), ("export", "{\"a\":1}")];
        let bytes = download(&info, "rest/v0/export", &parameters, take)
            .await
            .expect("came");
        let text = String::from_utf8(text).expect("text");
        assert_eq!(text, "car=true&export=%7B%22a%22%3A1%7D Bearer abc");
        assert_eq!(bytes, text.len() as u64);
    }

    #[tokio::test]
    async fn whose_refusal_never_ends_is_told_by_its_beginning() {
        let endless = || async {
            let pieces = futures::stream::repeat_with(|| Ok::<_, io::Error>("no ".repeat(100)));
            (
                axum::http::StatusCode::FORBIDDEN,
                axum::body::Body::from_stream(pieces),
            )
        };
        let router = Router::new().route("/rest/v0/export", get(endless));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let info = ApiInfo::new(&format!("http://{address}"), None).expect("an address");
        let error = download(&info, "rest/v0/export", &[], |_| Ok(()))
            .await
            .expect_err("refused");
        let DownloadError::Refused { status, text, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((status, text.chars().count()), (403, SHOWN));
    }

    #[tokio::test]
    async fn that_is_refused_says_so() {
        let info = ApiInfo::new(&server().await, None).expect("an address");
        let error = download(&info, "rest/v0/none", &[], |_| Ok(()))
            .await
            .expect_err("none");
        assert!(error.to_string().contains("answered status 404"), "{error}");
    }
}
