//! The headers of both versions.

use cid::Cid;

use super::CarError;
use crate::cbor::{ARRAY, CborError, Cursor, LINK_TAG, MAP, NULL, TAG, TEXT, UINT};

/// Which container the blocks came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarVersion {
    /// Header and blocks.
    V1,
    /// A v1 inside an envelope with an index.
    V2,
}

/// The decoded map of a header: v1 has roots, the pragma of v2 only a version.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u64,
    pub(super) roots: Vec<Cid>,
}

/// Reads the CBOR map of a header. Bytes behind the map are an error.
pub(super) fn decode(data: &[u8]) -> Result<Header, CarError> {
    let mut cursor = Cursor::new(data);
    let header = fields(&mut cursor).map_err(CarError::BadHeader)?;
    if cursor.left() > 0 {
        return Err(CarError::BadHeader(CborError::BadHead(cursor.position())));
    }
    Ok(header)
}

fn fields(cursor: &mut Cursor<'_>) -> Result<Header, CborError> {
    let (mut version, mut roots) = (None, Vec::new());
    let (MAP, count) = cursor.head()? else {
        return Err(CborError::BadHead(0));
    };
    for _ in 0..count {
        let at = cursor.position();
        let (TEXT, len) = cursor.head()? else {
            return Err(CborError::BadHead(at));
        };
        match cursor.body(len)? {
            b"version" => match cursor.head()? {
                (UINT, number) => version = Some(number),
                _ => return Err(CborError::BadHead(at)),
            },
            b"roots" => roots = links(cursor)?,
            _ => return Err(CborError::BadHead(at)),
        }
    }
    let version = version.ok_or(CborError::Truncated(cursor.position()))?;
    Ok(Header { version, roots })
}

/// The roots: an array of links, or null where an encoder had none.
fn links(cursor: &mut Cursor<'_>) -> Result<Vec<Cid>, CborError> {
    let at = cursor.position();
    let count = match cursor.head()? {
        NULL => 0,
        (ARRAY, count) => count,
        _ => return Err(CborError::BadHead(at)),
    };
    // Grows with what is read: the count is not believed.
    let mut roots = Vec::new();
    for _ in 0..count {
        let at = cursor.position();
        match cursor.head()? {
            (TAG, LINK_TAG) => roots.push(cursor.link()?),
            _ => return Err(CborError::BadHead(at)),
        }
    }
    Ok(roots)
}

/// The header of a v1 in the canonical order that go-car writes: roots, then version.
pub(super) fn encode(roots: &[Cid]) -> Vec<u8> {
    let mut out = vec![0xa2, 0x65];
    out.extend_from_slice(b"roots");
    put_head(&mut out, ARRAY, roots.len() as u64);
    for root in roots {
        let bytes = root.to_bytes();
        put_head(&mut out, TAG, LINK_TAG);
        put_head(&mut out, crate::cbor::BYTES, bytes.len() as u64 + 1);
        out.push(0);
        out.extend_from_slice(&bytes);
    }
    out.push(0x67);
    out.extend_from_slice(b"version");
    out.push(0x01);
    out
}

fn put_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(major | b7),
        24..=0xff => out.extend([major | 24, b7]),
        0x100..=0xffff => out.extend([major | 25, b6, b7]),
        0x1_0000..=0xffff_ffff => out.extend([major | 26, b4, b5, b6, b7]),
        _ => out.extend([major | 27, b0, b1, b2, b3, b4, b5, b6, b7]),
    }
}

/// The fixed part of a v2 behind its pragma: 16 bytes of characteristics, then three offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct V2Header {
    /// Where the inner v1 starts, from the start of the file.
    pub(super) data_offset: u64,
    /// Its length.
    pub(super) data_size: u64,
}

/// Bytes of the pragma: its length prefix and `{"version": 2}`.
pub(super) const V2_PRAGMA_LEN: u64 = 11;
/// Bytes of the fixed header.
pub(super) const V2_HEADER_LEN: u64 = 40;

impl V2Header {
    /// From the 40 bytes: characteristics, data offset, data size, index offset.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CarError> {
        let mut fields = bytes
            .get(16..)
            .unwrap_or_default()
            .chunks_exact(8)
            .map(|field| {
                field
                    .iter()
                    .rev()
                    .fold(0u64, |number, byte| number << 8 | u64::from(*byte))
            });
        let header = Self {
            data_offset: fields.next().unwrap_or_default(),
            data_size: fields.next().unwrap_or_default(),
        };
        if header.data_offset < V2_PRAGMA_LEN + V2_HEADER_LEN || header.data_size == 0 {
            return Err(CarError::NotACar {
                reason: format!(
                    "CARv2 header places {} bytes of data at byte {}",
                    header.data_size, header.data_offset
                ),
            });
        }
        Ok(header)
    }
}
