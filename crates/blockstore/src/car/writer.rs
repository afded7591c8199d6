//! Writer of CAR v1, plain or inside zstd.

use std::io::{BufWriter, Write};

use cid::Cid;

use super::header;

/// Writes a CAR v1: the header at once, then block after block.
pub struct CarWriter<W: Write> {
    out: BufWriter<W>,
    blocks: u64,
    bytes: u64,
}

impl<W: Write> std::fmt::Debug for CarWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CarWriter")
            .field("blocks", &self.blocks)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl<W: Write> CarWriter<W> {
    /// Writes the header. The writer need not be buffered.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(out: W, roots: &[Cid]) -> std::io::Result<Self> {
        let mut writer = Self {
            out: BufWriter::with_capacity(1 << 16, out),
            blocks: 0,
            bytes: 0,
        };
        let header = header::encode(roots);
        writer.section(&[&header])?;
        Ok(writer)
    }

    /// Writes a block. It is not checked against its CID, and not whether it was written before.
    ///
    /// # Errors
    /// When writing fails; the file is useless then.
    pub fn write(&mut self, cid: &Cid, data: &[u8]) -> std::io::Result<()> {
        self.section(&[&cid.to_bytes(), data])?;
        self.blocks += 1;
        Ok(())
    }

    /// Blocks written so far.
    pub fn blocks_written(&self) -> u64 {
        self.blocks
    }

    /// Bytes written so far, headers included, before compression.
    pub fn bytes_written(&self) -> u64 {
        self.bytes
    }

    /// Hands everything to the writer below and returns it; call this, or the end is lost.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> std::io::Result<W> {
        self.out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
    }

    fn section(&mut self, parts: &[&[u8]]) -> std::io::Result<()> {
        let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let mut prefix = Vec::with_capacity(10);
        let mut rest = len;
        while rest >= 0x80 {
            prefix.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        prefix.push(rest.to_le_bytes()[0]);
        self.out.write_all(&prefix)?;
        for part in parts {
            self.out.write_all(part)?;
        }
        self.bytes += prefix.len() as u64 + len;
        Ok(())
    }
}

impl<W: Write> CarWriter<zstd::Encoder<'static, W>> {
    /// Writes the header of a CAR inside a zstd frame with a checksum. `level` 0 is zstd's default.
    ///
    /// # Errors
    /// When writing fails.
    pub fn compressed(out: W, roots: &[Cid], level: i32) -> std::io::Result<Self> {
        let mut encoder = zstd::Encoder::new(out, level)?;
        encoder.include_checksum(true)?;
        Self::new(encoder, roots)
    }

    /// Ends the zstd frame and returns the writer below.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish_frame(self) -> std::io::Result<W> {
        self.finish()?.finish()
    }
}
