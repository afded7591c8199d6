//! `lotus-seed genesis`.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use lotus_actors::Manifest;
use lotus_blockstore::SharedBlockstore;
use lotus_genesis::{
    Drawn, MINER_START, TICKET_LEN, Template, make_genesis, template::Miner, write_car,
};
use lotus_networks::bundles;
use lotus_types::{Address, Bytes};
use lotus_vm::{Bundle, BundleStore, FilecoinVm};

use super::files;

/// Commands on a genesis template
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Genesis {
    /// Create new genesis template
    New {
        /// File to write
        #[arg(value_name = "genesis.json")]
        template: PathBuf,
        /// Default: localnet- and a random UUID
        #[arg(long)]
        network_name: Option<String>,
    },
    /// Add genesis miner
    AddMiner {
        /// Template to change
        #[arg(value_name = "genesis.json")]
        template: PathBuf,
        /// What `pre-seal` wrote
        #[arg(value_name = "preseal.json")]
        preseal: PathBuf,
    },
    /// Make a multisig of new accounts the root of the verified registry
    SetSigners {
        /// Template to change
        #[arg(value_name = "genesis.json")]
        template: PathBuf,
        /// Change the verifreg signer threshold
        #[arg(long, default_value_t = 1)]
        threshold: u64,
        /// Verifreg signers
        #[arg(long, value_delimiter = ',', required = true)]
        signers: Vec<Address>,
    },
    Car(Box<Car>),
}

/// Write genesis car file
#[derive(Debug, clap::Args)]
pub(crate) struct Car {
    /// Genesis template
    #[arg(value_name = "FILE")]
    template: PathBuf,
    /// Write output to FILE
    #[arg(long, short, value_name = "FILE", default_value = "genesis.car")]
    out: PathBuf,
    /// Take timestamp, ticket, first verifier and actors from this genesis
    #[arg(long, value_name = "GENESIS.car")]
    like: Option<PathBuf>,
    /// Unix seconds; default: the template's, or now
    #[arg(long)]
    timestamp: Option<u64>,
    /// Ticket of 32 bytes, in base64 or hex; default: random
    #[arg(long, value_parser = parse_ticket)]
    ticket: Option<Bytes>,
    /// Key address of the first verifier (f081); default: a random one
    #[arg(long, value_name = "ADDRESS")]
    verifier_key: Option<Address>,
    /// Actor bundle; default: that of --like, or the devnet's in the cache
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

impl Genesis {
    pub(crate) fn run(self, out: &mut impl Write) -> Result<()> {
        match self {
            Self::New {
                template,
                network_name,
            } => {
                let name = network_name
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| format!("localnet-{}", uuid::Uuid::new_v4()));
                files::write_template(&template, &Template::new(name))
            }
            Self::AddMiner { template, preseal } => add_miner(&template, &preseal),
            Self::SetSigners {
                template: path,
                threshold,
                signers,
            } => {
                let mut template = files::read_template(&path)?;
                template.set_signers(signers, threshold)?;
                files::write_template(&path, &template)
            }
            Self::Car(car) => car.run(out),
        }
    }
}

fn add_miner(path: &Path, preseal: &Path) -> Result<()> {
    let mut template = files::read_template(path)?;
    let miners: BTreeMap<String, Miner> = serde_json::from_slice(&files::read(preseal)?)
        .with_context(|| format!("{} is not what pre-seal writes", preseal.display()))?;
    let mut ordered: Vec<(u64, Miner)> = Vec::new();
    for (name, miner) in miners {
        let address: Address = name
            .parse()
            .with_context(|| format!("in {}", preseal.display()))?;
        if address != miner.id {
            bail!(
                "{}: miner {name} says that its ID is {}",
                preseal.display(),
                miner.id
            );
        }
        let id = address
            .id()
            .with_context(|| format!("miner {name} is not an ID address"))?;
        ordered.push((id, miner));
    }
    ordered.sort_by_key(|(id, _)| *id);
    for (_, miner) in ordered {
        template.add_miner(miner)?;
    }
    files::write_template(path, &template)
}

impl Car {
    fn run(self, out: &mut impl Write) -> Result<()> {
        let template = files::read_template(&self.template)?;
        let (mut drawn, like) = match &self.like {
            Some(path) => Drawn::like(&files::expand(path)).map(|(drawn, m)| (drawn, Some(m)))?,
            None => (Drawn::random(&mut rand::rngs::OsRng)?, None),
        };
        drawn.timestamp = self.timestamp.or(drawn.timestamp);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.context("the clock is before 1970")?.as_secs();
        let mut drawn = drawn.or_now(&template, now);
        if let Some(ticket) = self.ticket.clone() {
            drawn.ticket = ticket;
        }
        if let Some(verifier) = self.verifier_key {
            drawn.verifier = verifier;
        }
        template.check()?;

        let bundle = self.find_bundle(like.as_ref())?;
        let store = SharedBlockstore::memory();
        bundle.load_into(&store)?;
        let genesis = make_genesis(
            &FilecoinVm::from_environment(),
            &store,
            &bundle.manifest(),
            &template,
            &drawn,
        )?;
        let mut file = Vec::new();
        write_car(&store, &genesis.cid, &mut file)?;
        files::write(&self.out, &file, 0o644)?;
        writeln!(
            out,
            "GENESIS MINER ADDRESS: {}",
            Address::new_id(MINER_START)
        )?;
        writeln!(out, "GENESIS CID: {}", genesis.cid)?;
        Ok(())
    }

    fn find_bundle(&self, like: Option<&Manifest>) -> Result<Bundle> {
        if let Some(path) = &self.bundle {
            return Ok(Bundle::read(&files::expand(path))?);
        }
        let store = BundleStore::from_environment();
        let Some(manifest) = like else {
            return Ok(store.load(&bundles::devnet())?);
        };
        let code = manifest.code(lotus_actors::ActorKind::System)?;
        let found = store.find_by_code(&code)?;
        found.with_context(|| {
            format!("no actor bundle with system actor {code}: build it with `make bundle`, or give it with --bundle")
        })
    }
}

fn parse_ticket(text: &str) -> Result<Bytes, String> {
    let hex = || {
        data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .ok()
    };
    let base64 = || data_encoding::BASE64.decode(text.as_bytes()).ok();
    let bytes = hex()
        .or_else(base64)
        .ok_or("a ticket is written in base64 or hex")?;
    if bytes.len() == TICKET_LEN {
        return Ok(bytes.into());
    }
    Err(format!(
        "a ticket has {TICKET_LEN} bytes, not {}",
        bytes.len()
    ))
}
