//! `lotus api-docs`: the methods of the API, without asking a node.

use std::io::Write;

use lotus_rpc_api::{MethodInfo, MethodKind, full, openrpc_document};
use lotus_runtime::version::version;

/// List the methods of the daemon's API; no daemon is asked
#[derive(Debug, clap::Args)]
pub(super) struct ApiDocs {
    /// Methods of /rpc/v0 instead of /rpc/v1
    #[arg(long)]
    v0: bool,
    /// Print an OpenRPC document
    #[arg(long)]
    json: bool,
    /// Only methods whose name contains this
    name: Option<String>,
}

impl ApiDocs {
    /// Runs the command.
    ///
    /// # Errors
    /// When it cannot write, or no method has such a name.
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let all: Vec<&MethodInfo> = if self.v0 {
            full::v0::methods().collect()
        } else {
            full::methods().collect()
        };
        let wanted = self.name.as_deref().unwrap_or_default().to_lowercase();
        let mut methods: Vec<_> = all
            .into_iter()
            .filter(|info| info.name.to_lowercase().contains(&wanted))
            .collect();
        anyhow::ensure!(!methods.is_empty(), "no method's name contains {wanted:?}");
        if self.json {
            let document = openrpc_document(&version(), methods);
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
            return Ok(());
        }
        methods.sort_by_key(|info| (info.group(), info.name));
        for info in methods {
            describe(info, out)?;
        }
        Ok(())
    }
}

fn describe(info: &MethodInfo, out: &mut dyn Write) -> anyhow::Result<()> {
    let params: Vec<_> = info
        .params
        .iter()
        .map(|p| {
            let missing = if p.optional { "?" } else { "" };
            format!("{}{missing}: {}", p.name, p.ty)
        })
        .collect();
    let result = info
        .result
        .map_or_else(String::new, |ty| format!(" -> {ty}"));
    let kind = match info.kind {
        MethodKind::Call => "",
        MethodKind::Waits => ", waits",
        MethodKind::Channel => ", channel (WebSocket only)",
    };
    writeln!(out, "{}({}){result}", info.name, params.join(", "))?;
    writeln!(out, "  permission: {}{kind}", info.permission)?;
    for line in info.summary().lines() {
        writeln!(out, "  {}", line.trim())?;
    }
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(v0: bool, json: bool, name: &str) -> String {
        let mut out = Vec::new();
        let command = ApiDocs {
            v0,
            json,
            name: Some(name.to_owned()),
        };
        command.run(&mut out).expect("prints");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_method_is_shown_with_its_permission() {
        let text = printed(false, false, "mpoolgetnonce");
        assert_eq!(
            text,
            "Filecoin.MpoolGetNonce(sender: Address) -> u64\n  permission: read\n  \
             The sender's next nonce, counting pooled messages.\n\n"
        );
    }

    #[test]
    fn the_document_is_openrpc() {
        let text = printed(true, true, "");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["openrpc"], "1.2.6");
        let methods = document["methods"].as_array().expect("methods");
        let cancel = methods
            .iter()
            .find(|m| m["name"] == "Filecoin.MsigCancel")
            .expect("a method of v0");
        assert_eq!(cancel["params"].as_array().map(Vec::len), Some(7));
        assert_eq!(cancel["result"]["name"], "Cid");
    }

    #[test]
    fn a_name_that_no_method_has_is_refused() {
        let command = ApiDocs {
            v0: false,
            json: false,
            name: Some("nonsense".to_owned()),
        };
        assert!(command.run(&mut Vec::new()).is_err());
    }
}
