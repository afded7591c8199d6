//! From pieces to a replica: packing, ticket, PreCommit1, PreCommit2.

use std::sync::Arc;

use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_sealer::PieceData;
use lotus_types::{Bytes, sector::PaddedPieceSize};

use super::{Shared, effects::Trouble};
use crate::{chain::Head, event::Event, pieces::fill_up, policy::ticket_expired, sector::Sector};

/// Fills the sector up with zero pieces.
pub(super) async fn pack(shared: &Arc<Shared>, sector: &Sector) -> Result<Option<Event>, Trouble> {
    let Some(size) = sector.seal_proof.sector_size() else {
        return Ok(Some(Event::FatalError {
            error: format!("seal proof type {} is not known", sector.seal_proof),
        }));
    };
    let used: u64 = sector.pieces.iter().map(|p| p.piece.size.0).sum();
    let mut existing = sector.piece_sizes();
    let mut filler = Vec::new();
    for room in fill_up(used, size) {
        let unpadded = PaddedPieceSize(room).unpadded();
        let added = shared.sealer.add_piece(
            sector.sector_ref(shared.miner),
            existing.clone(),
            unpadded,
            PieceData::Zeros,
        );
        match added.await {
            Ok(piece) => {
                existing.push(unpadded);
                filler.push(piece);
            }
            // No failure state follows packing: the effect is tried again as it is.
            Err(error) => return Err(error.into()),
        }
    }
    let filler_pieces = (!filler.is_empty()).then_some(filler);
    Ok(Some(Event::Packed { filler_pieces }))
}

/// Draws the ticket. A sector that is pre-committed already must keep the one it was sealed with.
pub(super) async fn draw_ticket(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    let epoch = match on_chain {
        Some(pre_commit) => pre_commit.info.seal_rand_epoch,
        None => head.height - shared.policy.seal_randomness_lookback,
    };
    let tag = DomainSeparationTag::SealRandomness;
    let entropy = shared.entropy();
    let ticket = shared
        .chain
        .ticket_randomness(tag, epoch, &entropy, &head.key)
        .await?;
    Ok(Some(Event::Ticket {
        ticket_value: Bytes::from(ticket),
        ticket_epoch: epoch,
    }))
}

/// Labels the graph, unless ticket or deals have grown too old.
pub(super) async fn pre_commit1(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    if let Some(event) = check_deals(shared, sector, &head).await? {
        return Ok(Some(event));
    }
    let Some(ticket) = randomness(&sector.ticket) else {
        return Ok(Some(Event::OldTicket {}));
    };
    if ticket_expired(sector, head.height, &shared.policy) {
        let on_chain = shared
            .chain
            .pre_commit(shared.miner, sector.number, &head.key)
            .await?;
        if on_chain.is_none() {
            return Ok(Some(Event::OldTicket {}));
        }
    }
    let sector_ref = sector.sector_ref(shared.miner);
    let sealed = shared
        .sealer
        .seal_pre_commit1(sector_ref, ticket, sector.piece_infos())
        .await;
    Ok(Some(match sealed {
        Ok(pre_commit1_out) => Event::PreCommit1 { pre_commit1_out },
        Err(error) => Event::SealPreCommit1Failed {
            error: error.to_string(),
        },
    }))
}

/// Encodes the replica.
pub(super) async fn pre_commit2(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let phase1 = sector.pre_commit1_out.clone();
    let sealed = shared
        .sealer
        .seal_pre_commit2(sector.sector_ref(shared.miner), phase1)
        .await;
    Ok(Some(match sealed {
        Ok(cids) => Event::PreCommit2 {
            sealed: cids.sealed,
            unsealed: cids.unsealed,
        },
        Err(error) => Event::SealPreCommit2Failed {
            error: error.to_string(),
        },
    }))
}

/// The event that says what is wrong with the sector's deals, if anything is.
pub(super) async fn check_deals(
    shared: &Shared,
    sector: &Sector,
    head: &Head,
) -> Result<Option<Event>, Trouble> {
    for (piece, deal) in sector.deals() {
        let id = deal.deal_id;
        let Some(proposal) = shared.chain.deal(id, &head.key).await? else {
            let error = format!("deal {id} is not on chain");
            return Ok(Some(Event::SealPreCommit1Failed { error }));
        };
        if proposal.piece_cid != piece.piece_cid || proposal.piece_size != piece.size.0 {
            let error = format!(
                "deal {id} is about {}, not {}",
                proposal.piece_cid, piece.piece_cid
            );
            return Ok(Some(Event::SealPreCommit1Failed { error }));
        }
        if proposal.start_epoch <= head.height {
            let error = format!("deal {id} started at epoch {}", proposal.start_epoch);
            return Ok(Some(Event::DealsExpired { error }));
        }
    }
    Ok(None)
}

/// 32 bytes of randomness; `None` when none were drawn yet.
pub(super) fn randomness(bytes: &Bytes) -> Option<Randomness> {
    bytes.as_ref().try_into().ok()
}
