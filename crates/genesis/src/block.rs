//! The genesis header and its file.

use std::{collections::HashSet, io::Write};

use fvm_ipld_amt::Amtv0;
use lotus_actors::{StateError, save};
use lotus_blockstore::{Blockstore as _, SharedBlockstore, car::CarWriter, dag};
use lotus_networks::policy::INITIAL_BASE_FEE;
use lotus_types::{
    Address, BeaconEntry, BlockHeader, Bytes, Cid, ElectionProof, MessageMeta, Ticket, TipsetKey,
    TokenAmount,
};
use multihash_codetable::{Code, MultihashDigest as _};

use crate::GenesisError;

/// The parent of every genesis: a message of 2017 in DAG-CBOR, under the SHA-256 CID
/// `bafyreiaqpwbbyjo4a42saasj36kkrpv4tsherf2e7bvezkert2a7dhonoi`.
const SENTINEL_HEX: &str = concat!(
    "a5684461746574696d6573323031372d30352d30352030313a32373a3531674e6574776f726b6846696c65636f69",
    "6e65546f6b656e6846696c65636f696e6c546f6b656e416d6f756e7473a36b546f74616c537570706c796d322c30",
    "30302c3030302c303030664d696e6572736d312c3430302c3030302c3030306c50726f746f636f6c4c616273a36b",
    "446576656c6f706d656e746b3330302c3030302c3030306b46756e6472616973696e676b3230302c3030302c3030",
    "306a466f756e646174696f6e6b3130302c3030302c303030674d6573736167657848546869732069732074686520",
    "47656e6573697320426c6f636b206f66207468652046696c65636f696e20446563656e7472616c697a6564205374",
    "6f72616765204e6574776f726b2e"
);

/// A genesis, in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Its header.
    pub header: BlockHeader,
    /// The header's CID: the network's identity.
    pub cid: Cid,
}

/// Writes the header and what it names besides the state.
pub(crate) fn make(
    store: &SharedBlockstore,
    state_root: Cid,
    timestamp: u64,
    ticket: Bytes,
) -> Result<Genesis, GenesisError> {
    let empty = Amtv0::<Cid, _>::new(store).flush();
    let empty = Cid::from(empty.map_err(|e| GenesisError::Fault(Box::new(e)))?);
    let meta = MessageMeta {
        bls_messages: empty,
        secpk_messages: empty,
    };
    let header = BlockHeader {
        miner: Address::new_id(0),
        ticket: Some(Ticket { vrf_proof: ticket }),
        election_proof: Some(ElectionProof::default()),
        beacon_entries: vec![BeaconEntry {
            round: 0,
            data: [0; 32].into(),
        }],
        winning_post_proof: Vec::new(),
        parents: TipsetKey::new(vec![put_sentinel(store)?]),
        parent_weight: 0.into(),
        height: 0,
        parent_state_root: state_root,
        parent_message_receipts: empty,
        messages: save(store, &meta, "message lists")?,
        bls_aggregate: None,
        timestamp,
        block_signature: None,
        fork_signaling: 0,
        parent_base_fee: TokenAmount::from_atto(INITIAL_BASE_FEE),
    };
    let cid = save(store, &header, "genesis header")?;
    Ok(Genesis { header, cid })
}

fn put_sentinel(store: &SharedBlockstore) -> Result<Cid, GenesisError> {
    let bytes = data_encoding::HEXLOWER
        .decode(SENTINEL_HEX.as_bytes())
        .expect("constant hex");
    let cid = cid_of_sentinel(&bytes);
    store
        .put_keyed(cid.inner(), &bytes)
        .map_err(|e| GenesisError::Fault(e.into()))?;
    Ok(cid)
}

fn cid_of_sentinel(bytes: &[u8]) -> Cid {
    // CIDv1, DAG-CBOR, and the multihash.
    let cid = [
        &[1, 0x71],
        Code::Sha2_256.digest(bytes).to_bytes().as_slice(),
    ]
    .concat();
    Cid::from_bytes(&cid).expect("version, codec and multihash are a CID")
}

/// Writes a genesis and everything under it, actor code included, as a CAR with one root.
///
/// # Errors
/// [`GenesisError::State`] when a block is missing, [`GenesisError::Fault`] when writing fails.
pub fn write_car(
    store: &SharedBlockstore,
    genesis: &Cid,
    out: impl Write,
) -> Result<(), GenesisError> {
    let fault = |e: std::io::Error| GenesisError::Fault(Box::new(e));
    let mut writer = CarWriter::new(out, &[*genesis.inner()]).map_err(fault)?;
    let walked = dag::walk(
        genesis.inner(),
        store,
        &mut HashSet::new(),
        |_| false,
        |cid, data| Ok(writer.write(cid, data)?),
    );
    walked.map_err(|e| match e {
        dag::DagError::Missing { cid } => GenesisError::State(StateError::Missing {
            what: "genesis",
            cid: cid.to_string(),
        }),
        other => GenesisError::Fault(Box::new(other)),
    })?;
    writer.finish().map_err(fault)?.flush().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_every_genesis_has_its_known_cid() {
        let cid = put_sentinel(&SharedBlockstore::memory()).expect("stores");
        assert_eq!(
            cid.to_string(),
            "bafyreiaqpwbbyjo4a42saasj36kkrpv4tsherf2e7bvezkert2a7dhonoi"
        );
    }
}
