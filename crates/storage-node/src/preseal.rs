//! Taking in sectors that were sealed before the network began.
//!
//! # Lotus parity
//! `migratePreSealMeta`: such a sector is Proving from the start, with its one piece and without a
//! story.

use std::collections::BTreeMap;

use lotus_genesis::template::{Miner, PreSeal};
use lotus_sealing::{Sector, SectorPiece, SectorState, SectorStore, StoreError};
use lotus_types::{
    Address, PieceInfo,
    sector::{PaddedPieceSize, SectorCids},
};

/// Why pre-sealed sectors were not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PresealError {
    /// The file is not what `lotus-seed pre-seal` writes.
    #[error("not the metadata of pre-sealed sectors")]
    Malformed(#[from] serde_json::Error),
    /// It is about other miners.
    #[error("the metadata are not about {0}")]
    OtherMiner(Address),
    /// The sectors' database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads `pre-seal-t01000.json`: the entry of one miner.
///
/// # Errors
/// [`PresealError::Malformed`], [`PresealError::OtherMiner`].
pub fn read(text: &[u8], miner: Address) -> Result<Miner, PresealError> {
    let mut miners: BTreeMap<String, Miner> = serde_json::from_slice(text)?;
    miners
        .remove(&miner.to_string())
        .ok_or(PresealError::OtherMiner(miner))
}

fn sector(sealed: &PreSeal, miner: &Miner) -> Sector {
    let piece = PieceInfo {
        size: PaddedPieceSize(miner.sector_size),
        piece_cid: sealed.comm_d,
    };
    Sector {
        state: SectorState::Proving,
        seal_proof: sealed.proof_type,
        pieces: vec![SectorPiece {
            piece,
            deal_info: None,
        }],
        cids: Some(SectorCids {
            unsealed: sealed.comm_d,
            sealed: sealed.comm_r,
        }),
        ..Sector::new(sealed.sector_id)
    }
}

/// Puts the miner's pre-sealed sectors into the database; those that are there already stay as they
/// are.
///
/// # Errors
/// [`PresealError::Store`].
pub fn import(store: &SectorStore, miner: &Miner) -> Result<(), PresealError> {
    for sealed in &miner.sectors {
        match store.sector(sealed.sector_id) {
            Ok(_) => {}
            Err(StoreError::NoSector(_)) => store.import(&sector(sealed, miner))?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lotus_sealing::SectorState;

    use super::*;

    const TEMPLATE: &[u8] = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/real-chain/localnet.json"
    ));

    fn recorded() -> Miner {
        let template = lotus_genesis::Template::parse(TEMPLATE).unwrap();
        template.miners.into_iter().next().unwrap()
    }

    #[test]
    fn the_recorded_networks_sectors_are_proving_and_their_numbers_taken() {
        let store = SectorStore::in_memory().unwrap();
        let miner = recorded();
        import(&store, &miner).unwrap();
        // A second start of an interrupted `init`.
        import(&store, &miner).unwrap();
        let states = store.states().unwrap();
        let expected = [0, 1].map(|number| (number, SectorState::Proving));
        assert_eq!(states, expected);
        assert_eq!(store.next_number().unwrap(), 2);
        let sector = store.sector(1).unwrap();
        assert_eq!(sector.cids.unwrap().sealed, miner.sectors[1].comm_r);
        assert!(store.log(1).unwrap().is_empty());
    }

    #[test]
    fn metadata_of_another_miner_are_refused() {
        let by_name = BTreeMap::from([("t01000".to_owned(), recorded())]);
        let text = serde_json::to_vec(&by_name).unwrap();
        assert_eq!(read(&text, Address::new_id(1000)).unwrap(), recorded());
        let other = read(&text, Address::new_id(1001));
        assert!(
            matches!(other, Err(PresealError::OtherMiner(_))),
            "{other:?}"
        );
    }
}
