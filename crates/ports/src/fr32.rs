//! fr32: how data is laid out in a sector, 254 bits in every 256.
//!
//! A replica is made of field elements, which hold a little less than 32 bytes. So 127 bytes of
//! data become 128: four runs of 254 bits (least significant bit first), each followed by two zero
//! bits.

use std::io::{self, Read, Write};

/// Bytes of data in a quad.
pub const UNPADDED: usize = 127;
/// Bytes that a quad takes in a sector.
pub const PADDED: usize = 128;

/// Pads `data`; a last incomplete quad is filled up with zeros.
pub fn pad(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(UNPADDED) * PADDED);
    pad_into(data, &mut out);
    out
}

/// [`pad`], appending to `out`.
pub fn pad_into(data: &[u8], out: &mut Vec<u8>) {
    let (quads, rest) = data.as_chunks::<UNPADDED>();
    for quad in quads {
        out.extend_from_slice(&pad_quad(quad));
    }
    if !rest.is_empty() {
        let mut quad = [0; UNPADDED];
        quad[..rest.len()].copy_from_slice(rest);
        out.extend_from_slice(&pad_quad(&quad));
    }
}

/// The data in `padded`, whose length should be a multiple of 128; a rest is ignored.
pub fn unpad(padded: &[u8]) -> Vec<u8> {
    let (quads, _) = padded.as_chunks::<PADDED>();
    quads.iter().flat_map(unpad_quad).collect()
}

/// Element `k` starts at bit 254·k: at byte 31·k plus one for every started byte, shifted.
fn pad_quad(data: &[u8; UNPADDED]) -> [u8; PADDED] {
    let mut out = [0; PADDED];
    for (k, element) in out.chunks_exact_mut(32).enumerate() {
        let (start, shift) = (254 * k / 8, 254 * k % 8);
        for (j, byte) in element.iter_mut().enumerate() {
            let low = data.get(start + j).map_or(0, |b| b >> shift);
            let high = data
                .get(start + j + 1)
                .map_or(0, |b| u16::from(*b) << (8 - shift));
            *byte = low | high.to_le_bytes()[0];
        }
        element[31] &= 0x3f;
    }
    out
}

fn unpad_quad(padded: &[u8; PADDED]) -> [u8; UNPADDED] {
    let mut out = [0; UNPADDED];
    for (k, element) in padded.chunks_exact(32).enumerate() {
        let (start, shift) = (254 * k / 8, 254 * k % 8);
        for (j, byte) in element.iter().enumerate() {
            // The two bits that carry no data are dropped, whatever they are.
            let byte = u16::from(if j == 31 { byte & 0x3f } else { *byte });
            let [low, high] = (byte << shift).to_le_bytes();
            if let Some(out) = out.get_mut(start + j) {
                *out |= low;
            }
            if let Some(out) = out.get_mut(start + j + 1) {
                *out |= high;
            }
        }
    }
    out
}

/// Reads the data behind a reader of padded bytes.
#[derive(Debug)]
pub struct UnpadReader<R> {
    inner: R,
    data: Vec<u8>,
    taken: usize,
}

impl<R: Read> UnpadReader<R> {
    /// `inner` must stand at the start of a quad.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            data: Vec::new(),
            taken: 0,
        }
    }

    /// Reads up to 512 quads; a stream that ends within a quad is cut off.
    fn refill(&mut self) -> io::Result<()> {
        let mut padded = Vec::new();
        self.inner
            .by_ref()
            .take(512 * PADDED as u64)
            .read_to_end(&mut padded)?;
        if padded.len() % PADDED != 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.data = unpad(&padded);
        self.taken = 0;
        Ok(())
    }
}

impl<R: Read> Read for UnpadReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.data.len() && !buf.is_empty() {
            self.refill()?;
        }
        let rest = &self.data[self.taken..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        Ok(len)
    }
}

/// Writes data padded. [`PadWriter::finish`] must be called: until then a last incomplete quad is
/// held back.
#[derive(Debug)]
pub struct PadWriter<W> {
    inner: W,
    rest: Vec<u8>,
}

impl<W: Write> PadWriter<W> {
    /// `inner` must stand at the start of a quad.
    pub const fn new(inner: W) -> Self {
        Self {
            inner,
            rest: Vec::new(),
        }
    }

    /// Writes the last quad, filled up with zeros, and gives the writer back.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&pad(&self.rest))?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for PadWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(data);
        let whole = self.rest.len() - self.rest.len() % UNPADDED;
        if whole > 0 {
            let padded = pad(&self.rest[..whole]);
            self.rest.drain(..whole);
            self.inner.write_all(&padded)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * i + 7 * i + i / 251) as u8).collect()
    }

    #[test]
    fn unpadding_gives_the_data_back_and_the_filling_as_zeros() {
        for len in [0, 1, 126, 127, 128, 1000] {
            let mut data = sample(len);
            let back = unpad(&pad(&data));
            data.resize(len.div_ceil(UNPADDED) * UNPADDED, 0);
            assert_eq!(back, data);
        }
    }

    #[test]
    fn unpadding_ignores_the_bits_that_carry_nothing() {
        let mut padded = pad(&sample(127));
        let clean = unpad(&padded);
        padded[31] |= 0xc0;
        assert_eq!(unpad(&padded), clean);
    }

    #[test]
    fn a_writer_pads_what_comes_in_pieces() {
        let data = sample(127 * 30 + 5);
        let mut writer = PadWriter::new(Vec::new());
        for piece in data.chunks(100) {
            writer.write_all(piece).expect("memory");
        }
        assert_eq!(writer.finish().expect("memory"), pad(&data));
    }

    #[test]
    fn a_reader_unpads_a_stream() {
        let data = sample(127 * 1300);
        let mut back = Vec::new();
        UnpadReader::new(&pad(&data)[..])
            .read_to_end(&mut back)
            .expect("whole quads");
        assert_eq!(back, data);
        let cut = UnpadReader::new(&pad(&data)[..130]).read_to_end(&mut Vec::new());
        assert!(cut.is_err(), "a cut-off quad must not pass for the end");
    }
}
