//! A client and a provider that know each other.

use std::{fs, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use lotus_market::{
    ClientConfig, ClientDeps, MarketClient, MarketProvider, ProviderConfig, ProviderDeps,
    imports::Imports, piece_index::PieceIndex, protocol::StorageDealStatus,
};
use lotus_net::{HostKey, Metrics, NetConfig, NetService};
use lotus_rpc_api::{
    miner::MinerMarketApi as _,
    types::{
        deals::{DataRef, DealInfo, StartDealParams},
        market::MinerDeal,
    },
};
use lotus_types::{Cid, TokenAmount, sector::UnpaddedPieceSize};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    SOON, Trap, eventually,
    ledger::{Ledger, MINER},
    sealing::FastSealing,
};

pub(crate) const BLOCK_TIME: Duration = Duration::from_secs(30);

/// A libp2p host on loopback.
pub(crate) fn host(stop: &CancellationToken) -> NetService {
    let mut config = NetConfig::new("testnet", "lotus-test");
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let key = HostKey::generate();
    let (net, task) =
        NetService::start(config, &key, None, Metrics::default(), stop.clone()).unwrap();
    tokio::spawn(task);
    net
}

/// Something that runs until it is killed.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn spawn(task: impl Future<Output = ()> + Send + 'static, stop: CancellationToken) -> Self {
        let task = tokio::spawn(task);
        Self { stop, task }
    }

    /// Ends it where it is.
    pub(crate) async fn kill(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Both sides; all stops when it is dropped.
pub(crate) struct Sides {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sealing: Arc<FastSealing>,
    pub(crate) client_net: NetService,
    pub(crate) provider_net: NetService,
    pub(crate) folder: TempDir,
    pub(crate) config: ProviderConfig,
    pub(crate) client_config: ClientConfig,
    stop: CancellationToken,
}

impl Drop for Sides {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Sides {
    pub(crate) async fn new() -> Self {
        let (stop, ledger) = (CancellationToken::new(), Ledger::new());
        let (client_net, provider_net) = (host(&stop), host(&stop));
        provider_net.dial_addresses(SOON).await.unwrap();
        let peer = provider_net.id().to_string();
        ledger.state.lock().peer = Some((peer, provider_net.listening()));
        let folder = TempDir::new().unwrap();
        let mut config = ProviderConfig::new(MINER, folder.path().join("provider"), BLOCK_TIME);
        config.poll = Duration::from_millis(20);
        config.fetch.allow_private_hosts = true;
        config.fetch.pause = Duration::from_millis(20);
        config.policy.publish_period = Duration::from_millis(50);
        let mut client_config = ClientConfig::new(folder.path().join("client"), BLOCK_TIME);
        client_config.poll = Duration::from_millis(20);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        client_config.listen = free.local_addr().unwrap();
        Self {
            sealing: FastSealing::new(&ledger),
            ledger,
            client_net,
            provider_net,
            folder,
            config,
            client_config,
            stop,
        }
    }

    pub(crate) async fn provider(&self) -> (MarketProvider, Running, Trap) {
        let (chain, trap) = self.ledger.port();
        let index = self.folder.path().join("index.sqlite");
        let deps = ProviderDeps {
            chain,
            net: self.provider_net.clone(),
            sealing: self.sealing.clone(),
            index: Arc::new(PieceIndex::open(&index).unwrap()),
        };
        let stop = self.stop.child_token();
        let started = MarketProvider::start(self.config.clone(), deps, stop.clone()).await;
        let (provider, task) = started.unwrap();
        (provider, Running::spawn(task, stop), trap)
    }

    pub(crate) fn imports(&self) -> Imports {
        Imports::open(&self.folder.path().join("imports")).unwrap()
    }

    pub(crate) async fn client(&self) -> (MarketClient, Running, Trap) {
        let (chain, trap) = self.ledger.port();
        let deps = ClientDeps {
            chain,
            net: self.client_net.clone(),
            imports: Arc::new(self.imports()),
        };
        let stop = self.stop.child_token();
        let started = MarketClient::start(self.client_config.clone(), deps, stop.clone()).await;
        let (client, task) = started.unwrap();
        (client, Running::spawn(task, stop), trap)
    }

    /// A file of the client, and its root.
    pub(crate) fn import(&self, seed: u8) -> Cid {
        let path = self.file(seed);
        self.imports().import(&path, false).unwrap().root
    }

    fn file(&self, seed: u8) -> PathBuf {
        let path = self.folder.path().join(format!("file-{seed}"));
        let data: Vec<u8> = (0..1800_u32)
            .map(|i| (i * i + u32::from(seed)) as u8)
            .collect();
        fs::write(&path, data).unwrap();
        path
    }

    /// The CAR that a provider gets for a root.
    pub(crate) fn car(&self, root: &Cid) -> Vec<u8> {
        fs::read(self.imports().car(root).unwrap()).unwrap()
    }

    /// A deal that meets the default ask.
    pub(crate) fn wish(&self, root: Cid) -> StartDealParams {
        StartDealParams {
            data: DataRef {
                transfer_type: "graphsync".to_owned(),
                root,
                piece_cid: None,
                piece_size: UnpaddedPieceSize(0),
                raw_block_size: 0,
            },
            wallet: self.ledger.client,
            miner: MINER,
            epoch_price: TokenAmount::from_atto(2000),
            min_blocks_duration: 518_400,
            provider_collateral: TokenAmount::zero(),
            deal_start_epoch: -1,
            fast_retrieval: true,
            verified_deal: false,
        }
    }
}

/// The client's view of a deal.
pub(crate) fn info(client: &MarketClient, deal: &Cid) -> DealInfo {
    client.deal_info(deal).unwrap().unwrap()
}

/// Waits until the client sees a deal in a state. An unexpected failure ends the test.
pub(crate) async fn client_sees(client: &MarketClient, deal: &Cid, state: StorageDealStatus) {
    eventually("the client's deal", async || {
        let info = info(client, deal);
        let failed = info.state == StorageDealStatus::Error.number();
        assert!(
            !failed || state == StorageDealStatus::Error,
            "{}",
            info.message
        );
        info.state == state.number()
    })
    .await;
}

/// The provider's only deal.
pub(crate) async fn only_deal(provider: &MarketProvider) -> Option<MinerDeal> {
    let mut deals = provider.market_list_incomplete_deals().await.unwrap();
    assert!(deals.len() < 2, "one deal is two");
    deals.pop()
}

/// Waits until the provider's only deal is in a state. An unexpected failure ends the test.
pub(crate) async fn provider_sees(provider: &MarketProvider, state: StorageDealStatus) {
    eventually("the provider's deal", async || {
        let Some(deal) = only_deal(provider).await else {
            return false;
        };
        let failed = deal.state == StorageDealStatus::Error.number();
        assert!(
            !failed || state == StorageDealStatus::Error,
            "{}",
            deal.message
        );
        deal.state == state.number()
    })
    .await;
}
