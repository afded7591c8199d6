//! Asking a gateway whether it has a block, without fetching it.

use lotus_types::Cid;
use tokio::time::timeout;

use super::{RAW_TYPE, RetrieveError, RetrieveLimits, client::http_client};

/// Asks the gateway at `url` (`http://HOST:PORT`) whether it has `block`.
///
/// # Errors
/// [`RetrieveError::NotFound`] when it says no; others when it does not say.
pub async fn has(url: &str, block: &Cid, limits: &RetrieveLimits) -> Result<(), RetrieveError> {
    let url = format!("{}/ipfs/{block}?format=raw", url.trim_end_matches('/'));
    let lost = |error: reqwest::Error| RetrieveError::Connection {
        url: url.clone(),
        reason: error.to_string(),
    };
    let http = http_client(&url, limits).map_err(lost)?;
    let asked = http.head(&url).header("Accept", RAW_TYPE).send();
    let answer = timeout(limits.answer, asked)
        .await
        .map_err(|_| RetrieveError::TimedOut {
            url: url.clone(),
            what: "answer",
            limit: limits.answer,
        })?
        .map_err(lost)?;
    match answer.status().as_u16() {
        200..=299 => Ok(()),
        404 => Err(RetrieveError::NotFound(Box::new((*block).into()))),
        status => Err(RetrieveError::Refused {
            url,
            status,
            text: "no reason given".to_owned(),
        }),
    }
}
