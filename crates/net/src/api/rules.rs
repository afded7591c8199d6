//! Whom the host does not speak to: peers, IP addresses, networks.
//!
//! A list is taken as a whole or not at all: it is read before anything is changed.

use std::net::IpAddr;

use lotus_ports::network::PeerId;
use lotus_rpc_api::types::net::NetBlockList;

use super::{Answer, peers, texts, told};
use crate::{
    NetService,
    gate::ip::{Subnet, parse_address},
};

struct Rules {
    peers: Vec<PeerId>,
    addresses: Vec<IpAddr>,
    subnets: Vec<Subnet>,
}

async fn read(net: &NetService, list: &NetBlockList) -> Answer<Rules> {
    let peers = peers(&list.peers);
    for peer in &peers {
        // Fails for what is no peer id.
        net.peer(peer).await.map_err(told)?;
    }
    let addresses = list.ip_addrs.iter().map(|text| parse_address(text));
    let subnets = list.ip_subnets.iter().map(|text| text.parse());
    Ok(Rules {
        peers,
        addresses: addresses.collect::<Result<_, _>>().map_err(told)?,
        subnets: subnets.collect::<Result<_, _>>().map_err(told)?,
    })
}

pub(super) async fn add(net: &NetService, list: &NetBlockList) -> Answer<()> {
    let rules = read(net, list).await?;
    let _changing = net.changing_rules().await;
    for peer in &rules.peers {
        net.block(peer).await.map_err(told)?;
    }
    if !rules.addresses.is_empty() || !rules.subnets.is_empty() {
        let blocked = net.block_ips(&rules.addresses, &rules.subnets).await;
        blocked.map_err(told)?;
    }
    net.keep_rules(self::list(net).await?).await.map_err(told)
}

pub(super) async fn remove(net: &NetService, list: &NetBlockList) -> Answer<()> {
    let rules = read(net, list).await?;
    let _changing = net.changing_rules().await;
    for peer in &rules.peers {
        net.unblock(peer).await.map_err(told)?;
    }
    net.unblock_ips(&rules.addresses, &rules.subnets);
    net.keep_rules(self::list(net).await?).await.map_err(told)
}

pub(super) async fn list(net: &NetService) -> Answer<NetBlockList> {
    let peers = net.blocked().await.map_err(told)?;
    let rules = net.blocked_ips();
    Ok(NetBlockList {
        peers: texts(&peers),
        ip_addrs: rules.addresses.iter().map(ToString::to_string).collect(),
        ip_subnets: rules.subnets.iter().map(ToString::to_string).collect(),
    })
}
