//! Where a provider's gateway is.

use std::net::{Ipv4Addr, Ipv6Addr};

use lotus_types::address::read_uvarint;

// Protocol numbers of the multiaddr table.
const IP4: u64 = 4;
const TCP: u64 = 6;
const IP6: u64 = 41;
const DNS: u64 = 53;
const DNS4: u64 = 54;
const DNS6: u64 = 55;
const HTTPS: u64 = 443;
const TLS: u64 = 448;
const HTTP: u64 = 480;

/// Longest host name.
const MAX_NAME: usize = 253;

/// The URLs of gateways among a provider's multiaddrs, in their order: those that read
/// `/{ip4,ip6,dns,dns4,dns6}/HOST/tcp/PORT` and then `/http`, `/https` or `/tls/http`. All others,
/// and bytes that are no multiaddr, are passed over, since anyone may write anything on chain.
pub fn gateway_urls<A: AsRef<[u8]>>(multiaddrs: &[A]) -> Vec<String> {
    let urls = multiaddrs.iter().map(|address| url(address.as_ref()));
    urls.flatten().collect()
}

/// The multiaddr of a gateway at an IP address, as it goes on chain.
pub fn gateway_multiaddr(address: std::net::SocketAddr) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |protocol, value: &[u8]| {
        lotus_types::address::write_uvarint(&mut out, protocol);
        out.extend_from_slice(value);
    };
    match address.ip() {
        std::net::IpAddr::V4(ip) => put(IP4, &ip.octets()),
        std::net::IpAddr::V6(ip) => put(IP6, &ip.octets()),
    }
    put(TCP, &address.port().to_be_bytes());
    put(HTTP, &[]);
    out
}

fn url(bytes: &[u8]) -> Option<String> {
    let (protocol, rest) = read_uvarint(bytes)?;
    let (host, rest) = match protocol {
        IP4 => {
            let (ip, rest) = rest.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*ip).to_string(), rest)
        }
        IP6 => {
            let (ip, rest) = rest.split_first_chunk::<16>()?;
            (format!("[{}]", Ipv6Addr::from(*ip)), rest)
        }
        DNS | DNS4 | DNS6 => name(rest)?,
        _ => return None,
    };
    let (TCP, rest) = read_uvarint(rest)? else {
        return None;
    };
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let port = u16::from_be_bytes(*port);
    let scheme = match read_uvarint(rest)? {
        (HTTP, []) => "http",
        (HTTPS, []) => "https",
        (TLS, rest) if read_uvarint(rest)? == (HTTP, &[]) => "https",
        _ => return None,
    };
    Some(format!("{scheme}://{host}:{port}"))
}

/// A host name that cannot break out of its place in a URL.
fn name(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = read_uvarint(bytes)?;
    let (name, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
    let good = (1..=MAX_NAME).contains(&name.len()) && name.iter().all(plain);
    let name = std::str::from_utf8(name).ok().filter(|_| good)?;
    Some((name.to_owned(), rest))
}

#[cfg(test)]
mod reading_multiaddrs {
    use super::*;

    const LOCAL: [u8; 8] = [4, 127, 0, 0, 1, 6, 0x1f, 0x90];

    fn one(parts: &[&[u8]]) -> Vec<String> {
        gateway_urls(&[parts.concat()])
    }

    #[test]
    fn finds_http_at_addresses_and_names() {
        assert_eq!(one(&[&LOCAL, &[0xe0, 3]]), ["http://127.0.0.1:8080"]);
        assert_eq!(one(&[&LOCAL, &[0xbb, 3]]), ["https://127.0.0.1:8080"]);
        let tls = one(&[&LOCAL, &[0xc0, 3, 0xe0, 3]]);
        assert_eq!(tls, ["https://127.0.0.1:8080"]);
        let name = one(&[&[54, 11], b"example.org", &[6, 0, 80, 0xe0, 3]]);
        assert_eq!(name, ["http://example.org:80"]);
        let six = [
            &[41][..],
            &Ipv6Addr::LOCALHOST.octets(),
            &[6, 0, 80, 0xe0, 3],
        ];
        assert_eq!(one(&six), ["http://[::1]:80"]);
    }

    #[test]
    fn passes_over_everything_else() {
        let plain_tcp = LOCAL.to_vec();
        let mut with_more = LOCAL.to_vec();
        with_more.extend([0xe0, 3, 0xdd, 3]);
        let escaping = [&[54, 9][..], b"evil/path", &[6, 0, 80, 0xe0, 3]].concat();
        let long_name = [
            &[54, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
            b"x",
        ];
        let other = [
            plain_tcp,
            with_more,
            escaping,
            long_name.concat(),
            vec![],
            vec![4, 1],
        ];
        assert_eq!(gateway_urls(&other), Vec::<String>::new());
    }

    #[test]
    fn gives_back_what_was_written() {
        for address in ["10.1.2.3:45000", "[2001:db8::1]:80"] {
            let multiaddr = gateway_multiaddr(address.parse().unwrap());
            assert_eq!(gateway_urls(&[multiaddr]), [format!("http://{address}")]);
        }
    }
}
