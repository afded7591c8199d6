//! In what two answers differ.
//!
//! # Invariants
//! - Left out is what cannot be the same on two machines, and nothing else: how long things took
//!   (`Duration`, `tt`) and the VM's backtraces inside error texts.
//! - Of errors the code counts, and the text where clients test for it.

use serde::Serialize;
use serde_json::Value;

/// Fields that tell how long something took.
const TIMINGS: [&str; 2] = ["Duration", "tt"];
/// Texts that clients test for: an error that has one must have it word for word.
const TESTED_TEXTS: [&str; 3] = ["actor not found", "unmarshaling params", "method '"];
/// Begins the VM's backtrace of a failed message; its exit code follows.
const VM_BACKTRACE: &str = "message failed with backtrace:";
const EXIT_CODE: &str = " (RetCode=";
/// Begins the backtrace of a failure inside the VM.
const STACK_BACKTRACE: &str = "\n\nStack backtrace:";

/// An error object, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, Serialize)]
pub(super) struct Refusal {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
}

/// What a call was answered with.
pub(super) type Answer = Result<Value, Refusal>;

/// One place in which two answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// JSON path, `$` for the answer itself.
    pub(super) path: String,
    pub(super) expected: String,
    pub(super) got: String,
}

/// In what `got` differs from `expected`; at most `most` places. `texts`: every error text counts.
pub(super) fn differences(
    expected: &Answer,
    got: &Answer,
    texts: bool,
    most: usize,
) -> Vec<Difference> {
    let mut found = Vec::new();
    match (expected, got) {
        (Ok(expected), Ok(got)) => walk("$", expected, got, most, &mut found),
        (Err(expected), Err(got)) => refusals(expected, got, texts, &mut found),
        (Ok(expected), Err(got)) => found.push(Difference {
            path: "$".to_owned(),
            expected: expected.to_string(),
            got: format!("error {}: {}", got.code, got.message),
        }),
        (Err(expected), Ok(got)) => found.push(Difference {
            path: "$".to_owned(),
            expected: format!("error {}: {}", expected.code, expected.message),
            got: got.to_string(),
        }),
    }
    found.truncate(most);
    found
}

fn refusals(expected: &Refusal, got: &Refusal, texts: bool, found: &mut Vec<Difference>) {
    if expected.code != got.code {
        found.push(Difference {
            path: "error.code".to_owned(),
            expected: format!("{} ({})", expected.code, expected.message),
            got: format!("{} ({})", got.code, got.message),
        });
        return;
    }
    let tested = TESTED_TEXTS.iter().any(|t| expected.message.contains(t));
    if (texts || tested) && same_text(&expected.message) != same_text(&got.message) {
        found.push(Difference {
            path: "error.message".to_owned(),
            expected: expected.message.clone(),
            got: got.message.clone(),
        });
    }
}

/// A text without backtraces.
fn same_text(text: &str) -> String {
    let text = text.split(STACK_BACKTRACE).next().unwrap_or_default();
    match (text.find(VM_BACKTRACE), text.rfind(EXIT_CODE)) {
        (Some(begin), Some(end)) if begin < end => {
            let before = text.get(..begin).unwrap_or_default();
            let after = text.get(end..).unwrap_or_default();
            format!("{before}{VM_BACKTRACE}{after}")
        }
        _ => text.to_owned(),
    }
}

fn walk(path: &str, expected: &Value, got: &Value, most: usize, found: &mut Vec<Difference>) {
    if found.len() >= most {
        return;
    }
    let mut differ = |expected: String, got: String| {
        found.push(Difference {
            path: path.to_owned(),
            expected,
            got,
        });
    };
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            let only_b = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(only_b) {
                if TIMINGS.contains(&name.as_str()) {
                    continue;
                }
                let path = format!("{path}.{name}");
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => walk(&path, a, b, most, found),
                    (a, b) => found.push(Difference {
                        path,
                        expected: shown(a),
                        got: shown(b),
                    }),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (k, (a, b)) in a.iter().zip(b).enumerate() {
                walk(&format!("{path}[{k}]"), a, b, most, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            differ(format!("{} items", a.len()), format!("{} items", b.len()));
        }
        (Value::String(a), Value::String(b)) if same_text(a) == same_text(b) => {}
        (a, b) if a == b => {}
        (a, b) => differ(a.to_string(), b.to_string()),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".to_owned(), Value::to_string)
}
