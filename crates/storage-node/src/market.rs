//! Deals beside a provider that runs: the deal service, and the gateway that hands stored data out.
//!
//! # Invariants
//! - The deal service reaches sectors through sealing's own handles: with it or without it a sector is
//!   the same sector.
//! - Bytes of pieces come from unsealed copies; where there is none any more, a worker unseals first.
//!
//! # Lotus parity
//! The markets subsystem of `lotus-miner`. Retrieval is served at `/ipfs/<cid>` and `/piece/<cid>` of the
//! API's own port, to everybody (ADR 0003): stored data are public. An operator who keeps the API away
//! from the outside lets a proxy pass these two through.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Bytes};
use lotus_market::{
    DealPolicy, DealStoreError, FullNodeChain, MarketProvider, ProviderConfig, ProviderDeps,
    gateway::{self, ServeLimits},
    piece::{PieceBytes, PieceError},
    piece_index::{PieceIndex, PieceIndexError},
    provider::{BlocklistError, ProviderStartError},
    transfer::FetchLimits,
};
use lotus_networks::Network;
use lotus_ports::proofs::Randomness;
use lotus_rpc_api::types::market::PieceDeal;
use lotus_runtime::{config::MinerConfig, supervisor::Tasks};
use lotus_sealer::Manager;
use lotus_sealing::{Sealing, Sector};
use lotus_types::{ActorId, Address, Cid};
use tokio::io::AsyncReadExt as _;

use crate::{
    RunningStorageNode,
    config::{self, AddressError},
    start::spawn,
};

/// Folder of deals and their data inside the repo.
pub const MARKET_FOLDER: &str = "market";
/// How often a deal under way is looked at, at least.
const POLL: Duration = Duration::from_secs(10);

/// Why the deal service did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// `[Addresses]` names something that is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// `[Dealmaking]` has something that cannot be.
    #[error(transparent)]
    Policy(#[from] BlocklistError),
    /// The index of pieces cannot be opened.
    #[error("opening the index of pieces")]
    Index(#[from] PieceIndexError),
    /// The folder cannot be made.
    #[error("making {0}")]
    Folder(String, #[source] std::io::Error),
    /// The service itself.
    #[error("starting the deal service")]
    Provider(#[from] ProviderStartError),
}

/// The deal service of a provider.
#[derive(Debug, Clone)]
pub struct RunningMarket {
    /// Deals; answers their part of the API.
    pub provider: MarketProvider,
    /// Hands stored data out: routes for the process' server.
    pub gateway: Router,
}

/// Starts the deal service of `node`, with its records in `folder`.
///
/// # Errors
/// [`MarketError`].
pub async fn start_market(
    node: &RunningStorageNode,
    settings: &MinerConfig,
    network: &Network,
    folder: &Path,
    tasks: &Tasks,
) -> Result<RunningMarket, MarketError> {
    std::fs::create_dir_all(folder)
        .map_err(|e| MarketError::Folder(folder.display().to_string(), e))?;
    let index = Arc::new(PieceIndex::open(&folder.join("pieces.db"))?);
    let miner = node.api.miner();
    let block_time = Duration::from_secs(network.block_delay_secs);
    let addresses = config::address_config(&settings.addresses)?;
    let config = ProviderConfig {
        policy: DealPolicy::try_from(&settings.dealmaking)?,
        fetch: FetchLimits {
            // Clients of a network for tests may be on this machine.
            allow_private_hosts: !network.mainnet_addresses,
            ..FetchLimits::default()
        },
        poll: POLL.min(block_time),
        publish_from: addresses.deal_publish_control,
        max_publish_fee: settings.fees.max_publish_deals_fee.0.clone(),
        max_deposit_fee: settings.fees.max_market_balance_add_fee.0.clone(),
        ..ProviderConfig::new(miner, folder, block_time)
    };
    let deps = ProviderDeps {
        chain: Arc::new(FullNodeChain::new(Arc::clone(node.chain.node()))),
        net: node.net.clone(),
        sealing: Arc::new(node.sealing.clone()),
        index: Arc::clone(&index),
    };
    let (provider, task) = MarketProvider::start(config, deps, tasks.stop_token()).await?;
    spawn(tasks, "deals", task);
    let pieces = SectorPieces {
        miner: actor(&miner),
        provider: provider.clone(),
        sealing: node.sealing.clone(),
        manager: node.manager.clone(),
    };
    let gateway = gateway::router(index, Arc::new(pieces), ServeLimits::default());
    Ok(RunningMarket { provider, gateway })
}

fn actor(miner: &Address) -> ActorId {
    miner
        .id()
        .expect("a running provider knows its actor by number")
}

/// Reads pieces out of sectors.
struct SectorPieces {
    miner: ActorId,
    provider: MarketProvider,
    sealing: Sealing,
    manager: Manager,
}

/// Where `len` bytes from `offset` on of a piece are in its sector, both without padding; `None` when
/// the piece ends before.
fn place(deal: &PieceDeal, offset: u64, len: u64) -> Option<u64> {
    let end = offset.checked_add(len)?;
    (end <= deal.length.unpadded().0).then(|| deal.offset.unpadded().0.saturating_add(offset))
}

impl SectorPieces {
    async fn read_from(
        &self,
        sector: &Sector,
        start: u64,
        len: u64,
    ) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        let ticket = Randomness::try_from(&*sector.ticket)?;
        let cids = sector.cids.as_ref();
        let cids = cids.ok_or_else(|| format!("sector {} is not sealed yet", sector.number))?;
        let reference = sector.sector_ref(self.miner);
        let manager = &self.manager;
        let reader = manager.read_piece(reference, start, len, ticket, cids.unsealed);
        let mut data = Vec::with_capacity(usize::try_from(len)?);
        reader.await?.read_to_end(&mut data).await?;
        Ok(data.into())
    }
}

#[async_trait]
impl PieceBytes for SectorPieces {
    async fn read(&self, piece: &Cid, offset: u64, len: u64) -> Result<Bytes, PieceError> {
        let failed = |source| PieceError::Failed {
            piece: *piece,
            source,
        };
        let records = |error: DealStoreError| failed(Box::new(error));
        let deals = self.provider.piece_deals(piece).map_err(records)?;
        let mut outcome = PieceError::NotFound(*piece);
        for deal in deals {
            let Some(start) = place(&deal, offset, len) else {
                outcome = PieceError::OutOfRange {
                    piece: *piece,
                    offset,
                    len,
                };
                continue;
            };
            let Ok(sector) = self.sealing.store().sector(deal.sector_id) else {
                continue;
            };
            match self.read_from(&sector, start, len).await {
                Ok(data) => return Ok(data),
                Err(source) => outcome = failed(source),
            }
        }
        Err(outcome)
    }
}

#[cfg(test)]
mod bytes_of_a_piece {
    use lotus_types::sector::PaddedPieceSize;

    use super::*;

    const DEAL: PieceDeal = PieceDeal {
        deal_id: 7,
        sector_id: 3,
        offset: PaddedPieceSize(1024),
        length: PaddedPieceSize(512),
    };

    #[test]
    fn lie_behind_the_pieces_before_it() {
        assert_eq!(place(&DEAL, 0, 1), Some(1016));
        assert_eq!(place(&DEAL, 500, 8), Some(1516));
    }

    #[test]
    fn end_where_the_piece_ends() {
        assert_eq!(place(&DEAL, 500, 9), None);
        assert_eq!(place(&DEAL, u64::MAX, 2), None);
    }
}
