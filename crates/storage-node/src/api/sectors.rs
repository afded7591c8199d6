//! Sectors.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_ports::proofs::Randomness;
use lotus_rpc_api::{
    RpcError,
    miner::SectorsApi,
    types::{
        go::Nanos,
        market::{PieceDealInfo, SealedRef, SectorOffset},
        sealing::{CommitBatchRes, NumAssignerMeta, PreCommitBatchRes, SectorState, SectorStatus},
        worker::PieceData,
    },
};
use lotus_sealer::PieceData as Data;
use lotus_types::{
    BitField, Bytes, Cid, SectorId, SectorNumber, TipsetKey,
    sector::{PaddedPieceSize, SectorRef, UnpaddedPieceSize},
};
use tokio_util::io::SyncIoBridge;

use super::{Answer, StorageMinerApi, Told as _, status};

/// More numbers are not worked with at once.
const MOST_NUMBERS: u64 = 1 << 20;

impl StorageMinerApi {
    fn id_of(&self, number: SectorNumber) -> SectorId {
        SectorId {
            miner: self.0.miner,
            number,
        }
    }

    fn ids(&self, numbers: Vec<SectorNumber>) -> Vec<SectorId> {
        numbers.into_iter().map(|n| self.id_of(n)).collect()
    }

    async fn received(&self, data: PieceData) -> Answer<Data> {
        match data {
            PieceData::Null(_) => Ok(Data::Zeros),
            PieceData::Push(id) => {
                let stream = self.0.streams.open(id).await.told()?;
                Ok(Data::Reader(Box::new(SyncIoBridge::new(stream))))
            }
            PieceData::Http(_) => Err(RpcError::new("fetching pieces from a URL is not supported")),
        }
    }

    /// Numbers that the chain, sectors and reservations have taken.
    async fn taken(&self) -> Answer<(BitField, BitField, BitField)> {
        let miner = self.0.miner_address();
        let allocated = self
            .0
            .node()
            .state_miner_allocated(miner, TipsetKey::default());
        let allocated = allocated.await?;
        let store = self.0.sealing.store();
        let mut reserved = BitField::new();
        for (_, numbers) in store.number_reservations().told()? {
            reserved = (reserved.inner() | numbers.inner()).into();
        }
        let here = store.states().told()?.into_iter().map(|(n, _)| n);
        let here = BitField::try_from_numbers(here).map_err(RpcError::new)?;
        let both: BitField = (allocated.inner() | reserved.inner()).into();
        let in_use = (both.inner() | here.inner()).into();
        Ok((reserved, allocated, in_use))
    }
}

#[async_trait]
impl SectorsApi for StorageMinerApi {
    async fn pledge_sector(&self) -> Answer<SectorId> {
        let sector = self.0.sealing.pledge().await.told()?;
        Ok(self.id_of(sector.number))
    }

    async fn sectors_status(&self, sector: SectorNumber, on_chain: bool) -> Answer<SectorStatus> {
        let known = self.0.sealing.store().sector(sector).told()?;
        let log = self.0.sealing.log(sector).told()?;
        let mut answer = status::status(known, log);
        if on_chain {
            let miner = self.0.miner_address();
            status::add_on_chain(&mut answer, &**self.0.node(), miner).await?;
        }
        Ok(answer)
    }

    async fn sectors_list(&self) -> Answer<Vec<SectorNumber>> {
        let states = self.0.sealing.store().states().told()?;
        Ok(states.into_iter().map(|(number, _)| number).collect())
    }

    async fn sectors_list_in_states(&self, states: Vec<SectorState>) -> Answer<Vec<SectorNumber>> {
        let all = self.0.sealing.store().states().told()?;
        let wanted = |state: &lotus_sealing::SectorState| states.iter().any(|s| s == state.name());
        Ok(all
            .into_iter()
            .filter(|(_, state)| wanted(state))
            .map(|(number, _)| number)
            .collect())
    }

    async fn sectors_summary(&self) -> Answer<BTreeMap<SectorState, i64>> {
        let mut summary = BTreeMap::new();
        for (_, state) in self.0.sealing.store().states().told()? {
            *summary.entry(state.name().to_owned()).or_default() += 1;
        }
        Ok(summary)
    }

    async fn sectors_refs(&self) -> Answer<BTreeMap<String, Vec<SealedRef>>> {
        let mut refs: BTreeMap<String, Vec<SealedRef>> = BTreeMap::new();
        for sector in self.0.sealing.store().sectors().told()? {
            let mut offset = 0_u64;
            for piece in &sector.pieces {
                let size = piece.piece.size;
                if let Some(deal) = &piece.deal_info {
                    let place = SealedRef {
                        sector_id: sector.number,
                        offset: PaddedPieceSize(offset),
                        size: size.unpadded(),
                    };
                    refs.entry(deal.deal_id.to_string())
                        .or_default()
                        .push(place);
                }
                offset = offset.saturating_add(size.0);
            }
        }
        Ok(refs)
    }

    async fn sectors_update(&self, sector: SectorNumber, state: SectorState) -> Answer<()> {
        self.0
            .sealing
            .force_state(sector, state.parse().told()?)
            .told()
    }

    async fn sectors_unseal_piece(
        &self,
        sector: SectorRef,
        _offset: u64,
        _size: UnpaddedPieceSize,
        ticket: Bytes,
        comm_d: Option<Cid>,
    ) -> Answer<()> {
        if self.0.manager.is_unsealed(sector) {
            return Ok(());
        }
        let comm_d = comm_d.ok_or_else(|| RpcError::new("the sector's CommD must be given"))?;
        let ticket = Randomness::try_from(&ticket[..])
            .map_err(|_| RpcError::new("a ticket has 32 bytes"))?;
        let made = self.0.manager.make_unsealed(sector, ticket, comm_d);
        made.await.told()
    }

    async fn sector_add_piece_to_any(
        &self,
        size: UnpaddedPieceSize,
        data: PieceData,
        deal: PieceDealInfo,
    ) -> Answer<SectorOffset> {
        let data = self.received(data).await?;
        let deal = status::deal_for_sealing(deal);
        let place = self.0.sealing.add_piece(size, data, deal).await.told()?;
        Ok(SectorOffset {
            sector: place.sector,
            offset: place.offset,
        })
    }

    async fn sector_start_sealing(&self, sector: SectorNumber) -> Answer<()> {
        self.0.sealing.start_packing(sector).told()
    }

    async fn sector_set_seal_delay(&self, delay: Nanos) -> Answer<()> {
        self.0.sealing.set_seal_delay(delay.into());
        Ok(())
    }

    async fn sector_get_seal_delay(&self) -> Answer<Nanos> {
        Ok(self.0.sealing.config().wait_deals_delay.into())
    }

    async fn sector_get_expected_seal_duration(&self) -> Answer<Nanos> {
        Ok(self.0.settings.dealmaking.expected_seal_duration.0.into())
    }

    async fn sector_remove(&self, sector: SectorNumber) -> Answer<()> {
        self.0.sealing.remove(sector).told()
    }

    async fn sector_terminate(&self, sector: SectorNumber) -> Answer<()> {
        self.0.sealing.terminate(sector).told()
    }

    async fn sector_terminate_pending(&self) -> Answer<Vec<SectorId>> {
        // Terminations are sent one by one, at once.
        Ok(Vec::new())
    }

    async fn sector_mark_for_upgrade(&self, sector: SectorNumber, _snap: bool) -> Answer<()> {
        self.0.sealing.mark_for_upgrade(sector).told()
    }

    async fn sector_pre_commit_flush(&self) -> Answer<Vec<PreCommitBatchRes>> {
        let sectors = self.0.sealing.flush_pre_commits();
        if sectors.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![PreCommitBatchRes {
            sectors,
            ..PreCommitBatchRes::default()
        }])
    }

    async fn sector_pre_commit_pending(&self) -> Answer<Vec<SectorId>> {
        Ok(self.ids(self.0.sealing.pending_pre_commits()))
    }

    async fn sector_commit_flush(&self) -> Answer<Vec<CommitBatchRes>> {
        let sectors = self.0.sealing.flush_commits();
        if sectors.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![CommitBatchRes {
            sectors,
            ..CommitBatchRes::default()
        }])
    }

    async fn sector_commit_pending(&self) -> Answer<Vec<SectorId>> {
        Ok(self.ids(self.0.sealing.pending_commits()))
    }

    async fn sector_num_assigner_meta(&self) -> Answer<NumAssignerMeta> {
        let (reserved, allocated, in_use) = self.taken().await?;
        let mut next = self.0.sealing.store().next_number().told()?;
        while in_use.contains(next) {
            next += 1;
        }
        Ok(NumAssignerMeta {
            reserved,
            allocated,
            in_use,
            next,
        })
    }

    async fn sector_num_reservations(&self) -> Answer<BTreeMap<String, BitField>> {
        let all = self.0.sealing.store().number_reservations().told()?;
        Ok(all.into_iter().collect())
    }

    async fn sector_num_reserve(&self, name: String, sectors: BitField, force: bool) -> Answer<()> {
        let (_, allocated, _) = self.taken().await?;
        let wanted = sectors.numbers(MOST_NUMBERS).map_err(RpcError::new)?;
        if let Some(number) = wanted.iter().find(|n| allocated.contains(**n)) {
            return Err(RpcError::new(format_args!(
                "number {number} was used on chain"
            )));
        }
        let store = self.0.sealing.store();
        store.reserve_numbers(&name, &sectors, force).told()
    }

    async fn sector_num_reserve_count(&self, name: String, count: u64) -> Answer<BitField> {
        if count > MOST_NUMBERS {
            return Err(RpcError::new(format_args!(
                "{count} numbers are too many at once"
            )));
        }
        let (_, _, in_use) = self.taken().await?;
        let store = self.0.sealing.store();
        let first = store.next_number().told()?;
        let free = (first..).filter(|n| !in_use.contains(*n));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let chosen = BitField::try_from_numbers(free.take(count)).map_err(RpcError::new)?;
        store.reserve_numbers(&name, &chosen, false).told()?;
        Ok(chosen)
    }

    async fn sector_num_free(&self, name: String) -> Answer<()> {
        self.0.sealing.store().free_numbers(&name).told()
    }
}
