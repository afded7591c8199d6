//! Which ports the processes of a devnet listen on, all of them on 127.0.0.1.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

/// Ports below those that Linux gives to outgoing connections (from 32768 on).
const UNASSIGNED: Range<u16> = 12_000..32_000;
/// So often a port is guessed before the kernel is asked for one.
const TRIES: usize = 100;

/// A devnet's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ports {
    /// API of the daemon.
    pub(super) daemon: u16,
    /// API of the miner.
    pub(super) miner: u16,
    /// API of the worker.
    pub(super) worker: u16,
    /// HTTP of the beacon.
    pub(super) beacon: u16,
    /// libp2p of the daemon.
    pub(super) daemon_peer: u16,
    /// libp2p of the miner.
    pub(super) miner_peer: u16,
}

impl Ports {
    /// Lotus' own for the APIs; the others are usual for nothing.
    pub(super) const DEFAULT: Self = Self {
        daemon: 1234,
        miner: 2345,
        worker: 3456,
        beacon: 4567,
        daemon_peer: 24_001,
        miner_peer: 24_002,
    };
    /// Any that are free.
    pub(super) const ANY: Self = Self {
        daemon: 0,
        miner: 0,
        worker: 0,
        beacon: 0,
        daemon_peer: 0,
        miner_peer: 0,
    };

    /// The wanted ports where they are free, others elsewhere.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub(super) fn choose(wanted: Self, machine: &impl Machine) -> std::io::Result<Self> {
        let mut taken = BTreeSet::new();
        let mut chosen = wanted;
        for port in chosen.all_mut() {
            *port = choose(*port, &taken, machine)?;
            taken.insert(*port);
        }
        Ok(chosen)
    }

    fn all_mut(&mut self) -> [&mut u16; 6] {
        [
            &mut self.daemon,
            &mut self.miner,
            &mut self.worker,
            &mut self.beacon,
            &mut self.daemon_peer,
            &mut self.miner_peer,
        ]
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self::DEFAULT
    }
}

/// Which ports are free.
pub(super) trait Machine {
    /// Could a server listen there now?
    fn is_free(&self, port: u16) -> bool;
    /// A port on which one could.
    fn any(&self) -> std::io::Result<u16>;
}

/// This machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Localhost;

impl Machine for Localhost {
    fn is_free(&self, port: u16) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    /// Not one that the kernel would give to whoever connects somewhere: while a process is started
    /// again, nobody must get its port.
    fn any(&self) -> std::io::Result<u16> {
        for _ in 0..TRIES {
            let port = rand::thread_rng().gen_range(UNASSIGNED);
            if self.is_free(port) {
                return Ok(port);
            }
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(listener.local_addr()?.port())
    }
}

fn choose(wanted: u16, taken: &BTreeSet<u16>, machine: &impl Machine) -> std::io::Result<u16> {
    if wanted != 0 && !taken.contains(&wanted) && machine.is_free(wanted) {
        return Ok(wanted);
    }
    for _ in 0..100 {
        let port = machine.any()?;
        if !taken.contains(&port) {
            return Ok(port);
        }
    }
    Err(std::io::Error::other("no free port was found"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Fake {
        busy: Vec<u16>,
        next: Cell<u16>,
    }

    impl Machine for Fake {
        fn is_free(&self, port: u16) -> bool {
            !self.busy.contains(&port)
        }
        fn any(&self) -> std::io::Result<u16> {
            self.next.set(self.next.get() + 1);
            Ok(self.next.get())
        }
    }

    fn fake(busy: &[u16]) -> Fake {
        Fake {
            busy: busy.to_vec(),
            next: Cell::new(40_000),
        }
    }

    #[test]
    fn wanted_ports_are_taken_where_they_are_free() {
        let chosen = Ports::choose(Ports::DEFAULT, &fake(&[])).expect("free");
        assert_eq!(chosen, Ports::DEFAULT);
        let chosen = Ports::choose(Ports::DEFAULT, &fake(&[2345])).expect("free");
        assert_eq!(
            chosen,
            Ports {
                miner: 40_001,
                ..Ports::DEFAULT
            }
        );
    }

    #[test]
    fn no_port_is_given_out_twice() {
        let machine = fake(&[]);
        machine.next.set(4566);
        let wanted = Ports {
            worker: 0,
            daemon: 1234,
            miner: 1234,
            ..Ports::DEFAULT
        };
        let mut chosen = Ports::choose(wanted, &machine).expect("free");
        let distinct: BTreeSet<u16> = chosen.all_mut().into_iter().map(|p| *p).collect();
        assert_eq!(distinct.len(), 6, "{chosen:?}");
    }

    #[test]
    fn this_machine_knows_a_busy_port() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("address").port();
        assert!(!Localhost.is_free(port));
        let other = Localhost.any().expect("another");
        assert_ne!(other, port);
        assert!(UNASSIGNED.contains(&other), "{other}");
    }
}
