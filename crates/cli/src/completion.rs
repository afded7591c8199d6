//! Completion for shells, and manual pages: both are written from the very commands that the programs
//! read.
//!
//! # Invariants
//! - A page or script knows what the program knows: nothing is written by hand.
//! - A file is whole or not there.
//!
//! # Lotus parity
//! Lotus has scripts that ask the program for the words at every key press, and no manual pages.
//! `lotus wallet` and `lotus-wallet` are both called `lotus-wallet` in manuals: the pages of the latter,
//! a daemon, are in section 8, all others in section 1.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap_complete::{Generator as _, Shell};
use clap_mangen::Man;

/// The program whose pages are in section 8.
const DAEMON: &str = "lotus-wallet";

/// What every program says of itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ForShell {
    /// Print the script with which a shell completes this program's commands
    #[command(long_about = COMPLETION)]
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Print this program's manual page, or write those of all its commands
    Man {
        /// Write a page for every command into this folder, such as /usr/local/share/man/man1
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

const COMPLETION: &str =
    "Print the script with which a shell completes this program's commands and flags. For `lotus` in bash

    lotus completion bash > ~/.local/share/bash-completion/completions/lotus

makes it last; in other shells it is a file in such a folder, too: _lotus in one of zsh's $fpath,
lotus.fish in ~/.config/fish/completions.";

impl ForShell {
    /// Runs the command for a program whose command line is `program`.
    ///
    /// # Errors
    /// When what is written cannot be taken.
    pub(crate) fn run(&self, program: clap::Command, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Completion { shell } => complete(*shell, program, out),
            Self::Man { dir: None } => {
                let section = section_of(program.get_name());
                page(program, section).render(&mut { out })?;
                Ok(())
            }
            Self::Man { dir: Some(dir) } => {
                let pages = write_pages(program, dir)?;
                writeln!(out, "{pages} manual pages are in {}", dir.display())?;
                Ok(())
            }
        }
    }
}

fn complete(shell: Shell, mut program: clap::Command, out: &mut dyn Write) -> anyhow::Result<()> {
    let name = program.get_name().to_owned();
    program.set_bin_name(name);
    program.build();
    let mut script = Vec::new();
    shell.try_generate(&program, &mut script)?;
    out.write_all(&script)?;
    Ok(())
}

fn section_of(program: &str) -> &'static str {
    if program == DAEMON { "8" } else { "1" }
}

fn page(command: clap::Command, section: &str) -> Man {
    let version = env!("CARGO_PKG_VERSION");
    Man::new(command)
        .section(section)
        .source(format!("lotus-rs {version}"))
        .manual("Lotus")
}

/// Writes the pages of a program and its commands; gives how many there are.
fn write_pages(program: clap::Command, dir: &Path) -> anyhow::Result<usize> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let section = section_of(program.get_name());
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut todo = vec![program];
    let mut written = 0;
    while let Some(command) = todo.pop() {
        let listed = command.get_subcommands().filter(|c| !c.is_hide_set());
        todo.extend(listed.cloned());
        let page = page(command, section);
        let file = dir.join(page.get_filename());
        write_page(&page, &file).with_context(|| format!("writing {}", file.display()))?;
        written += 1;
    }
    Ok(written)
}

fn write_page(page: &Man, file: &Path) -> io::Result<()> {
    let mut text = Vec::new();
    page.render(&mut text)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(&text)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    draft.as_file().set_permissions(readable)?;
    draft.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{CommandFactory as _, Parser as _, ValueEnum as _};

    use super::*;
    use crate::{
        bench::Bench, devnet::Devnet, lotus::Lotus, miner::LotusMiner, seed::Seed, shed::Shed,
        wallet_server::LotusWallet, worker::LotusWorker,
    };

    fn programs() -> [(clap::Command, &'static [&'static str]); 8] {
        [
            (Lotus::command(), &["mpool", "replace", "force-send"]),
            (LotusMiner::command(), &["sectors", "pledge"]),
            (LotusWorker::command(), &["wait-quiet"]),
            (LotusWallet::command(), &["get-api-key"]),
            (Seed::command(), &["pre-seal"]),
            (Shed::command(), &["replay"]),
            (Devnet::command(), &["check"]),
            (Bench::command(), &["rpc"]),
        ]
    }

    #[test]
    fn scripts_of_all_shells_know_the_commands_of_all_programs() {
        for (program, words) in programs() {
            for shell in Shell::value_variants() {
                let mut out = Vec::new();
                let command = ForShell::Completion { shell: *shell };
                command.run(program.clone(), &mut out).expect("written");
                let script = String::from_utf8(out).expect("text");
                for word in words.iter().chain(&["completion"]) {
                    let name = program.get_name();
                    assert!(script.contains(word), "{word} in {name}'s {shell} script");
                }
            }
        }
    }

    #[test]
    fn every_command_has_a_manual_page_and_no_two_have_the_same() {
        let folder = tempfile::tempdir().expect("folder");
        let mut pages = 0;
        for (program, _) in programs() {
            pages += write_pages(program, folder.path()).expect("written");
        }
        assert_eq!(
            fs::read_dir(folder.path()).expect("folder").count(),
            pages,
            "none was overwritten"
        );
        for (file, text) in [
            ("lotus-mpool-replace.1", "automatically reprice"),
            ("lotus-wallet.1", "lotus\\-wallet"),
            ("lotus-wallet.8", "lotus\\-wallet"),
            ("lotus-miner-sectors-list.1", "\\-\\-initial\\-pledge"),
        ] {
            let page = fs::read_to_string(folder.path().join(file)).expect(file);
            assert!(page.contains(text), "{text:?} in {file}: {page}");
        }
    }

    #[test]
    fn programs_are_asked_without_any_process_that_answers() {
        let mut out = Vec::new();
        let args = ["lotus", "completion", "fish"].map(OsString::from);
        let lotus = Lotus::parse(args).expect("taken");
        assert!(lotus.run(&mut out).expect("printed"));
        assert!(String::from_utf8_lossy(&out).contains("complete -c lotus"));
        let mut out = Vec::new();
        let shed = Shed::try_parse_from(["lotus-shed", "man"]).expect("taken");
        assert!(shed.run(&mut out).expect("printed"));
        assert!(String::from_utf8_lossy(&out).contains(".TH lotus-shed 1"));
    }
}
