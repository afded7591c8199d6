//! A chain out of a CAR file.

use std::{io::Read, ops::ControlFlow, sync::Arc};

use lotus_blockstore::car::{self, CarReader, LoadOptions, LoadProgress};
use lotus_types::{BlockHeader, Cid, Tipset, TipsetKey};

use crate::{ChainError, ChainStore};

/// What an import brought.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The tipset that the file's roots name. It is **not** the head yet.
    pub head: Tipset,
    /// The genesis block at the end of its chain.
    pub genesis: Arc<BlockHeader>,
    /// Tipsets from genesis to head, both included.
    pub tipsets: u64,
    /// Blocks of data that were stored.
    pub blocks: u64,
}

impl ChainStore {
    /// [`ChainStore::load`], which takes the chain's genesis as the store's if that has none.
    ///
    /// # Errors
    /// As [`ChainStore::load`].
    pub fn import<R: Read>(
        &self,
        car: CarReader<R>,
        progress: impl FnMut(LoadProgress) -> ControlFlow<()>,
    ) -> Result<Imported, ChainError> {
        let imported = self.load(car, progress)?;
        self.set_genesis(&imported.genesis)?;
        Ok(imported)
    }

    /// Stores all of a CAR file and checks that its roots are a tipset whose headers reach down to a
    /// genesis block: the store's, if that has one. Names nothing: neither genesis nor head change.
    ///
    /// What is imported is well-formed, not valid: the caller validates the chain, or trusts it, and
    /// then calls [`ChainStore::set_head`].
    ///
    /// # Errors
    /// [`ChainError::Car`] for a file that is none, is cut short or has wrong blocks;
    /// [`ChainError::NotFound`] when a header is missing; [`ChainError::OtherGenesis`] when the chain
    /// is of another network. Blocks stored until then stay and do no harm.
    pub fn load<R: Read>(
        &self,
        car: CarReader<R>,
        progress: impl FnMut(LoadProgress) -> ControlFlow<()>,
    ) -> Result<Imported, ChainError> {
        let loaded = car::load(car, self.blocks(), LoadOptions::default(), progress)?;
        let key: TipsetKey = loaded.roots.iter().copied().map(Cid::from).collect();
        let head = self.tipset(&key)?;
        let mut tipsets = 0;
        let mut lowest = head.clone();
        for tipset in self.walk_back(head.clone()) {
            lowest = tipset?;
            tipsets += 1;
        }
        let genesis = lowest.min_ticket_block();
        self.check_genesis(genesis)?;
        Ok(Imported {
            head,
            genesis: Arc::new(genesis.clone()),
            tipsets,
            blocks: loaded.blocks,
        })
    }
}
