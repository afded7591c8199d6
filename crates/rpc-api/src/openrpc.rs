//! The document that `rpc.discover` answers: the API's methods in OpenRPC's form.

use serde_json::{Value, json};

use crate::MethodInfo;

/// An OpenRPC 1.2.6 document over `methods`. Types are named, not given as JSON schemas.
pub fn document(title: &str, version: &str, methods: &[&MethodInfo]) -> Value {
    json!({
        "openrpc": "1.2.6",
        "info": { "title": title, "version": version },
        "methods": methods.iter().map(|m| method(m)).collect::<Vec<_>>(),
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
                "schema": { "title": p.ty },
            })
        })
        .collect();
    json!({
        "name": info.name,
        "description": info.summary(),
        "paramStructure": "by-position",
        "params": params,
        "result": {
            "name": info.result.unwrap_or("Null"),
            "schema": { "title": info.result.unwrap_or("Null") },
        },
        "tags": [{ "name": format!("perm:{}", info.permission) }],
        "deprecated": false,
    })
}
