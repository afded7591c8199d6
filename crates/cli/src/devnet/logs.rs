//! `lotus-devnet logs`.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};

use super::{
    layout::Layout,
    process::{Role, last_lines},
};

/// How often followed files are looked at.
const POLL: Duration = Duration::from_millis(250);
/// Most that is taken of a file at once.
const CHUNK: u64 = 1 << 20;

/// Show what the processes log
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Only of this one
    process: Option<Role>,
    /// Go on until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// So many of the last lines
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
}

impl Logs {
    pub(super) async fn run(self, layout: &Layout, out: &mut dyn Write) -> anyhow::Result<bool> {
        ensure!(
            layout.exists(),
            "there is no devnet in {}",
            layout.root().display()
        );
        let roles = match self.process {
            Some(role) => vec![role],
            None => Role::ALL.to_vec(),
        };
        let prefixed = roles.len() > 1;
        let mut followed = Vec::new();
        for role in roles {
            let prefix = if prefixed {
                format!("{role:<7}| ")
            } else {
                String::new()
            };
            followed.push(Followed {
                path: layout.log(role.name()),
                prefix,
                position: 0,
                partial: String::new(),
            });
        }
        for file in &mut followed {
            let text = file.new_text()?;
            for line in last_lines(&text, self.lines) {
                writeln!(out, "{}{line}", file.prefix)?;
            }
        }
        if !self.follow {
            return Ok(true);
        }
        loop {
            tokio::time::sleep(POLL).await;
            for file in &mut followed {
                for line in file.new_text()?.lines() {
                    writeln!(out, "{}{line}", file.prefix)?;
                }
            }
            out.flush()?;
        }
    }
}

/// A log that is read as it grows.
struct Followed {
    path: PathBuf,
    prefix: String,
    position: u64,
    /// The beginning of a line whose end is not written yet.
    partial: String,
}

impl Followed {
    /// Whole lines since the last call.
    fn new_text(&mut self) -> anyhow::Result<String> {
        let bytes = read_from(&self.path, &mut self.position)
            .with_context(|| format!("reading {}", self.path.display()))?;
        let mut text = std::mem::take(&mut self.partial);
        text.push_str(&String::from_utf8_lossy(&bytes));
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        self.partial = text.split_off(whole);
        Ok(text)
    }
}

/// What was appended to a file since a position; nothing while it is not there.
fn read_from(path: &Path, position: &mut u64) -> std::io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if length < *position {
        *position = 0;
    }
    // Of a long file only the end matters.
    let from = (*position).max(length.saturating_sub(CHUNK));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(CHUNK).read_to_end(&mut bytes)?;
    *position = from.saturating_add(bytes.len() as u64);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn only_whole_lines_are_given_and_each_once() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("log");
        let mut followed = Followed {
            path: path.clone(),
            prefix: String::new(),
            position: 0,
            partial: String::new(),
        };
        assert_eq!(followed.new_text().expect("no file yet"), "");
        let append = |text: &str| {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            file.expect("file")
                .write_all(text.as_bytes())
                .expect("writes");
        };
        append("one\ntw");
        assert_eq!(followed.new_text().expect("reads"), "one\n");
        assert_eq!(followed.new_text().expect("reads"), "");
        append("o\nthree\n");
        assert_eq!(followed.new_text().expect("reads"), "two\nthree\n");
    }

    #[test]
    fn a_file_that_was_emptied_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("log");
        let mut position = 0;
        std::fs::write(&path, "a long line\n").expect("writes");
        read_from(&path, &mut position).expect("reads");
        std::fs::write(&path, "new\n").expect("writes");
        assert_eq!(read_from(&path, &mut position).expect("reads"), b"new\n");
    }
}
