//! `lotus-shed api compare`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use lotus_rpc::{ClientOptions, HttpClient};
use lotus_rpc_api::{RawJson, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::difference::{Answer, Difference, Refusal, differences};
use crate::{process, shed::chain_file::progress};

/// Characters of a value that are shown.
const SHOWN: usize = 200;
/// Prefix of the methods of all our APIs.
const NAMESPACE: &str = "Filecoin.";

/// Ask a node what was asked before and compare its answers with the recorded ones
///
/// A recorded call is a line of JSON with `method`, `params` and `result` or `error`. Times (`Duration`,
/// `tt`) and the VM's backtraces are left out of the comparison; of errors the code counts, and the text
/// where clients test for it.
#[derive(Debug, clap::Args)]
pub(in crate::shed) struct Compare {
    /// The recorded calls, zstd or plain
    #[arg(value_name = "RECORDED.jsonl[.zst]")]
    recorded: PathBuf,
    /// The node: http://127.0.0.1:1234, with a path when it is not /rpc/v1
    #[arg(long, value_name = "URL")]
    url: String,
    /// The calls are of the older API: ask /rpc/v0
    #[arg(long)]
    v0: bool,
    /// A token, where the node asks for one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Only calls of these methods
    #[arg(long = "method", value_name = "NAME")]
    methods: Vec<String>,
    /// Every error text counts
    #[arg(long)]
    texts: bool,
    /// Differences shown of one answer
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    most: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    #[serde(default)]
    params: Option<Box<RawValue>>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

/// How many answers of a method are as recorded.
#[derive(Debug, Default, Serialize)]
pub(super) struct Count {
    pub(super) equal: usize,
    pub(super) different: usize,
}

/// An answer that is not as recorded.
#[derive(Debug, Serialize)]
pub(super) struct Different {
    pub(super) method: String,
    pub(super) params: Value,
    pub(super) differences: Vec<Difference>,
}

/// What a comparison found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Compared {
    pub(super) calls: usize,
    pub(super) equal: usize,
    /// Share of equal answers, 0 to 1.
    pub(super) share: f64,
    pub(super) methods: BTreeMap<String, Count>,
    pub(super) different: Vec<Different>,
}

impl Compare {
    /// With what tests need: every error text counts, but for the VM's backtraces.
    #[cfg(test)]
    pub(super) fn new(recorded: PathBuf, url: String, v0: bool) -> Self {
        Self {
            recorded,
            url,
            v0,
            token: None,
            methods: Vec::new(),
            texts: true,
            most: 5,
            json: false,
        }
    }

    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<bool> {
        let compared = process::block_on(self.compare())?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&compared)?)?;
        } else {
            compared.write(out)?;
        }
        Ok(compared.different.is_empty())
    }

    fn endpoint(&self) -> String {
        let url = self.url.trim_end_matches('/');
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        if host.contains('/') {
            return url.to_owned();
        }
        format!("{url}/rpc/{}", if self.v0 { "v0" } else { "v1" })
    }

    /// Asks everything, in the recorded order.
    pub(super) async fn compare(&self) -> anyhow::Result<Compared> {
        let name = self.recorded.display();
        let calls = read(&self.recorded).with_context(|| format!("reading {name}"))?;
        let client = HttpClient::new(
            &self.endpoint(),
            self.token.clone(),
            ClientOptions::default(),
        )?;
        let bar = progress(calls.len());
        let mut compared = Compared::default();
        for call in calls {
            bar.inc(1);
            let method = call.method.trim_start_matches(NAMESPACE).to_owned();
            if !self.methods.is_empty() && !self.methods.contains(&method) {
                continue;
            }
            let expected = match call.error {
                Some(refusal) => Err(refusal),
                None => Ok(call.result),
            };
            let params = call.params.unwrap_or_default();
            let got = ask(&client, &method, &params).await?;
            let found = differences(&expected, &got, self.texts, self.most.max(1));
            compared.note(method, &params, found)?;
        }
        bar.finish_and_clear();
        ensure!(compared.calls > 0, "{name} has no such call");
        Ok(compared)
    }
}

/// The recorded calls of a file.
fn read(path: &Path) -> anyhow::Result<Vec<Recorded>> {
    let file = File::open(path)?;
    let packed = path.extension().is_some_and(|e| e == "zst");
    let lines: Box<dyn BufRead> = if packed {
        Box::new(BufReader::new(zstd::Decoder::new(file)?))
    } else {
        Box::new(BufReader::new(file))
    };
    let mut calls = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let call = serde_json::from_str(&line)
            .with_context(|| format!("line {number} is no recorded call"))?;
        calls.push(call);
    }
    Ok(calls)
}

async fn ask(client: &HttpClient, method: &str, params: &RawJson) -> anyhow::Result<Answer> {
    let answer = client
        .call_by_name(&format!("{NAMESPACE}{method}"), params)
        .await;
    match answer {
        Ok(Some(json)) => Ok(Ok(serde_json::from_str(json.get())?)),
        Ok(None) => Ok(Ok(Value::Null)),
        Err(RpcError::Answered(object)) => Ok(Err(Refusal {
            code: object.code,
            message: object.message,
        })),
        Err(other) => Err(other).with_context(|| format!("asking {method}")),
    }
}

impl Compared {
    fn note(
        &mut self,
        method: String,
        params: &RawValue,
        found: Vec<Difference>,
    ) -> anyhow::Result<()> {
        self.calls += 1;
        let count = self.methods.entry(method.clone()).or_default();
        if found.is_empty() {
            count.equal += 1;
            self.equal += 1;
        } else {
            count.different += 1;
            self.different.push(Different {
                method,
                params: serde_json::from_str(params.get())?,
                differences: found,
            });
        }
        self.share = share(self.equal, self.calls);
        Ok(())
    }

    fn write(&self, out: &mut impl Write) -> anyhow::Result<()> {
        for call in &self.different {
            writeln!(out, "{} {}", call.method, short(&call.params.to_string()))?;
            for difference in &call.differences {
                let (expected, got) = (short(&difference.expected), short(&difference.got));
                writeln!(out, "  {}", difference.path)?;
                writeln!(out, "    expected {expected}\n    got      {got}")?;
            }
        }
        if !self.different.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "{:<42} {:>6} {:>9}", "method", "equal", "different")?;
        for (method, count) in &self.methods {
            let (equal, different) = (count.equal, count.different);
            writeln!(out, "{method:<42} {equal:>6} {different:>9}")?;
        }
        // Down, so that 100 % means all.
        let percent = (self.share * 10_000.0).floor() / 100.0;
        let (equal, calls) = (self.equal, self.calls);
        Ok(writeln!(
            out,
            "{equal} of {calls} answers are equal ({percent:.2} %)"
        )?)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
fn share(equal: usize, of: usize) -> f64 {
    equal as f64 / of.max(1) as f64
}

fn short(text: &str) -> String {
    let mut chars = text.chars();
    let mut start: String = chars.by_ref().take(SHOWN).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start.replace('\n', "\\n")
}
