//! `config` of daemon and provider: the configuration file as it is by default, and as it holds.
//!
//! # Lotus parity
//! Names and flags. What is printed has the keys and defaults of Lotus v1.20 that are used here, and what
//! the repo's file sets beside them. Unlike Lotus' `config updated` it works while the process runs:
//! nothing is written.

use std::io::Write;

use anyhow::ensure;
use lotus_runtime::{
    config::Schema,
    repo::{Repo, RepoKind},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Config {
    /// Print default node config
    Default(Comments),
    /// Print updated node config: what the repo's file and the environment say
    Updated(Comments),
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Comments {
    /// don't comment default values
    #[arg(long)]
    no_comment: bool,
}

impl Config {
    /// Prints the configuration of a `kind` of node, whose repo `flag` or the environment names.
    pub(crate) fn run(
        &self,
        kind: RepoKind,
        flag: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let schema = kind.schema().unwrap_or(Schema::FULL_NODE);
        let text = match self {
            Self::Default(Comments { no_comment: false }) => schema.default_toml(),
            Self::Default(_) => schema.default_toml_without_comments(),
            Self::Updated(comments) => {
                let repo = Repo::locate(kind, flag, &env)?;
                ensure!(
                    repo.exists(),
                    "repo not initialized: there is none at {}",
                    repo.path().display()
                );
                let config = repo.config(&env)?;
                if comments.no_comment {
                    config.to_toml()
                } else {
                    config.to_commented_toml()
                }
            }
        };
        Ok(write!(out, "{text}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(config: Config, repo: Option<&str>) -> anyhow::Result<String> {
        let mut out = Vec::new();
        let env = |name: &str| (name == "LOTUS_API_TIMEOUT").then(|| "1m0s".to_owned());
        config.run(RepoKind::FullNode, repo, env, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    const WITH: Comments = Comments { no_comment: false };
    const WITHOUT: Comments = Comments { no_comment: true };

    #[test]
    fn the_default_is_the_file_of_a_new_repo() {
        let folder = tempfile::tempdir().expect("folder");
        let repo = Repo::at(folder.path(), RepoKind::FullNode);
        repo.init().expect("made");
        let file = std::fs::read_to_string(repo.config_path()).expect("the file");
        assert_eq!(printed(Config::Default(WITH), None).expect("printed"), file);
        let plain = printed(Config::Default(WITHOUT), None).expect("printed");
        assert!(!plain.contains('#'), "{plain}");
        assert!(
            plain.contains("\n  DefaultMaxFee = \"0.07 FIL\"\n"),
            "{plain}"
        );
    }

    #[test]
    fn the_updated_one_says_what_holds() {
        let folder = tempfile::tempdir().expect("folder");
        let repo = Repo::at(folder.path(), RepoKind::FullNode);
        let path = folder.path().to_str();
        let error = printed(Config::Updated(WITH), path).expect_err("no repo");
        assert!(
            error.to_string().starts_with("repo not initialized"),
            "{error}"
        );
        repo.init().expect("made");
        std::fs::write(repo.config_path(), "[Libp2p]\nConnMgrLow = 5\n").expect("written");
        for (comments, default) in [
            (WITH, "  #ConnMgrHigh = 180\n"),
            (WITHOUT, "  ConnMgrHigh = 180\n"),
        ] {
            let text = printed(Config::Updated(comments), path).expect("printed");
            for line in ["  ConnMgrLow = 5\n", "  Timeout = \"1m0s\"\n", default] {
                assert!(text.contains(line), "{line}: {text}");
            }
        }
    }
}
