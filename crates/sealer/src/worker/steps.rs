//! What a worker does to files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use lotus_ports::{
    fr32::PadWriter,
    proofs::{ProofError, Prover, Randomness, SectorPaths, UnsealRange},
};
use lotus_rpc_api::types::storage::{AcquireMode, PathType, SectorFileType};
use lotus_types::{
    Bytes, Cid, PieceInfo,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};

use super::WorkerDeps;
use crate::{
    PieceData, SealError,
    layout::{sync_parent, temp_name},
    store::{Acquired, copy_finish, remove_any},
};

const UNSEALED: SectorFileType = SectorFileType::UNSEALED;
const SEALED: SectorFileType = SectorFileType::SEALED;
const CACHE: SectorFileType = SectorFileType::CACHE;
/// In the cache while PreCommit2 changes the replica in place.
const ENCODING: &str = ".encoding";

impl From<ProofError> for SealError {
    fn from(error: ProofError) -> Self {
        let text = match &error {
            ProofError::Storage { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        if error.is_bad_input() {
            Self::Failed(text)
        } else {
            Self::Temporary(text)
        }
    }
}

fn io_error(what: &str, path: &Path, error: &io::Error) -> SealError {
    SealError::Temporary(format!("{what} {}: {error}", path.display()))
}

/// Runs what takes long away from the async threads.
async fn work<T: Send + 'static>(
    deps: &WorkerDeps,
    work: impl FnOnce(&dyn Prover) -> Result<T, SealError> + Send + 'static,
) -> Result<T, SealError> {
    let prover = Arc::clone(&deps.prover);
    match tokio::task::spawn_blocking(move || work(&*prover)).await {
        Ok(result) => result,
        Err(error) => Err(SealError::Temporary(format!(
            "a sealing thread ended: {error}"
        ))),
    }
}

fn sector_paths(acquired: &Acquired) -> SectorPaths {
    let path = |kind| {
        acquired
            .path(kind)
            .map(Path::to_path_buf)
            .unwrap_or_default()
    };
    SectorPaths {
        unsealed: path(UNSEALED),
        sealed: path(SEALED),
        cache: path(CACHE),
    }
}

async fn acquire(
    deps: &WorkerDeps,
    sector: &SectorRef,
    existing: SectorFileType,
    allocate: SectorFileType,
) -> Result<(Acquired, crate::store::Reservation), SealError> {
    deps.store
        .acquire(
            sector,
            existing,
            allocate,
            PathType::Sealing,
            AcquireMode::Move,
        )
        .await
}

/// Writes a piece behind the existing ones.
pub(super) async fn add_piece(
    deps: &WorkerDeps,
    sector: SectorRef,
    existing: Vec<UnpaddedPieceSize>,
    size: UnpaddedPieceSize,
    data: PieceData,
) -> Result<PieceInfo, SealError> {
    let offset = existing.iter().map(|s| s.padded().0).sum::<u64>();
    let room = sector.proof_type.sector_size().unwrap_or(0);
    if offset.saturating_add(size.padded().0) > room {
        return Err(SealError::Failed(format!(
            "a piece of {size} bytes does not fit behind {offset} bytes of a {room}-byte sector"
        )));
    }
    let (old, new) = if existing.is_empty() {
        (SectorFileType::NONE, UNSEALED)
    } else {
        (UNSEALED, SectorFileType::NONE)
    };
    let (paths, _room) = acquire(deps, &sector, old, new).await?;
    let path = paths.path(UNSEALED)?.to_path_buf();
    let piece = work(deps, move |prover| {
        let failed = |e: &io::Error| io_error("writing", &path, e);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| failed(&e))?;
        // What an interrupted attempt has written is written over.
        file.set_len(offset).map_err(|e| failed(&e))?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| failed(&e))?;
        let mut reader: Box<dyn Read> = match data {
            PieceData::Zeros => Box::new(io::empty()),
            PieceData::File(from) => {
                Box::new(File::open(&from).map_err(|e| io_error("reading", &from, &e))?)
            }
            PieceData::Reader(reader) => reader,
        };
        let mut padded = (&mut reader).chain(io::repeat(0)).take(size.0);
        let piece = prover.add_piece(sector.proof_type, size, &mut padded, &mut file)?;
        // Whoever sends the data is told that all were taken only when the end is seen.
        if reader.read(&mut [0]).map_err(|e| failed(&e))? != 0 {
            return Err(SealError::Failed(format!(
                "there are more data than the piece's {size} bytes"
            )));
        }
        file.set_len(offset + size.padded().0)
            .map_err(|e| failed(&e))?;
        file.sync_all().map_err(|e| failed(&e))?;
        Ok(piece)
    });
    let piece = piece.await?;
    deps.store.declare_made(sector.id, &paths, UNSEALED).await?;
    Ok(piece)
}

/// PreCommit1, from nothing but the unsealed file.
pub(super) async fn pre_commit1(
    deps: &WorkerDeps,
    sector: SectorRef,
    ticket: Randomness,
    pieces: Vec<PieceInfo>,
) -> Result<Bytes, SealError> {
    let made = SEALED.union(CACHE);
    let (acquired, _room) = acquire(deps, &sector, UNSEALED, made).await?;
    let paths = sector_paths(&acquired);
    let out = work(deps, move |prover| {
        remove_any(&paths.sealed).map_err(|e| io_error("removing", &paths.sealed, &e))?;
        remove_any(&paths.cache).map_err(|e| io_error("removing", &paths.cache, &e))?;
        File::create(&paths.sealed).map_err(|e| io_error("making", &paths.sealed, &e))?;
        fs::create_dir_all(&paths.cache).map_err(|e| io_error("making", &paths.cache, &e))?;
        Ok(prover.seal_pre_commit1(&sector, &ticket, &pieces, &paths)?)
    });
    let out = out.await?;
    deps.store.declare_made(sector.id, &acquired, made).await?;
    Ok(out.into())
}

/// PreCommit2. The replica is encoded in place, so an interrupted attempt is undone first: before
/// encoding, the replica is a copy of the unsealed file.
pub(super) async fn pre_commit2(
    deps: &WorkerDeps,
    sector: SectorRef,
    phase1: Bytes,
) -> Result<SectorCids, SealError> {
    let existing = SEALED.union(CACHE);
    let (acquired, _room) = acquire(deps, &sector, existing, SectorFileType::NONE).await?;
    let mut paths = sector_paths(&acquired);
    let marker = paths.cache.join(ENCODING);
    if marker.exists() {
        let (unsealed, _room) = acquire(deps, &sector, UNSEALED, SectorFileType::NONE).await?;
        paths.unsealed = unsealed.path(UNSEALED)?.to_path_buf();
    }
    work(deps, move |prover| {
        let failed = |e: &io::Error| io_error("preparing", &paths.sealed, e);
        if marker.exists() {
            let temp = temp_name(&paths.sealed);
            fs::copy(&paths.unsealed, &temp).map_err(|e| failed(&e))?;
            fs::rename(&temp, &paths.sealed).map_err(|e| failed(&e))?;
        } else {
            File::create(&marker)
                .and_then(|f| f.sync_all())
                .map_err(|e| failed(&e))?;
            sync_parent(&marker).map_err(|e| failed(&e))?;
        }
        let cids = prover.seal_pre_commit2(&sector, &phase1, &paths)?;
        fs::remove_file(&marker).map_err(|e| failed(&e))?;
        Ok(cids)
    })
    .await
}

/// Commit1.
pub(super) async fn commit1(
    deps: &WorkerDeps,
    sector: SectorRef,
    (ticket, seed): (Randomness, Randomness),
    pieces: Vec<PieceInfo>,
    cids: SectorCids,
) -> Result<Bytes, SealError> {
    let (acquired, _room) =
        acquire(deps, &sector, SEALED.union(CACHE), SectorFileType::NONE).await?;
    let paths = sector_paths(&acquired);
    let out = work(deps, move |prover| {
        Ok(prover.seal_commit1(&sector, &ticket, &seed, &pieces, &cids, &paths)?)
    });
    Ok(out.await?.into())
}

/// Commit2: no files.
pub(super) async fn commit2(
    deps: &WorkerDeps,
    sector: SectorRef,
    phase1: Bytes,
) -> Result<Bytes, SealError> {
    let proof = work(deps, move |prover| {
        Ok(prover.seal_commit2(&sector, &phase1)?)
    });
    Ok(proof.await?.into())
}

/// Trims the cache.
pub(super) async fn finalize(deps: &WorkerDeps, sector: SectorRef) -> Result<(), SealError> {
    let (acquired, _room) = acquire(deps, &sector, CACHE, SectorFileType::NONE).await?;
    let cache = acquired.path(CACHE)?.to_path_buf();
    work(deps, move |prover| Ok(prover.clear_cache(&sector, &cache)?)).await
}

/// Drops the unsealed file, unless parts of it are to be kept (then all of it stays).
pub(super) async fn release_unsealed(
    deps: &WorkerDeps,
    sector: SectorRef,
    keep_some: bool,
) -> Result<(), SealError> {
    if keep_some {
        return Ok(());
    }
    deps.store.remove(sector.id, UNSEALED, &[]).await
}

/// Restores data of a sealed sector in its unsealed file. All of a sector gets its name only when it
/// is complete.
pub(super) async fn unseal_piece(
    deps: &WorkerDeps,
    sector: SectorRef,
    range: UnsealRange,
    ticket: Randomness,
    comm_d: Cid,
) -> Result<(), SealError> {
    if !range.size.is_valid() || !range.offset.is_multiple_of(127) {
        return Err(SealError::Failed(
            "only whole pieces can be unsealed".to_owned(),
        ));
    }
    // The replica stays where it is: WindowPoSt needs it there.
    let sealed = deps.store.acquire(
        &sector,
        SEALED.union(CACHE),
        SectorFileType::NONE,
        PathType::Sealing,
        AcquireMode::Copy,
    );
    let (sealed, _room) = sealed.await?;
    let (made, _room) = acquire(deps, &sector, SectorFileType::NONE, UNSEALED).await?;
    let (paths, path) = (sector_paths(&sealed), made.path(UNSEALED)?.to_path_buf());
    let offset = UnpaddedPieceSize(range.offset).padded().0;
    let is_whole = offset == 0 && Some(range.size.padded().0) == sector.proof_type.sector_size();
    work(deps, move |prover| {
        let target = if is_whole {
            temp_name(&path)
        } else {
            path.clone()
        };
        let failed = |e: &io::Error| io_error("writing", &target, e);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&target);
        let mut file = file.map_err(|e| failed(&e))?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| failed(&e))?;
        let mut padding = PadWriter::new(BufWriter::new(file));
        prover.unseal_range(&sector, &paths, &comm_d, &ticket, range, &mut padding)?;
        let written = padding
            .finish()
            .and_then(|buffered| Ok(buffered.into_inner()?));
        let file = written.map_err(|e| failed(&e))?;
        file.sync_all().map_err(|e| failed(&e))?;
        if is_whole {
            copy_finish(&target, &path).map_err(|e| failed(&e))?;
        }
        Ok(())
    })
    .await?;
    deps.store.declare_made(sector.id, &made, UNSEALED).await
}
