//! A sector as `SectorsStatus` tells it.

use lotus_rpc_api::{
    full::FullNode,
    types::{
        market::{DealSchedule, PieceDealInfo},
        sealing::{SealRandomness, SectorLog, SectorPiece, SectorStatus},
    },
};
use lotus_sealing::{LogLine, Sector, sector};
use lotus_types::{Address, BigInt, TipsetKey, TokenAmount};

use super::Answer;

fn deal_info(deal: &sector::PieceDealInfo) -> PieceDealInfo {
    PieceDealInfo {
        publish_cid: deal.publish_cid,
        deal_id: deal.deal_id,
        deal_proposal: deal.deal_proposal.clone(),
        deal_schedule: DealSchedule {
            start_epoch: deal.deal_schedule.start_epoch,
            end_epoch: deal.deal_schedule.end_epoch,
        },
        piece_activation_manifest: None,
        keep_unsealed: deal.keep_unsealed,
    }
}

/// The deal of a piece, as sealing takes it.
pub(super) fn deal_for_sealing(deal: PieceDealInfo) -> sector::PieceDealInfo {
    sector::PieceDealInfo {
        publish_cid: deal.publish_cid,
        deal_id: deal.deal_id,
        deal_proposal: deal.deal_proposal,
        deal_schedule: sector::DealSchedule {
            start_epoch: deal.deal_schedule.start_epoch,
            end_epoch: deal.deal_schedule.end_epoch,
        },
        keep_unsealed: deal.keep_unsealed,
    }
}

fn log_line(line: LogLine) -> SectorLog {
    SectorLog {
        kind: line.kind,
        timestamp: line.timestamp,
        trace: line.trace,
        message: line.message,
    }
}

/// What the provider knows of a sector.
pub(super) fn status(sector: Sector, log: Vec<LogLine>) -> SectorStatus {
    let deal_of = |piece: &sector::SectorPiece| piece.deal_info.as_ref().map_or(0, |d| d.deal_id);
    let piece = |piece: &sector::SectorPiece| SectorPiece {
        piece: piece.piece.clone(),
        deal_info: piece.deal_info.as_ref().map(deal_info),
    };
    SectorStatus {
        sector_id: sector.number,
        state: sector.state.name().to_owned(),
        comm_d: sector.cids.as_ref().map(|c| c.unsealed),
        comm_r: sector.cids.as_ref().map(|c| c.sealed),
        deals: sector.pieces.iter().map(deal_of).collect(),
        pieces: sector.pieces.iter().map(piece).collect(),
        proof: sector.proof,
        ticket: SealRandomness {
            value: sector.ticket,
            epoch: sector.ticket_epoch,
        },
        seed: SealRandomness {
            value: sector.seed,
            epoch: sector.seed_epoch,
        },
        pre_commit_msg: sector.pre_commit_message,
        commit_msg: sector.commit_message,
        retries: 0,
        to_upgrade: false,
        replica_update_message: None,
        last_err: sector.last_error,
        log: log.into_iter().map(log_line).collect(),
        seal_proof: sector.seal_proof,
        activation: 0,
        expiration: 0,
        deal_weight: BigInt::default(),
        verified_deal_weight: BigInt::default(),
        initial_pledge: TokenAmount::zero(),
        on_time: 0,
        early: 0,
    }
}

/// Adds what the chain knows of it; leaves it as it is when it is not proven yet.
pub(super) async fn add_on_chain(
    status: &mut SectorStatus,
    node: &dyn FullNode,
    miner: Address,
) -> Answer<()> {
    let (sector, head) = (status.sector_id, TipsetKey::default());
    let found = node.state_sector_get_info(miner, sector, head.clone());
    let Some(info) = found.await? else {
        return Ok(());
    };
    status.seal_proof = info.seal_proof;
    status.activation = info.activation;
    status.expiration = info.expiration;
    status.deal_weight = info.deal_weight;
    status.verified_deal_weight = info.verified_deal_weight;
    status.initial_pledge = info.initial_pledge;
    // As in Lotus, a sector that is in no partition's queue has these at zero.
    let expiration = node.state_sector_expiration(miner, sector, head).await;
    if let Ok(Some(expiration)) = expiration {
        status.on_time = expiration.on_time;
        status.early = expiration.early;
    }
    Ok(())
}
