//! From pieces to sectors: which open sector takes a piece, and when a sector is full enough.
//!
//! # Invariants
//! - A piece lies at a multiple of its size: zero pieces fill the gap before it.
//! - While a piece is written, nobody else writes to the sector, and it is not packed.
//!
//! # Lotus parity
//! The input queue of `storage-sealing`: at most `MaxWaitDealsSectors` sectors are open, each waits
//! `WaitDealsDelay` from its first event.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lotus_sealer::PieceData;
use lotus_types::{
    PieceInfo, SectorNumber, SectorSize,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
};
use serde::{Deserialize, Serialize};

use crate::{
    driver::{Sealing, Shared, Trouble},
    event::Event,
    sector::{PieceDealInfo, Sector, SectorPiece},
    service::SealingError,
    state::SectorState,
};

/// Where a piece has been put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorOffset {
    /// The sector.
    pub sector: SectorNumber,
    /// From the sector's start, in padded bytes.
    pub offset: PaddedPieceSize,
}

/// Sizes of the zero pieces that bring `used` bytes up to a multiple of `align` (a power of two),
/// each at a multiple of its own size. Empty when it is one already.
pub fn fill(used: u64, align: u64) -> Vec<u64> {
    if !align.is_power_of_two() {
        return Vec::new();
    }
    powers_of_two(used.wrapping_neg() & (align - 1))
}

/// Sizes of the zero pieces that fill a sector up behind `used` bytes: all of an empty one.
pub fn fill_up(used: u64, sector: SectorSize) -> Vec<u64> {
    powers_of_two(sector.saturating_sub(used))
}

/// The powers of two that make up a number, the smallest first.
fn powers_of_two(sum: u64) -> Vec<u64> {
    (0..64)
        .map(|bit| 1_u64 << bit)
        .filter(|size| sum & size != 0)
        .collect()
}

/// Bytes that are used after a piece of `size` is put behind `used` bytes; `None` when it does not
/// fit.
pub fn used_after(used: u64, size: u64, sector: SectorSize) -> Option<u64> {
    let gap: u64 = fill(used, size).iter().sum();
    used.checked_add(gap)?
        .checked_add(size)
        .filter(|end| *end <= sector)
}

/// Sectors that are being written to, by whom is known only to their writers.
#[derive(Debug, Default)]
pub(crate) struct OpenSectors {
    busy: BTreeSet<SectorNumber>,
}

/// What a piece is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Into this open sector.
    Into(SectorNumber),
    /// Into a new sector.
    New,
    /// Into a new sector, once this one, which is the fullest, is packed.
    PackFirst(SectorNumber),
    /// Wait until a sector is free or sealed.
    Wait,
}

/// How many sectors there are, against how many there may be (0: any number).
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_open: u64,
    sealing: u64,
    max_sealing: u64,
}

/// Where a piece of `size` goes. `open` are the sectors that wait for deals, `busy` those of them
/// that are being written to. Pure.
fn place(open: &[Sector], busy: &BTreeSet<SectorNumber>, size: u64, limits: Limits) -> Place {
    let room = |s: &&Sector| {
        let sector_size = s.seal_proof.sector_size().unwrap_or(0);
        !s.packing_requested && used_after(used(s), size, sector_size).is_some()
    };
    let free = |s: &&Sector| !busy.contains(&s.number);
    // The fullest that still has room, so that sectors are completed one after another.
    let fitting = open
        .iter()
        .filter(room)
        .filter(free)
        .max_by_key(|s| (used(s), u64::MAX - s.number));
    if let Some(sector) = fitting {
        return Place::Into(sector.number);
    }
    if open.iter().any(|s| room(&s)) {
        return Place::Wait;
    }
    let open_count = u64::try_from(open.len()).unwrap_or(u64::MAX);
    if limits.max_open != 0 && open_count >= limits.max_open {
        let fullest = open
            .iter()
            .filter(free)
            .filter(|s| used(s) > 0)
            .max_by_key(|s| used(s));
        return fullest.map_or(Place::Wait, |s| Place::PackFirst(s.number));
    }
    if limits.max_sealing != 0 && limits.sealing.saturating_add(open_count) >= limits.max_sealing {
        return Place::Wait;
    }
    Place::New
}

fn used(sector: &Sector) -> u64 {
    sector.pieces.iter().map(|p| p.piece.size.0).sum()
}

/// Waits until the sector is full, has waited long enough or is to be packed.
pub(crate) async fn collect(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    if shared.open.lock().busy.contains(&sector.number) {
        return Ok(None);
    }
    let full = sector
        .seal_proof
        .sector_size()
        .is_some_and(|size| used(sector) >= size);
    if full || sector.packing_requested {
        return Ok(Some(Event::StartPacking {}));
    }
    if sector.pieces.is_empty() {
        return Ok(None);
    }
    let delay = shared.config.read().wait_deals_delay;
    let end = Duration::from_secs(sector.created).saturating_add(delay);
    shared.clock.sleep_until(end).await;
    if shared.open.lock().busy.contains(&sector.number) {
        return Ok(None);
    }
    Ok(Some(Event::StartPacking {}))
}

/// A piece was being written when the process ended: its data are gone.
pub(crate) fn abandoned(shared: &Shared, sector: &Sector) -> Option<Event> {
    if shared.open.lock().busy.contains(&sector.number) {
        return None;
    }
    let error = "writing a piece was interrupted: it must be added again".to_owned();
    Some(Event::AddPieceFailed { error })
}

impl Sealing {
    /// Puts a deal's piece into a sector, and waits as long as there is no room. The sector is
    /// sealed when it is full or has waited long enough.
    ///
    /// # Errors
    /// [`SealingError`]. A piece that was being written when the process ends must be added again.
    pub async fn add_piece(
        &self,
        size: UnpaddedPieceSize,
        data: PieceData,
        deal: PieceDealInfo,
    ) -> Result<SectorOffset, SealingError> {
        let sector_size = self.sector_size().await?;
        if !size.is_valid() {
            return Err(SealingError::Invalid(format!(
                "{size} bytes are no piece size"
            )));
        }
        if size.padded().0 > sector_size {
            let room = PaddedPieceSize(sector_size).unpadded();
            return Err(SealingError::Invalid(format!(
                "{size} bytes exceed a sector's {room}"
            )));
        }
        let number = self.claim(size.padded().0).await?;
        let claimed = Claim {
            sealing: self,
            number,
        };
        let written = self.write_piece(number, size, data, deal).await;
        drop(claimed);
        written
    }

    /// Finds or makes a sector and marks it as being written to.
    async fn claim(&self, size: u64) -> Result<SectorNumber, SealingError> {
        let shared = &self.0;
        loop {
            let changed = shared.room.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let config = shared.config();
            let states = shared.store.states()?;
            let sealing = states.iter().filter(|(_, s)| s.is_sealing()).count();
            let limits = Limits {
                max_open: config.max_wait_deals_sectors,
                sealing: u64::try_from(sealing).unwrap_or(u64::MAX),
                max_sealing: config.max_sealing_sectors_for_deals,
            };
            let decision = {
                let mut open = shared.open.lock();
                let waiting = open_sectors(shared, &states)?;
                let decision = place(&waiting, &open.busy, size, limits);
                if let Place::Into(number) = decision {
                    open.busy.insert(number);
                    return Ok(number);
                }
                decision
            };
            match decision {
                Place::New => {
                    self.new_sector(|id, sector_type| Event::Start { id, sector_type })
                        .await?;
                }
                Place::PackFirst(number) => self.start_packing(number)?,
                Place::Wait | Place::Into(_) => changed.await,
            }
        }
    }

    async fn write_piece(
        &self,
        number: SectorNumber,
        size: UnpaddedPieceSize,
        data: PieceData,
        deal: PieceDealInfo,
    ) -> Result<SectorOffset, SealingError> {
        let shared = &self.0;
        let sector = shared.send(number, &Event::AddPiece {})?;
        let used = used(&sector);
        let mut existing = sector.piece_sizes();
        let mut new_pieces = Vec::new();
        let id = sector.sector_ref(shared.miner);
        let outcome = async {
            for gap in fill(used, size.padded().0) {
                let gap = PaddedPieceSize(gap).unpadded();
                let zeros = PieceData::Zeros;
                let piece = shared
                    .sealer
                    .add_piece(id, existing.clone(), gap, zeros)
                    .await?;
                existing.push(gap);
                new_pieces.push(SectorPiece {
                    piece,
                    deal_info: None,
                });
            }
            shared.sealer.add_piece(id, existing, size, data).await
        };
        let outcome = outcome.await.map_err(|e| e.to_string());
        let outcome = outcome.and_then(|piece| expected(&piece, &deal).map(|()| piece));
        match outcome {
            Ok(piece) => {
                let gap: u64 = new_pieces.iter().map(|p| p.piece.size.0).sum();
                new_pieces.push(SectorPiece {
                    piece,
                    deal_info: Some(deal),
                });
                shared.send(number, &Event::PieceAdded { new_pieces })?;
                Ok(SectorOffset {
                    sector: number,
                    offset: PaddedPieceSize(used + gap),
                })
            }
            Err(error) => {
                shared.send(
                    number,
                    &Event::AddPieceFailed {
                        error: error.clone(),
                    },
                )?;
                Err(SealingError::Failed(error))
            }
        }
    }
}

/// The data must be those of the deal.
fn expected(piece: &PieceInfo, deal: &PieceDealInfo) -> Result<(), String> {
    match &deal.deal_proposal {
        Some(p) if p.piece_cid != piece.piece_cid => Err(format!(
            "the data are {}, the deal is about {}",
            piece.piece_cid, p.piece_cid
        )),
        _ => Ok(()),
    }
}

fn open_sectors(
    shared: &Shared,
    states: &[(SectorNumber, SectorState)],
) -> Result<Vec<Sector>, SealingError> {
    let open = |state: &SectorState| {
        matches!(
            state,
            SectorState::WaitDeals | SectorState::Empty | SectorState::AddPiece
        )
    };
    let sectors = states.iter().filter(|(_, state)| open(state));
    Ok(sectors
        .map(|(n, _)| shared.store.sector(*n))
        .collect::<Result<_, _>>()?)
}

/// Frees the sector when the writer is done or dropped.
struct Claim<'a> {
    sealing: &'a Sealing,
    number: SectorNumber,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let shared = &self.sealing.0;
        shared.open.lock().busy.remove(&self.number);
        shared.wake(self.number);
        shared.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
