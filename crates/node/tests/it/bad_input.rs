//! Every method of a node on the recorded chain, asked with what nobody should ask: each answers with
//! a result or an error, in bounded time and memory, and none panics. (Batches, frames and the length
//! of texts are the server's business: `crates/rpc`.)

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use lotus_rpc_api::{CallStyle, Dispatcher, MethodInfo, MethodKind, Outcome, Permission, full};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{recorded_answers::node_of, samples};

/// A method may think for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// One that waits for something is given up after this.
const GLANCE: Duration = Duration::from_millis(50);
/// The walk may leave the process so much larger, in bytes.
const MOST_MEMORY: u64 = 768 << 20;

/// Values that suit few parameters.
fn bad_values() -> Vec<String> {
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let mut texts: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e300",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "99999999999999999999999",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[-1]",
        "[0,18446744073709551615]",
        "\"\"",
        "\"nonsense\"",
        "\"\\u0000\"",
        "\"<empty>\"",
        "\"t0\"",
        "\"t018446744073709551615\"",
        "\"t01000x\"",
        "\"f1\"",
        "\"t2abcdefgh\"",
        "\"t410f\"",
        "\"%%%\"",
        "\"-1\"",
        "\"1e9\"",
        "\"0x10\"",
        "{\"/\":\"\"}",
        "{\"/\":\"zzz\"}",
        "{\"/\":5}",
        "{\"/\":\"bafy2bzaceaaaaaaa\"}",
        "{\"/\":\"bafkqaaa\"}",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    texts.push(nested);
    texts.push(format!("\"{}\"", "9".repeat(20_000)));
    texts.push(format!("\"{}\"", "A".repeat(200_000)));
    texts.push(format!("{{\"/\":\"z{}\"}}", "z".repeat(200_000)));
    texts.push(format!("[{}]", vec!["{}"; 10_000].join(",")));
    texts
}

/// Lists of parameters for a method: each is wrong in one place.
fn bad_lists(info: &MethodInfo, values: &[String]) -> Vec<String> {
    let good = samples::params(info);
    let mut lists = vec![
        "[]".to_owned(),
        "{}".to_owned(),
        "5".to_owned(),
        "\"x\"".to_owned(),
        format!("[{}]", vec!["0"; good.len() + 1].join(",")),
        format!("[{}]", vec!["0"; 10_000].join(",")),
    ];
    for at in 0..good.len() {
        for value in values {
            lists.push(list(&good, at, value));
        }
        if let Value::Object(fields) = &good[at] {
            for object in bad_objects(fields, values) {
                lists.push(list(&good, at, &object));
            }
        }
    }
    lists
}

fn list(good: &[Value], at: usize, value: &str) -> String {
    let parts = good.iter().enumerate().map(|(i, good)| {
        if i == at {
            value.to_owned()
        } else {
            good.to_string()
        }
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(","))
}

/// The object with one field gone or wrong; fields of fields, too.
fn bad_objects(fields: &Map<String, Value>, values: &[String]) -> Vec<String> {
    let mut objects = Vec::new();
    for name in fields.keys() {
        let with = |value: Option<&str>| {
            let parts = fields.iter().filter_map(|(field, good)| {
                let text = if field == name {
                    value?.to_owned()
                } else {
                    good.to_string()
                };
                Some(format!("{}:{text}", json!(field)))
            });
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        };
        objects.push(with(None));
        objects.extend(values.iter().map(|value| with(Some(value))));
        if let Value::Object(inner) = &fields[name] {
            objects.extend(bad_objects(inner, values).iter().map(|o| with(Some(o))));
        }
    }
    objects
}

/// Asks, and looks at the way it is answered; how it was wrong otherwise.
async fn ask(node: &Dispatcher, info: &MethodInfo, params: &str) -> Result<(), String> {
    let raw: &RawValue = serde_json::from_str(params).expect("the test's JSON is good");
    let style = CallStyle::Channels;
    let call = node.call(info.name, Some(raw), &Permission::ALL, style);
    let patience = if info.kind == MethodKind::Waits {
        GLANCE
    } else {
        PATIENCE
    };
    let answer = tokio::time::timeout(patience, AssertUnwindSafe(call).catch_unwind()).await;
    match answer {
        Err(_) if info.kind == MethodKind::Waits => Ok(()),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        Ok(Err(_)) => Err("it panics".to_owned()),
        Ok(Ok(Ok(Outcome::Channel(_) | Outcome::Empty | Outcome::Value(_)))) => Ok(()),
        Ok(Ok(Err(error))) => {
            let text = error.to_string();
            // How long a text is does not matter here: the server cuts it.
            if text.contains("panicked") || text.contains("died") {
                Err(format!("it panics on another thread: {}", short(&text)))
            } else {
                Ok(())
            }
        }
    }
}

/// Memory that this process holds, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}

fn short(params: &str) -> String {
    params.chars().take(300).collect()
}

async fn walk(node: &Dispatcher) {
    let before = memory();
    let values = bad_values();
    let mut asked = 0;
    let mut wrong = Vec::new();
    for info in node.methods() {
        let started = std::time::Instant::now();
        let lists = bad_lists(info, &values);
        asked += lists.len();
        for params in lists {
            if let Err(how) = ask(node, info, &params).await {
                wrong.push(format!("{} {}: {how}", info.name, short(&params)));
            }
        }
        let took = started.elapsed();
        if took > Duration::from_secs(5) {
            println!("{} took {took:?}", info.name);
        }
    }
    println!("{asked} calls, {} wrong", wrong.len());
    assert!(asked > 10_000, "only {asked} calls");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let grown = memory().saturating_sub(before);
    assert!(grown < MOST_MEMORY, "{} MiB more", grown >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harms_no_method() {
    let (node, _supervisor) = node_of("mock-chain").await;
    walk(&full::dispatcher(&node.api)).await;
}
