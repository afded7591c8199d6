//! Addresses and networks that are not spoken to.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use lotus_rpc_api::types::net::NetBlockList;

/// A network: `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subnet {
    address: IpAddr,
    prefix: u8,
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("error parsing IP address {0}")]
    Address(String),
    #[error("error parsing subnet {0}: it must be ADDRESS/BITS, as 10.0.0.0/8")]
    Subnet(String),
}

/// The begin of a text, for errors.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Reads an address; `::ffff:1.2.3.4` is the IPv4 address in it.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr, RuleError> {
    let parsed = text.parse::<IpAddr>();
    parsed
        .map(|ip| ip.to_canonical())
        .map_err(|_| RuleError::Address(shown(text)))
}

impl FromStr for Subnet {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let invalid = || RuleError::Subnet(shown(text));
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let digits = prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        if !digits || prefix > bits(address) {
            return Err(invalid());
        }
        Ok(Self::new(address, prefix))
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl Subnet {
    /// The network of an address; `prefix` is at most the address' bits.
    fn new(address: IpAddr, prefix: u8) -> Self {
        Self {
            address: first(address, prefix),
            prefix,
        }
    }

    /// Is the address in the network?
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let own = match (self.address, address) {
            // A network of mapped addresses holds IPv4 addresses too.
            (IpAddr::V6(_), IpAddr::V4(v4)) => IpAddr::V6(v4.to_ipv6_mapped()),
            _ => address,
        };
        bits(self.address) == bits(own) && first(own, self.prefix) == self.address
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The first address of the network that an address is in.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let shift = 32 - u32::from(prefix.min(32));
            let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let shift = 128 - u32::from(prefix.min(128));
            let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// The IP address that a multiaddress begins with; `None` for a name.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    }
}

/// The address is on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is blocked")]
pub(crate) struct Blocked(IpAddr);

/// What is blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IpRules {
    pub(crate) addresses: BTreeSet<IpAddr>,
    pub(crate) subnets: BTreeSet<Subnet>,
}

impl IpRules {
    pub(crate) fn blocks(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses.contains(&address) || self.subnets.iter().any(|s| s.contains(address))
    }
}

/// The rules of a host, asked by whatever dials or accepts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct IpGate(Arc<Mutex<IpRules>>);

impl IpGate {
    /// With these rules; what is no address or network is left out.
    pub(crate) fn new(list: &NetBlockList) -> Self {
        let addresses = list.ip_addrs.iter().flat_map(|text| parse_address(text));
        let subnets = list.ip_subnets.iter().flat_map(|text| text.parse());
        Self(Arc::new(Mutex::new(IpRules {
            addresses: addresses.collect(),
            subnets: subnets.collect(),
        })))
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, IpRules> {
        // Each change leaves the lists whole, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses an address that begins with a blocked IP address. A name passes: what it stands for is
    /// seen when that is dialed.
    pub(crate) fn check(&self, address: &Multiaddr) -> Result<(), Blocked> {
        match ip_of(address) {
            Some(ip) if self.rules().blocks(ip) => Err(Blocked(ip)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().expect("a network")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_is_shown_by_its_first_address() {
        assert_eq!(subnet("10.9.8.7/8").to_string(), "10.0.0.0/8");
        assert_eq!(subnet("2001:db8:1::7/32").to_string(), "2001:db8::/32");
        assert_eq!(subnet("1.2.3.4/32").to_string(), "1.2.3.4/32");
        assert_eq!(subnet("1.2.3.4/0").to_string(), "0.0.0.0/0");
    }

    #[test]
    fn a_network_has_the_addresses_of_its_prefix_and_no_others() {
        let net = subnet("192.168.128.0/17");
        assert!(net.contains(ip("192.168.128.0")) && net.contains(ip("192.168.255.255")));
        assert!(!net.contains(ip("192.168.127.255")) && !net.contains(ip("::1")));
        assert!(
            net.contains(ip("::ffff:192.168.200.1")),
            "an IPv4 address in IPv6"
        );
        assert!(subnet("::/0").contains(ip("2001:db8::1")));
        assert!(subnet("fe80::/10").contains(ip("febf::1")));
        assert!(!subnet("fe80::/10").contains(ip("fec0::1")));
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/+8",
            "x/8",
        ] {
            let error = text.parse::<Subnet>().expect_err(text);
            assert!(
                error.to_string().contains(&format!("subnet {text}:")),
                "{error}"
            );
        }
        let error = parse_address("10.0.0").expect_err("no address");
        assert_eq!(error.to_string(), "error parsing IP address 10.0.0");
    }

    #[test]
    fn an_address_in_a_multiaddress_is_found_and_a_name_passes() {
        let gate = IpGate::default();
        gate.rules().addresses.insert(ip("10.9.8.7"));
        let check = |text: &str| gate.check(&text.parse().expect("an address"));
        let refused = check("/ip4/10.9.8.7/tcp/1").expect_err("blocked");
        assert_eq!(refused.to_string(), "10.9.8.7 is blocked");
        assert!(check("/ip6/::ffff:10.9.8.7/tcp/1").is_err());
        assert!(check("/ip4/10.9.8.8/tcp/1").is_ok());
        assert!(check("/dns4/example.org/tcp/1").is_ok());
    }

    proptest! {
        #[test]
        fn a_network_holds_an_address_when_they_agree_on_the_prefix(
            net in any::<u32>(), other in any::<u32>(), prefix in 0_u8..=32
        ) {
            let subnet = Subnet::new(IpAddr::V4(net.into()), prefix);
            let same = (net ^ other).leading_zeros() >= u32::from(prefix);
            prop_assert_eq!(subnet.contains(IpAddr::V4(other.into())), same);
            prop_assert!(subnet.contains(IpAddr::V4(net.into())));
            prop_assert_eq!(subnet.to_string().parse::<Subnet>(), Ok(subnet));
        }

        #[test]
        fn the_same_holds_for_long_addresses(
            net in any::<u128>(), other in any::<u128>(), prefix in 0_u8..=128
        ) {
            // Mapped addresses are IPv4 addresses.
            let v6 = |bits: u128| IpAddr::V6((bits | (1 << 127)).into());
            let (net, other) = (v6(net), v6(other));
            let subnet = Subnet::new(net, prefix);
            let raw = |ip: IpAddr| match ip { IpAddr::V6(v6) => v6.to_bits(), IpAddr::V4(_) => 0 };
            let same = (raw(net) ^ raw(other)).leading_zeros() >= u32::from(prefix);
            prop_assert_eq!(subnet.contains(other), same);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<Subnet>();
            let _ = parse_address(&text);
        }
    }
}
