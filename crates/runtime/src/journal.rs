//! The journal: what happened to a process, one JSON object a line, for people and tools that look back.
//!
//! ```text
//! {"System":"process","Event":"fd-limit","Timestamp":"…","Data":{…}}
//! ```
//!
//! # Invariants
//! - Whoever records an event is not disturbed: a line that cannot be written is told to the log, once.
//!
//! # Lotus parity
//! `journal/lotus-journal.ndjson` in the repo, and the names of the fields. At the start of a process
//! and at 1 GiB the file is put aside under a name with the time; `LOTUS_JOURNAL_DISABLED_EVENTS` names
//! events that are left out (`system:event`, separated by commas). An empty file is not put aside.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime as _, SystemTime as Now},
};

/// The folder in a repo.
pub const FOLDER: &str = "journal";
/// Events that are not recorded.
pub const DISABLED_ENV: &str = "LOTUS_JOURNAL_DISABLED_EVENTS";

const CURRENT: &str = "lotus-journal.ndjson";
/// A file of this many bytes is put aside.
const LARGEST: u64 = 1 << 30;

/// A process' journal; cloneable. The default one records nothing.
#[derive(Clone, Default)]
pub struct Journal(Option<Arc<Inner>>);

struct Inner {
    folder: PathBuf,
    disabled: BTreeSet<String>,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    bytes: u64,
    /// A failure has been told.
    failed: bool,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.0.as_ref().map(|inner| &inner.folder);
        f.debug_tuple("Journal").field(&folder).finish()
    }
}

/// Now, in UTC: `2026-11-22T13:37:00.183995Z`.
pub(crate) fn now() -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = Now.format_time(&mut Writer::new(&mut text));
    text
}

impl Journal {
    /// A journal in `folder`, which is made where it is missing. `disabled` lists what is not recorded,
    /// as [`DISABLED_ENV`] has it.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn open(folder: &Path, disabled: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = begin(folder)?;
        let names = disabled.split(',').map(str::trim);
        Ok(Self(Some(Arc::new(Inner {
            folder: folder.to_owned(),
            disabled: names.filter(|n| !n.is_empty()).map(str::to_owned).collect(),
            open: Mutex::new(Open {
                file,
                bytes: 0,
                failed: false,
            }),
        }))))
    }

    /// Writes an event down.
    pub fn record(&self, system: &str, event: &str, data: &Value) {
        let Some(inner) = &self.0 else { return };
        if inner.disabled.contains(&format!("{system}:{event}")) {
            return;
        }
        let entry = json!({
            "System": system, "Event": event, "Timestamp": now(), "Data": data,
        });
        let mut open = inner.open.lock();
        if let Err(error) = open.write(&format!("{entry}\n"), &inner.folder)
            && !std::mem::replace(&mut open.failed, true)
        {
            let folder = inner.folder.display();
            tracing::warn!(%folder, %error, "the journal cannot be written");
        }
    }
}

impl Open {
    fn write(&mut self, line: &str, folder: &Path) -> io::Result<()> {
        self.file.write_all(line.as_bytes())?;
        self.failed = false;
        self.bytes = self.bytes.saturating_add(line.len() as u64);
        if self.bytes >= LARGEST {
            self.file = begin(folder)?;
            self.bytes = 0;
        }
        Ok(())
    }
}

/// Puts the file of before aside, and begins a new one.
fn begin(folder: &Path) -> io::Result<File> {
    let current = folder.join(CURRENT);
    if fs::metadata(&current).is_ok_and(|found| found.is_file() && found.len() > 0) {
        fs::rename(&current, free_name(folder))?;
    }
    File::create(&current)
}

/// A name with the time that no file has yet: two starts may fall into one second.
fn free_name(folder: &Path) -> PathBuf {
    let stamp = now().replace(':', "");
    let second = stamp.split(['.', 'Z']).next().unwrap_or_default();
    let named = |suffix: String| folder.join(format!("lotus-journal-{second}Z{suffix}.ndjson"));
    let mut numbers = 1..;
    let mut path = named(String::new());
    while path.exists() {
        path = named(format!("-{}", numbers.next().unwrap_or(0)));
    }
    path
}

#[cfg(test)]
mod a_journal {
    use super::*;

    fn lines(folder: &Path) -> Vec<Value> {
        let text = fs::read_to_string(folder.join(CURRENT)).expect("the file");
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("JSON")
    }

    #[test]
    fn has_a_line_for_each_event_but_those_that_are_disabled() {
        let folder = tempfile::tempdir().expect("folder");
        let journal = Journal::open(folder.path(), "mpool:add, a:b").expect("open");
        journal.record("process", "fd-limit", &json!({ "Type": "raised" }));
        journal.record("mpool", "add", &json!({}));
        journal.record("mpool", "remove", &json!(null));
        let lines = lines(folder.path());
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["System"], "process");
        assert_eq!(lines[0]["Event"], "fd-limit");
        assert_eq!(lines[0]["Data"]["Type"], "raised");
        let time = lines[0]["Timestamp"].as_str().expect("a time");
        assert!(time.contains('T') && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn is_begun_anew_at_each_start_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        for _ in 0..3 {
            let journal = Journal::open(folder.path(), "").expect("open");
            journal.record("a", "b", &Value::Null);
        }
        assert_eq!(lines(folder.path()).len(), 1);
        // Two old ones beside it, though all three began in the same second.
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 3);
    }

    #[test]
    fn that_nobody_opened_takes_events_all_the_same() {
        Journal::default().record("a", "b", &Value::Null);
    }
}
