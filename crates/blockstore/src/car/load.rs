//! Loads a whole CAR into a store.

use std::{io::Read, ops::ControlFlow, path::Path};

use cid::Cid;

use super::{CarError, CarReader};
use crate::shared::Store;

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// Refuse a file whose roots are neither among its blocks nor in the store already. Default: on.
    pub require_roots: bool,
    /// Bytes of blocks that go to the store in one batch. Default: 4 MiB.
    pub batch_bytes: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            require_roots: true,
            batch_bytes: 4 << 20,
        }
    }
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadProgress {
    /// Blocks stored.
    pub blocks: u64,
    /// Bytes of the CAR that were read, after decompression.
    pub bytes: u64,
}

/// What a load brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The roots that the file names.
    pub roots: Vec<Cid>,
    /// Blocks stored, repetitions included.
    pub blocks: u64,
    /// Bytes of the CAR, after decompression.
    pub bytes: u64,
}

/// Stores every block of `car` and makes them durable. `progress` is called after each batch and may
/// stop the load.
///
/// # Errors
/// [`CarError`]. Blocks that came before the error stay in the store; they are valid and harmless.
pub fn load<R: Read>(
    mut car: CarReader<R>,
    store: &impl Store,
    options: LoadOptions,
    mut progress: impl FnMut(LoadProgress) -> ControlFlow<()>,
) -> Result<Loaded, CarError> {
    let mut missing: Vec<Cid> = car.roots().to_vec();
    let mut batch: Vec<(Cid, Vec<u8>)> = Vec::new();
    let mut batch_bytes = 0;
    loop {
        let block = car.next_block()?;
        let ended = block.is_none();
        if let Some(block) = block {
            missing.retain(|root| *root != block.cid);
            batch_bytes += block.data.len();
            batch.push((block.cid, block.data));
        }
        if batch_bytes < options.batch_bytes && !ended {
            continue;
        }
        let borrowed: Vec<_> = batch.iter().map(|(cid, data)| (*cid, &data[..])).collect();
        store.put_batch(&borrowed).map_err(CarError::Store)?;
        batch.clear();
        batch_bytes = 0;
        let so_far = LoadProgress {
            blocks: car.blocks_read(),
            bytes: car.bytes_read(),
        };
        if progress(so_far).is_break() {
            return Err(CarError::Stopped {
                blocks: so_far.blocks,
            });
        }
        if ended {
            break;
        }
    }
    store.flush().map_err(CarError::Store)?;
    for root in missing {
        if options.require_roots && !store.has(&root).map_err(CarError::Store)? {
            return Err(CarError::RootMissing {
                root,
                blocks: car.blocks_read(),
            });
        }
    }
    Ok(Loaded {
        roots: car.roots().to_vec(),
        blocks: car.blocks_read(),
        bytes: car.bytes_read(),
    })
}

/// Loads a file with the default options and without progress.
///
/// # Errors
/// See [`load`].
pub fn load_file(path: &Path, store: &impl Store) -> Result<Loaded, CarError> {
    let nothing = |_: LoadProgress| ControlFlow::Continue(());
    load(
        CarReader::open(path)?,
        store,
        LoadOptions::default(),
        nothing,
    )
}
