//! `docs/api.md`: the descriptions as a page for people.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{MethodInfo, MethodKind, ParamInfo, full, miner, worker};

/// The page over all APIs of this crate, as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    section(
        &mut out,
        "Full node, `/rpc/v1`",
        "Port 1234. The empty tipset key (`[]` or `null`) stands for the head.",
        full::methods(),
    );
    section(
        &mut out,
        "Full node, `/rpc/v0`",
        "Port 1234. For older clients; what follows differs from v1, all else is as there.",
        full::v0::own_methods(),
    );
    section(
        &mut out,
        "Storage miner, `/rpc/v0`",
        "Port 2345. The groups of [the process itself](#full-node-rpcv1) (`Version`, `Auth…`, \
         `Log…`, `Net…`) are those of the full node.",
        miner::methods().filter(|info| !full::methods().any(|f| f.name == info.name)),
    );
    section(
        &mut out,
        "Worker, `/rpc/v0`",
        "Port 3456. Work is accepted with a call id; its result is sent to the miner's `Return…` \
         methods.",
        worker::methods(),
    );
    out
}

const INTRODUCTION: &str = "\
# JSON-RPC API

<!-- Generated from crates/rpc-api by `cargo xtask gen`; not edited by hand. -->

Methods are called by name with parameters by position, over HTTP (`POST`) or a WebSocket, in the
dialect of go-jsonrpc. `lotus api-docs --json` prints the same as an OpenRPC document, `rpc.discover`
answers it. Names carry the prefix `Filecoin.`. A parameter in brackets may be left out.

- **Permission**: what the token must allow. Without a token everyone may `read`.
- **waits**: answers when something happens, which may be hours later.
- **channel**: answers with a channel of values: only over a WebSocket.
- Amounts are strings of attoFIL, bytes base64, CIDs `{\"/\": \"bafy…\"}`, epochs numbers; `null` stands
  for an empty list.

What a node serves, and how it compares with Lotus' lists, stands in [parity.md](parity.md).

## Limits

Daemon and miner bound what they take from callers. `lotus daemon --api-max-req-size` sets the first, as
with Lotus; all can be set in the environment, since Lotus' `config.toml` has no keys for them.

| variable | default | |
|---|---|---|
| `LOTUS_API_MAX_REQUEST_BYTES` | 104857600 | longest request body and WebSocket message |
| `LOTUS_API_MAX_BATCH` | 1000 | requests in a batch |
| `LOTUS_API_MAX_BATCH_ANSWER_BYTES` | 268435456 | answers of a batch together; the rest is refused |
| `LOTUS_API_MAX_DEPTH` | 120 | nesting of lists and objects in a request |
| `LOTUS_API_MAX_CALLS` | 4096 | calls that a WebSocket connection may have running |
| `LOTUS_API_MAX_CHANNELS` | 256 | channels that a WebSocket connection may have open |

## Other routes

- `/rpc/streams/v0/push/{uuid}` (miner): takes the bytes of a parameter that is a stream.
- `/rest/v0/import` (daemon, `PUT`, `write`): imports the body; answers `{\"Cid\": …}`.
- `/rest/v0/export?export=ExportRef&car=true` (daemon, `GET`, `write`): gives an imported or retrieved
  DAG out as a file, or as a CAR.
- `/health/livez`, `/health/readyz` (daemon): 200 or 503. Live: the head moved within five minutes. Ready:
  less than five epochs behind, with a peer.
- `/debug/metrics` (daemon, miner): OpenMetrics text for Prometheus.
";

fn section(
    out: &mut String,
    title: &str,
    text: &str,
    methods: impl Iterator<Item = &'static MethodInfo>,
) {
    let mut groups: BTreeMap<&str, Vec<&MethodInfo>> = BTreeMap::new();
    for info in methods {
        groups.entry(info.group()).or_default().push(info);
    }
    // Writing into a String does not fail.
    let _ = write!(out, "\n## {title}\n\n{text}\n");
    for (group, mut methods) in groups {
        methods.sort_by_key(|info| info.name);
        let _ = write!(out, "\n### {group}\n\n");
        out.push_str("| method | permission | |\n|---|---|---|\n");
        for info in methods {
            let _ = writeln!(
                out,
                "| `{}` | {}{} | {} |",
                call(info),
                info.permission,
                match info.kind {
                    MethodKind::Call => "",
                    MethodKind::Waits => ", waits",
                    MethodKind::Channel => ", channel",
                },
                info.summary()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
}

/// `StateGetActor(address: Address, key: TipsetKey) → ActorState`
fn call(info: &MethodInfo) -> String {
    let param = |p: &ParamInfo| {
        let text = format!("{}: {}", p.name, p.ty);
        if p.optional {
            format!("[{text}]")
        } else {
            text
        }
    };
    let params: Vec<_> = info.params.iter().map(param).collect();
    let result = info
        .result
        .map_or_else(String::new, |ty| format!(" → {ty}"));
    format!("{}({}){result}", info.short_name(), params.join(", "))
}
