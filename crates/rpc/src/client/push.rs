//! Sends bytes beside a call.

use lotus_rpc_api::RpcError;
use reqwest::Url;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::http::error_text;

/// Posts all of `data` as stream `id` to the server whose endpoint is `endpoint`
/// (`http://host:port/rpc/v0` or `ws://…`). Name `id` in the call that is to read it; run both at
/// once, since each waits for the other.
///
/// # Errors
/// When the server cannot be reached or did not read all of it.
pub async fn push<R>(endpoint: &str, id: Uuid, data: R) -> Result<(), RpcError>
where
    R: AsyncRead + Send + 'static,
{
    let unreachable = |reason: String| RpcError::Unreachable {
        peer: endpoint.to_owned(),
        reason,
    };
    let mut url = Url::parse(endpoint).map_err(|e| unreachable(e.to_string()))?;
    match url.scheme() {
        "ws" => url.set_scheme("http"),
        "wss" => url.set_scheme("https"),
        _ => Ok(()),
    }
    .map_err(|()| unreachable("not an HTTP URL".to_owned()))?;
    url.set_path(&format!("/rpc/streams/v0/push/{id}"));
    let response = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|e| unreachable(error_text(&e)))?
        .post(url)
        .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
        .body(reqwest::Body::wrap_stream(ReaderStream::new(data)))
        .send()
        .await
        .map_err(|e| unreachable(error_text(&e)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let text: String = response
        .text()
        .await
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    Err(RpcError::new(format_args!(
        "sending data stream {id}: status {status}: {}",
        text.trim()
    )))
}
