//! Messages of a miner about its sectors: building them, and recognising them.

use lotus_actors::{
    StateError, call,
    miner::{SectorLocation, SectorPreCommitInfo, method, params as p},
};
use lotus_types::{ActorId, Address, BitField, Bytes, Message, SectorNumber, TokenAmount, wire};

/// More sectors than any message may name: the bound when reading bit fields of others.
const MAX_SECTORS: u64 = 1 << 16;

/// Why a message could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The parameters have no binary form.
    #[error(transparent)]
    Params(#[from] StateError),
    /// The sector numbers make no bit field.
    #[error("sector numbers: {0}")]
    Numbers(String),
}

/// Announces sealed sectors. One message form for one and for many (FIP-0041).
pub(crate) fn pre_commit(
    miner: ActorId,
    from: Address,
    value: TokenAmount,
    sectors: Vec<SectorPreCommitInfo>,
) -> Result<Message, MessageError> {
    let params = p::PreCommitSectorBatchParams2 { sectors };
    Ok(call(
        from,
        Address::new_id(miner),
        value,
        method::PRE_COMMIT_SECTOR_BATCH2,
        &params,
    )?)
}

/// Proves one sector.
pub(crate) fn prove_commit(
    miner: ActorId,
    from: Address,
    value: TokenAmount,
    sector_number: SectorNumber,
    proof: Bytes,
) -> Result<Message, MessageError> {
    let params = p::ProveCommitSectorParams {
        sector_number,
        proof,
    };
    Ok(call(
        from,
        Address::new_id(miner),
        value,
        method::PROVE_COMMIT_SECTOR,
        &params,
    )?)
}

/// Proves many sectors with one proof.
pub(crate) fn prove_commit_aggregate(
    miner: ActorId,
    from: Address,
    value: TokenAmount,
    sectors: &[SectorNumber],
    aggregate_proof: Bytes,
) -> Result<Message, MessageError> {
    let sector_numbers =
        BitField::try_from_numbers(sectors.iter().copied()).map_err(MessageError::Numbers)?;
    let params = p::ProveCommitAggregateParams {
        sector_numbers,
        aggregate_proof,
    };
    Ok(call(
        from,
        Address::new_id(miner),
        value,
        method::PROVE_COMMIT_AGGREGATE,
        &params,
    )?)
}

/// Gives sectors up before they expire.
pub(crate) fn terminate(
    miner: ActorId,
    from: Address,
    at: SectorLocation,
    sector: SectorNumber,
) -> Result<Message, MessageError> {
    let sectors = BitField::try_from_numbers([sector]).map_err(MessageError::Numbers)?;
    let declaration = p::SectorDeclaration {
        deadline: at.deadline,
        partition: at.partition,
        sectors,
    };
    let params = p::TerminateSectorsParams {
        terminations: vec![declaration],
    };
    let to = Address::new_id(miner);
    Ok(call(
        from,
        to,
        TokenAmount::zero(),
        method::TERMINATE_SECTORS,
        &params,
    )?)
}

/// Does the message pre-commit the sector?
pub(crate) fn is_pre_commit_of(message: &Message, sector: SectorNumber) -> bool {
    let params = &message.params;
    match message.method {
        method::PRE_COMMIT_SECTOR => wire::from_cbor::<p::PreCommitSectorParams>(params)
            .is_ok_and(|p| p.sector_number == sector),
        method::PRE_COMMIT_SECTOR_BATCH => wire::from_cbor::<p::PreCommitSectorBatchParams>(params)
            .is_ok_and(|p| p.sectors.iter().any(|s| s.sector_number == sector)),
        method::PRE_COMMIT_SECTOR_BATCH2 => {
            wire::from_cbor::<p::PreCommitSectorBatchParams2>(params)
                .is_ok_and(|p| p.sectors.iter().any(|s| s.sector_number == sector))
        }
        _ => false,
    }
}

/// Does the message prove the sector for the first time?
pub(crate) fn is_prove_commit_of(message: &Message, sector: SectorNumber) -> bool {
    let params = &message.params;
    match message.method {
        method::PROVE_COMMIT_SECTOR => wire::from_cbor::<p::ProveCommitSectorParams>(params)
            .is_ok_and(|p| p.sector_number == sector),
        method::PROVE_COMMIT_AGGREGATE => wire::from_cbor::<p::ProveCommitAggregateParams>(params)
            .is_ok_and(|p| {
                p.sector_numbers.len() <= MAX_SECTORS && p.sector_numbers.contains(sector)
            }),
        _ => false,
    }
}

/// Does the message terminate the sector?
pub(crate) fn is_termination_of(message: &Message, sector: SectorNumber) -> bool {
    message.method == method::TERMINATE_SECTORS
        && wire::from_cbor::<p::TerminateSectorsParams>(&message.params)
            .is_ok_and(|p| p.terminations.iter().any(|t| t.sectors.contains(sector)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding_for_tests::base64;

    #[test]
    fn the_recorded_pre_commit_is_built_byte_for_byte() {
        let sealed = "bagboea4b5abcbtljxewumy6dwck4cxh2vpdan3hskq75oh5m2ztiseq6hzxebcjf";
        let info = SectorPreCommitInfo {
            seal_proof: lotus_types::RegisteredSealProof(5),
            sector_number: 2,
            sealed_cid: sealed.parse().unwrap(),
            seal_rand_epoch: -872,
            deal_ids: vec![],
            expiration: 1_549_468,
            unsealed_cid: None,
        };
        let from = Address::new_id(100);
        let message = pre_commit(1000, from, TokenAmount::zero(), vec![info]).unwrap();
        let recorded =
            "gYGHBQLYKlgpAAGC4gOB6AIgzWm5LUZjw7CVwVz6q8YG7PJUP9cfrNZmiRIePm5AiSU5A2eAGgAXpJz2";
        assert_eq!(message.method, 28);
        assert_eq!(message.params, base64(recorded));
        assert!(is_pre_commit_of(&message, 2));
        assert!(!is_pre_commit_of(&message, 3));
        assert!(!is_prove_commit_of(&message, 2));
    }

    #[test]
    fn proofs_of_one_and_of_many_sectors_are_recognised() {
        let from = Address::new_id(100);
        let none = TokenAmount::zero;
        let one = prove_commit(1000, from, none(), 7, vec![1, 2, 3].into()).unwrap();
        assert!(is_prove_commit_of(&one, 7) && !is_prove_commit_of(&one, 8));
        let many = prove_commit_aggregate(1000, from, none(), &[4, 9], vec![1].into()).unwrap();
        assert!(is_prove_commit_of(&many, 9) && !is_prove_commit_of(&many, 7));
        let at = SectorLocation {
            deadline: 3,
            partition: 0,
        };
        let end = terminate(1000, from, at, 5).unwrap();
        assert!(is_termination_of(&end, 5) && !is_termination_of(&end, 4));
    }

    #[test]
    fn garbage_in_a_message_matches_nothing() {
        for method in 0..40 {
            let message = Message {
                method,
                params: vec![0x82, 0x1b, 0xff].into(),
                ..Message::transfer(Address::new_id(1), Address::new_id(2), TokenAmount::zero())
            };
            assert!(!is_pre_commit_of(&message, 0));
            assert!(!is_prove_commit_of(&message, 0));
            assert!(!is_termination_of(&message, 0));
        }
    }

    mod data_encoding_for_tests {
        pub(super) fn base64(text: &str) -> lotus_types::Bytes {
            serde_json::from_value(text.into()).unwrap()
        }
    }
}
