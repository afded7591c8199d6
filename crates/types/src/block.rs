//! Block headers and their parts.

use crate::{
    Address, BigInt, Bytes, ChainEpoch, Cid, PoStProof, Signature, SignedMessage, TokenAmount,
    bigint, tipset::TipsetKey, wire, wire_tuple,
};

/// A VRF proof that orders blocks and feeds chain randomness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// BLS signature of 96 bytes (32 random bytes at genesis).
    pub vrf_proof: Bytes,
}
wire_tuple!(Ticket { vrf_proof: "VRFProof" default });

impl Ticket {
    /// blake2b-256 of the proof: what tickets are ordered by, and chain randomness.
    pub fn digest(&self) -> [u8; 32] {
        blake2b256(&self.vrf_proof)
    }
}

/// Proof that a miner was elected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ElectionProof {
    /// How often it won (Poisson), at least 1 in a valid block.
    pub win_count: i64,
    /// BLS signature of 96 bytes.
    pub vrf_proof: Bytes,
}
wire_tuple!(ElectionProof { win_count: "WinCount", vrf_proof: "VRFProof" default });

/// One round of the random beacon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct BeaconEntry {
    /// The beacon's round.
    pub round: u64,
    /// The round's signature (drand) or digest (mock).
    pub data: Bytes,
}
wire_tuple!(BeaconEntry { round: "Round", data: "Data" default });

/// A block header. Its CID names the block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlockHeader {
    /// ID address of the miner actor.
    pub miner: Address,
    /// Ticket; absent never, except in malformed blocks.
    pub ticket: Option<Ticket>,
    /// Election proof.
    pub election_proof: Option<ElectionProof>,
    /// Beacon entries since the parents' last one.
    pub beacon_entries: Vec<BeaconEntry>,
    /// WinningPoSt.
    pub winning_post_proof: Vec<PoStProof>,
    /// Blocks of the parent tipset.
    pub parents: TipsetKey,
    /// Weight of the parents' chain.
    pub parent_weight: bigint::BigInt,
    /// Epoch.
    pub height: ChainEpoch,
    /// State after executing the parent tipset.
    pub parent_state_root: Cid,
    /// Root of the parent tipset's receipts (v0 AMT).
    pub parent_message_receipts: Cid,
    /// CID of this block's [`MessageMeta`].
    pub messages: Cid,
    /// Aggregate of the signatures of its BLS messages.
    pub bls_aggregate: Option<Signature>,
    /// Unix seconds.
    pub timestamp: u64,
    /// By the miner's worker, over the header without this field.
    pub block_signature: Option<Signature>,
    /// Unused; 0.
    pub fork_signaling: u64,
    /// Base fee with which the messages of this tipset are executed, in attoFIL per gas; it
    /// follows from how full the parent tipset was.
    pub parent_base_fee: TokenAmount,
}
wire_tuple!(BlockHeader {
    miner: "Miner",
    ticket: "Ticket" default,
    election_proof: "ElectionProof" default,
    beacon_entries: "BeaconEntries" list,
    winning_post_proof: "WinPoStProof" list,
    parents: "Parents" default,
    parent_weight: "ParentWeight" default,
    height: "Height",
    parent_state_root: "ParentStateRoot",
    parent_message_receipts: "ParentMessageReceipts",
    messages: "Messages",
    bls_aggregate: "BLSAggregate" default,
    timestamp: "Timestamp",
    block_signature: "BlockSig" default,
    fork_signaling: "ForkSignaling" default,
    parent_base_fee: "ParentBaseFee" default,
});

impl BlockHeader {
    /// A header that says who made the block, when and on what, and else is empty: to be filled by whoever
    /// makes blocks, or takes them for an example. As it is no node accepts it.
    pub fn bare(miner: Address, height: ChainEpoch, parents: TipsetKey) -> Self {
        // The binary form of an empty list.
        let nothing = Cid::of_block(&[0x80]);
        Self {
            miner,
            ticket: None,
            election_proof: None,
            beacon_entries: Vec::new(),
            winning_post_proof: Vec::new(),
            parents,
            parent_weight: BigInt::default(),
            height,
            parent_state_root: nothing,
            parent_message_receipts: nothing,
            messages: nothing,
            bls_aggregate: None,
            timestamp: 0,
            block_signature: None,
            fork_signaling: 0,
            parent_base_fee: TokenAmount::zero(),
        }
    }

    /// The block's CID.
    pub fn cid(&self) -> Cid {
        Cid::of(self)
    }

    /// The bytes that the worker signs: the header with its signature set to null.
    pub fn signing_bytes(&self) -> Vec<u8> {
        wire::to_cbor(&Self {
            block_signature: None,
            ..self.clone()
        })
    }

    /// The beacon entry that later blocks continue from; `None` when it carries none.
    pub fn last_beacon_entry(&self) -> Option<&BeaconEntry> {
        self.beacon_entries.last()
    }
}

/// What a header's `messages` CID names: the roots of the message lists (v0 AMTs of CIDs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageMeta {
    /// BLS messages.
    pub bls_messages: Cid,
    /// secp256k1 messages.
    pub secpk_messages: Cid,
}
wire_tuple!(MessageMeta {
    bls_messages: "BlsMessages",
    secpk_messages: "SecpkMessages"
});

/// A block as it is gossiped: header and the CIDs of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockMessage {
    /// The header.
    pub header: BlockHeader,
    /// CIDs of its BLS messages, in order.
    pub bls_messages: Vec<Cid>,
    /// CIDs of its secp256k1 messages, in order.
    pub secpk_messages: Vec<Cid>,
}
wire_tuple!(BlockMessage {
    header: "Header",
    bls_messages: "BlsMessages" list,
    secpk_messages: "SecpkMessages" list,
});

/// A whole block: header and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullBlock {
    /// The header.
    pub header: BlockHeader,
    /// BLS messages, in order.
    pub bls_messages: Vec<crate::Message>,
    /// secp256k1 messages, in order.
    pub secpk_messages: Vec<SignedMessage>,
}

/// blake2b-256, the chain's hash.
pub fn blake2b256(data: &[u8]) -> [u8; 32] {
    let hash = blake2b_simd::Params::new().hash_length(32).hash(data);
    hash.as_bytes().try_into().expect("the hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        cid: String,
        header_hex: String,
    }

    fn mainnet_genesis() -> (String, Vec<u8>) {
        let text = include_str!("../../../fixtures/lotus/wire/mainnet-genesis-header.json");
        let golden: Golden = serde_json::from_str(text).expect("fixture");
        let bytes = data_encoding::HEXLOWER
            .decode(golden.header_hex.as_bytes())
            .expect("hex");
        (golden.cid, bytes)
    }

    #[test]
    fn mainnet_genesis_decodes_and_has_its_cid() {
        let (cid, bytes) = mainnet_genesis();
        let header: BlockHeader = wire::from_cbor(&bytes).expect("decodes");
        assert_eq!(header.height, 0);
        assert_eq!(header.cid().to_string(), cid);
        assert_eq!(wire::to_cbor(&header), bytes);
    }

    #[test]
    fn no_altered_byte_of_a_header_gives_the_same_header() {
        let (cid, bytes) = mainnet_genesis();
        for k in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[k] ^= 1;
            if let Ok(header) = wire::from_cbor::<BlockHeader>(&altered) {
                assert_ne!(header.cid().to_string(), cid, "byte {k}");
            }
        }
        assert!(wire::from_cbor::<BlockHeader>(&bytes[..bytes.len() - 1]).is_err());
    }
}
