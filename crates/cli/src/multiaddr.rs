//! Multiaddrs as miners put them on chain: bytes to text.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use data_encoding::HEXLOWER;
use lotus_types::address::read_uvarint;

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
}
