//! A flat directory as a tar archive.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path},
};

/// More files are in no cache directory.
const MAX_FILES: usize = 1000;
/// Archives are made of blocks.
const BLOCK: u64 = 512;
/// Of the files of a sealed sector's cache the last in the order of names.
const LAST_FILE: &str = "t_aux";

/// Writes all files of a directory.
pub(super) fn write(dir: &Path, out: impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_file() {
            archive.append_file(entry.file_name(), &mut File::open(entry.path())?)?;
        }
    }
    archive.into_inner()?.flush()
}

/// Counts what is read.
struct Counted<'a, R> {
    input: R,
    bytes: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let sum = self
            .bytes
            .get()
            .saturating_add(u64::try_from(read).unwrap_or(0));
        self.bytes.set(sum);
        Ok(read)
    }
}

/// Reads an archive into a directory that it makes. Only plain files with plain names are taken.
///
/// True when it is sure that nothing is missing at the end. Go's workers write neither the blocks
/// that end an archive nor the padding of the last file; from them all has come when the file has
/// that is last in the order of names.
pub(super) fn read(input: impl Read, dir: &Path) -> io::Result<bool> {
    fs::create_dir_all(dir)?;
    let bytes = Cell::new(0);
    let counted = Counted {
        input,
        bytes: &bytes,
    };
    // In place of the padding and the end that may not be there.
    let mut archive = tar::Archive::new(counted.chain(io::repeat(0).take(3 * BLOCK)));
    let (mut end, mut has_last) = (0_u64, false);
    for (count, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        if count >= MAX_FILES {
            return Err(io::Error::other("the archive has too many files"));
        }
        let path = entry.path()?.into_owned();
        let name = plain_name(&path).ok_or_else(|| {
            io::Error::other(format!("the archive has a file named {}", path.display()))
        })?;
        let size = entry.header().size()?;
        let data_end = entry.raw_file_position().saturating_add(size);
        end = data_end.div_ceil(BLOCK).saturating_mul(BLOCK);
        match entry.header().entry_type() {
            tar::EntryType::Directory => continue,
            tar::EntryType::Regular | tar::EntryType::Continuous => {}
            other => {
                return Err(io::Error::other(format!(
                    "the archive has an entry {other:?}"
                )));
            }
        }
        let mut file = File::create(dir.join(name))?;
        let copied = io::copy(&mut entry, &mut file)?;
        if copied != size || bytes.get() < data_end {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        file.sync_all()?;
        has_last |= name == Path::new(LAST_FILE);
    }
    // A connection that breaks in what follows is an error, too.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    File::open(dir)?.sync_all()?;
    Ok(has_last || bytes.get() >= end.saturating_add(BLOCK))
}

/// The last part of a name that leads nowhere else.
fn plain_name(path: &Path) -> Option<&Path> {
    let mut parts = path.components().filter(|c| *c != Component::CurDir);
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => Some(Path::new(name)),
        (None, None) => Some(Path::new(".")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("p_aux"), [1; 64]).unwrap();
        fs::write(from.join("sc-02-data-tree-r-last.dat"), vec![2; 70_000]).unwrap();
        let mut bytes = Vec::new();
        write(&from, &mut bytes).unwrap();
        assert!(read(bytes.as_slice(), &to).unwrap());
        assert_eq!(fs::read(to.join("p_aux")).unwrap(), [1; 64]);
        assert_eq!(
            fs::read(to.join("sc-02-data-tree-r-last.dat")).unwrap(),
            vec![2; 70_000]
        );
        for cut in [100, 550, bytes.len() / 2] {
            assert!(read(&bytes[..cut], &dir.path().join("c")).is_err(), "{cut}");
        }
    }

    /// What is written for the files, and where the data of each end.
    fn archive(dir: &Path, files: &[(&str, usize)]) -> Vec<u8> {
        fs::create_dir(dir).unwrap();
        for (name, size) in files {
            fs::write(dir.join(name), vec![7; *size]).unwrap();
        }
        let mut bytes = Vec::new();
        write(dir, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn an_archive_that_is_cut_off_between_two_files_is_known_to_be_incomplete() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(&dir.path().join("a"), &[("p_aux", 64), ("tree", 1024)]);
        // Header and one block of data for the first file, header and two for the second.
        for cut in [512 + 512, 512 + 512 + 512 + 1024] {
            assert!(
                !read(&bytes[..cut], &dir.path().join("b")).unwrap(),
                "{cut}"
            );
        }
        assert!(read(bytes.as_slice(), &dir.path().join("b")).unwrap());
    }

    #[test]
    fn an_archive_of_a_go_worker_is_read_without_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(&dir.path().join("a"), &[("p_aux", 64), ("t_aux", 400)]);
        let go = &bytes[..512 + 512 + 512 + 400];
        assert!(read(go, &dir.path().join("b")).unwrap());
        assert_eq!(fs::read(dir.path().join("b/t_aux")).unwrap(), [7; 400]);
        assert!(read(&go[..go.len() - 1], &dir.path().join("c")).is_err());
    }

    #[test]
    fn an_archive_that_reaches_out_of_its_directory_is_refused() {
        for name in ["../evil", "/etc/evil", "a/b"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            header.set_entry_type(tar::EntryType::Regular);
            let field = &mut header.as_old_mut().name;
            field[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            let mut bytes = header.as_bytes().to_vec();
            bytes.extend([b'x'; 1]);
            bytes.resize(2048, 0);
            let dir = tempfile::tempdir().unwrap();
            assert!(
                read(bytes.as_slice(), &dir.path().join("to")).is_err(),
                "{name}"
            );
            assert!(!dir.path().join("evil").exists());
        }
    }
}
