//! Finding the daemon's API.
//!
//! # Lotus parity
//! `FULLNODE_API_INFO` first, then the files `api` and `token` of the repo. A call that is not
//! answered ends after two minutes and says so; Lotus waits for ever.

use std::sync::Arc;

use anyhow::Context as _;
use lotus_rpc::{ApiInfo, ClientOptions};
use lotus_rpc_api::{ApiClient, full::FullNode};
use lotus_runtime::repo::{Repo, RepoKind};

/// A daemon that answers, or at least an address that one may be at.
pub(crate) struct Daemon {
    /// Its API.
    pub(crate) node: Arc<dyn FullNode>,
    /// The API's address as it was given: a multiaddr or a URL.
    pub(crate) address: String,
}

/// Connects to the daemon that the environment names, or else the repo.
///
/// # Errors
/// When there is none, or it does not answer; the text says what to do.
pub(crate) async fn connect(repo: Option<&str>) -> anyhow::Result<Daemon> {
    let (info, address) = find(repo, |name| std::env::var(name).ok())?;
    let client: ApiClient = lotus_rpc::connect(&info, "v1", ClientOptions::default())
        .await
        .with_context(|| {
            format!(
                "the daemon at {} does not answer; is it running? `lotus daemon` starts it, \
                 `lotus wait-api` waits for it",
                info.host()
            )
        })?;
    Ok(Daemon {
        node: Arc::new(client),
        address,
    })
}

/// Where the API is: with token for the client, as text for people.
fn find(
    repo: Option<&str>,
    env: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<(ApiInfo, String)> {
    let kind = RepoKind::FullNode;
    let variable = kind.api_info_env();
    if let Some(text) = env(variable).filter(|text| !text.trim().is_empty()) {
        let info: ApiInfo = text
            .parse()
            .with_context(|| format!("reading {variable}"))?;
        let token = info.token.as_deref().map(|token| format!("{token}:"));
        let bare = text.trim();
        let address = token
            .and_then(|token| bare.strip_prefix(&token))
            .unwrap_or(bare);
        return Ok((info, address.to_owned()));
    }
    let repo = Repo::locate(kind, repo, env)?;
    let hint = || {
        format!(
            "could not get API info for FullNode: is the daemon running? `lotus daemon` starts it; \
             {variable} or LOTUS_PATH name another one"
        )
    };
    let address = repo.api_endpoint().with_context(hint)?;
    let token = repo.api_token().with_context(hint)?;
    let info = ApiInfo::new(&address, Some(token))
        .with_context(|| format!("reading {}", repo.path().join("api").display()))?;
    Ok((info, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2lnbmF0dXJl";

    #[test]
    fn the_environment_comes_first() {
        let text = format!("{JWT}:/ip4/127.0.0.1/tcp/4321/http");
        let (info, address) = find(Some("/nowhere"), |name| {
            (name == "FULLNODE_API_INFO").then(|| text.clone())
        })
        .expect("found");
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(address, "/ip4/127.0.0.1/tcp/4321/http");
    }

    #[test]
    fn a_repo_tells_address_and_token() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("api"), "/ip4/127.0.0.1/tcp/1234/http\n").expect("api");
        std::fs::write(folder.path().join("token"), JWT).expect("token");
        let (info, address) = find(folder.path().to_str(), |_| None).expect("found");
        assert_eq!(info.host(), "127.0.0.1:1234");
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(address, "/ip4/127.0.0.1/tcp/1234/http");
    }

    #[test]
    fn a_daemon_that_does_not_run_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let error = find(folder.path().to_str(), |_| None).expect_err("no API");
        let text = format!("{error:#}");
        assert!(text.contains("is the daemon running?"), "{text}");
        assert!(text.contains("API not running (no endpoint in"), "{text}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        // Port 1 of this machine: nothing listens there.
        std::fs::write(folder.path().join("api"), "/ip4/127.0.0.1/tcp/1/http").expect("api");
        std::fs::write(folder.path().join("token"), JWT).expect("token");
        if std::env::var_os("FULLNODE_API_INFO").is_some() {
            return;
        }
        let error = connect(folder.path().to_str())
            .await
            .err()
            .expect("refused");
        assert!(format!("{error:#}").contains("the daemon at 127.0.0.1:1 does not answer"));
    }
}
