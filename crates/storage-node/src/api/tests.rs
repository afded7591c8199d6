//! The API of a provider on the recorded network, with the recorded sectors.
//!
//! The provider is whole (services, storage paths, worker) but for block production and WindowPoSt,
//! which need a chain.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use lotus_net::{HostKey, NetConfig};
use lotus_networks::Network;
use lotus_ports::clock::Clock;
use lotus_proofs::mock::MockProver;
use lotus_rpc::JwtSecret;
use lotus_rpc_api::{
    CallStyle, Outcome, Permission,
    full::{
        ChainApi, ClientApi, FevmApi, FullNode, GasApi, MarketApi, MinerApi, MpoolApi, MsigApi,
        PaychApi, StateApi, StateMarketApi, StateMinerApi, SyncApi, WalletApi,
    },
    types::{sealing::SectorStatus, state::MinerInfo},
};
use lotus_runtime::{
    config::{Config, Schema},
    metrics::Metrics,
    supervisor::Supervisor,
};
use lotus_sealer::{
    layout::{LocalStorageMeta, META_FILE, write_json},
    resources,
};
use lotus_sealing::{Event, SectorStore};
use lotus_types::{BitField, RegisteredPoStProof, SectorNumber, TipsetKey};
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::{Databases, RunningStorageNode, StorageNodeConfig, preseal, start_storage_node};

const SAMPLES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/real-chain/miner-rpc.samples.jsonl"
));
const SECTORS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/real-chain/miner-sectors.jsonl"
));
const TEMPLATE: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/real-chain/localnet.json"
));

/// What the services ask of the chain here.
struct Node;

impl CommonApi for Node {}
impl NetApi for Node {}
impl ChainApi for Node {}
impl StateApi for Node {}
impl StateMarketApi for Node {}
impl MinerApi for Node {}
impl MpoolApi for Node {}
impl GasApi for Node {}
impl WalletApi for Node {}
impl SyncApi for Node {}
impl MarketApi for Node {}
impl ClientApi for Node {}
impl MsigApi for Node {}
impl PaychApi for Node {}
impl FevmApi for Node {}

#[async_trait]
impl StateMinerApi for Node {
    async fn state_miner_info(&self, _: Address, _: TipsetKey) -> Answer<MinerInfo> {
        let none = Address::default();
        Ok(MinerInfo {
            owner: Address::new_id(100),
            worker: Address::new_id(100),
            new_worker: none,
            control_addresses: Vec::new(),
            worker_change_epoch: -1,
            peer_id: None,
            multiaddrs: Vec::new(),
            window_post_proof_type: RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1,
            sector_size: 2048,
            window_post_partition_sectors: 2,
            consensus_fault_elapsed: -1,
            pending_owner_address: None,
            beneficiary: Address::new_id(100),
            beneficiary_term: None,
            pending_beneficiary_term: None,
        })
    }

    async fn state_miner_allocated(&self, _: Address, _: TipsetKey) -> Answer<BitField> {
        Ok(BitField::try_from_numbers(0..4).expect("a few numbers"))
    }
}

/// A recorded answer of `SectorsStatus`.
fn recorded(number: SectorNumber) -> Value {
    let lines = SECTORS
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let mut found = lines.filter(|l| l["params"][0] == number);
    found.next().expect("it is recorded")["result"].clone()
}

/// The recorded story of a sector, told again to the state machine.
///
/// The recorded miner is newer than the one whose state machine this is: it sends every pre-commit and
/// every proof by the queue of batches, so the events that lead into the queue are told, too.
fn retell(store: &SectorStore, number: SectorNumber) {
    let recorded = recorded(number);
    let told = recorded["Log"].as_array().unwrap().iter().flat_map(|line| {
        let name = line["Kind"].as_str().unwrap();
        let name = name.strip_prefix("event;sealing.").unwrap();
        let message: Value = serde_json::from_str(line["Message"].as_str().unwrap()).unwrap();
        let event = Event::from_parts(name, message["User"].clone()).unwrap();
        let into_queue = match event {
            Event::PreCommitBatchSent { .. } => Some(Event::PreCommitBatch {}),
            Event::CommitAggregateSent { .. } => Some(Event::SubmitCommitAggregate {}),
            _ => None,
        };
        let at = line["Timestamp"].as_u64().unwrap();
        into_queue.into_iter().chain([event]).map(move |e| (at, e))
    });
    for (index, (at, event)) in told.enumerate() {
        if index == 0 {
            let made = store.create(&BitField::new(), |_| event, at).unwrap();
            assert_eq!(made.number, number);
        } else {
            store.append(number, &event, at).unwrap();
        }
    }
}

struct Provider {
    node: RunningStorageNode,
    methods: Dispatcher,
    _supervisor: Supervisor,
    _dir: tempfile::TempDir,
}

impl Provider {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_json(
            &dir.path().join(META_FILE),
            &LocalStorageMeta::new(10, true, true),
        )
        .unwrap();
        let databases = Databases::in_memory().unwrap();
        let template = lotus_genesis::Template::parse(TEMPLATE).unwrap();
        preseal::import(&databases.sectors, &template.miners[0]).unwrap();
        retell(&databases.sectors, 2);
        retell(&databases.sectors, 3);
        let settings = Config::load(Schema::STORAGE_MINER, Path::new("/nowhere"), |name| {
            let set = match name {
                "LOTUS_SUBSYSTEMS_ENABLEMINING" => "false",
                // As at the recorded miner.
                "LOTUS_SEALING_WAITDEALSDELAY" => "20s",
                "LOTUS_DEALMAKING_EXPECTEDSEALDURATION" => "1h0m0s",
                _ => return None,
            };
            Some(set.to_owned())
        });
        let clock: Arc<dyn Clock> = lotus_runtime::clock::system_clock();
        let mut net = NetConfig::new("localnet", "test");
        net.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        let supervisor = Supervisor::new(Duration::from_secs(1));
        let node: Arc<dyn FullNode> = Arc::new(Node);
        let running = start_storage_node(
            StorageNodeConfig {
                miner: 1000,
                network: Arc::new(Network {
                    block_delay_secs: 10,
                    ..Network::devnet("localnet")
                }),
                node,
                settings: settings.unwrap().view().unwrap(),
                databases,
                storage_paths: vec![dir.path().to_owned()],
                storage_file: Some(dir.path().join("storage.json")),
                prover: Arc::new(MockProver::new()),
                verifier: None,
                resources: resources::table(|_| None).unwrap(),
                clock,
                host_key: HostKey::generate(),
                net,
                jwt: JwtSecret::generate(),
                log: None,
                alerts: lotus_runtime::alerts::Alerts::default(),
                url: "http://127.0.0.1:2345".to_owned(),
            },
            &supervisor.tasks(),
            &Metrics::new("test"),
        )
        .await
        .unwrap();
        Self {
            methods: dispatcher(&running.api, None),
            node: running,
            _supervisor: supervisor,
            _dir: dir,
        }
    }

    async fn ask(&self, method: &str, params: &Value) -> Answer<Value> {
        let params: Box<RawValue> = serde_json::value::to_raw_value(params).unwrap();
        let name = format!("Filecoin.{method}");
        let all = Permission::ALL;
        let call = self
            .methods
            .call(&name, Some(&params), &all, CallStyle::RequestResponse);
        Ok(match call.await? {
            Outcome::Value(value) => serde_json::from_str(value.get()).unwrap(),
            Outcome::Empty => Value::Null,
            Outcome::Channel(_) => panic!("{method} answers with a channel"),
        })
    }
}

#[tokio::test]
async fn questions_about_the_recorded_provider_are_answered_as_recorded() {
    let provider = Provider::start().await;
    let asked = [
        "ActorAddress",
        "ActorSectorSize",
        "ActorAddressConfig",
        "SectorsList",
        "SectorsSummary",
        "SectorsListInStates",
        "SectorsRefs",
        "SectorGetSealDelay",
        "SectorGetExpectedSealDuration",
        "SectorPreCommitPending",
        "SectorCommitPending",
        "SectorTerminatePending",
        "StorageGetLocks",
        "WorkerJobs",
    ];
    let mut compared = 0;
    for line in SAMPLES.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let method = sample["method"].as_str().unwrap();
        if !asked.contains(&method) {
            continue;
        }
        let answer = provider.ask(method, &sample["params"]).await;
        assert_eq!(answer.as_ref(), Ok(&sample["result"]), "{method}");
        compared += 1;
    }
    assert_eq!(compared, asked.len());
}

#[tokio::test]
async fn a_sectors_recorded_story_leads_to_its_recorded_status() {
    let provider = Provider::start().await;
    for number in [2, 3] {
        let answer = provider.ask("SectorsStatus", &json!([number, false])).await;
        let mut ours: SectorStatus = serde_json::from_value(answer.unwrap()).unwrap();
        let mut theirs: SectorStatus = serde_json::from_value(recorded(number)).unwrap();
        for line in &mut theirs.log {
            // A field of newer actors, which Lotus v1.20 does not have.
            line.message = line
                .message
                .replace(r#""PieceActivationManifest":null,"#, "");
        }
        let queued = ["PreCommitBatch", "SubmitCommitAggregate"];
        let queued = queued.map(|name| format!("event;sealing.Sector{name}"));
        ours.log.retain(|line| !queued.contains(&line.kind));
        let without_chain = SectorStatus {
            activation: 0,
            expiration: 0,
            deal_weight: ours.deal_weight.clone(),
            verified_deal_weight: ours.verified_deal_weight.clone(),
            initial_pledge: ours.initial_pledge.clone(),
            on_time: 0,
            early: 0,
            ..theirs
        };
        assert_eq!(ours, without_chain, "sector {number}");
    }
    let unknown = provider.ask("SectorsStatus", &json!([77, true])).await;
    assert!(unknown.is_err());
}

#[tokio::test]
async fn the_own_worker_and_the_own_path_are_listed() {
    let provider = Provider::start().await;
    let workers = provider.ask("WorkerStats", &json!([])).await.unwrap();
    let sessions: Vec<_> = workers.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        sessions,
        [provider.node.worker.current_session().to_string()]
    );
    let local = provider.ask("StorageLocal", &json!([])).await.unwrap();
    let id = local.as_object().unwrap().keys().next().unwrap().clone();
    let stat = provider.ask("StorageStat", &json!([id])).await.unwrap();
    assert!(stat["Capacity"].as_i64().unwrap() > 0, "{stat}");
    let nonsense = provider.ask("StorageStat", &json!(["nonsense"])).await;
    assert!(nonsense.is_err());
}

#[tokio::test]
async fn a_path_that_is_attached_is_written_down() {
    let provider = Provider::start().await;
    let more = tempfile::tempdir().unwrap();
    let meta = LocalStorageMeta::new(5, false, true);
    write_json(&more.path().join(META_FILE), &meta).unwrap();
    let path = json!([more.path()]);
    provider.ask("StorageAddLocal", &path).await.unwrap();
    let file = provider.node.api.0.storage_file.clone().unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains(more.path().to_str().unwrap()), "{written}");
    let found = provider
        .ask("StorageInfo", &json!([meta.id]))
        .await
        .unwrap();
    assert_eq!(found["URLs"], json!(["http://127.0.0.1:2345/remote"]));
    provider.ask("StorageDetachLocal", &path).await.unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        !written.contains(more.path().to_str().unwrap()),
        "{written}"
    );
}

#[tokio::test]
async fn without_a_deal_service_questions_about_deals_are_not_supported() {
    let provider = Provider::start().await;
    for method in [
        "MarketListDeals",
        "DealsConsiderOnlineStorageDeals",
        "PiecesListPieces",
    ] {
        let error = provider.ask(method, &json!([])).await.unwrap_err();
        assert!(error.is_not_supported(), "{method}: {error}");
    }
}
