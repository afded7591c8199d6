//! The command line of `lotus-devnet`.

use std::{io::Write, path::PathBuf};

use clap::CommandFactory as _;

use super::{
    beacon::Beacon,
    block_time::{BlockTime, MeasureProof},
    check::Check,
    layout::Layout,
    logs::Logs,
    ports::Ports,
    status, up,
};
use crate::{completion::ForShell, seed};

/// A Filecoin network on this machine: 2 KiB sectors, one miner, one worker
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-devnet", version)]
pub struct Devnet {
    /// Folder of the devnet
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "LOTUS_DEVNET_PATH",
        default_value = "~/.lotus-devnet"
    )]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Up(Up),
    /// Stop the devnet; it can be continued with `up`
    Down,
    /// Show what runs and how it does
    Status,
    Logs(Logs),
    /// Stop the devnet and remove all that belongs to it
    Clean,
    Check(Check),
    #[command(flatten)]
    ForShell(ForShell),
    #[command(hide = true)]
    Beacon(Beacon),
    #[command(hide = true)]
    MeasureProof(MeasureProof),
}

/// Start the devnet, or continue it; store a file the first time; stay until Ctrl-C
#[derive(Debug, clap::Args)]
pub(super) struct Up {
    /// Seconds of an epoch, or auto: half as much again as a WinningPoSt takes on this machine and a
    /// second more, from 4 to 20; 1 with mock proofs. Chosen once, at the first start
    #[arg(long, value_name = "auto|SECS")]
    pub(super) block_time: Option<BlockTime>,
    /// A network that proves nothing, for developing applications: with actors that take anything for
    /// a proof, blocks every second, and no parameters. Chosen once, at the first start
    #[arg(long)]
    pub(super) mock_proofs: bool,
    /// Port of the daemon's API, another free one when it is taken
    #[arg(long, value_name = "PORT")]
    pub(super) api_port: Option<u16>,
    /// Port of the miner's API
    #[arg(long, value_name = "PORT")]
    pub(super) miner_port: Option<u16>,
    /// Port of the worker's API
    #[arg(long, value_name = "PORT")]
    pub(super) worker_port: Option<u16>,
    /// Store no file
    #[arg(long)]
    pub(super) no_deal: bool,
}

impl Up {
    /// The ports that are wanted, on top of those that the devnet had or that are usual.
    pub(super) fn ports(&self, usual: Ports) -> Ports {
        Ports {
            daemon: self.api_port.unwrap_or(usual.daemon),
            miner: self.miner_port.unwrap_or(usual.miner),
            worker: self.worker_port.unwrap_or(usual.worker),
            ..usual
        }
    }
}

impl Devnet {
    /// Runs the command; `false` when what it was asked for is not so.
    ///
    /// # Errors
    /// When it failed; the error says what and shows the logs that tell why.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let layout = Layout::at(&seed::expand(&self.dir))?;
        match self.command {
            Command::ForShell(command) => {
                return command.run(Self::command(), out).map(|()| true);
            }
            Command::Beacon(beacon) => return beacon.run(),
            Command::MeasureProof(measure) => return measure.run(out),
            _ => {}
        }
        // One thread: the work is done by others, and what it reports must stay in order.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            match self.command {
                Command::Up(options) => up::up(&layout, &options, out).await,
                Command::Down => status::down(&layout, out).await,
                Command::Status => status::status(&layout, out).await,
                Command::Logs(logs) => logs.run(&layout, out).await,
                Command::Clean => status::clean(&layout, out).await,
                Command::Check(check) => check.run(out).await,
                Command::ForShell(_) | Command::Beacon(_) | Command::MeasureProof(_) => Ok(true),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn up(args: &[&str]) -> Up {
        let all = ["lotus-devnet", "up"].iter().chain(args);
        match Devnet::try_parse_from(all).expect("parses").command {
            Command::Up(up) => up,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ports_that_are_given_count_before_usual_ones() {
        let wanted = up(&["--miner-port", "9999"]).ports(Ports::DEFAULT);
        assert_eq!(
            wanted,
            Ports {
                miner: 9999,
                ..Ports::DEFAULT
            }
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let parse = |args: &[&str]| Devnet::try_parse_from(["lotus-devnet"].iter().chain(args));
        for (args, named) in [
            (vec!["up", "--block-time", "soon"], "soon"),
            (vec!["up", "--api-port", "99999"], "99999"),
            (vec!["logs", "wallet"], "wallet"),
            (vec!["sideways"], "sideways"),
        ] {
            let error = parse(&args).expect_err("nonsense").to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
