//! The rules in a file, so that they hold after a restart.
//!
//! One rule a line: `peer 12D3Koo…`, `ip 10.9.8.7` or `subnet 10.0.0.0/8`; an empty line or one that
//! begins with `#` says nothing.
//!
//! # Lotus parity
//! Lotus keeps them in its metadata store.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use lotus_rpc_api::types::net::NetBlockList;
use lotus_runtime::atomic;

use super::ip::{Subnet, parse_address};
use crate::address::LONGEST_PEER_ID;

/// Permissions of the file: its owner's.
const MODE: u32 = 0o600;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; the rules hold until the next start", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "line {line} of {} is no rule: {reason}; correct or remove it", path.display()
    )]
    Rule {
        path: PathBuf,
        line: usize,
        reason: String,
    },
}

/// Reads the rules; none when there is no file.
pub(crate) fn read(path: &Path) -> Result<NetBlockList, KeptError> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(NetBlockList::default()),
        text => text.map_err(|source| KeptError::Read {
            path: path.to_owned(),
            source,
        })?,
    };
    let mut list = NetBlockList::default();
    for (number, line) in text.lines().enumerate() {
        add(&mut list, line).map_err(|reason| KeptError::Rule {
            path: path.to_owned(),
            line: number + 1,
            reason,
        })?;
    }
    Ok(list)
}

fn add(list: &mut NetBlockList, line: &str) -> Result<(), String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let value = |value: &str| value.trim().to_owned();
    match line.split_once(' ') {
        Some(("peer", id)) => {
            let id = value(id);
            if id.len() > LONGEST_PEER_ID || id.parse::<libp2p::PeerId>().is_err() {
                return Err("it names no peer".to_owned());
            }
            list.peers.push(id);
        }
        Some(("ip", ip)) => {
            let ip = parse_address(&value(ip)).map_err(|e| e.to_string())?;
            list.ip_addrs.push(ip.to_string());
        }
        Some(("subnet", net)) => {
            let net: Subnet = value(net)
                .parse()
                .map_err(|e: super::ip::RuleError| e.to_string())?;
            list.ip_subnets.push(net.to_string());
        }
        _ => return Err("it must begin with peer, ip or subnet".to_owned()),
    }
    Ok(())
}

/// Writes the rules in place of those that are there.
pub(crate) fn write(path: &Path, list: &NetBlockList) -> Result<(), KeptError> {
    let mut text = String::from("# Whom the host does not speak to; `net block` changes it.\n");
    let kinds = [
        ("peer", &list.peers),
        ("ip", &list.ip_addrs),
        ("subnet", &list.ip_subnets),
    ];
    for (kind, values) in kinds {
        for value in values {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{kind} {value}");
        }
    }
    atomic::write(path, text.as_bytes(), MODE).map_err(|source| KeptError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of its own below the system's folder for temporary ones; removed at the end.
    struct File(PathBuf);

    impl File {
        fn new() -> Self {
            let name = format!("lotus-rules-{}", libp2p::PeerId::random());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn rules_are_read_as_they_were_written() {
        let file = File::new();
        assert_eq!(read(&file.0).expect("no file"), NetBlockList::default());
        let list = NetBlockList {
            peers: vec![libp2p::PeerId::random().to_base58()],
            ip_addrs: vec!["10.9.8.7".to_owned(), "::1".to_owned()],
            ip_subnets: vec!["10.0.0.0/8".to_owned()],
        };
        write(&file.0, &list).expect("written");
        assert_eq!(read(&file.0).expect("read"), list);
        write(&file.0, &NetBlockList::default()).expect("written");
        assert_eq!(read(&file.0).expect("read"), NetBlockList::default());
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        let file = File::new();
        for (line, reason) in [
            ("ip 10.0.0", "error parsing IP address 10.0.0"),
            ("subnet 10.0.0.0", "error parsing subnet 10.0.0.0"),
            ("peer nobody", "it names no peer"),
            ("host example.org", "it must begin with peer, ip or subnet"),
        ] {
            std::fs::write(&file.0, format!("# rules\n\n{line}\n")).expect("written");
            let error = read(&file.0).expect_err(line).to_string();
            assert!(error.starts_with("line 3 of "), "{error}");
            assert!(error.contains(reason), "{error}");
        }
    }
}
