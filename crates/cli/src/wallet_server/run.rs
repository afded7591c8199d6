//! `lotus-wallet run`: the process that serves keys.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use lotus_blockstore::{DiskDatabase, DiskOptions};
use lotus_rpc::{JwtSecret, Limits, Server, Verifier};
use lotus_rpc_api::{
    Permission,
    wallet::{self, WalletBackend},
};
use lotus_runtime::{
    logging,
    repo::{LockedRepo, Repo, RepoKind},
    supervisor::Supervisor,
};
use lotus_wallet::{
    LocalWallet, MultiWallet, Wallet,
    guard::{AskingWallet, LoggedWallet},
    ledger::{LedgerWallet, device::UsbDevices},
};

use super::{
    Globals,
    interactive::{Chain, Terminal},
};
use crate::{common::duration, keystore, process};

/// How long running calls may take when the process is stopped.
const WIND_DOWN: Duration = Duration::from_secs(15);

/// Start lotus wallet
///
/// For setup instructions see 'lotus-wallet --help'
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// host address and port the wallet api will listen on
    #[arg(long, default_value = "0.0.0.0:1777")]
    listen: String,
    /// use a ledger device instead of an on-disk wallet
    #[arg(long)]
    ledger: bool,
    /// prompt before performing actions (DO NOT USE FOR MINER WORKER ADDRESS)
    #[arg(long)]
    interactive: bool,
    /// don't query chain state in interactive mode
    #[arg(long)]
    offline: bool,
    /// (insecure) disable api auth
    #[arg(long, hide = true)]
    disable_auth: bool,
    /// How long a request may take to arrive
    #[arg(long, default_value = "30s", value_parser = duration)]
    http_server_timeout: Duration,
}

impl Run {
    /// Runs a wallet until it is stopped.
    pub(super) fn run(self, globals: &Globals, _out: &mut dyn Write) -> anyhow::Result<()> {
        process::block_on(Box::pin(self.serve(globals)))
    }

    async fn serve(self, globals: &Globals) -> anyhow::Result<()> {
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::Wallet, globals.wallet_repo.as_deref(), env)?;
        repo.init()?;
        logging::init(&repo.config(env)?.log_levels(), env)?;
        let locked = Arc::new(repo.lock()?);
        let wallet = self.guarded(self.wallet(&locked)?, globals);
        let secret = JwtSecret::from_bytes(&locked.jwt_secret()?)?;
        let verifier = if self.disable_auth {
            tracing::warn!(
                "API auth is disabled: whoever reaches {} has the keys",
                self.listen
            );
            Verifier::Open
        } else {
            tracing::info!("API auth enabled, use 'lotus-wallet get-api-key' to get API key");
            Verifier::Secret(secret.clone())
        };
        let bound = Server::new(verifier)
            .limits(Limits {
                body_timeout: self.http_server_timeout,
                ..Limits::default()
            })
            .endpoint("/rpc/v0", wallet::dispatcher(wallet))
            .bind(self.listen_address()?)
            .await
            .with_context(|| format!("the API cannot listen on {}", self.listen))?;
        let address = bound.address();
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        tasks.critical("api", bound.serve(tasks.stop_token()));
        locked.set_api_token(&secret.token(&[Permission::Admin])?)?;
        locked.set_api_endpoint(&process::api_multiaddr(address))?;
        tracing::info!(%address, interactive = self.interactive, "wallet is up");
        let outcome = supervisor.run().await?;
        drop(locked);
        if outcome.reason.is_orderly() {
            return Ok(());
        }
        Err(anyhow!("{}", outcome.reason))
    }

    fn listen_address(&self) -> anyhow::Result<SocketAddr> {
        let text = &self.listen;
        text.parse().with_context(|| {
            format!("--listen {text:?} is no address and port such as 127.0.0.1:1777")
        })
    }

    /// The keys of the repo, and with `--ledger` those of a device in front of them.
    fn wallet(&self, repo: &Arc<LockedRepo>) -> anyhow::Result<Arc<dyn WalletBackend>> {
        let local = Arc::new(Wallet::new(keystore::open(repo)?));
        if !self.ledger {
            return Ok(Arc::new(LocalWallet::new(local)));
        }
        let database = DiskDatabase::open(&repo.folder("datastore")?, DiskOptions::default())?;
        let metadata = Arc::new(database.metadata("metadata")?);
        let ledger = LedgerWallet::new(metadata, Arc::new(UsbDevices::new()));
        // It signs bytes that are given to it: the network's number is the node's business.
        let joined = MultiWallet::new(0).local(local);
        Ok(Arc::new(joined.ledger(Some(Arc::new(ledger)))))
    }

    /// The same wallet, which asks before it acts, or tells of what it does.
    fn guarded(&self, wallet: Arc<dyn WalletBackend>, globals: &Globals) -> Arc<dyn WalletBackend> {
        if !self.interactive {
            return Arc::new(LoggedWallet::new(wallet));
        }
        let chain = if self.offline {
            Chain::Offline
        } else {
            Chain::Daemon(globals.repo.clone())
        };
        Arc::new(AskingWallet::new(wallet, Arc::new(Terminal::new(chain))))
    }
}
