//! The alerts of a process, and the journal that keeps them.

use std::path::Path;

use lotus_runtime::{
    alerts::{Alerts, ProcessWatch},
    journal::{self, Journal},
};

/// Opens the journal of a repo and begins to watch the process, which should be allowed `wanted_files` open
/// files. Without a journal, as on a full disk, alerts are told all the same.
pub(crate) fn begin(
    repo: &Path,
    env: impl Fn(&str) -> Option<String>,
    wanted_files: u64,
) -> (Alerts, ProcessWatch) {
    let disabled = env(journal::DISABLED_ENV).unwrap_or_default();
    let folder = repo.join(journal::FOLDER);
    let journal = Journal::open(&folder, &disabled).unwrap_or_else(|error| {
        tracing::warn!(folder = %folder.display(), %error, "there is no journal");
        Journal::default()
    });
    let alerts = Alerts::new(journal);
    let watch = ProcessWatch::new(&alerts, repo, wanted_files);
    (alerts, watch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_on_open_files_is_told_and_written_down() {
        let repo = tempfile::tempdir().expect("folder");
        let (alerts, _watch) = begin(repo.path(), |_| None, u64::MAX);
        let limit = alerts
            .list()
            .into_iter()
            .find(|a| a.subsystem == "fd-limit");
        // A machine without any limit has nothing to tell.
        let active = limit.expect("an alarm").active;
        let text = std::fs::read_to_string(repo.path().join("journal/lotus-journal.ndjson"));
        assert_eq!(text.expect("a journal").contains("fd-limit"), active);
    }
}
