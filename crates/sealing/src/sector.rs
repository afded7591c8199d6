//! What is known of one sector: the state that its events have led to.

use std::collections::BTreeMap;

use lotus_types::ActorId;
use lotus_types::{
    Bytes, ChainEpoch, Cid, DealId, DealProposal, PieceInfo, RegisteredSealProof, SectorId,
    SectorNumber, TipsetKey, TokenAmount,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};
use serde::{Deserialize, Serialize};

use crate::state::SectorState;

/// A piece in a sector, and the deal that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorPiece {
    /// Size and commitment.
    pub piece: PieceInfo,
    /// `None` for filler.
    pub deal_info: Option<PieceDealInfo>,
}

/// The deal behind a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PieceDealInfo {
    /// The message that published the deal.
    #[serde(default)]
    pub publish_cid: Option<Cid>,
    /// Its number on chain.
    #[serde(rename = "DealID")]
    pub deal_id: DealId,
    /// The deal.
    #[serde(default)]
    pub deal_proposal: Option<DealProposal>,
    /// When the data must be proven.
    pub deal_schedule: DealSchedule,
    /// Keep the data readable without unsealing.
    pub keep_unsealed: bool,
}

/// From when to when a deal runs, in epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealSchedule {
    /// The sector must be proven before.
    pub start_epoch: ChainEpoch,
    /// The sector must live until then.
    pub end_epoch: ChainEpoch,
}

/// How often in a row a sector has failed in one failure state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How often.
    pub count: u32,
    /// Why, the last time.
    pub reason: String,
}

/// One sector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sector {
    /// Its number.
    pub number: SectorNumber,
    /// How it is sealed.
    pub seal_proof: RegisteredSealProof,
    /// Where it is.
    pub state: SectorState,
    /// Where it came from, before `state`.
    pub previous: SectorState,
    /// When it came into `state`, unix seconds.
    pub since: u64,
    /// When its first event was, unix seconds.
    pub created: u64,
    /// How many events it has had.
    pub events: u64,
    /// Its pieces, filler included, in order.
    pub pieces: Vec<SectorPiece>,
    /// The seal ticket.
    pub ticket: Bytes,
    /// The ticket's epoch.
    pub ticket_epoch: ChainEpoch,
    /// Output of PreCommit1, opaque.
    pub pre_commit1_out: Bytes,
    /// CommD and CommR.
    pub cids: Option<SectorCids>,
    /// The message with its pre-commit.
    pub pre_commit_message: Option<Cid>,
    /// What was sent with it.
    pub pre_commit_deposit: TokenAmount,
    /// Where the pre-commit was seen on chain.
    pub pre_commit_tipset: Option<TipsetKey>,
    /// The interactive seed.
    pub seed: Bytes,
    /// The seed's epoch.
    pub seed_epoch: ChainEpoch,
    /// The seal proof.
    pub proof: Bytes,
    /// The message with its proof.
    pub commit_message: Option<Cid>,
    /// How often in a row it failed, by failure state.
    pub failures: BTreeMap<SectorState, Failures>,
    /// The reason of the last failure.
    pub last_error: String,
    /// Where to go on after the deal ids are repaired or the sector is received.
    pub return_state: Option<SectorState>,
    /// The message that terminates it.
    pub terminate_message: Option<Cid>,
    /// When it was terminated.
    pub terminated_at: ChainEpoch,
    /// Sealing was asked for while a piece was being written.
    pub packing_requested: bool,
}

impl Sector {
    /// A sector without events.
    pub fn new(number: SectorNumber) -> Self {
        Self {
            number,
            seal_proof: RegisteredSealProof(0),
            state: SectorState::Undefined,
            previous: SectorState::Undefined,
            since: 0,
            created: 0,
            events: 0,
            pieces: Vec::new(),
            ticket: Bytes::new(),
            ticket_epoch: 0,
            pre_commit1_out: Bytes::new(),
            cids: None,
            pre_commit_message: None,
            pre_commit_deposit: TokenAmount::zero(),
            pre_commit_tipset: None,
            seed: Bytes::new(),
            seed_epoch: 0,
            proof: Bytes::new(),
            commit_message: None,
            failures: BTreeMap::new(),
            last_error: String::new(),
            return_state: None,
            terminate_message: None,
            terminated_at: 0,
            packing_requested: false,
        }
    }

    /// What sealing calls name it by.
    pub const fn sector_ref(&self, miner: ActorId) -> SectorRef {
        SectorRef {
            id: SectorId {
                miner,
                number: self.number,
            },
            proof_type: self.seal_proof,
        }
    }

    /// All pieces, as the proofs want them.
    pub fn piece_infos(&self) -> Vec<PieceInfo> {
        self.pieces.iter().map(|p| p.piece.clone()).collect()
    }

    /// The data in each piece, in bytes, as far as the sector is filled.
    pub fn piece_sizes(&self) -> Vec<UnpaddedPieceSize> {
        self.pieces
            .iter()
            .map(|p| p.piece.size.unpadded())
            .collect()
    }

    /// The deals in the sector, in the order of pieces.
    pub fn deals(&self) -> impl Iterator<Item = (&PieceInfo, &PieceDealInfo)> {
        self.pieces
            .iter()
            .filter_map(|p| p.deal_info.as_ref().map(|deal| (&p.piece, deal)))
    }

    /// The deals' numbers, in the order of pieces.
    pub fn deal_ids(&self) -> Vec<DealId> {
        self.deals().map(|(_, deal)| deal.deal_id).collect()
    }

    /// Does any of its deals want an unsealed copy to be kept?
    pub fn keep_unsealed(&self) -> bool {
        self.deals().any(|(_, deal)| deal.keep_unsealed)
    }

    /// How often in a row it has failed in the state it is in.
    pub fn failures_here(&self) -> u32 {
        self.failures.get(&self.state).map_or(0, |f| f.count)
    }
}
