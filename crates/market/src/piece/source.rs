//! Blocks of a CAR on disk.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use lotus_types::Cid;

use super::sections::{SectionError, Sections};
use crate::dag_pb::{BadBlock, Link};

const READ: usize = 1 << 18;
/// Length prefix and CBOR of `{"version": 2}`, with which a CAR v2 starts.
const V2_PRAGMA: &[u8; 11] = b"\x0a\xa1\x67version\x02";
/// Pragma and fixed header of a CAR v2.
const V2_HEAD: usize = 51;

/// Why blocks of a CAR file cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarFileError {
    /// The file cannot be read.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// It is not a good CAR.
    #[error("{}: {source}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: SectionError,
    },
    /// A block in it is not what its CID says.
    #[error("{}: {source}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: BadBlock,
    },
    /// A block is not in it.
    #[error("{} does not have block {link}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The block.
        link: Box<Link>,
    },
}

/// A CAR v1 or v2 on disk with the places of its blocks: some 100 bytes of memory for each.
#[derive(Debug)]
pub struct CarFile {
    path: PathBuf,
    file: File,
    roots: Vec<Link>,
    places: HashMap<Cid, (u64, usize)>,
}

impl CarFile {
    /// Opens a file and goes through it once. Blocks are not hashed yet.
    ///
    /// # Errors
    /// [`CarFileError`].
    pub fn open(path: &Path) -> Result<Self, CarFileError> {
        let failed = |source| CarFileError::Io {
            path: path.to_path_buf(),
            source,
        };
        let bad = |source| CarFileError::Bad {
            path: path.to_path_buf(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let (start, len) = payload(&mut file).map_err(failed)?;
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut input = (&file).take(len);
        let (mut sections, mut buffer) = (Sections::default(), vec![0; READ]);
        let mut places = HashMap::new();
        loop {
            let read = input.read(&mut buffer).map_err(failed)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            sections.push(bytes);
            while let Some(section) = sections.section().map_err(bad)? {
                if let Link::Block(cid) = section.link {
                    let place = (start + section.offset, section.data.len());
                    places.entry(cid).or_insert(place);
                }
            }
        }
        sections.finish().map_err(bad)?;
        let roots = sections.roots().unwrap_or_default().to_vec();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            roots,
            places,
        })
    }

    /// The roots that the header names.
    pub fn roots(&self) -> &[Link] {
        &self.roots
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A block, checked against its CID.
    ///
    /// # Errors
    /// [`CarFileError`].
    pub fn block(&mut self, link: &Link) -> Result<Vec<u8>, CarFileError> {
        let cid = match link {
            Link::Inline { data, .. } => return Ok(data.to_vec()),
            Link::Block(cid) => cid,
        };
        let Some(&(offset, len)) = self.places.get(cid) else {
            return Err(CarFileError::Missing {
                path: self.path.clone(),
                link: Box::new(link.clone()),
            });
        };
        let mut data = vec![0; len];
        let read = self.file.seek(SeekFrom::Start(offset));
        read.and_then(|_| self.file.read_exact(&mut data))
            .map_err(|source| CarFileError::Io {
                path: self.path.clone(),
                source,
            })?;
        link.verify(&data).map_err(|source| CarFileError::Corrupt {
            path: self.path.clone(),
            source,
        })?;
        Ok(data)
    }
}

/// Start and length of the CAR v1 in a file: all of it, or what the head of a CAR v2 says.
fn payload(file: &mut File) -> io::Result<(u64, u64)> {
    let len = file.metadata()?.len();
    let mut head = Vec::with_capacity(V2_HEAD);
    file.take(V2_HEAD as u64).read_to_end(&mut head)?;
    if !head.starts_with(V2_PRAGMA) {
        return Ok((0, len));
    }
    let number = |at: usize| {
        let bytes = head.get(at..at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let inside = |(start, size): &(u64, u64)| {
        *start >= V2_HEAD as u64 && start.checked_add(*size).is_some_and(|end| end <= len)
    };
    number(27).zip(number(35)).filter(inside).ok_or_else(|| {
        let text = "the head of the CAR v2 names a place outside of the file";
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}
