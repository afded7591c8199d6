//! Streaming reader.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, ErrorKind, Read},
    path::Path,
};

use cid::Cid;

use super::{
    CarError, CarVersion,
    header::{self, V2_HEADER_LEN, V2_PRAGMA_LEN, V2Header},
};
use crate::verify;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Caps on what a CAR may claim.
#[derive(Debug, Clone, Copy)]
pub struct CarLimits {
    /// Longest header in bytes. Default: 32 MiB, as in go-car.
    pub max_header: u64,
    /// Longest block in bytes, CID included. Default: 8 MiB, as in go-car.
    pub max_block: u64,
    /// A block of length zero ends the file instead of being an error: CARs inside padded pieces.
    /// Default: off.
    pub zero_ends: bool,
}

impl Default for CarLimits {
    fn default() -> Self {
        Self {
            max_header: 32 << 20,
            max_block: 8 << 20,
            zero_ends: false,
        }
    }
}

/// A block of a CAR, checked against its CID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarBlock {
    /// Its CID.
    pub cid: Cid,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Where its section starts, in bytes from the start of the (decompressed) file.
    pub offset: u64,
}

/// The bytes that were peeked at, then the rest.
type Peeked<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

enum Input<R: Read> {
    Plain(BufReader<Peeked<R>>),
    Zstd(Box<BufReader<zstd::Decoder<'static, BufReader<Peeked<R>>>>>),
}

impl<R: Read> Input<R> {
    fn as_buf(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(input) => input,
            Self::Zstd(input) => input.as_mut(),
        }
    }
}

/// Reads a CAR block by block; an iterator over `Result<CarBlock, CarError>` that ends after the
/// first error.
pub struct CarReader<R: Read> {
    input: Input<R>,
    limits: CarLimits,
    version: CarVersion,
    roots: Vec<Cid>,
    /// Bytes consumed since the start of the file, after decompression.
    offset: u64,
    /// Where the inner v1 of a v2 ends.
    end: Option<u64>,
    blocks: u64,
    in_header: bool,
    done: bool,
}

impl<R: Read> std::fmt::Debug for CarReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CarReader")
            .field("version", &self.version)
            .field("roots", &self.roots)
            .field("offset", &self.offset)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

impl CarReader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// See [`CarReader::new`].
    pub fn open(path: &Path) -> Result<Self, CarError> {
        Self::new(
            File::open(path).map_err(CarError::Io)?,
            CarLimits::default(),
        )
    }
}

impl<R: Read> CarReader<R> {
    /// Detects the format and reads the headers. The reader need not be buffered.
    ///
    /// # Errors
    /// When this is no CAR, its header is malformed, too long or cut short, or reading fails.
    pub fn new(mut raw: R, limits: CarLimits) -> Result<Self, CarError> {
        let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
        (&mut raw)
            .take(ZSTD_MAGIC.len() as u64)
            .read_to_end(&mut magic)
            .map_err(CarError::Io)?;
        let compressed = magic == ZSTD_MAGIC;
        let peeked = BufReader::with_capacity(1 << 16, Cursor::new(magic).chain(raw));
        let input = if compressed {
            let decoder = zstd::Decoder::with_buffer(peeked).map_err(CarError::Io)?;
            Input::Zstd(Box::new(BufReader::with_capacity(1 << 16, decoder)))
        } else {
            Input::Plain(peeked)
        };
        let mut reader = Self {
            input,
            limits,
            version: CarVersion::V1,
            roots: Vec::new(),
            offset: 0,
            end: None,
            blocks: 0,
            in_header: true,
            done: false,
        };
        reader.read_headers()?;
        Ok(reader)
    }

    /// The roots that the header names, in its order.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// The container's version.
    pub fn version(&self) -> CarVersion {
        self.version
    }

    /// True when the file is a zstd stream.
    pub fn is_compressed(&self) -> bool {
        matches!(self.input, Input::Zstd(_))
    }

    /// Blocks read so far.
    pub fn blocks_read(&self) -> u64 {
        self.blocks
    }

    /// Bytes read so far, after decompression.
    pub fn bytes_read(&self) -> u64 {
        self.offset
    }

    /// The next block; `None` at the end of the file.
    ///
    /// # Errors
    /// [`CarError`] with the block's number and offset. The reader must not be used after an error.
    pub fn next_block(&mut self) -> Result<Option<CarBlock>, CarError> {
        if self.end.is_some_and(|end| self.offset >= end) {
            return Ok(None);
        }
        let offset = self.offset;
        let Some(len) = self.varint()? else {
            return match self.end {
                None => Ok(None),
                Some(end) => Err(CarError::Truncated {
                    offset,
                    inside: format!("a CARv2 that announces blocks up to byte {end}"),
                }),
            };
        };
        if len == 0 {
            if self.limits.zero_ends {
                self.end = Some(offset);
                return Ok(None);
            }
            return Err(self.bad_block(offset, "it has length zero"));
        }
        if len > self.limits.max_block {
            let (index, max) = (self.blocks, self.limits.max_block);
            return Err(CarError::BlockTooLarge {
                index,
                offset,
                len,
                max,
            });
        }
        if self
            .end
            .is_some_and(|end| len > end.saturating_sub(self.offset))
        {
            return Err(self.bad_block(offset, "it reaches beyond the end that CARv2 announces"));
        }
        let section = self.bytes(len)?;
        let mut rest = section.as_slice();
        let cid = Cid::read_bytes(&mut rest)
            .map_err(|error| self.bad_block(offset, &format!("no CID: {error}")))?;
        let data = rest.to_vec();
        verify::verify(&cid, &data).map_err(|source| CarError::Unverified {
            index: self.blocks,
            offset,
            source,
        })?;
        self.blocks += 1;
        Ok(Some(CarBlock { cid, data, offset }))
    }

    fn bad_block(&self, offset: u64, reason: &str) -> CarError {
        CarError::BadBlock {
            index: self.blocks,
            offset,
            reason: reason.to_owned(),
        }
    }

    fn read_headers(&mut self) -> Result<(), CarError> {
        let first = self.header()?;
        match first.version {
            1 => self.roots = first.roots,
            2 if self.offset == V2_PRAGMA_LEN && first.roots.is_empty() => {
                self.version = CarVersion::V2;
                self.enter_v2()?;
            }
            2 => {
                return Err(CarError::NotACar {
                    reason: "malformed CARv2 pragma".to_owned(),
                });
            }
            version => return Err(CarError::UnsupportedVersion(version)),
        }
        self.in_header = false;
        Ok(())
    }

    /// Goes to the inner v1 and reads its header.
    fn enter_v2(&mut self) -> Result<(), CarError> {
        let v2 = V2Header::decode(&self.bytes(V2_HEADER_LEN)?)?;
        self.skip(v2.data_offset - self.offset)?;
        let end = v2
            .data_offset
            .checked_add(v2.data_size)
            .ok_or_else(|| CarError::NotACar {
                reason: "CARv2 header announces more than 2^64 bytes".to_owned(),
            })?;
        let inner = self.header()?;
        if inner.version != 1 {
            return Err(CarError::UnsupportedVersion(inner.version));
        }
        if self.offset > end {
            return Err(CarError::NotACar {
                reason: "CARv2 data is shorter than its header".into(),
            });
        }
        self.roots = inner.roots;
        self.end = Some(end);
        Ok(())
    }

    fn header(&mut self) -> Result<header::Header, CarError> {
        // Anything may come in here, so a wild length is first of all a sign of another format.
        let len = match self.varint() {
            Err(CarError::BadBlock { .. }) => Err(CarError::NotACar {
                reason: "it does not start with the length of a header".to_owned(),
            }),
            other => other,
        };
        let len = match len? {
            Some(len) => len,
            None if self.offset == 0 => {
                return Err(CarError::NotACar {
                    reason: "it is empty".to_owned(),
                });
            }
            None => return Err(self.truncated()),
        };
        if len == 0 {
            return Err(CarError::NotACar {
                reason: "its header has length zero".to_owned(),
            });
        }
        let max = self.limits.max_header;
        if len > max {
            return Err(CarError::HeaderTooLarge { len, max });
        }
        let bytes = self.bytes(len)?;
        header::decode(&bytes)
    }

    /// An unsigned LEB128 number; `None` when there is no byte left at all.
    fn varint(&mut self) -> Result<Option<u64>, CarError> {
        let start = self.offset;
        let mut value = 0u64;
        for shift in (0..).step_by(7) {
            let Some(byte) = self.byte()? else {
                return if shift == 0 {
                    Ok(None)
                } else {
                    Err(self.truncated())
                };
            };
            // Nine groups of seven bits, as multiformats allows; the last must not be zero.
            if shift > 56 || (byte == 0 && shift > 0) {
                return Err(self.bad_block(start, "its length is not a minimal varint"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn byte(&mut self) -> Result<Option<u8>, CarError> {
        let mut byte = [0u8; 1];
        loop {
            match self.input.as_buf().read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.offset += 1;
                    return Ok(Some(byte[0]));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_failed(error)),
            }
        }
    }

    /// Exactly `len` bytes; the buffer grows as they arrive.
    fn bytes(&mut self, len: u64) -> Result<Vec<u8>, CarError> {
        let expected = usize::try_from(len.min(1 << 16)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(expected);
        let read = self.input.as_buf().take(len).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        read.map_err(|error| self.read_failed(error))?;
        if (bytes.len() as u64) < len {
            Err(self.truncated())
        } else {
            Ok(bytes)
        }
    }

    fn skip(&mut self, len: u64) -> Result<(), CarError> {
        let skipped = std::io::copy(&mut self.input.as_buf().take(len), &mut std::io::sink());
        let skipped = skipped.map_err(|error| self.read_failed(error))?;
        self.offset += skipped;
        if skipped < len {
            Err(self.truncated())
        } else {
            Ok(())
        }
    }

    fn truncated(&self) -> CarError {
        let inside = if self.in_header {
            "the header".to_owned()
        } else {
            format!("block {}", self.blocks)
        };
        CarError::Truncated {
            offset: self.offset,
            inside,
        }
    }

    fn read_failed(&self, error: std::io::Error) -> CarError {
        match (&self.input, error.kind()) {
            (Input::Zstd(_), ErrorKind::UnexpectedEof) => self.truncated(),
            // The decoder reports damage as Other; an error of the disk keeps its own kind.
            (Input::Zstd(_), ErrorKind::Other | ErrorKind::InvalidData) => CarError::Compression {
                offset: self.offset,
                source: error,
            },
            _ => CarError::Io(error),
        }
    }
}

impl<R: Read> Iterator for CarReader<R> {
    type Item = Result<CarBlock, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_block().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
