//! A bundle in memory and its CARv1 form.
//!
//! # Invariants
//! - The root is the manifest `[1, <CID of the list>]`; the list is `[[name, code CID], …]` in the
//!   order of the actors' type ids 1 to 12. Both are DAG-CBOR; code blocks are raw. All CIDs are
//!   version 1 with blake2b-256.
//! - Blocks stand in the order manifest, list, code, so equal bundles are equal files.
//! - Reading hashes every block.
//!
//! The few lines of CAR stand here beside the blockstore crate's because xtask uses no other crate
//! of the workspace.

use anyhow::{Context, Result, bail, ensure};
use cid::Cid;
use multihash_codetable::{Code, MultihashDigest};
use serde::{Deserialize, Serialize};

const RAW: u64 = 0x55;
const DAG_CBOR: u64 = 0x71;
/// The only version of the manifest that actors v9 know.
const MANIFEST_VERSION: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    roots: Vec<Cid>,
    version: u64,
}

/// Actor code with its names, and the blocks that tie it together.
#[derive(Debug)]
pub(crate) struct Bundle {
    manifest: (Cid, Vec<u8>),
    list: (Cid, Vec<u8>),
    /// Name and code, by type id from 1.
    actors: Vec<(String, Cid, Vec<u8>)>,
}

impl Bundle {
    /// Ties `actors` (name and WASM, by type id from 1) together.
    ///
    /// # Errors
    /// When the manifest does not serialise.
    pub(crate) fn new(actors: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let actors: Vec<_> = actors
            .into_iter()
            .map(|(name, code)| (name, cid_of(RAW, &code), code))
            .collect();
        let names: Vec<(&str, Cid)> = actors
            .iter()
            .map(|(name, cid, _)| (name.as_str(), *cid))
            .collect();
        let list = serde_ipld_dagcbor::to_vec(&names).context("encoding the list of actors")?;
        let list = (cid_of(DAG_CBOR, &list), list);
        let manifest = serde_ipld_dagcbor::to_vec(&(MANIFEST_VERSION, list.0))
            .context("encoding the manifest")?;
        Ok(Self {
            manifest: (cid_of(DAG_CBOR, &manifest), manifest),
            list,
            actors,
        })
    }

    /// CID of the manifest: the bundle's name.
    pub(crate) fn manifest(&self) -> Cid {
        self.manifest.0
    }

    /// Name and code CID of every actor, by type id from 1.
    pub(crate) fn code(&self) -> impl Iterator<Item = (&str, Cid)> {
        self.actors
            .iter()
            .map(|(name, cid, _)| (name.as_str(), *cid))
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// When the header does not serialise.
    pub(crate) fn to_car(&self) -> Result<Vec<u8>> {
        let header = Header {
            roots: vec![self.manifest.0],
            version: 1,
        };
        let header = serde_ipld_dagcbor::to_vec(&header).context("encoding the CAR header")?;
        let mut car = Vec::new();
        put_section(&mut car, &[&header]);
        for (cid, block) in [&self.manifest, &self.list] {
            put_section(&mut car, &[&cid.to_bytes(), block]);
        }
        for (_, cid, code) in &self.actors {
            put_section(&mut car, &[&cid.to_bytes(), code]);
        }
        Ok(car)
    }

    /// Reads a file that [`Bundle::to_car`] could have written.
    ///
    /// # Errors
    /// When a length, a hash or the form of the manifest is wrong, or bytes are missing or left.
    pub(crate) fn from_car(car: &[u8]) -> Result<Self> {
        let mut rest = car;
        let header: Header = serde_ipld_dagcbor::from_slice(take_section(&mut rest)?)
            .context("decoding the CAR header")?;
        ensure!(header.version == 1, "CAR version {}, not 1", header.version);
        let [root] = header.roots[..] else {
            bail!("{} roots, not 1", header.roots.len());
        };
        let manifest = take_block(&mut rest, root)?;
        let (version, list_cid): (u64, Cid) =
            serde_ipld_dagcbor::from_slice(manifest).context("decoding the manifest")?;
        ensure!(
            version == MANIFEST_VERSION,
            "manifest version {version}, not 1"
        );
        let list = take_block(&mut rest, list_cid)?;
        let names: Vec<(String, Cid)> =
            serde_ipld_dagcbor::from_slice(list).context("decoding the list of actors")?;
        let actors = names
            .into_iter()
            .map(|(name, cid)| {
                let code = take_block(&mut rest, cid).with_context(|| format!("code of {name}"))?;
                Ok((name, cid, code.to_vec()))
            })
            .collect::<Result<_>>()?;
        ensure!(rest.is_empty(), "{} bytes after the last actor", rest.len());
        Ok(Self {
            manifest: (root, manifest.to_vec()),
            list: (list_cid, list.to_vec()),
            actors,
        })
    }
}

fn cid_of(codec: u64, block: &[u8]) -> Cid {
    Cid::new_v1(codec, Code::Blake2b256.digest(block))
}

/// Appends `parts` as one section: their length as an unsigned LEB128 number, then the bytes.
fn put_section(car: &mut Vec<u8>, parts: &[&[u8]]) {
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    while length > 0x7f {
        car.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    car.push((length & 0x7f) as u8);
    parts.iter().for_each(|part| car.extend_from_slice(part));
}

fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let mut length = 0_usize;
    // Four bytes of seven bits: no section of a bundle comes near 256 MiB.
    for shift in [0, 7, 14, 21] {
        let (byte, tail) = rest
            .split_first()
            .context("the file ends inside a length")?;
        *rest = tail;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (section, tail) = rest
                .split_at_checked(length)
                .context("the file ends inside a section")?;
            *rest = tail;
            return Ok(section);
        }
    }
    bail!("a section's length has more than four bytes")
}

/// The next block, which must be the one that `expected` names.
fn take_block<'a>(rest: &mut &'a [u8], expected: Cid) -> Result<&'a [u8]> {
    let mut section = take_section(rest)?;
    let cid = Cid::read_bytes(&mut section).context("reading a block's CID")?;
    ensure!(cid == expected, "block {cid} where {expected} should stand");
    ensure!(
        cid_of(cid.codec(), section) == cid,
        "block {cid} does not hash to its CID"
    );
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        Bundle::new(vec![
            ("system".to_owned(), vec![1; 200]),
            ("init".to_owned(), vec![2; 20_000]),
        ])
        .unwrap()
    }

    mod a_bundle {
        use super::*;

        #[test]
        fn comes_back_from_its_file() {
            let written = bundle();
            let read = Bundle::from_car(&written.to_car().unwrap()).unwrap();
            assert_eq!(read.manifest(), written.manifest());
            assert!(read.code().eq(written.code()));
            assert_eq!(read.actors[1].2, [2; 20_000]);
        }

        #[test]
        fn has_a_manifest_of_version_and_list() {
            let bundle = bundle();
            let (version, list): (u64, Cid) =
                serde_ipld_dagcbor::from_slice(&bundle.manifest.1).unwrap();
            assert_eq!((version, list), (1, bundle.list.0));
            assert!(bundle.manifest().to_string().starts_with("bafy2bzace"));
            assert!(
                bundle
                    .code()
                    .all(|(_, cid)| cid.to_string().starts_with("bafk2bzace"))
            );
        }
    }

    mod a_damaged_file {
        use super::*;

        #[test]
        fn is_refused_wherever_it_is_cut() {
            let car = bundle().to_car().unwrap();
            for end in 0..car.len() {
                assert!(Bundle::from_car(&car[..end]).is_err(), "cut at {end}");
            }
        }

        #[test]
        fn is_refused_when_code_was_changed() {
            let mut car = bundle().to_car().unwrap();
            *car.last_mut().unwrap() ^= 1;
            let error = Bundle::from_car(&car).unwrap_err();
            assert!(
                format!("{error:#}").contains("does not hash to its CID"),
                "{error:#}"
            );
        }

        #[test]
        fn is_refused_when_bytes_follow() {
            let mut car = bundle().to_car().unwrap();
            car.push(0);
            assert!(Bundle::from_car(&car).is_err());
        }
    }
}
