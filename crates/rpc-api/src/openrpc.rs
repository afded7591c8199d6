//! The document that `rpc.discover` answers: the API's methods in OpenRPC's form.
//!
//! # Lotus parity
//! `build/openrpc` and `lotus-miner`'s `Filecoin.Discover`: the same title, every method with its
//! parameters by position. Lotus leaves out methods that answer with a channel and those of the
//! groups Common and Net; here they are in. Named objects have a title and no list of fields.

use serde_json::{Value, json};

use crate::{MethodInfo, MethodKind, type_name};

/// The title of Lotus' documents, which tools look for.
const TITLE: &str = "Lotus RPC API";

/// An OpenRPC 1.2.6 document over `methods`, in the order of their names. `version` is the
/// program's.
pub fn document<'a>(version: &str, methods: impl IntoIterator<Item = &'a MethodInfo>) -> Value {
    let mut methods: Vec<_> = methods.into_iter().collect();
    methods.sort_by_key(|info| info.name);
    json!({
        "openrpc": "1.2.6",
        "info": { "title": TITLE, "version": version },
        "methods": methods.into_iter().map(method).collect::<Vec<_>>(),
    })
}

fn method(info: &MethodInfo) -> Value {
    let params: Vec<_> = info
        .params
        .iter()
        .map(|p| {
            json!({
                "name": p.name,
                "description": p.go_type(),
                "required": !p.optional,
                "schema": type_name::schema(p.ty),
            })
        })
        .collect();
    let result = info.result.unwrap_or("Null");
    let schema = match (info.result, info.kind) {
        (None, _) => json!({ "type": "null" }),
        // The number of the channel; its values have the described type.
        (Some(ty), MethodKind::Channel) => json!({
            "title": format!("channel of {ty}"),
            "type": "integer",
        }),
        (Some(ty), _) => type_name::schema(ty),
    };
    json!({
        "name": info.name,
        "summary": info.summary(),
        "description": signature(info),
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": result, "schema": schema },
        "tags": [{ "name": format!("perm:{}", info.permission) }],
        "deprecated": false,
    })
}

/// The method as a declaration with Go's types.
fn signature(info: &MethodInfo) -> String {
    let params: Vec<_> = info
        .params
        .iter()
        .map(|p| format!("{} {}", p.name, p.go_type()))
        .collect();
    let channel = if info.kind == MethodKind::Channel {
        "<-chan "
    } else {
        ""
    };
    let result = info
        .go_result()
        .map_or_else(String::new, |ty| format!(" {channel}{ty}"));
    format!("{}({}){result}", info.short_name(), params.join(", "))
}
