//! An API for tests of commands: it answers what a Go Lotus answered, and what a test says.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use lotus_blockstore::car::CarReader;
use lotus_rpc_api::{
    ApiClient, ErrorObject, MethodInfo, RawJson, RpcError, Subscription, Transport,
};
use lotus_types::{BlockHeader, Tipset, wire};
use parking_lot::Mutex;
use serde_json::{Value, json, value::to_raw_value};

type Answer = Result<Value, ErrorObject>;

/// A file of the recordings.
pub(crate) fn fixture(path: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus");
    PathBuf::from(folder).join(path)
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) exit: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Of a command that was taken and wrote this.
    pub(crate) fn new(done: anyhow::Result<()>, out: Vec<u8>) -> Self {
        let (exit, stderr) = match done {
            Ok(()) => (0, String::new()),
            Err(error) => (1, format!("{error:#}")),
        };
        Self {
            exit,
            stdout: String::from_utf8(out).expect("text"),
            stderr,
        }
    }
}

/// What a recorded command of Lotus printed.
///
/// # Panics
/// When it is not in the recording, so that no comparison is left out unnoticed.
pub(crate) fn recorded_output(file: &str, args: &[&str]) -> String {
    let text = std::fs::read_to_string(fixture(file)).expect("fixture");
    let commands: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let command = commands
        .iter()
        .find(|command| command["args"] == json!(args))
        .unwrap_or_else(|| panic!("{args:?} is not in {file}"));
    command["stdout"].as_str().unwrap_or_default().to_owned()
}

/// An API that answers from a list. What a test says comes before what was recorded, and parameters
/// before none. A tipset's key among the parameters makes no difference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    said: Mutex<HashMap<(String, Option<String>), Answer>>,
    recorded: Mutex<Vec<(String, String, Answer)>>,
    channels: Mutex<HashMap<String, Vec<Value>>>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Fake {
    /// One that answers what is in this recording.
    pub(crate) fn recorded(file: &str) -> Self {
        Self::default().and_recorded(file)
    }

    /// The answers of this recording, too.
    pub(crate) fn and_recorded(self, file: &str) -> Self {
        let text = std::fs::read_to_string(fixture(file)).expect("fixture");
        for line in text.lines() {
            let mut call: Value = serde_json::from_str(line).expect("a call");
            let name = call["method"].as_str().expect("name").to_owned();
            let answer = match call.get_mut("error").map(Value::take) {
                Some(error) => Err(serde_json::from_value(error).expect("error")),
                None => Ok(call["result"].take()),
            };
            let params = key(&call["params"]);
            self.0.recorded.lock().push((name, params, answer));
        }
        self
    }

    /// Adds an answer to a method, whatever its parameters.
    pub(crate) fn answer(self, method: &str, answer: Value) -> Self {
        let place = (method.to_owned(), None);
        self.0.said.lock().insert(place, Ok(answer));
        self
    }

    /// Adds an answer to a method with these parameters.
    pub(crate) fn when(self, method: &str, params: &Value, answer: Value) -> Self {
        let place = (method.to_owned(), Some(key(params)));
        self.0.said.lock().insert(place, Ok(answer));
        self
    }

    /// Lets a method fail.
    pub(crate) fn refuse(self, method: &str, code: i64, message: &str) -> Self {
        let place = (method.to_owned(), None);
        let error = ErrorObject::new(code, message);
        self.0.said.lock().insert(place, Err(error));
        self
    }

    /// What a method's channel sends before it is closed.
    pub(crate) fn channel(self, method: &str, values: Vec<Value>) -> Self {
        self.0.channels.lock().insert(method.to_owned(), values);
        self
    }

    /// The head: the tipset of this height on the chain that was recorded with real proofs.
    pub(crate) fn at(self, height: i64) -> Self {
        let mut car = CarReader::open(&fixture("real-chain/chain.car.zst")).expect("chain");
        let mut found = None;
        while let Some(block) = car.next_block().expect("block") {
            if let Ok(header) = wire::from_cbor::<BlockHeader>(&block.data)
                && header.height == height
            {
                found = Some(Tipset::new(vec![header]).expect("tipset"));
            }
        }
        let tipset = found.expect("no null round");
        self.answer("ChainHead", json!(tipset))
    }

    /// A client of it.
    pub(crate) fn client(&self) -> ApiClient {
        ApiClient::new(Arc::new(self.clone()))
    }

    /// The parameters of all calls of a method.
    pub(crate) fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.0.asked.lock();
        let calls = asked.iter().filter(|(name, _)| name == method);
        calls.map(|(_, params)| params.clone()).collect()
    }

    /// What was recorded of a method that was called once.
    pub(crate) fn find_recorded(&self, method: &str) -> Value {
        let recorded = self.0.recorded.lock();
        let mut found = recorded.iter().filter(|(name, ..)| name == method);
        let (.., answer) = found.next().expect("recorded");
        answer.clone().expect("an answer")
    }

    fn find(&self, name: &str, params: &Value) -> Answer {
        let key = key(params);
        let said = self.0.said.lock();
        let exact = said.get(&(name.to_owned(), Some(key.clone())));
        if let Some(answer) = exact.or_else(|| said.get(&(name.to_owned(), None))) {
            return answer.clone();
        }
        let recorded = self.0.recorded.lock();
        let same = recorded
            .iter()
            .find(|(method, params, _)| method == name && *params == key);
        match same {
            Some((.., answer)) => answer.clone(),
            None => Err(ErrorObject::new(
                1,
                format!("{name} {params} is not recorded"),
            )),
        }
    }
}

/// Parameters without tipset keys, in which recordings differ.
fn key(params: &Value) -> String {
    let is_key = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.iter().all(|entry| entry.get("/").is_some()),
        _ => false,
    };
    let list = params.as_array().into_iter().flatten();
    let kept: Vec<&Value> = list.filter(|value| !is_key(value)).collect();
    json!(kept).to_string()
}

#[async_trait]
impl Transport for Fake {
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        let name = method.short_name();
        let params: Value = serde_json::from_str(params.get()).expect("JSON");
        self.0.asked.lock().push((name.to_owned(), params.clone()));
        let answer = self.find(name, &params)?;
        Ok(Some(to_raw_value(&answer).expect("JSON")))
    }

    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        _params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        let name = method.short_name();
        let Some(values) = self.0.channels.lock().remove(name) else {
            return Err(RpcError::not_supported(name));
        };
        let raw = values
            .into_iter()
            .map(|value| to_raw_value(&value).expect("JSON"));
        Ok(Box::pin(futures::stream::iter(raw)))
    }
}
