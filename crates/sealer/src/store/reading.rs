//! Reading parts of unsealed files, here or at another process.

use std::{
    io::{self, SeekFrom},
    pin::Pin,
};

use axum::body::Bytes;
use futures::stream;
use lotus_ports::fr32;
use lotus_rpc_api::types::storage::SectorFileType;
use lotus_types::SectorId;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::StreamReader;

use super::{Store, temporary};
use crate::SealError;

/// Padded bytes that are unpadded at a time.
const CHUNK: u64 = 128 << 10;

/// Bytes as they lie in an unsealed file, fr32-padded.
pub(crate) type PaddedReader = Pin<Box<dyn AsyncRead + Send>>;

/// The data in `length` padded bytes, a multiple of 128. Fails when there are fewer.
pub(crate) fn unpadded(padded: PaddedReader, length: u64) -> impl AsyncRead + Send {
    let chunks = stream::try_unfold((padded, length), |(mut padded, left)| async move {
        let now = left.min(CHUNK);
        if now == 0 {
            return Ok::<_, io::Error>(None);
        }
        let mut chunk = Vec::new();
        (&mut padded).take(now).read_to_end(&mut chunk).await?;
        if u64::try_from(chunk.len()).unwrap_or(u64::MAX) != now {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let data = Bytes::from(fr32::unpad(&chunk));
        Ok(Some((data, (padded, left - now))))
    });
    StreamReader::new(Box::pin(chunks))
}

impl Store {
    /// Opens a part of a sector's unsealed file, wherever it lies: `length` bytes from `from` on.
    /// `None` when it lies nowhere.
    ///
    /// # Errors
    /// [`SealError::Temporary`] when it lies somewhere and cannot be read now.
    pub(crate) async fn open_unsealed(
        &self,
        sector: SectorId,
        from: u64,
        length: u64,
    ) -> Result<Option<PaddedReader>, SealError> {
        let kind = SectorFileType::UNSEALED;
        if let Some((_, path)) = self.local(sector, kind).await? {
            let failed = |e| temporary("reading an unsealed file", e);
            let mut file = tokio::fs::File::open(&path).await.map_err(failed)?;
            file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
            return Ok(Some(Box::pin(file.take(length))));
        }
        let found = self.index.storage_find_sector(sector, kind, 0, false).await;
        let found = found.map_err(|e| temporary("finding a sector file", e))?;
        let mut errors = Vec::new();
        for url in found.iter().flat_map(|place| &place.urls) {
            match self.client.open(url, from, length).await {
                Ok(reader) => return Ok(Some(reader)),
                Err(error) => errors.push(format!("{url}: {error}")),
            }
        }
        if errors.is_empty() {
            return Ok(None);
        }
        Err(SealError::Temporary(format!(
            "the unsealed file of {sector} cannot be read: {}",
            errors.join("; ")
        )))
    }
}
