//! The chain's nouns: one canonical type per noun, for every other crate.
//!
//! Each type has **one** serde form that knows two dialects: human-readable serializers (JSON) get
//! Lotus' JSON, binary ones (DAG-CBOR) get the bytes that go on the wire and into CIDs. Structs
//! declare both with [`wire_tuple!`]; [`wire`] holds strict encoding and decoding.
//!
//! # Invariants
//! - Pure: no I/O, no clock, no async.
//! - [`wire::from_cbor`] accepts exactly the bytes that [`wire::to_cbor`] would write, so an object
//!   has one encoding and one CID (CVE-2021-21405 is what happens otherwise).
//! - No panic on any input from outside.

pub mod actor;
pub mod address;
pub mod bigint;
pub mod bitfield;
pub mod block;
pub mod bytes;
pub mod cid;
pub mod deal;
pub mod key;
pub mod message;
pub mod sector;
pub mod signature;
pub mod tipset;
pub mod token;
pub mod wire;

pub use actor::ActorState;
pub use address::{Address, AddressError, Payload, Protocol};
pub use bigint::BigInt;
pub use bitfield::BitField;
pub use block::{BeaconEntry, BlockHeader, BlockMessage, ElectionProof, MessageMeta, Ticket};
pub use bytes::Bytes;
pub use cid::{Cid, CidError};
pub use deal::{ClientDealProposal, DealId, DealLabel, DealProposal, DealState};
pub use key::{KeyInfo, KeyType};
pub use message::{ExitCode, Message, MethodNum, Receipt, SignedMessage};
pub use sector::{
    ExtendedSectorInfo, PieceInfo, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorId,
    SectorInfo, SectorNumber, SectorSize,
};
pub use signature::{Signature, SignatureType};
pub use tipset::{Tipset, TipsetError, TipsetKey};
pub use token::TokenAmount;

/// A point in chain time: the number of block times since genesis. Negative before genesis.
pub type ChainEpoch = i64;
/// The number behind an ID address (`f01000` is actor 1000).
pub type ActorId = u64;
/// Gas, in the VM's unit. Signed as on the wire.
pub type Gas = i64;
