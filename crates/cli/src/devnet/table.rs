//! What a user needs to know of a devnet that is up.

use std::path::PathBuf;

use lotus_runtime::repo::RepoKind;

use super::{api::Endpoint, layout::Layout, process::Role, stored::Stored};

/// A process' row.
struct Row {
    role: Role,
    address: String,
    repo: PathBuf,
    token: Option<String>,
}

/// Addresses, tokens, repos, logs and commands, as lines.
pub(super) fn table(layout: &Layout, stored: Option<&Stored>, beacon_port: u16) -> String {
    let mut rows = vec![Row {
        role: Role::Beacon,
        address: format!("http://127.0.0.1:{beacon_port}"),
        repo: layout.beacon(),
        token: None,
    }];
    for (role, kind, repo) in [
        (Role::Daemon, RepoKind::FullNode, layout.daemon_repo()),
        (Role::Miner, RepoKind::StorageMiner, layout.miner_repo()),
        (Role::Worker, RepoKind::Worker, layout.worker_repo()),
    ] {
        let endpoint = Endpoint::of(&repo, kind);
        rows.push(Row {
            role,
            address: endpoint
                .as_ref()
                .map_or_else(|| "-".to_owned(), |e| e.address.clone()),
            token: endpoint.map(|_| repo.join("token").display().to_string()),
            repo,
        });
    }
    let mut text = columns(layout, &rows);
    text.push_str("\nCommands to try, in another terminal:\n\n");
    for line in commands(layout, stored) {
        text.push_str("  ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn columns(layout: &Layout, rows: &[Row]) -> String {
    let heads = ["process", "API", "repo", "token", "log"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        [
            row.role.to_string(),
            row.address.clone(),
            row.repo.display().to_string(),
            row.token.clone().unwrap_or_else(|| "-".to_owned()),
            layout.log(row.role.name()).display().to_string(),
        ]
    });
    aligned(std::iter::once(heads).chain(cells).collect())
}

/// Rows as text, every column as wide as its widest cell, two spaces between.
pub(super) fn aligned<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// Five commands that show something.
fn commands(layout: &Layout, stored: Option<&Stored>) -> [String; 6] {
    let bin = layout.bin();
    let (daemon, miner) = (layout.daemon_repo(), layout.miner_repo());
    let environment = format!(
        "export PATH={}:$PATH LOTUS_PATH={} LOTUS_MINER_PATH={} LOTUS_WORKER_PATH={}",
        quoted(&bin),
        quoted(&daemon),
        quoted(&miner),
        quoted(&layout.worker_repo()),
    );
    let sector = stored.map_or(0, |s| s.sector);
    let last = match stored {
        Some(stored) => format!(
            "lotus client retrieve --provider t01000 {} copy.txt",
            stored.root
        ),
        None => "lotus state power t01000".to_owned(),
    };
    [
        environment,
        "lotus chain list --count 10".to_owned(),
        "lotus wallet list".to_owned(),
        "lotus-miner info".to_owned(),
        format!("lotus-miner sectors status --log {sector}"),
        last,
    ]
}

/// A path as a shell takes it.
fn quoted(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn it_names_addresses_tokens_repos_logs_and_commands() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        fs::create_dir_all(layout.daemon_repo()).expect("repo");
        let api = "/ip4/127.0.0.1/tcp/1234/http";
        fs::write(layout.daemon_repo().join("api"), api).expect("api");
        fs::write(layout.daemon_repo().join("token"), "secret").expect("token");
        let stored = Stored {
            root: "bafkroot".to_owned(),
            file: "in".into(),
            copy: "out".into(),
            sector: 2,
            deal: 2,
        };
        let shown = table(&layout, Some(&stored), 4567);
        for part in [
            api,
            "http://127.0.0.1:4567",
            "daemon/token",
            "logs/miner.log",
            "sectors status --log 2",
            "retrieve --provider t01000 bafkroot copy.txt",
        ] {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
        let daemon = shown
            .lines()
            .find(|l| l.starts_with("daemon"))
            .expect("row");
        let miner = shown.lines().find(|l| l.starts_with("miner")).expect("row");
        assert_eq!(
            daemon.find("/logs/").is_some(),
            miner.find("/logs/").is_some()
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let text = aligned(vec![row("a", "b"), row("long", ""), row("x", "y")]);
        assert_eq!(text, "a     b\nlong\nx     y\n");
    }

    #[test]
    fn paths_are_quoted_for_the_shell_where_they_must_be() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
