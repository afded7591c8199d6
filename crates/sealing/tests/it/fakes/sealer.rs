//! A sealer whose results are hashes of its inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lotus_ports::proofs::{AggregateSealVerifyInfo, Randomness};
use lotus_sealer::{PieceData, SealError, Sealer};
use lotus_types::sector::{SectorCids, SectorRef, UnpaddedPieceSize, sealed_cid, unsealed_cid};
use lotus_types::{Bytes, PieceInfo, SectorId, SectorNumber};
use parking_lot::Mutex;

use super::Freezer;

/// A sealer whose results are hashes of its inputs.
#[derive(Debug)]
pub(crate) struct FakeSealer {
    pub(crate) freezer: Arc<Freezer>,
    /// How often each call fails before it works.
    pub(crate) failures: Mutex<BTreeMap<&'static str, u32>>,
    pub(crate) calls: Mutex<Vec<(&'static str, SectorNumber)>>,
}

impl FakeSealer {
    async fn work<T>(
        &self,
        name: &'static str,
        sector: SectorId,
        result: impl FnOnce() -> T,
    ) -> Result<T, SealError> {
        let outcome = self.freezer.guard(true, || {
            self.calls.lock().push((name, sector.number));
            let mut failures = self.failures.lock();
            match failures.get_mut(name) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Err(SealError::Temporary(format!("{name} failed")))
                }
                _ => Ok(result()),
            }
        });
        outcome.await
    }
}

pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    lotus_crypto::blake2b_256(&parts.concat())
}

pub(crate) fn zero_piece(size: UnpaddedPieceSize) -> PieceInfo {
    let piece_cid = unsealed_cid(&digest(&[b"piece", &size.0.to_be_bytes()]));
    PieceInfo {
        size: size.padded(),
        piece_cid,
    }
}

#[async_trait]
impl Sealer for FakeSealer {
    async fn add_piece(
        &self,
        sector: SectorRef,
        _: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        _: PieceData,
    ) -> Result<PieceInfo, SealError> {
        self.work("add_piece", sector.id, || zero_piece(size)).await
    }

    async fn seal_pre_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        _: Vec<PieceInfo>,
    ) -> Result<Bytes, SealError> {
        self.work("pc1", sector.id, || ticket.into()).await
    }

    async fn seal_pre_commit2(
        &self,
        sector: SectorRef,
        phase1: Bytes,
    ) -> Result<SectorCids, SealError> {
        let number = sector.id.number.to_be_bytes();
        let sealed = sealed_cid(&digest(&[&phase1, &number]));
        let unsealed = unsealed_cid(&digest(&[b"data"]));
        self.work("pc2", sector.id, || SectorCids { unsealed, sealed })
            .await
    }

    async fn seal_commit1(
        &self,
        sector: SectorRef,
        _: Randomness,
        seed: Randomness,
        _: Vec<PieceInfo>,
        _: SectorCids,
    ) -> Result<Bytes, SealError> {
        self.work("c1", sector.id, || seed.into()).await
    }

    async fn seal_commit2(&self, sector: SectorRef, phase1: Bytes) -> Result<Bytes, SealError> {
        self.work("c2", sector.id, || digest(&[&phase1]).into())
            .await
    }

    async fn aggregate(
        &self,
        info: AggregateSealVerifyInfo,
        _: Vec<Bytes>,
    ) -> Result<Bytes, SealError> {
        let sector = SectorId {
            miner: info.miner,
            number: 0,
        };
        self.work("aggregate", sector, || vec![7; 100].into()).await
    }

    async fn finalize_sector(&self, sector: SectorRef, _: bool) -> Result<(), SealError> {
        self.work("finalize", sector.id, || ()).await
    }

    async fn remove(&self, sector: SectorId) -> Result<(), SealError> {
        self.work("remove", sector, || ()).await
    }
}
