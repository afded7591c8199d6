//! Sectors, pieces and their proofs: identities, sizes, registered proof types, commitments.
//!
//! # Invariants
//! - Proof types are open numbers: a message from the chain may name one that this build does not
//!   know. The number survives decoding and encoding; asking for its properties answers `None`.
//! - Padded and unpadded piece sizes are different types, since mixing them up is the classic
//!   mistake: 127 bytes of data take 128 bytes of a sector.
//!
//! # Lotus parity
//! Numbers and JSON names are those of `go-state-types/abi` and `proof`, and of `storiface` for
//! [`SectorRef`] and [`SectorCids`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ActorId, Bytes, Cid, CidError, wire_tuple};

/// A sector's number, unique for its miner.
pub type SectorNumber = u64;
/// The size of a sector in bytes, always a power of two.
pub type SectorSize = u64;

/// Multicodec of a piece or data commitment's CID (`fil-commitment-unsealed`).
pub const FIL_COMMITMENT_UNSEALED: u64 = 0xf101;
/// Multicodec of a replica commitment's CID (`fil-commitment-sealed`).
pub const FIL_COMMITMENT_SEALED: u64 = 0xf102;
/// Multihash of data commitments (`sha2-256-trunc254-padded`).
pub const SHA2_256_TRUNC254_PADDED: u64 = 0x1012;
/// Multihash of replica commitments (`poseidon-bls12_381-a2-fc1`).
pub const POSEIDON_BLS12_381_A2_FC1: u64 = 0xb401;

const SIZES: [SectorSize; 5] = [2 << 10, 8 << 20, 512 << 20, 32 << 30, 64 << 30];

/// How a sector is sealed. The number is the chain's; see the constants for the known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegisteredSealProof(pub i64);

impl RegisteredSealProof {
    /// 2 KiB, before network version 7.
    pub const STACKED_DRG_2KIB_V1: Self = Self(0);
    /// 8 MiB, before network version 7.
    pub const STACKED_DRG_8MIB_V1: Self = Self(1);
    /// 512 MiB, before network version 7.
    pub const STACKED_DRG_512MIB_V1: Self = Self(2);
    /// 32 GiB, before network version 7.
    pub const STACKED_DRG_32GIB_V1: Self = Self(3);
    /// 64 GiB, before network version 7.
    pub const STACKED_DRG_64GIB_V1: Self = Self(4);
    /// 2 KiB: what a devnet seals with.
    pub const STACKED_DRG_2KIB_V1_1: Self = Self(5);
    /// 8 MiB.
    pub const STACKED_DRG_8MIB_V1_1: Self = Self(6);
    /// 512 MiB.
    pub const STACKED_DRG_512MIB_V1_1: Self = Self(7);
    /// 32 GiB.
    pub const STACKED_DRG_32GIB_V1_1: Self = Self(8);
    /// 64 GiB.
    pub const STACKED_DRG_64GIB_V1_1: Self = Self(9);

    /// The interactive V1_1 type for a sector size; `None` for a size that does not exist.
    pub fn for_sector_size(size: SectorSize) -> Option<Self> {
        size_index(size).map(|i| Self(5 + i))
    }

    /// The size of a sector sealed so.
    pub fn sector_size(self) -> Option<SectorSize> {
        // 0.. V1, 5.. V1_1, 10.. V1_1 with synthetic PoRep, 15.. V1_2 non-interactive.
        size_of_number(self.0, 20)
    }

    /// The WinningPoSt type that proves such a sector.
    pub fn winning_post(self) -> Option<RegisteredPoStProof> {
        self.sector_size().map(|_| RegisteredPoStProof(self.0 % 5))
    }

    /// The WindowPoSt type that proves such a sector up to network version 18.
    pub fn window_post(self) -> Option<RegisteredPoStProof> {
        self.sector_size()
            .map(|_| RegisteredPoStProof(5 + self.0 % 5))
    }

    /// The WindowPoSt type from network version 19 on.
    pub fn window_post_v1_1(self) -> Option<RegisteredPoStProof> {
        self.sector_size()
            .map(|_| RegisteredPoStProof(10 + self.0 % 5))
    }

    /// Length of the seal proof in bytes.
    pub fn proof_size(self) -> Option<usize> {
        self.sector_size()
            .map(|s| if s < 32 << 30 { 192 } else { 1920 })
    }
}

impl fmt::Display for RegisteredSealProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How sectors are proven to be still there. The number is the chain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegisteredPoStProof(pub i64);

impl RegisteredPoStProof {
    /// WinningPoSt over 2 KiB sectors.
    pub const STACKED_DRG_WINNING_2KIB_V1: Self = Self(0);
    /// WinningPoSt over 8 MiB sectors.
    pub const STACKED_DRG_WINNING_8MIB_V1: Self = Self(1);
    /// WinningPoSt over 512 MiB sectors.
    pub const STACKED_DRG_WINNING_512MIB_V1: Self = Self(2);
    /// WinningPoSt over 32 GiB sectors.
    pub const STACKED_DRG_WINNING_32GIB_V1: Self = Self(3);
    /// WinningPoSt over 64 GiB sectors.
    pub const STACKED_DRG_WINNING_64GIB_V1: Self = Self(4);
    /// WindowPoSt over 2 KiB sectors, up to network version 18.
    pub const STACKED_DRG_WINDOW_2KIB_V1: Self = Self(5);
    /// WindowPoSt over 8 MiB sectors, up to network version 18.
    pub const STACKED_DRG_WINDOW_8MIB_V1: Self = Self(6);
    /// WindowPoSt over 512 MiB sectors, up to network version 18.
    pub const STACKED_DRG_WINDOW_512MIB_V1: Self = Self(7);
    /// WindowPoSt over 32 GiB sectors, up to network version 18.
    pub const STACKED_DRG_WINDOW_32GIB_V1: Self = Self(8);
    /// WindowPoSt over 64 GiB sectors, up to network version 18.
    pub const STACKED_DRG_WINDOW_64GIB_V1: Self = Self(9);

    /// The size of the sectors proven so.
    pub fn sector_size(self) -> Option<SectorSize> {
        // 0.. winning V1, 5.. window V1, 10.. window V1_1.
        size_of_number(self.0, 15)
    }

    /// The WinningPoSt type over sectors of the same size.
    pub fn winning_post(self) -> Option<Self> {
        self.sector_size().map(|_| Self(self.0 % 5))
    }

    /// Is it a WinningPoSt type?
    pub fn is_winning(self) -> bool {
        (0..5).contains(&self.0)
    }

    /// Is it a WindowPoSt type?
    pub fn is_window(self) -> bool {
        (5..15).contains(&self.0)
    }

    /// How many sectors one WindowPoSt partition covers; `None` for other types.
    pub fn window_partition_sectors(self) -> Option<u64> {
        if !self.is_window() {
            return None;
        }
        Some(match self.0 % 5 {
            3 => 2349,
            4 => 2300,
            _ => 2,
        })
    }

    /// Length in bytes of one WinningPoSt, or of one partition's WindowPoSt.
    pub fn proof_size(self) -> Option<usize> {
        self.sector_size().map(|_| 192)
    }
}

impl fmt::Display for RegisteredPoStProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn size_index(size: SectorSize) -> Option<i64> {
    SIZES
        .iter()
        .position(|s| *s == size)
        .and_then(|i| i64::try_from(i).ok())
}

fn size_of_number(number: i64, end: i64) -> Option<SectorSize> {
    let known = (0..end).contains(&number);
    known
        .then(|| {
            usize::try_from(number % 5)
                .ok()
                .and_then(|i| SIZES.get(i).copied())
        })
        .flatten()
}

/// A sector of a miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectorId {
    /// The miner's actor.
    pub miner: ActorId,
    /// The sector's number at this miner.
    pub number: SectorNumber,
}
wire_tuple!(SectorId {
    miner: "Miner",
    number: "Number"
});

/// The name that the sector's files carry in every storage path, `s-t01000-2`.
impl fmt::Display for SectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s-t0{}-{}", self.miner, self.number)
    }
}

/// A sector and how it is sealed: what every sealing call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SectorRef {
    /// Which sector.
    pub id: SectorId,
    /// How it is (to be) sealed.
    pub proof_type: RegisteredSealProof,
}
wire_tuple!(SectorRef {
    id: "ID",
    proof_type: "ProofType"
});

/// The two commitments that PreCommit2 computes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SectorCids {
    /// CommD: the data, as laid out in the unsealed sector.
    pub unsealed: Cid,
    /// CommR: the sealed replica.
    pub sealed: Cid,
}
wire_tuple!(SectorCids {
    unsealed: "Unsealed",
    sealed: "Sealed"
});

/// The size of a piece in a sector, in bytes: a power of two, 128 at least.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PaddedPieceSize(pub u64);

impl PaddedPieceSize {
    /// The data that fits in: 127 bytes of every 128.
    pub const fn unpadded(self) -> UnpaddedPieceSize {
        UnpaddedPieceSize(self.0 - self.0 / 128)
    }

    /// Is it a power of two of at least 128 bytes?
    pub const fn is_valid(self) -> bool {
        self.0 >= 128 && self.0.is_power_of_two()
    }
}

impl fmt::Display for PaddedPieceSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much data a piece holds, in bytes: 127/128 of a [`PaddedPieceSize`].
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnpaddedPieceSize(pub u64);

impl UnpaddedPieceSize {
    /// The room it takes in a sector. Saturates far beyond any sector.
    pub const fn padded(self) -> PaddedPieceSize {
        PaddedPieceSize(self.0.saturating_add(self.0 / 127))
    }

    /// The smallest piece that holds `len` bytes; `None` beyond 2^63.
    pub fn holding(len: u64) -> Option<Self> {
        let padded = len
            .div_ceil(127)
            .max(1)
            .checked_mul(128)?
            .checked_next_power_of_two()?;
        Some(PaddedPieceSize(padded).unpadded())
    }

    /// Is it 127/128 of a power of two?
    pub const fn is_valid(self) -> bool {
        self.0.is_multiple_of(127) && self.padded().is_valid()
    }
}

impl fmt::Display for UnpaddedPieceSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A piece of data in a sector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PieceInfo {
    /// The room it takes, fr32 padding included.
    pub size: PaddedPieceSize,
    /// CommP.
    pub piece_cid: Cid,
}
wire_tuple!(PieceInfo {
    size: "Size",
    piece_cid: "PieceCID"
});

/// A proof of spacetime.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoStProof {
    /// Its type.
    pub post_proof: RegisteredPoStProof,
    /// The proof itself: 192 bytes, for WindowPoSt 192 per partition.
    pub proof_bytes: Bytes,
}
wire_tuple!(PoStProof { post_proof: "PoStProof", proof_bytes: "ProofBytes" default });

/// What a verifier needs to know of a proven sector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SectorInfo {
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Which one.
    pub sector_number: SectorNumber,
    /// CommR.
    pub sealed_cid: Cid,
}
wire_tuple!(SectorInfo {
    seal_proof: "SealProof",
    sector_number: "SectorNumber",
    sealed_cid: "SealedCID",
});

/// [`SectorInfo`] of a sector that may have been upgraded with a snap deal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExtendedSectorInfo {
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Which one.
    pub sector_number: SectorNumber,
    /// CommR of the replica before the upgrade; `None` when it was never upgraded.
    pub sector_key: Option<Cid>,
    /// CommR now.
    pub sealed_cid: Cid,
}
wire_tuple!(ExtendedSectorInfo {
    seal_proof: "SealProof",
    sector_number: "SectorNumber",
    sector_key: "SectorKey" default,
    sealed_cid: "SealedCID",
});

impl From<&ExtendedSectorInfo> for SectorInfo {
    fn from(s: &ExtendedSectorInfo) -> Self {
        Self {
            seal_proof: s.seal_proof,
            sector_number: s.sector_number,
            sealed_cid: s.sealed_cid,
        }
    }
}

/// The CID of a replica commitment (CommR).
pub fn sealed_cid(comm_r: &[u8; 32]) -> Cid {
    commitment_cid(FIL_COMMITMENT_SEALED, POSEIDON_BLS12_381_A2_FC1, comm_r)
}

/// The CID of a data or piece commitment (CommD, CommP).
pub fn unsealed_cid(comm_d: &[u8; 32]) -> Cid {
    commitment_cid(FIL_COMMITMENT_UNSEALED, SHA2_256_TRUNC254_PADDED, comm_d)
}

/// The commitment in a sealed CID.
///
/// # Errors
/// When the CID's codec, hash function or length is not that of a replica commitment.
pub fn comm_r(cid: &Cid) -> Result<[u8; 32], CidError> {
    commitment(
        cid,
        FIL_COMMITMENT_SEALED,
        POSEIDON_BLS12_381_A2_FC1,
        "a replica commitment",
    )
}

/// The commitment in an unsealed or piece CID.
///
/// # Errors
/// When the CID's codec, hash function or length is not that of a data commitment.
pub fn comm_d(cid: &Cid) -> Result<[u8; 32], CidError> {
    commitment(
        cid,
        FIL_COMMITMENT_UNSEALED,
        SHA2_256_TRUNC254_PADDED,
        "a data commitment",
    )
}

fn commitment_cid(codec: u64, hash: u64, digest: &[u8; 32]) -> Cid {
    let hash = cid::multihash::Multihash::wrap(hash, digest).expect("32 bytes fit a multihash");
    cid::Cid::new_v1(codec, hash).into()
}

fn commitment(cid: &Cid, codec: u64, hash: u64, what: &str) -> Result<[u8; 32], CidError> {
    let of_its_kind = cid.codec() == codec && cid.hash().code() == hash;
    of_its_kind
        .then(|| cid.hash().digest().try_into().ok())
        .flatten()
        .ok_or_else(|| CidError {
            input: cid.to_string(),
            reason: format!("not {what}"),
        })
}

#[cfg(test)]
mod tests;
