//! The operator's own say: a command that is asked about each proposal.
//!
//! # Lotus parity
//! `[Dealmaking] Filter`: run by the shell, the proposal as JSON on its input, exit code 0 accepts;
//! what it prints is told to the client.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::protocol::DealParams;

/// Longest time that a filter may take; the client waits meanwhile.
const LIMIT: Duration = Duration::from_secs(30);
/// Most of its words that are passed on, in bytes.
const MAX_REASON: usize = 512;

/// `Ok(None)`: accepted; `Ok(Some(reason))`: not.
pub(super) async fn ask(command: &str, deal: &DealParams) -> Result<Option<String>, String> {
    if command.is_empty() {
        return Ok(None);
    }
    let input = serde_json::json!({
        "DealType": "storage",
        "FormatVersion": "2.2.0",
        "Agent": "lotus",
        "DealUuid": deal.deal_uuid,
        "IsOffline": deal.is_offline,
        "ClientDealProposal": deal.client_deal_proposal,
        "DealDataRoot": deal.deal_data_root,
        "Transfer": { "Type": deal.transfer.kind, "Size": deal.transfer.size },
    });
    let run = async {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A filter need not read its input.
            drop(stdin.write_all(input.to_string().as_bytes()).await);
        }
        child.wait_with_output().await
    };
    let output = timeout(LIMIT, run)
        .await
        .map_err(|_| format!("the filter took longer than {LIMIT:?}"))?
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(None);
    }
    let words = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let words = words.get(..MAX_REASON).unwrap_or(&words);
    Ok(Some(String::from_utf8_lossy(words).trim().to_owned()))
}
