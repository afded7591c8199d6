//! Multiaddresses as miners put them on chain: binary.
//!
//! The few protocols are read that can lead to a libp2p host over TCP; an address with any other part,
//! such as that of a retrieval gateway, is left out.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use lotus_types::address::read_uvarint;

/// Longest host name.
const MAX_NAME: u64 = 255;

/// The text form; `None` when a part is not known or cut short.
pub(super) fn to_text(mut bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    while !bytes.is_empty() {
        let (protocol, rest) = read_uvarint(bytes)?;
        bytes = part(protocol, rest, &mut text)?;
    }
    (!text.is_empty()).then_some(text)
}

/// Writes one part and returns what follows it.
fn part<'a>(protocol: u64, rest: &'a [u8], text: &mut String) -> Option<&'a [u8]> {
    let name = match protocol {
        4 => {
            let (ip, rest) = rest.split_first_chunk::<4>()?;
            write!(text, "/ip4/{}", Ipv4Addr::from(*ip)).ok()?;
            return Some(rest);
        }
        41 => {
            let (ip, rest) = rest.split_first_chunk::<16>()?;
            write!(text, "/ip6/{}", Ipv6Addr::from(*ip)).ok()?;
            return Some(rest);
        }
        6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            write!(text, "/tcp/{}", u16::from_be_bytes(*port)).ok()?;
            return Some(rest);
        }
        53 => "dns",
        54 => "dns4",
        55 => "dns6",
        56 => "dnsaddr",
        _ => return None,
    };
    let (len, rest) = read_uvarint(rest)?;
    let len = usize::try_from(len.min(MAX_NAME + 1)).ok()?;
    let (host, rest) = rest.split_at_checked(len)?;
    let host = std::str::from_utf8(host).ok()?;
    let valid = !host.is_empty() && host.len() <= 255 && !host.contains('/');
    valid.then_some(())?;
    write!(text, "/{name}/{host}").ok()?;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::to_text;

    #[test]
    fn addresses_of_hosts_are_read() {
        let tcp = [4, 127, 0, 0, 1, 6, 0x04, 0xd2];
        assert_eq!(to_text(&tcp).unwrap(), "/ip4/127.0.0.1/tcp/1234");
        let dns = [&[54, 7][..], b"example", &[6, 0, 80]].concat();
        assert_eq!(to_text(&dns).unwrap(), "/dns4/example/tcp/80");
    }

    #[test]
    fn cut_and_unknown_ones_are_left_out() {
        assert_eq!(to_text(&[]), None);
        assert_eq!(to_text(&[4, 127, 0]), None);
        assert_eq!(to_text(&[54, 200, b'a']), None);
        assert_eq!(to_text(&[0xcc, 0x03]), None, "quic");
        let gateway = [4, 127, 0, 0, 1, 6, 0x04, 0xd2, 0xe0, 0x03];
        assert_eq!(to_text(&gateway), None, "http");
    }
}
