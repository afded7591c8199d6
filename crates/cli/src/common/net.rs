//! `net` of daemon and provider: their peers.

mod block;
mod limit;
mod stat;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lotus_rpc_api::{
    full::FullNode,
    go_json,
    node::NetApi,
    types::net::{AddrInfo, BandwidthStats},
};
use lotus_types::{Address, TipsetKey};
use serde::Serialize;

use super::duration;
use crate::format::{Form, Paint, Table, decimal_size, list, printable};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Net {
    /// Print peers
    Peers {
        /// Print agent name
        #[arg(short, long)]
        agent: bool,
        /// Print extended peer information in json
        #[arg(short = 'x', long)]
        extended: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Ping peers
    Ping(Ping),
    /// Connect to a peer
    Connect {
        /// A multiaddr that ends with /p2p/PEER, or a miner's address
        #[arg(value_name = "peerMultiaddr|minerActorAddress")]
        peer: String,
    },
    /// Disconnect from a peer
    Disconnect {
        /// Whom
        #[arg(value_name = "peerID")]
        peer: String,
    },
    /// List listen addresses
    Listen {
        #[command(flatten)]
        form: Form,
    },
    /// Get node identity
    Id,
    /// Find the addresses of a given peerID
    #[command(visible_alias = "findpeer")]
    FindPeer {
        /// Whose
        #[arg(value_name = "peerId")]
        peer: String,
    },
    /// Print peers' pubsub scores
    Scores {
        /// print extended peer scores in json
        #[arg(short = 'x', long)]
        extended: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Print information about reachability from the internet
    Reachability,
    /// Print bandwidth usage information
    Bandwidth {
        /// list bandwidth usage by peer
        #[arg(long)]
        by_peer: bool,
        /// list bandwidth usage by protocol
        #[arg(long)]
        by_protocol: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Manage network connection gating rules
    #[command(subcommand)]
    Block(block::Block),
    Stat(stat::Stat),
    Limit(limit::Limit),
    /// Add one or more peer IDs to the list of protected peer connections
    Protect {
        /// Whom
        #[arg(value_name = "peer-id", required = true)]
        peers: Vec<String>,
    },
    /// Remove one or more peer IDs from the list of protected peer connections.
    Unprotect {
        /// Whom
        #[arg(value_name = "peer-id", required = true)]
        peers: Vec<String>,
    },
    /// List protected peers
    ListProtected {
        #[command(flatten)]
        form: Form,
    },
}

/// Flags of `net ping`.
#[derive(Debug, clap::Args)]
pub(crate) struct Ping {
    /// A multiaddr that ends with /p2p/PEER
    #[arg(value_name = "peerMultiaddr")]
    peer: String,
    /// specify the number of times it should ping
    #[arg(short, long, default_value_t = 10)]
    count: u32,
    /// minimum time between pings
    #[arg(short, long, default_value = "1s", value_parser = duration)]
    interval: Duration,
}

impl Net {
    /// Is something of the chain needed to carry it out?
    pub(crate) fn needs_chain(&self) -> bool {
        matches!(self, Self::Connect { peer } if peer.parse::<Address>().is_ok())
    }

    /// Runs the command on `node`'s peers. `chain` is asked where a miner's peer is; it must be given
    /// when [`Self::needs_chain`] says so.
    pub(crate) async fn run<N: NetApi + ?Sized>(
        self,
        node: &N,
        chain: Option<&dyn FullNode>,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Peers {
                agent,
                extended,
                form,
            } => peers(node, agent, extended, form, out).await?,
            Self::Ping(ping) => ping.run(node, out).await?,
            Self::Connect { peer } => connect(node, chain, &peer, out).await?,
            Self::Disconnect { peer } => {
                write!(out, "disconnect {peer}: ")?;
                let done = node.net_disconnect(peer).await;
                writeln!(out, "{}", if done.is_ok() { "success" } else { "failure" })?;
                done?;
            }
            Self::Listen { form } => {
                let own = node.net_addrs_listen().await?;
                if form.wrote(out, &[&own])? {
                    return Ok(());
                }
                for address in &own.addrs {
                    writeln!(out, "{address}/p2p/{}", own.id)?;
                }
            }
            Self::Id => writeln!(out, "{}", node.id().await?)?,
            Self::FindPeer { peer } => {
                let found = node.net_find_peer(peer).await?;
                writeln!(out, "{{{}: {}}}", found.id, list(&found.addrs))?;
            }
            Self::Scores { extended, form } => scores(node, extended, form, out).await?,
            Self::Reachability => reachability(node, out).await?,
            Self::Bandwidth {
                by_peer,
                by_protocol,
                form,
            } => {
                bandwidth(node, by_peer, by_protocol, form, out).await?;
            }
            Self::Block(command) => command.run(node, out).await?,
            Self::Stat(command) => command.run(node, paint, out).await?,
            Self::Limit(command) => command.run(node, out).await?,
            Self::Protect { peers } => {
                node.net_protect_add(peers.clone()).await?;
                told("added to protected peers:", &peers, out)?;
            }
            Self::Unprotect { peers } => {
                node.net_protect_remove(peers.clone()).await?;
                told("removed from protected peers:", &peers, out)?;
            }
            Self::ListProtected { form } => {
                let peers = node.net_protect_list().await?;
                if form.wrote(out, &peers)? {
                    return Ok(());
                }
                for peer in peers {
                    writeln!(out, "{peer}")?;
                }
            }
        }
        Ok(())
    }
}

fn told(heading: &str, peers: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{heading}")?;
    for peer in peers {
        writeln!(out, " {peer}")?;
    }
    Ok(())
}

async fn peers<N: NetApi + ?Sized>(
    node: &N,
    agent: bool,
    extended: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut peers = node.net_peers().await?;
    // As Lotus: the last first.
    peers.sort_by(|a, b| b.id.cmp(&a.id));
    if extended {
        let mut known = Vec::new();
        // Lotus lists a peer once for every connection.
        peers.dedup_by(|a, b| a.id == b.id);
        for peer in peers {
            known.push(node.net_peer_info(peer.id).await?);
        }
        if form.wrote(out, &known)? {
            return Ok(());
        }
        for info in known {
            writeln!(out, "{}", go_json(&info)?)?;
        }
        return Ok(());
    }
    if form.wrote(out, &peers)? {
        return Ok(());
    }
    for peer in peers {
        write!(out, "{}, {}", peer.id, list(&peer.addrs))?;
        // One that has not told its agent yet, or has just gone, is listed without.
        if agent && let Ok(agent) = node.net_agent_version(peer.id).await {
            write!(out, ", {}", printable(&agent))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A multiaddr that ends with a peer: `/ip4/127.0.0.1/tcp/1234/p2p/12D3Koo…`.
fn peer_at(address: &str) -> anyhow::Result<AddrInfo> {
    anyhow::ensure!(
        address.starts_with('/'),
        "failed to parse multiaddr {address:?}: must begin with /"
    );
    let parts = address
        .rsplit_once("/p2p/")
        .or_else(|| address.rsplit_once("/ipfs/"));
    match parts {
        Some((place, id)) if !id.is_empty() && !id.contains('/') => Ok(AddrInfo {
            id: id.to_owned(),
            addrs: (!place.is_empty())
                .then(|| place.to_owned())
                .into_iter()
                .collect(),
        }),
        _ => anyhow::bail!("found no ipfs peers at {address}: it must end with /p2p/PEER"),
    }
}

async fn connect<N: NetApi + ?Sized>(
    node: &N,
    chain: Option<&dyn FullNode>,
    peer: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let peer = match peer.parse::<Address>() {
        Ok(miner) => {
            let chain = chain.context("no daemon to ask for the miner's peer")?;
            peer_of(chain, miner).await?
        }
        Err(_) => peer_at(peer)?,
    };
    write!(out, "connect {}: ", peer.id)?;
    let done = node.net_connect(peer).await;
    writeln!(out, "{}", if done.is_ok() { "success" } else { "failure" })?;
    Ok(done?)
}

/// The peer that a miner has put on chain.
async fn peer_of(node: &dyn FullNode, miner: Address) -> anyhow::Result<AddrInfo> {
    let info = node.state_miner_info(miner, TipsetKey::default()).await;
    let info = info.context("getting miner info")?;
    let id = info
        .peer_id
        .with_context(|| format!("no PeerID in the info of miner {miner}"))?;
    let addrs = info
        .multiaddrs
        .iter()
        .map(|bytes| crate::multiaddr::text(bytes))
        .collect();
    Ok(AddrInfo { id, addrs })
}

async fn scores<N: NetApi + ?Sized>(
    node: &N,
    extended: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let scores = node.net_pubsub_scores().await?;
    if form.wrote(out, &scores)? {
        return Ok(());
    }
    for peer in scores {
        if extended {
            writeln!(out, "{}", go_json(&peer)?)?;
        } else {
            writeln!(out, "{}, {:.6}", peer.id, peer.score.score)?;
        }
    }
    Ok(())
}

async fn reachability<N: NetApi + ?Sized>(node: &N, out: &mut dyn Write) -> anyhow::Result<()> {
    let info = node.net_auto_nat_status().await?;
    let name = match info.reachability {
        1 => "Public",
        2 => "Private",
        _ => "Unknown",
    };
    writeln!(out, "AutoNAT status:  {name}")?;
    if !info.public_addrs.is_empty() {
        writeln!(out, "Public address:  {}", list(&info.public_addrs))?;
    }
    Ok(())
}

/// A line of the bandwidth table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Segment {
    segment: String,
    #[serde(flatten)]
    stats: BandwidthStats,
}

async fn bandwidth<N: NetApi + ?Sized>(
    node: &N,
    by_peer: bool,
    by_protocol: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let all: Vec<(String, BandwidthStats)> = if by_peer {
        let peers = node.net_bandwidth_stats_by_peer().await?;
        peers.into_iter().collect()
    } else if by_protocol {
        let protocols = node.net_bandwidth_stats_by_protocol().await?;
        protocols.into_iter().collect()
    } else {
        vec![("Total".to_owned(), node.net_bandwidth_stats().await?)]
    };
    let segment = |(name, stats): (String, BandwidthStats)| Segment {
        segment: if name.is_empty() {
            "<unknown>".to_owned()
        } else {
            name
        },
        stats,
    };
    let segments: Vec<_> = all.into_iter().map(segment).collect();
    if form.wrote(out, &segments)? {
        return Ok(());
    }
    let mut table = Table::open(&["Segment", "TotalIn", "TotalOut", "RateIn", "RateOut"]);
    for Segment { segment, stats } in segments {
        table.row([
            segment,
            decimal_size(stats.total_in as f64),
            decimal_size(stats.total_out as f64),
            format!("{}/s", decimal_size(stats.rate_in)),
            format!("{}/s", decimal_size(stats.rate_out)),
        ]);
    }
    Ok(table.write(out)?)
}

impl Ping {
    async fn run<N: NetApi + ?Sized>(self, node: &N, out: &mut dyn Write) -> anyhow::Result<()> {
        let peer = peer_at(&self.peer)?;
        writeln!(out, "PING {}", peer.id)?;
        if !peer.addrs.is_empty() {
            node.net_connect(peer.clone())
                .await
                .context("connecting to the peer")?;
        }
        let (mut sum, mut answers) = (Duration::ZERO, 0);
        for round in 0..self.count {
            let begin = Instant::now();
            match node.net_ping(peer.id.clone()).await {
                Ok(time) => {
                    let time = Duration::from(time);
                    sum += time;
                    answers += 1;
                    writeln!(out, "Pong received: time={time:?}")?;
                }
                Err(error) => writeln!(out, "Ping failed: error={error}")?,
            }
            if round + 1 < self.count {
                tokio::time::sleep(self.interval.saturating_sub(begin.elapsed())).await;
            }
        }
        anyhow::ensure!(answers > 0 || self.count == 0, "no answer from {}", peer.id);
        if answers > 0 {
            writeln!(out, "Average latency: {:?}", sum / answers)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
