//! Where an API is and the token for it: the text in `FULLNODE_API_INFO` and `MINER_API_INFO`.
//!
//! # Lotus parity
//! `TOKEN:ADDRESS` or `ADDRESS`; the address is a multiaddr (`/ip4/127.0.0.1/tcp/1234/http`) or a
//! URL. What comes before the first colon is a token only when it looks like a JWT.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// A text that does not say where an API is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the address of an API: {reason}")]
pub struct ApiInfoError {
    /// The address, without the token.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Where an API is and the token for it. Printing it for debugging hides the token.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiInfo {
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
    base: Url,
    from_multiaddr: bool,
}

impl fmt::Debug for ApiInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.token.is_some() { "TOKEN:" } else { "" };
        write!(f, "ApiInfo({token}{})", self.base)
    }
}

impl ApiInfo {
    /// From an address (multiaddr or URL) and a token.
    ///
    /// # Errors
    /// When the address is neither.
    pub fn new(address: &str, token: Option<String>) -> Result<Self, ApiInfoError> {
        let address = address.trim();
        let from_multiaddr = address.starts_with('/');
        let url = if from_multiaddr {
            multiaddr_to_url(address)?
        } else {
            address.to_owned()
        };
        let wrong = |reason: String| ApiInfoError {
            text: address.to_owned(),
            reason,
        };
        let base = Url::parse(&url).map_err(|e| wrong(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(wrong(format!(
                "scheme {:?} is not http or ws",
                base.scheme()
            )));
        }
        if base.host_str().is_none_or(str::is_empty) {
            return Err(wrong("there is no host in it".to_owned()));
        }
        Ok(Self {
            token: token.filter(|t| !t.is_empty()),
            base,
            from_multiaddr,
        })
    }

    /// The address with scheme `http` or `https`, for version `v0` or `v1`.
    pub fn http_url(&self, version: &str) -> Url {
        self.url(version, if self.is_tls() { "https" } else { "http" })
    }

    /// The address with scheme `ws` or `wss`.
    pub fn ws_url(&self, version: &str) -> Url {
        self.url(version, if self.is_tls() { "wss" } else { "ws" })
    }

    /// Is a WebSocket the usual way to it? As with Lotus: for multiaddrs and `ws` URLs.
    pub fn prefers_websocket(&self) -> bool {
        !self.is_tls() && (self.from_multiaddr || self.base.scheme() == "ws")
            || self.base.scheme() == "wss"
    }

    /// The `host:port` of it.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    fn is_tls(&self) -> bool {
        matches!(self.base.scheme(), "https" | "wss")
    }

    fn url(&self, version: &str, scheme: &str) -> Url {
        let mut url = self.base.clone();
        // Changing between these four schemes never fails.
        let _ = url.set_scheme(scheme);
        if !url.path().contains("/rpc/") {
            let path = format!("{}/rpc/{version}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        url
    }
}

impl FromStr for ApiInfo {
    type Err = ApiInfoError;
    fn from_str(s: &str) -> Result<Self, ApiInfoError> {
        let text = s.trim();
        match text.split_once(':') {
            Some((token, address)) if looks_like_jwt(token) && !address.is_empty() => {
                Self::new(address, Some(token.to_owned()))
            }
            _ => Self::new(text, None),
        }
    }
}

fn looks_like_jwt(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    parts.len() == 3 && parts.iter().all(|p| !p.is_empty() && p.bytes().all(plain))
}

/// The URL of a multiaddr such as `/ip4/127.0.0.1/tcp/1234/http`. Without a last part it is `http`.
///
/// # Errors
/// When it is not a host, a TCP port and at most one of `http`, `https`, `ws`, `wss`.
pub fn multiaddr_to_url(address: &str) -> Result<String, ApiInfoError> {
    let wrong = |reason: &str| ApiInfoError {
        text: address.to_owned(),
        reason: reason.to_owned(),
    };
    let rest = address
        .strip_prefix('/')
        .ok_or_else(|| wrong("it does not begin with '/'"))?;
    let parts: Vec<_> = rest.trim_end_matches('/').split('/').collect();
    let [kind, host, tcp, port, tail @ ..] = parts.as_slice() else {
        return Err(wrong(
            "a host and a port are needed, as in /ip4/127.0.0.1/tcp/1234",
        ));
    };
    let host = match *kind {
        "ip4" => host
            .parse::<std::net::Ipv4Addr>()
            .map_err(|_| wrong("bad IPv4 address"))?
            .to_string(),
        "ip6" => {
            let ip = host
                .parse::<std::net::Ipv6Addr>()
                .map_err(|_| wrong("bad IPv6 address"))?;
            format!("[{ip}]")
        }
        "dns" | "dns4" | "dns6" | "dnsaddr" if !host.is_empty() => (*host).to_owned(),
        _ => return Err(wrong("it does not begin with ip4, ip6 or dns")),
    };
    if *tcp != "tcp" {
        return Err(wrong("a TCP port is needed"));
    }
    let port: u16 = port.parse().map_err(|_| wrong("bad port"))?;
    let scheme = match tail {
        [] => "http",
        [scheme @ ("http" | "https" | "ws" | "wss")] => scheme,
        _ => {
            return Err(wrong(
                "it may end with http, https, ws or wss, and nothing else",
            ));
        }
    };
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2lnbmF0dXJl_-";

    fn info(text: &str) -> ApiInfo {
        text.parse().expect("an address")
    }

    #[test]
    fn token_and_multiaddr() {
        let info = info(&format!("{JWT}:/ip4/127.0.0.1/tcp/1234/http"));
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(info.http_url("v1").as_str(), "http://127.0.0.1:1234/rpc/v1");
        assert_eq!(info.ws_url("v0").as_str(), "ws://127.0.0.1:1234/rpc/v0");
        assert!(info.prefers_websocket());
        assert_eq!(info.host(), "127.0.0.1:1234");
        assert!(!format!("{info:?}").contains(JWT));
    }

    #[test]
    fn addresses_without_token() {
        assert_eq!(
            info("/dns4/node.example/tcp/80").http_url("v1").as_str(),
            "http://node.example/rpc/v1"
        );
        assert_eq!(
            info("/ip6/::1/tcp/1234/http").ws_url("v1").as_str(),
            "ws://[::1]:1234/rpc/v1"
        );
        let plain = info("http://node.example:1234/");
        assert_eq!(
            plain.http_url("v0").as_str(),
            "http://node.example:1234/rpc/v0"
        );
        assert!(!plain.prefers_websocket());
        assert!(info("ws://127.0.0.1:1234").prefers_websocket());
    }

    #[test]
    fn tls_and_paths_are_kept() {
        let info = info("https://api.example/rpc/v1");
        assert_eq!(info.http_url("v0").as_str(), "https://api.example/rpc/v1");
        assert_eq!(info.ws_url("v0").as_str(), "wss://api.example/rpc/v1");
    }

    #[test]
    fn a_token_with_url() {
        let info = info(&format!("{JWT}:http://127.0.0.1:1"));
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(info.http_url("v1").as_str(), "http://127.0.0.1:1/rpc/v1");
    }

    #[test]
    fn nonsense_is_named() {
        for (text, reason) in [
            ("", "relative URL"),
            ("/ip4/300.0.0.1/tcp/1", "bad IPv4"),
            ("/ip4/127.0.0.1/udp/1", "TCP port"),
            ("/ip4/127.0.0.1/tcp/99999", "bad port"),
            ("/ip4/127.0.0.1/tcp/1/quic", "may end with"),
            ("/ip4/127.0.0.1", "host and a port"),
            ("/unix/a/tcp/1", "ip4, ip6 or dns"),
            ("ftp://host:1", "scheme"),
        ] {
            let error = text.parse::<ApiInfo>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
