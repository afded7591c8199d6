//! Copying files and directories so that only complete ones ever carry their names.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use crate::layout::{sync_parent, temp_name};

/// Removes a file or a directory with all that is in it. Fine when there is none.
pub(crate) fn remove_any(path: &Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Copies a file or a flat directory under a temporary name, syncs it, compares it with the origin
/// byte for byte and gives it its name.
pub(super) fn copy_verified(from: &Path, to: &Path) -> io::Result<()> {
    let temp = temp_name(to);
    remove_any(&temp)?;
    copy_any(from, &temp)?;
    if !same(from, &temp)? {
        remove_any(&temp)?;
        return Err(io::Error::other(format!(
            "{} changed while it was copied",
            from.display()
        )));
    }
    finish(&temp, to)
}

/// Gives a complete temporary file or directory its name, in place of what had it.
pub(crate) fn finish(temp: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok_and(|m| m.is_dir()) {
        fs::remove_dir_all(to)?;
    }
    fs::rename(temp, to)?;
    sync_parent(to)
}

fn copy_any(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::metadata(from)?.is_dir() {
        fs::copy(from, to)?;
        return File::open(to)?.sync_all();
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_any(&entry.path(), &to.join(entry.file_name()))?;
    }
    File::open(to)?.sync_all()
}

fn same(a: &Path, b: &Path) -> io::Result<bool> {
    if !fs::metadata(a)?.is_dir() {
        return same_file(a, b);
    }
    let names = |dir: &Path| -> io::Result<Vec<_>> {
        let mut names = fs::read_dir(dir)?
            .map(|e| Ok(e?.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    let (left, right) = (names(a)?, names(b)?);
    if left != right {
        return Ok(false);
    }
    for name in left {
        if !same(&a.join(&name), &b.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_file(a: &Path, b: &Path) -> io::Result<bool> {
    const CHUNK: usize = 1 << 20;
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let n = read_full(&mut a, &mut left)?;
        let m = read_full(&mut b, &mut right)?;
        if n != m || left.get(..n) != right.get(..m) {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while let Some(rest) = buffer.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            n => at += n,
        }
    }
    Ok(at)
}
