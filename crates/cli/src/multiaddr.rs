//! Multiaddrs as miners put them on chain: bytes to text, and back.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use data_encoding::HEXLOWER;
use lotus_types::address::{read_uvarint, write_uvarint};

/// A multiaddr as text: `/ip4/1.2.3.4/tcp/24001`. What cannot be read is shown in hexadecimal, since
/// anyone may write any bytes on chain.
pub(crate) fn text(bytes: &[u8]) -> String {
    read(bytes).unwrap_or_else(|| format!("0x{}", HEXLOWER.encode(bytes)))
}

fn read(mut bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    while !bytes.is_empty() {
        let (code, rest) = read_uvarint(bytes)?;
        bytes = rest;
        let mut take = |count: usize| {
            let (part, rest) = bytes.split_at_checked(count)?;
            bytes = rest;
            Some(part)
        };
        match code {
            4 => write!(
                text,
                "/ip4/{}",
                Ipv4Addr::from(<[u8; 4]>::try_from(take(4)?).ok()?)
            ),
            41 => write!(
                text,
                "/ip6/{}",
                Ipv6Addr::from(<[u8; 16]>::try_from(take(16)?).ok()?)
            ),
            6 => write!(
                text,
                "/tcp/{}",
                u16::from_be_bytes(take(2)?.try_into().ok()?)
            ),
            273 => write!(
                text,
                "/udp/{}",
                u16::from_be_bytes(take(2)?.try_into().ok()?)
            ),
            53..=56 => {
                let (len, rest) = read_uvarint(bytes)?;
                let (name, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                bytes = rest;
                let kind =
                    ["dns", "dns4", "dns6", "dnsaddr"].get(usize::try_from(code - 53).ok()?)?;
                let name = std::str::from_utf8(name).ok()?;
                // A name that breaks out of its line or part is shown as bytes.
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
                name.bytes().all(plain).then_some(())?;
                write!(text, "/{kind}/{name}")
            }
            460 => write!(text, "/quic"),
            461 => write!(text, "/quic-v1"),
            477 => write!(text, "/ws"),
            478 => write!(text, "/wss"),
            480 => write!(text, "/http"),
            443 => write!(text, "/https"),
            _ => return None,
        }
        .ok()?;
    }
    Some(text)
}

/// A multiaddr without the peer at its end, and that peer.
pub(crate) fn without_peer(text: &str) -> (&str, Option<&str>) {
    let parts = text
        .rsplit_once("/p2p/")
        .or_else(|| text.rsplit_once("/ipfs/"));
    match parts {
        Some((place, peer)) if !peer.is_empty() && !peer.contains('/') => (place, Some(peer)),
        _ => (text, None),
    }
}

/// The bytes of a multiaddr: `/ip4/1.2.3.4/tcp/24001`.
///
/// # Errors
/// When it is no multiaddr, or has a part that no address of a miner has.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let wrong = |what: String| format!("failed to parse {text:?} as a multiaddr: {what}");
    let mut parts = text.split('/');
    if parts.next() != Some("") {
        return Err(wrong("must begin with /".to_owned()));
    }
    let mut bytes = Vec::new();
    while let Some(protocol) = parts.next() {
        let mut value = || {
            let value = parts.next().filter(|value| !value.is_empty());
            value.ok_or_else(|| wrong(format!("nothing follows {protocol}")))
        };
        match protocol {
            "ip4" => {
                let address: Ipv4Addr = parse(value()?).map_err(wrong)?;
                write_uvarint(&mut bytes, 4);
                bytes.extend(address.octets());
            }
            "ip6" => {
                let address: Ipv6Addr = parse(value()?).map_err(wrong)?;
                write_uvarint(&mut bytes, 41);
                bytes.extend(address.octets());
            }
            "tcp" | "udp" => {
                let port: u16 = parse(value()?).map_err(wrong)?;
                write_uvarint(&mut bytes, if protocol == "tcp" { 6 } else { 273 });
                bytes.extend(port.to_be_bytes());
            }
            "dns" | "dns4" | "dns6" | "dnsaddr" => {
                let name = value()?;
                let code = match protocol {
                    "dns" => 53,
                    "dns4" => 54,
                    "dns6" => 55,
                    _ => 56,
                };
                write_uvarint(&mut bytes, code);
                write_uvarint(&mut bytes, name.len() as u64);
                bytes.extend(name.bytes());
            }
            "quic" => write_uvarint(&mut bytes, 460),
            "quic-v1" => write_uvarint(&mut bytes, 461),
            "ws" => write_uvarint(&mut bytes, 477),
            "wss" => write_uvarint(&mut bytes, 478),
            "http" => write_uvarint(&mut bytes, 480),
            "https" => write_uvarint(&mut bytes, 443),
            other => return Err(wrong(format!("unknown protocol {other:?}"))),
        }
    }
    Ok(bytes)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_usual_kinds_are_read() {
        assert_eq!(
            text(&[4, 127, 0, 0, 1, 6, 0x09, 0x2a]),
            "/ip4/127.0.0.1/tcp/2346"
        );
        assert_eq!(
            text(b"\x36\x0bnode.example\x06\x00\x50"),
            "0x360b6e6f64652e6578616d706c65060050"
        );
        assert_eq!(
            text(b"\x36\x0cnode.example\x06\x00\x50"),
            "/dns4/node.example/tcp/80"
        );
        assert_eq!(
            text(&[4, 1, 2, 3, 4, 0x91, 2, 0, 1, 0xcd, 3]),
            "/ip4/1.2.3.4/udp/1/quic-v1"
        );
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn whatever_is_not_an_address_is_shown_as_bytes() {
        assert_eq!(text(&[4, 127, 0]), "0x047f00");
        assert_eq!(text(&[0xff; 3]), "0xffffff");
        assert_eq!(text(b"\x36\x03a\nb"), "0x3603610a62");
    }

    #[test]
    fn bytes_and_text_belong_together() {
        for address in [
            "/ip4/127.0.0.1/tcp/2346",
            "/ip6/::1/udp/24001/quic-v1",
            "/dns4/node.example/tcp/80/http",
            "/dnsaddr/node.example",
        ] {
            assert_eq!(text(&bytes(address).expect("an address")), address);
        }
    }

    #[test]
    fn texts_that_are_no_addresses_are_refused_by_what_is_wrong() {
        for (address, reason) in [
            ("127.0.0.1:80", "must begin with /"),
            ("/ip4/300.0.0.1/tcp/1", "300.0.0.1"),
            ("/ip4/1.2.3.4/tcp", "nothing follows tcp"),
            ("/ip4/1.2.3.4/tcp/70000", "70000"),
            ("/smoke/1", "unknown protocol \"smoke\""),
            ("/", "unknown protocol \"\""),
        ] {
            let error = bytes(address).expect_err(address);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_peer_at_the_end_is_taken_off() {
        assert_eq!(
            without_peer("/ip4/1.2.3.4/tcp/1/p2p/12D3Koo"),
            ("/ip4/1.2.3.4/tcp/1", Some("12D3Koo"))
        );
        assert_eq!(
            without_peer("/ip4/1.2.3.4/tcp/1"),
            ("/ip4/1.2.3.4/tcp/1", None)
        );
    }
}
