//! Data of sectors: written by whichever worker adds pieces, read back from wherever they lie.
//!
//! # Lotus parity
//! As there, data for a worker of another process are posted to its `/rpc/streams/v0/push/<uuid>`
//! while the call that names the UUID runs. When an unsealed copy is asked for and there is none, all
//! of the sector is unsealed (Lotus: the piece alone), so that an unsealed file is complete or not
//! there.

use std::{io::Read, path::Path, pin::Pin};

use lotus_ports::{
    fr32::{PADDED, UNPADDED},
    proofs::Randomness,
};
use lotus_rpc_api::{
    RpcError,
    types::{
        storage::SectorFileType,
        worker::{CallId, PieceData as ApiData, TaskType},
    },
};
use lotus_types::{
    Cid, PieceInfo,
    sector::{PaddedPieceSize, SectorRef, UnpaddedPieceSize},
};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use uuid::Uuid;

use super::{
    Files, Manager, Place,
    sealing::{CACHE, SEALED, UNSEALED, key, unexpected},
};
use crate::{
    PieceData, SealError,
    calls::{Kind, Output},
    store::unpadded,
};

/// Bytes of a piece, as they were added.
pub type PieceReader = Pin<Box<dyn AsyncRead + Send>>;

/// Bytes that are read ahead from a blocking reader.
const AHEAD: usize = 1 << 20;

/// The same data again, where they can be had twice.
fn again(data: &PieceData) -> Option<PieceData> {
    match data {
        PieceData::Zeros => Some(PieceData::Zeros),
        PieceData::File(path) => Some(PieceData::File(path.clone())),
        PieceData::Reader(_) => None,
    }
}

/// Reads a blocking reader on a thread of its own. An error ends the stream with an error.
fn bridged(mut reader: Box<dyn Read + Send>) -> impl AsyncRead + Send {
    let (ours, theirs) = tokio::io::duplex(AHEAD);
    let mut theirs = tokio_util::io::SyncIoBridge::new(theirs);
    let copied = tokio::task::spawn_blocking(move || std::io::copy(&mut reader, &mut theirs));
    let outcome = futures::stream::once(async move {
        match copied.await {
            Ok(Ok(_)) => Ok(axum::body::Bytes::new()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(std::io::Error::other(error)),
        }
    });
    let bytes = tokio_util::io::ReaderStream::new(ours);
    let all = futures::StreamExt::chain(bytes, outcome);
    tokio_util::io::StreamReader::new(Box::pin(all))
}

async fn opened(data: PieceData) -> Result<PieceReader, SealError> {
    let io_error =
        |path: &Path, error| SealError::Temporary(format!("reading {}: {error}", path.display()));
    Ok(match data {
        PieceData::Zeros => Box::pin(tokio::io::empty()),
        PieceData::File(path) => {
            let file = tokio::fs::File::open(&path).await;
            Box::pin(file.map_err(|e| io_error(&path, e))?)
        }
        PieceData::Reader(reader) => Box::pin(bridged(reader)),
    })
}

/// Begins AddPiece at a worker, and sends it the data when it is in another process.
async fn begin(
    at: Place,
    sector: SectorRef,
    existing: Vec<UnpaddedPieceSize>,
    size: UnpaddedPieceSize,
    data: PieceData,
) -> Result<CallId, RpcError> {
    if let Some(local) = &at.local {
        let call = local.add_piece_data(sector, existing, size, data);
        return call.map_err(RpcError::new);
    }
    if matches!(data, PieceData::Zeros) {
        let zeros = ApiData::Null(size.0);
        return at.api.add_piece(sector, existing, size, zeros).await;
    }
    let Some(url) = at.url else {
        return Err(RpcError::new("the worker takes no data streams"));
    };
    let id = Uuid::new_v4();
    let bytes = opened(data).await.map_err(RpcError::new)?;
    // A Go worker wants all of the piece.
    let whole = bytes.chain(tokio::io::repeat(0)).take(size.0);
    // The worker may answer the call before it has read the data: both go on side by side. When the
    // data do not arrive, the call fails over there, and its result says so.
    tokio::spawn(async move {
        if let Err(error) = lotus_rpc::push(&url, id, whole).await {
            tracing::warn!(sector = %sector.id, %error, "data not sent to a worker");
        }
    });
    at.api
        .add_piece(sector, existing, size, ApiData::Push(id))
        .await
}

impl Manager {
    /// AddPiece.
    pub(super) async fn write_piece(
        &self,
        sector: SectorRef,
        existing: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        data: PieceData,
    ) -> Result<PieceInfo, SealError> {
        let mut files = Files::default();
        if existing.is_empty() {
            files.allocate = UNSEALED;
        } else {
            files.existing = UNSEALED;
        }
        // Zeros are the same work again; other data are not known by any name.
        let name = match &data {
            PieceData::Zeros => key(Kind::AddPiece, sector.id, &(&existing, size)),
            _ => key(Kind::AddPiece, sector.id, &Uuid::new_v4()),
        };
        let mut data = Some(data);
        let output = self.once(
            name,
            Kind::AddPiece,
            &sector,
            TaskType::ADD_PIECE,
            files,
            |at| {
                let given = data.take();
                data = given.as_ref().and_then(again);
                let existing = existing.clone();
                async move {
                    let used = "the worker was restarted while it read a stream";
                    let given = given.ok_or_else(|| RpcError::new(used))?;
                    begin(at, sector, existing, size, given).await
                }
            },
        );
        match output.await? {
            Output::Piece(piece) => Ok(piece),
            other => Err(unexpected(&other)),
        }
    }

    /// Reads `size` bytes of a sealed sector's data, from byte `offset` on (both without padding), as
    /// they were added. When no process has the unsealed copy, a worker makes one first, which takes
    /// as long as sealing did; `ticket` and `comm_d` are the sector's.
    ///
    /// # Errors
    /// [`SealError::Failed`] when the sector does not reach that far or lies nowhere;
    /// [`SealError::Temporary`] when it cannot be read or unsealed now. A reader that cannot be read
    /// to the end fails; it never ends early.
    pub async fn read_piece(
        &self,
        sector: SectorRef,
        offset: u64,
        size: u64,
        ticket: Randomness,
        comm_d: Cid,
    ) -> Result<PieceReader, SealError> {
        let sector_size = sector.proof_type.sector_size().unwrap_or(0);
        let room = PaddedPieceSize(sector_size).unpadded().0;
        if offset.saturating_add(size) > room {
            return Err(SealError::Failed(format!(
                "{size} bytes from {offset} on exceed the {room} bytes of sector {}",
                sector.id
            )));
        }
        let quad = UNPADDED as u64;
        let (first, within) = (offset / quad, offset % quad);
        let quads = within.saturating_add(size).div_ceil(quad);
        let (from, length) = (first * PADDED as u64, quads * PADDED as u64);
        let store = &self.0.deps.store;
        let padded = match store.open_unsealed(sector.id, from, length).await? {
            Some(padded) => padded,
            None => {
                self.make_unsealed(sector, ticket, comm_d).await?;
                let padded = store.open_unsealed(sector.id, from, length).await?;
                padded.ok_or_else(|| {
                    SealError::Temporary("the unsealed copy is gone again".to_owned())
                })?
            }
        };
        let mut data = Box::pin(unpadded(padded, length));
        let mut skip = [0; UNPADDED];
        let skipped = usize::try_from(within).unwrap_or(0);
        data.read_exact(&mut skip[..skipped])
            .await
            .map_err(|e| SealError::Temporary(format!("reading sector {}: {e}", sector.id)))?;
        Ok(Box::pin(data.take(size)))
    }

    /// Has a worker unseal a sector into an unsealed file.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn make_unsealed(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        comm_d: Cid,
    ) -> Result<(), SealError> {
        let sector_size = sector.proof_type.sector_size().unwrap_or(0);
        let whole = PaddedPieceSize(sector_size).unpadded();
        let files = Files {
            existing: SEALED.union(CACHE),
            allocate: UNSEALED,
            ..Files::default()
        };
        let name = key(Kind::Unseal, sector.id, &(ticket, comm_d));
        let done = self.once(
            name.clone(),
            Kind::Unseal,
            &sector,
            TaskType::UNSEAL,
            files,
            |at| async move {
                at.api
                    .unseal_piece(sector, 0, whole, ticket.into(), comm_d)
                    .await
            },
        );
        done.await?;
        // The copy may be removed later, and be wanted again then.
        self.0.deps.work.forget(&name)
    }

    /// Does some process have the sector's unsealed copy?
    pub fn is_unsealed(&self, sector: SectorRef) -> bool {
        let index = &self.0.deps.index;
        !index
            .find(sector.id, SectorFileType::UNSEALED, 0, false)
            .is_empty()
    }
}
