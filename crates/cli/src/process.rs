//! What every long-running process looks for before it starts: its network, the proofs' parameters,
//! the address that it listens on.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow, bail};
use lotus_networks::Network;
use lotus_proofs::params::{Circuit, PARAMETER_CACHE_ENV, ParameterCache, use_parameter_cache};
use lotus_rpc_api::full::FullNode;
use lotus_runtime::{atomic, repo::Repo};

/// The network's description inside a repo.
pub(crate) const NETWORK_FILE: &str = "network.toml";
/// Inside a repo, whom its host does not speak to.
pub(crate) const BLOCKED_FILE: &str = "net-blocked.txt";
/// How long short work on blocking threads may take after all services have ended.
const LAST_WORK: Duration = Duration::from_millis(500);
/// The sector size whose parameters a local network makes itself.
const LOCAL_SECTOR: u64 = 2 << 10;

/// Runs a long-running process to its end. What still computes then (a proof may take minutes, and is
/// made again after the next start) is not waited for.
pub(crate) fn block_on<T>(process: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(process);
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

/// The network that a process belongs to: as `given` by flag or environment, or else as kept in its
/// repo.
pub(crate) fn find_network(given: Option<&Path>, repo: &Repo) -> anyhow::Result<Network> {
    if let Some(path) = given {
        return Ok(Network::load(path)?);
    }
    let kept = repo.path().join(NETWORK_FILE);
    if kept.exists() {
        return Ok(Network::load(&kept)?);
    }
    bail!(
        "which network? give its description with --network FILE or LOTUS_NETWORK; the repo at {} \
         has none yet",
        repo.path().display()
    )
}

/// Leaves a copy of the network's description in the repo, so that later starts need no flag.
pub(crate) fn keep_network(repo: &Repo, network: &Network) -> anyhow::Result<()> {
    let path = repo.path().join(NETWORK_FILE);
    let text = network.to_toml();
    if std::fs::read_to_string(&path).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    atomic::write(&path, text.as_bytes(), 0o644)
        .with_context(|| format!("writing {}", path.display()))
}

/// Where the parameters of local networks are kept when nothing else is said.
pub(crate) fn local_parameters() -> Option<PathBuf> {
    let from = |name: &str| {
        let value = std::env::var_os(name).filter(|v| !v.is_empty());
        value.map(PathBuf::from)
    };
    let cache = from("LOTUS_RS_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lotus-rs")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lotus-rs")));
    cache.map(|d| d.join("params-2048"))
}

/// Names the folder where a local network keeps its parameters, unless the environment names one.
pub(crate) fn use_local_parameters() -> anyhow::Result<()> {
    if std::env::var_os(PARAMETER_CACHE_ENV).is_some() {
        return Ok(());
    }
    if let Some(folder) = local_parameters().filter(|d| d.is_dir()) {
        use_parameter_cache(&folder)?;
    }
    Ok(())
}

/// Without verifying keys no block can be checked, so the daemon does not start without them.
pub(crate) fn check_verifying_keys(network: &Network) -> anyhow::Result<()> {
    let cache = ParameterCache::of_this_process();
    let Some(size) = network.sector_sizes.iter().min().copied() else {
        bail!("the network's description names no sector size");
    };
    for circuit in [Circuit::WinningPoSt, Circuit::WindowPoSt, Circuit::PoRep] {
        cache.check_key(circuit, size).with_context(|| {
            let hint = if size == LOCAL_SECTOR {
                "`lotus fetch-params 2048` makes them"
            } else {
                "`lotus fetch-params` fetches them"
            };
            format!(
                "verifying keys are missing in {}; {hint}",
                cache.dir().display()
            )
        })?;
    }
    Ok(())
}

/// Where to listen: a port of this machine, or a TCP multiaddr.
pub(crate) fn listen_address(text: &str) -> anyhow::Result<SocketAddr> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let bad = || {
        anyhow!("{text:?} is neither a port nor an address such as /ip4/127.0.0.1/tcp/1234/http")
    };
    let mut parts = text.split('/').skip(1);
    let (Some("ip4" | "ip6"), Some(ip), Some("tcp"), Some(port)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad());
    };
    Ok(SocketAddr::new(
        ip.parse().map_err(|_| bad())?,
        port.parse().map_err(|_| bad())?,
    ))
}

/// An API's address as it stands in a repo.
pub(crate) fn api_multiaddr(address: SocketAddr) -> String {
    let kind = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{kind}/{}/tcp/{}/http", address.ip(), address.port())
}

/// The addresses that a libp2p host can listen on. Lotus' defaults name QUIC, too.
pub(crate) fn tcp_only(addresses: &[String]) -> Vec<String> {
    let (tcp, others): (Vec<_>, Vec<_>) =
        addresses.iter().cloned().partition(|a| a.contains("/tcp/"));
    for address in others {
        tracing::info!(%address, "only TCP is supported: not listening there");
    }
    tcp
}

/// Pause between two tries to reach another process.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Tries until another process answers, which may be on its way up, for at most `limit`.
///
/// # Errors
/// The last one.
pub(crate) async fn once_up<T, F>(limit: Duration, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(error.context(format!("given up after {} s", limit.as_secs())));
        }
        tracing::info!(error = format!("{error:#}"), "waiting");
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Epochs that the head of a daemon that has caught up may be old.
const FRESH: u64 = 3;

/// Waits until the daemon's head is of now. On a network without blocks that never happens; whoever
/// starts one passes `--nosync`.
///
/// # Errors
/// When the daemon does not answer.
pub(crate) async fn wait_synced(node: &dyn FullNode, network: &Network) -> anyhow::Result<()> {
    let mut told = None;
    loop {
        let head = node.chain_head().await.context("asking for the head")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let behind = now.saturating_sub(head.min_timestamp()) / network.block_delay_secs.max(1);
        if behind <= FRESH {
            return Ok(());
        }
        if told != Some(head.height()) {
            eprintln!(
                "waiting for the daemon to catch up: its head, height {}, is {behind} epochs old",
                head.height()
            );
            told = Some(head.height());
        }
        tokio::time::sleep(Duration::from_secs(network.block_delay_secs.clamp(1, 10))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::listen_address;

    #[test]
    fn a_port_means_this_machine_only() {
        assert_eq!(
            listen_address("1234").expect("a port").to_string(),
            "127.0.0.1:1234"
        );
    }

    #[test]
    fn multiaddrs_are_read_and_others_refused() {
        let read = |text: &str| listen_address(text).map(|a| a.to_string()).ok();
        assert_eq!(
            read("/ip4/0.0.0.0/tcp/80/http").as_deref(),
            Some("0.0.0.0:80")
        );
        assert_eq!(read("/ip6/::1/tcp/5/http").as_deref(), Some("[::1]:5"));
        for bad in [
            "",
            "70000",
            "/ip4/1.2.3/tcp/1",
            "/dns/x/tcp/1",
            "/ip4/1.2.3.4/udp/1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
