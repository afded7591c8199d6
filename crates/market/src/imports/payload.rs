//! Writes payloads: of a file, of another CAR.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write},
    path::Path,
};

use lotus_proofs::commp::CommP;
use lotus_rpc_api::types::deals::DataCidSize;
use lotus_types::Cid;

use super::error::{self, ImportError};
use crate::{
    dag_pb::Link,
    piece::{
        sections::{self, Sections},
        source::{CarFile, CarFileError},
        walk::{DagWalk, WalkLimits},
    },
    unixfs::build::{Content, Layout, Shape},
};

const BUFFER: usize = 1 << 20;

/// Writes the payload of the file at `path` to `to` as a whole; gives its root.
///
/// # Errors
/// [`ImportError`]; what was written stays.
pub(super) fn write(path: &Path, is_car: bool, to: &Path) -> Result<Cid, ImportError> {
    let out = File::create(to).map_err(error::io("creating", to))?;
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let root = if is_car {
        of_car(path, &mut out, to)?
    } else {
        of_file(path, &mut out, to)?
    };
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(error::io("writing", to))?;
    Ok(root)
}

/// Writes the payload of the file at `path` to `to`, without importing it; gives its root.
///
/// # Errors
/// [`ImportError`]. A file that was at `to` before is replaced, and is gone after an error.
pub fn generate_car(path: &Path, is_car: bool, to: &Path) -> Result<Cid, ImportError> {
    if std::path::absolute(path).ok() == std::path::absolute(to).ok() {
        return Err(refused(path, "it would be overwritten"));
    }
    write(path, is_car, to).inspect_err(|_| {
        let _ = std::fs::remove_file(to);
    })
}

fn refused(path: &Path, reason: impl ToString) -> ImportError {
    ImportError::Refused {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

fn open(path: &Path) -> Result<File, ImportError> {
    let file = File::open(path).map_err(|e| refused(path, e))?;
    let metadata = file.metadata().map_err(error::io("reading", path))?;
    if metadata.is_dir() {
        return Err(refused(path, "it is a directory"));
    }
    if !metadata.is_file() {
        return Err(refused(path, "it is not a regular file"));
    }
    Ok(file)
}

/// Goes through the file twice: the first time for the root, which stands first in the payload.
fn of_file(path: &Path, out: &mut impl Write, to: &Path) -> Result<Cid, ImportError> {
    let mut file = open(path)?;
    let layout = Layout::of(BufReader::with_capacity(BUFFER, &file), Shape::default())
        .map_err(error::io("reading", path))?;
    let writing = || error::io("writing", to);
    out.write_all(&sections::header(&(*layout.root()).into()))
        .map_err(writing())?;
    let mut written = HashSet::new();
    let mut leaf = Vec::new();
    for (link, content) in layout.blocks() {
        if !written.insert(link) {
            continue;
        }
        let block = match content {
            Content::Node(block) => block,
            Content::Leaf { offset, len } => {
                read_leaf(&mut file, *offset, *len, &mut leaf)
                    .map_err(error::io("reading", path))?;
                // Not what was hashed a moment ago: somebody else writes to the file.
                let changed = |_| refused(path, "it was changed while it was being imported");
                link.verify(&leaf).map_err(changed)?;
                &leaf
            }
        };
        put(out, link, block).map_err(writing())?;
    }
    Ok(*layout.root())
}

/// Fills `leaf`; shorter when the file has become shorter.
fn read_leaf(file: &mut File, offset: u64, len: usize, leaf: &mut Vec<u8>) -> io::Result<()> {
    leaf.clear();
    file.seek(SeekFrom::Start(offset))?;
    file.take(len as u64).read_to_end(leaf)?;
    Ok(())
}

fn put(out: &mut impl Write, link: &Link, block: &[u8]) -> io::Result<()> {
    out.write_all(&sections::section_head(link, block.len()))?;
    out.write_all(block)
}

/// Walks the DAG of a CAR's only root and writes its blocks in the order of a payload.
fn of_car(path: &Path, out: &mut impl Write, to: &Path) -> Result<Cid, ImportError> {
    drop(open(path)?);
    let mut car = CarFile::open(path).map_err(as_refusal)?;
    let root = match car.roots() {
        [root] => root.cid().ok_or_else(|| {
            refused(
                path,
                "its root carries a block of more than 64 bytes in its CID",
            )
        })?,
        roots => {
            let reason = format!(
                "a CAR with one root is needed, this one has {}",
                roots.len()
            );
            return Err(refused(path, reason));
        }
    };
    out.write_all(&sections::header(&root.into()))
        .map_err(error::io("writing", to))?;
    let dag = |source| ImportError::Dag {
        path: path.to_path_buf(),
        source,
    };
    let mut walk = DagWalk::new(root.into(), WalkLimits::default());
    while let Some(link) = walk.step().map_err(dag)? {
        let block = car.block(&link).map_err(as_refusal)?;
        walk.enter(&link, &block).map_err(dag)?;
        put(out, &link, &block).map_err(error::io("writing", to))?;
    }
    Ok(root)
}

/// What is wrong with a CAR that was given is its giver's affair; that it cannot be read is ours.
fn as_refusal(error: CarFileError) -> ImportError {
    match error {
        CarFileError::Io { .. } => error.into(),
        CarFileError::Bad { path, source } => refused(&path, source),
        CarFileError::Corrupt { path, source } => refused(&path, source),
        CarFileError::Missing { path, link } => {
            refused(&path, format!("block {link} of its DAG is missing"))
        }
    }
}

/// Refuses what does not start like a CAR of version 1 or 2.
pub(super) fn check_is_car(path: &Path) -> Result<(), ImportError> {
    const V2_PRAGMA: &[u8] = b"\x0a\xa1\x67version\x02";
    let mut start = Vec::new();
    let file = open(path)?;
    file.take(BUFFER as u64)
        .read_to_end(&mut start)
        .map_err(error::io("reading", path))?;
    if start.starts_with(V2_PRAGMA) {
        return Ok(());
    }
    let mut parser = Sections::default();
    parser.push(&start);
    let first = parser.section();
    if parser.roots().is_some() {
        return Ok(());
    }
    let problem = first.err().or_else(|| parser.finish().err());
    Err(refused(
        path,
        format!(
            "not a car file: {}",
            problem.map_or_else(String::new, |p| p.to_string())
        ),
    ))
}

/// Size and CommP of a file as it stands.
pub(super) fn data_cid_size(path: &Path) -> Result<DataCidSize, ImportError> {
    let mut file = File::open(path).map_err(error::io("reading", path))?;
    let mut commitment = CommP::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer).map_err(error::io("reading", path))?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => commitment.update(bytes),
            _ => break,
        }
    }
    let commitment = commitment
        .finish()
        .map_err(|source| ImportError::Commitment {
            path: path.to_path_buf(),
            source,
        })?;
    Ok(DataCidSize {
        payload_size: i64::try_from(commitment.payload).unwrap_or(i64::MAX),
        piece_size: commitment.piece.size,
        piece_cid: commitment.piece.piece_cid,
    })
}
