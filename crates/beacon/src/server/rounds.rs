//! The rounds of a devnet's beacon: signed in order, kept in a file.
//!
//! The file holds the 96-byte signatures of rounds 1, 2, 3, … and nothing else, so any round is one
//! read away. It is a cache: what a crash cut off is signed again, to the same bytes.
//!
//! # Invariants
//! - `latest` rounds are in the file, whole; a half-written record at its end is cut off on opening.
//! - Signatures are unique, so two processes with one key cannot disagree.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use data_encoding::HEXLOWER;
use lotus_crypto::{
    bls::{self, SIGNATURE_LEN},
    drand::Scheme,
    sha256,
};
use lotus_networks::{ChainInfo, network::ChainMetadata};
use parking_lot::Mutex;

use crate::chain::{self, ChainInfoError};

const SCHEME: Scheme = Scheme::PedersenBlsChained;
const RECORD: u64 = SIGNATURE_LEN as u64;

type Signature = [u8; SIGNATURE_LEN];

/// Why rounds cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoundsError {
    /// The file failed.
    #[error("cannot access the beacon's rounds {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is of another key or another chain.
    #[error("{} holds rounds of another beacon: round {round} is not of this key", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The round that was looked at.
        round: u64,
    },
    /// Period or genesis time make no chain.
    #[error(transparent)]
    Chain(#[from] ChainInfoError),
}

/// A chained drand chain whose key is known.
#[derive(Debug)]
pub struct DevnetChain {
    key: bls::SecretKey,
    info: ChainInfo,
    group_hash: [u8; 32],
    path: PathBuf,
    file: File,
    /// Rounds in the file.
    latest: AtomicU64,
    /// Signature of round `latest`, or the group hash before round 1. Locked while signing.
    tail: Mutex<Vec<u8>>,
}

impl DevnetChain {
    /// Opens or begins the chain of this key whose round 1 is at `genesis_time` (Unix seconds) and
    /// whose rounds follow every `period` seconds. `path` is the file of its rounds.
    ///
    /// # Errors
    /// [`RoundsError`].
    pub fn open(
        key: bls::SecretKey,
        period: u64,
        genesis_time: u64,
        path: &Path,
    ) -> Result<Self, RoundsError> {
        let (info, group_hash) = describe(&key, period, genesis_time)?;
        let failed = |source| RoundsError::Io {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let latest = file.metadata().map_err(failed)?.len() / RECORD;
        file.set_len(latest * RECORD).map_err(failed)?;
        let chain = Self {
            key,
            info,
            group_hash,
            path: path.to_owned(),
            file,
            latest: AtomicU64::new(latest),
            tail: Mutex::new(group_hash.to_vec()),
        };
        if latest > 0 {
            let (previous, signature) = chain.signatures(latest)?;
            if chain.sign(latest, &previous) != signature {
                return Err(RoundsError::Foreign {
                    path: path.to_owned(),
                    round: latest,
                });
            }
            *chain.tail.lock() = signature.to_vec();
        }
        Ok(chain)
    }

    /// What the beacon serves as `/info`.
    pub fn info(&self) -> &ChainInfo {
        &self.info
    }

    /// The newest round that is in the file; 0 for none.
    pub fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// The newest round that may be known at a time; 0 before the chain begins.
    pub fn due(&self, unix_seconds: u64) -> u64 {
        let since = unix_seconds.checked_sub(self.info.genesis_time);
        since.map_or(0, |since| since / self.info.period + 1)
    }

    /// When a round becomes known (Unix seconds).
    pub fn time_of_round(&self, round: u64) -> u64 {
        let periods = round.saturating_sub(1).saturating_mul(self.info.period);
        self.info.genesis_time.saturating_add(periods)
    }

    /// Signs the rounds up to `round`, those that are missing. About 1 ms each.
    ///
    /// # Errors
    /// When the file cannot be written; rounds before that stay.
    pub fn extend_to(&self, round: u64) -> Result<(), RoundsError> {
        let mut tail = self.tail.lock();
        for next in self.latest() + 1..=round {
            let signature = self.sign(next, &tail);
            self.file
                .write_all_at(&signature, (next - 1) * RECORD)
                .map_err(|source| RoundsError::Io {
                    path: self.path.clone(),
                    source,
                })?;
            *tail = signature.to_vec();
            self.latest.store(next, Ordering::Release);
        }
        Ok(())
    }

    /// The signatures of the round before and of `round`, which must be in the file.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn signatures(&self, round: u64) -> Result<(Vec<u8>, Signature), RoundsError> {
        let previous = match round.checked_sub(1) {
            None | Some(0) => self.group_hash.to_vec(),
            Some(before) => self.read(before)?.to_vec(),
        };
        Ok((previous, self.read(round)?))
    }

    fn read(&self, round: u64) -> Result<Signature, RoundsError> {
        let mut signature = [0; SIGNATURE_LEN];
        self.file
            .read_exact_at(
                &mut signature,
                round.saturating_sub(1).saturating_mul(RECORD),
            )
            .map_err(|source| RoundsError::Io {
                path: self.path.clone(),
                source,
            })?;
        Ok(signature)
    }

    fn sign(&self, round: u64, previous: &[u8]) -> Signature {
        self.key.sign(&SCHEME.message(round, previous))
    }
}

/// Chain info and group hash of a lone key.
fn describe(
    key: &bls::SecretKey,
    period: u64,
    genesis_time: u64,
) -> Result<(ChainInfo, [u8; 32]), ChainInfoError> {
    let public_key = key.public_key();
    // A real group's hash covers its members; this one has a single member.
    let group_hash = sha256(&[&public_key]);
    let mut info = ChainInfo {
        public_key: HEXLOWER.encode(&public_key),
        period,
        genesis_time,
        hash: String::new(),
        group_hash: HEXLOWER.encode(&group_hash),
        scheme_id: SCHEME.id().to_owned(),
        metadata: ChainMetadata::default(),
    };
    info.hash = chain::hash(&info)?;
    Ok((info, group_hash))
}

#[cfg(test)]
mod tests {
    use lotus_types::BeaconEntry;

    use super::*;
    use crate::chain::DrandChain;

    fn key(seed: u8) -> bls::SecretKey {
        bls::SecretKey::from_key_material(&[seed; 32])
    }

    fn open(dir: &Path, seed: u8) -> Result<DevnetChain, RoundsError> {
        DevnetChain::open(key(seed), 4, 1000, &dir.join("rounds"))
    }

    #[test]
    fn every_round_verifies_as_a_drand_round() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let chain = open(dir.path(), 1).expect("opens");
        chain.extend_to(5).expect("signs");
        let verifier = DrandChain::new(chain.info()).expect("its own info");
        for round in 1..=5 {
            let (previous, signature) = chain.signatures(round).expect("is there");
            let entry = BeaconEntry {
                round,
                data: signature.into(),
            };
            verifier.verify(&entry, &previous).expect("its own round");
        }
    }

    #[test]
    fn a_restart_continues_the_same_chain() {
        let (kept, fresh) = (
            tempfile::tempdir().expect("dir"),
            tempfile::tempdir().expect("dir"),
        );
        open(kept.path(), 1)
            .expect("opens")
            .extend_to(3)
            .expect("signs");
        let again = open(kept.path(), 1).expect("opens again");
        assert_eq!(again.latest(), 3);
        again.extend_to(6).expect("signs");
        let other = open(fresh.path(), 1).expect("opens elsewhere");
        other.extend_to(6).expect("signs");
        for round in 1..=6 {
            assert_eq!(
                again.signatures(round).expect("is there"),
                other.signatures(round).expect("is there")
            );
        }
    }

    #[test]
    fn a_record_that_a_crash_cut_off_is_signed_again() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let whole = open(dir.path(), 1).expect("opens");
        whole.extend_to(4).expect("signs");
        let expected = whole.signatures(4).expect("is there");
        whole.file.set_len(3 * RECORD + 50).expect("cuts");
        let again = open(dir.path(), 1).expect("opens again");
        assert_eq!(again.latest(), 3);
        again.extend_to(4).expect("signs");
        assert_eq!(again.signatures(4).expect("is there"), expected);
    }

    #[test]
    fn rounds_of_another_key_are_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        open(dir.path(), 1)
            .expect("opens")
            .extend_to(2)
            .expect("signs");
        assert!(matches!(
            open(dir.path(), 2),
            Err(RoundsError::Foreign { round: 2, .. })
        ));
    }

    #[test]
    fn rounds_are_due_at_their_time() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let chain = open(dir.path(), 1).expect("opens");
        for (time, due) in [(0, 0), (999, 0), (1000, 1), (1003, 1), (1004, 2), (1008, 3)] {
            assert_eq!(chain.due(time), due, "at {time}");
        }
        assert_eq!(chain.time_of_round(3), 1008);
    }

    #[test]
    fn a_period_of_zero_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let opened = DevnetChain::open(key(1), 0, 1000, &dir.path().join("rounds"));
        assert!(matches!(
            opened,
            Err(RoundsError::Chain(ChainInfoError::Period(0)))
        ));
    }
}
