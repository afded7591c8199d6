//! The chain as a CAR file.
//!
//! # Lotus parity
//! Content and order of `lotus chain export`: from the head backwards each block's header, its
//! messages, the state and the receipts' root where they are asked for; genesis with its state
//! always. The same chain gives the same bytes.

use std::{collections::HashSet, io::Write, ops::ControlFlow};

use lotus_blockstore::{Blockstore, car::CarError, car::CarWriter, dag};
use lotus_types::{BlockHeader, ChainEpoch, Cid, Tipset};

use crate::{ChainError, ChainStore};

/// What goes into an export besides all headers and the genesis state.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// State of this many epochs before the exported tipset (`--recent-stateroots`). Default: 0.
    pub recent_states: ChainEpoch,
    /// Leave out messages older than those epochs (`--skip-old-msgs`). Default: off.
    pub skip_old_messages: bool,
    /// Leave out the actors' code, for networks whose bundle everyone has. Default: off.
    pub without_code: bool,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Blocks of data.
    pub blocks: u64,
    /// Bytes, before compression.
    pub bytes: u64,
    /// The epoch that the export has come to, going down to 0.
    pub height: ChainEpoch,
}

impl ChainStore {
    /// Writes the chain that ends in `head` to `out`. `progress` is called after each block of the
    /// chain and may stop the export.
    ///
    /// # Errors
    /// When something that belongs to the export is missing, and when writing fails; what was written
    /// is useless then.
    pub fn export<W: Write>(
        &self,
        head: &Tipset,
        options: ExportOptions,
        out: &mut CarWriter<W>,
        mut progress: impl FnMut(Exported) -> ControlFlow<()>,
    ) -> Result<Exported, ChainError> {
        let mut exporter = Exporter {
            chain: self,
            out,
            options,
            lowest_state: head.height().saturating_sub(options.recent_states),
            walked: HashSet::new(),
            written: HashSet::new(),
        };
        let mut queue: std::collections::VecDeque<Cid> = head.cids().iter().copied().collect();
        let mut done = Exported {
            height: head.height(),
            ..Exported::default()
        };
        while let Some(cid) = queue.pop_front() {
            let Some(header) = exporter.block(&cid)? else {
                continue;
            };
            if header.height > 0 {
                queue.extend(header.parents.cids());
            }
            done = Exported {
                blocks: exporter.out.blocks_written(),
                bytes: exporter.out.bytes_written(),
                height: done.height.min(header.height),
            };
            if progress(done).is_break() {
                return Err(CarError::Stopped {
                    blocks: done.blocks,
                }
                .into());
            }
        }
        Ok(done)
    }
}

struct Exporter<'a, W: Write> {
    chain: &'a ChainStore,
    out: &'a mut CarWriter<W>,
    options: ExportOptions,
    /// State is written for blocks above this height.
    lowest_state: ChainEpoch,
    /// Nodes whose links were followed.
    walked: HashSet<cid::Cid>,
    /// What is in the file.
    written: HashSet<cid::Cid>,
}

impl<W: Write> Exporter<'_, W> {
    /// Writes a block of the chain and what belongs to it; `None` when it was written before.
    fn block(&mut self, cid: &Cid) -> Result<Option<BlockHeader>, ChainError> {
        if !self.written.insert(*cid.inner()) {
            return Ok(None);
        }
        let header = self.chain.header(cid)?;
        self.copy(cid)?;
        let recent = header.height > self.lowest_state;
        if recent || !self.options.skip_old_messages {
            self.dag(&header.messages)?;
        }
        if header.height == 0 {
            // The parent that genesis names is no block of the chain, but something all the same.
            for parent in header.parents.cids() {
                self.once(parent)?;
            }
        }
        if recent || header.height == 0 {
            self.dag(&header.parent_state_root)?;
            if self.walked.insert(*header.parent_message_receipts.inner()) {
                self.once(&header.parent_message_receipts)?;
            }
        }
        Ok(Some(header))
    }

    /// Everything under `root`, each node before its links.
    fn dag(&mut self, root: &Cid) -> Result<(), ChainError> {
        let Self {
            chain,
            out,
            walked,
            written,
            options,
            ..
        } = self;
        let without_code = options.without_code;
        let code = |cid: &cid::Cid| without_code && cid.codec() == dag::RAW;
        dag::walk(root.inner(), chain.blocks(), walked, code, |cid, data| {
            if written.insert(*cid) {
                out.write(cid, data)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// One block of data, unless it is in the file already.
    fn once(&mut self, cid: &Cid) -> Result<(), ChainError> {
        if self.written.insert(*cid.inner()) {
            self.copy(cid)
        } else {
            Ok(())
        }
    }

    fn copy(&mut self, cid: &Cid) -> Result<(), ChainError> {
        let data = self.chain.blocks().get(cid).map_err(ChainError::store)?;
        let data = data.ok_or(ChainError::NotFound {
            what: "block of the export",
            cid: *cid,
        })?;
        self.out
            .write(cid, &data)
            .map_err(|error| CarError::Io(error).into())
    }
}
