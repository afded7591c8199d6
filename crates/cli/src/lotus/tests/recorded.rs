//! A full node that answers what a Go Lotus answered.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use lotus_blockstore::car::CarReader;
use lotus_rpc_api::{
    ApiClient, ErrorObject, MethodInfo, RawJson, RpcError, Subscription, Transport, full,
};
use lotus_types::{BlockHeader, Cid, Tipset, TipsetKey, wire};
use parking_lot::Mutex;
use serde_json::{Value, json, value::to_raw_value};

use super::Command;

type Answer = Result<Value, ErrorObject>;

fn fixture(name: &str) -> PathBuf {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/mock-chain"
    );
    PathBuf::from(folder).join(name)
}

/// The lines of a recording.
pub(super) fn lines(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(fixture(name)).expect("fixture");
    text.lines().map(str::to_owned).collect()
}

/// What was typed at the recorded node, in the order of time.
pub(super) fn commands() -> Vec<Command> {
    let text = std::fs::read_to_string(fixture("cli.json")).expect("fixture");
    serde_json::from_str(&text).expect("commands")
}

/// The tipsets of the chain's export, each of one block, lowest first.
fn headers() -> Vec<Tipset> {
    let mut car = CarReader::open(&fixture("chain.car.zst")).expect("chain");
    let mut tipsets = Vec::new();
    while let Some(block) = car.next_block().expect("block") {
        if let Ok(header) = wire::from_cbor::<BlockHeader>(&block.data) {
            tipsets.push(Tipset::new(vec![header]).expect("tipset"));
        }
    }
    tipsets.sort_by_key(Tipset::height);
    tipsets
}

/// A node that stands still: recorded answers, headers from the chain's export, and what a test adds.
#[derive(Debug, Clone)]
pub(super) struct Recorded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recorded: HashMap<(String, String), Answer>,
    scripted: Mutex<HashMap<String, Value>>,
    failing: Mutex<HashMap<String, ErrorObject>>,
    tipsets: Vec<Tipset>,
    pieces: Mutex<Vec<String>>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Recorded {
    /// The node of `mock-chain`, with its wallet and its one peer.
    pub(super) fn mock_chain() -> Self {
        let mut inner = Inner {
            recorded: HashMap::new(),
            scripted: Mutex::new(scripted()),
            failing: Mutex::default(),
            tipsets: headers(),
            pieces: Mutex::default(),
            asked: Mutex::default(),
        };
        for line in lines("cli-calls.jsonl") {
            let mut call: Value = serde_json::from_str(&line).expect("a call");
            let name = call["method"].as_str().expect("name").to_owned();
            let params = inner.key(&name, call["params"].take());
            let answer = match call.get_mut("error").map(Value::take) {
                Some(error) => Err(serde_json::from_value(error).expect("error")),
                None => Ok(call["result"].take()),
            };
            inner.recorded.insert((name, params), answer);
        }
        Self(Arc::new(inner))
    }

    /// A client of it.
    pub(super) fn client(&self) -> ApiClient {
        ApiClient::new(Arc::new(self.clone()))
    }

    /// Adds an answer to a method, whatever its parameters.
    pub(super) fn answer(self, method: &str, answer: Value) -> Self {
        self.0.scripted.lock().insert(method.to_owned(), answer);
        self
    }

    /// Lets a method fail, whatever its parameters.
    pub(super) fn fail(self, method: &str, message: &str) -> Self {
        let failed = ErrorObject::new(1, message);
        self.0.failing.lock().insert(method.to_owned(), failed);
        self
    }

    /// What was recorded of a call.
    pub(super) fn find(&self, method: &str, params: &Value) -> Option<Value> {
        let key = (method.to_owned(), self.0.key(method, params.clone()));
        self.0.recorded.get(&key)?.clone().ok()
    }

    /// What `ChainExport` sends; each in base64.
    pub(super) fn pieces(self, pieces: &[&str]) -> Self {
        *self.0.pieces.lock() = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        self
    }

    /// The parameters of all calls of a method.
    pub(super) fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.0.asked.lock();
        asked
            .iter()
            .filter(|(name, _)| name == method)
            .map(|(_, p)| p.clone())
            .collect()
    }

    /// The head's key.
    pub(super) fn head(&self) -> TipsetKey {
        self.0.head()
    }
}

/// What the recording of calls does not hold. Keys, peers and traffic are those that the recorded
/// commands show.
fn scripted() -> HashMap<String, Value> {
    let commands = commands();
    let stdout = |args: &[&str]| -> String {
        let command = commands.iter().find(|command| command.args == args);
        command.expect("recorded").stdout.clone()
    };
    let own: Vec<String> = stdout(&["wallet", "list", "-a"])
        .lines()
        .map(str::to_owned)
        .collect();
    let default = super::SENDER;
    let hex = |text: String| {
        data_encoding::HEXLOWER
            .decode(text.trim().as_bytes())
            .expect("hexadecimal")
    };
    let signature = hex(stdout(&["wallet", "sign", default, "68656c6c6f"]));
    let signature = lotus_types::Signature::from_bytes(&signature).expect("signature");
    let exported = hex(stdout(&["wallet", "export", super::RECEIVER]));
    let key: Value = serde_json::from_slice(&exported).expect("key");
    let idle = |worker: u64| {
        json!({
            "WorkerID": worker, "Base": null, "Target": null, "Stage": 0, "Height": 0,
            "Start": "0001-01-01T00:00:00Z", "End": "0001-01-01T00:00:00Z", "Message": "",
        })
    };
    let peer = "12D3KooWJKGMotk3YVdMWfAUCCfY8VHyMNXUGtW7A2s4DQkbeKsH";
    let answers = [
        // The commands were recorded with a program that took an epoch for 15 seconds.
        (
            "Version",
            json!({ "Version": "1.27.0+2k", "APIVersion": 0x01_0500, "BlockDelay": 15 }),
        ),
        ("WalletList", json!(own)),
        ("WalletDefaultAddress", json!(default)),
        ("WalletSign", json!(signature)),
        ("WalletExport", key),
        (
            "NetPeers",
            json!([{ "ID": peer, "Addrs": ["/ip6/::1/tcp/42355"] }]),
        ),
        (
            "NetAutoNatStatus",
            json!({ "Reachability": 0, "PublicAddrs": null }),
        ),
        (
            "NetBandwidthStats",
            json!({ "TotalIn": 960, "TotalOut": 936, "RateIn": 0.2, "RateOut": 0.2 }),
        ),
        (
            "SyncState",
            json!({ "ActiveSyncs": [idle(675), idle(676), idle(677)], "VMApplied": 0 }),
        ),
        ("SyncCheckBad", json!("")),
    ];
    answers
        .into_iter()
        .map(|(name, answer)| (name.to_owned(), answer))
        .collect()
}

impl Inner {
    fn head(&self) -> TipsetKey {
        self.tipsets.last().expect("a chain").key().clone()
    }

    /// Parameters in the form in which calls are found: the empty tipset key stands for the head.
    fn key(&self, name: &str, mut params: Value) -> String {
        let info = full::methods()
            .find(|info| info.short_name() == name)
            .expect("a method");
        let list = params.as_array_mut().expect("a list");
        for (value, param) in list.iter_mut().zip(info.params) {
            if param.ty == "TipsetKey" && (value.is_null() || *value == json!([])) {
                *value = json!(self.head());
            }
            // The total power is in the answer for whatever address.
            if param.ty == "Address" && *value == json!("<empty>") {
                *value = json!("t01");
            }
        }
        if name == "StateListMessages" {
            list.truncate(2); // all of them lie above any height that is asked for
        }
        params.to_string()
    }

    fn answer(&self, name: &str, params: Value) -> Answer {
        if let Some(error) = self.failing.lock().get(name) {
            return Err(error.clone());
        }
        if let Some(answer) = self.scripted.lock().get(name) {
            return Ok(answer.clone());
        }
        if name == "StateWaitMsg" {
            // On a chain that stands still, what is there was waited for.
            return self.answer("StateSearchMsg", json!([[], params[0], -1, true]));
        }
        if name == "StateListMessages" && params[1] != json!(self.head()) {
            return Ok(Value::Null); // what was recorded of the head is all there is
        }
        if name == "WalletBalance" {
            return Ok(self.answer("StateGetActor", json!([params[0], []]))?["Balance"].take());
        }
        let key = self.key(name, params.clone());
        if let Some(answer) = self.recorded.get(&(name.to_owned(), key)) {
            return answer.clone();
        }
        if name == "StateAccountKey"
            && let Some(key) = self.key_of(&params[0])
        {
            return Ok(key);
        }
        let told = self.told_by_headers(name, &params);
        told.ok_or_else(|| ErrorObject::new(1, format!("{name} {params} is not recorded")))
    }

    /// The key address whose ID was recorded to be this one.
    fn key_of(&self, id: &Value) -> Option<Value> {
        let lookups = self.recorded.iter();
        let mut found = lookups.filter(|((name, _), answer)| {
            name == "StateLookupID" && answer.as_ref().is_ok_and(|answer| answer == id)
        });
        let mut params: Value = found.find_map(|((_, params), _)| {
            let params: Value = serde_json::from_str(params).ok()?;
            (params[0] != *id).then_some(params)
        })?;
        Some(params[0].take())
    }

    /// Answers that follow from the headers of the chain's export.
    fn told_by_headers(&self, name: &str, params: &Value) -> Option<Value> {
        let of_block = |cid: &Value| {
            let cid: Cid = serde_json::from_value(cid.clone()).ok()?;
            let tipset = self
                .tipsets
                .iter()
                .find(|tipset| tipset.cids().contains(&cid))?;
            tipset.blocks().first()
        };
        let empty = self.tipsets.last()?.blocks().first()?;
        match name {
            "ChainGetTipSet" => {
                let key: TipsetKey = serde_json::from_value(params[0].clone()).ok()?;
                let found = self.tipsets.iter().find(|tipset| *tipset.key() == key);
                found.map(|tipset| json!(tipset))
            }
            "ChainGetTipSetByHeight" => {
                let height = params[0].as_i64()?;
                let found = self
                    .tipsets
                    .iter()
                    .rfind(|tipset| tipset.height() <= height);
                found.map(|tipset| json!(tipset))
            }
            // The head is recorded to have neither messages nor receipts: so has whoever names the
            // same roots.
            "ChainGetBlockMessages" if of_block(&params[0])?.messages == empty.messages => {
                Some(json!({ "BlsMessages": [], "SecpkMessages": [], "Cids": [] }))
            }
            "ChainGetParentMessages" | "ChainGetParentReceipts"
                if of_block(&params[0])?.parent_message_receipts
                    == empty.parent_message_receipts =>
            {
                Some(json!([]))
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Transport for Recorded {
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        let name = method.short_name();
        let params: Value = serde_json::from_str(params.get()).expect("JSON");
        self.0.asked.lock().push((name.to_owned(), params.clone()));
        let answer = self.0.answer(name, params)?;
        Ok(Some(to_raw_value(&answer).expect("JSON")))
    }

    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        _params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        assert_eq!(method.short_name(), "ChainExport");
        let pieces = std::mem::take(&mut *self.0.pieces.lock());
        let raw = pieces
            .into_iter()
            .map(|piece| to_raw_value(&piece).expect("JSON"));
        Ok(Box::pin(futures::stream::iter(raw)))
    }
}
