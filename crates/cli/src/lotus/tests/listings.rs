//! Listings for programs: the same that people are shown, with the API's names.

use serde_json::Value;

use super::*;

async fn shown(node: &Recorded, args: &[&str]) -> Value {
    let ended = run(node, &[args, &["--json"]].concat()).await;
    assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

/// Entries of a list by one of their fields.
fn field<'a>(list: &'a Value, name: &str) -> Vec<&'a Value> {
    let list = list.as_array().expect("a list");
    list.iter().map(|entry| &entry[name]).collect()
}

#[tokio::test]
async fn of_a_wallet_have_its_addresses_and_what_they_hold() {
    let node = Recorded::mock_chain();
    let addresses = run(&node, &["wallet", "list", "-a"]).await.stdout;
    let addresses: Vec<_> = addresses.lines().collect();
    assert_eq!(
        shown(&node, &["wallet", "list", "-a"]).await,
        json!(addresses)
    );
    let all = shown(&node, &["wallet", "list", "--id", "--market"]).await;
    assert_eq!(json!(field(&all, "Address")), json!(addresses));
    let table = run(&node, &["wallet", "list"]).await.stdout;
    for entry in all.as_array().expect("a list") {
        let line = table
            .lines()
            .find(|line| line.starts_with(entry["Address"].as_str().expect("text")));
        let line = line.expect("in the table, too");
        assert_eq!(line.trim_end().ends_with('X'), entry["Default"] == true);
        let balance: lotus_types::TokenAmount =
            serde_json::from_value(entry["Balance"].clone()).expect("attoFIL");
        assert!(line.contains(&balance.to_string()), "{line}: {entry}");
    }
    let own = shown(&node, &["wallet", "balance", RECEIVER]).await;
    assert_eq!(
        own,
        json!({ "Address": RECEIVER, "Balance": "993032474252574017632" })
    );
}

#[tokio::test]
async fn of_a_multisig_have_signers_and_proposals() {
    let msig = "t2ztslrivfwobmjhuyef7yoxdr4fesbpnwylmwupy";
    let node = Recorded::mock_chain();
    let all = shown(&node, &["msig", "inspect", msig]).await;
    let people = run(&node, &["msig", "inspect", msig]).await.stdout;
    let signers = all["Signers"].as_array().expect("signers");
    let text = format!("Threshold: {} / {}", all["Threshold"], signers.len());
    assert!(people.contains(&text), "{people}");
    for signer in signers {
        assert!(people.contains(signer["ID"].as_str().expect("text")));
    }
    let count = all["Transactions"].as_array().map(Vec::len);
    assert!(people.contains(&format!("Transactions:  {}", count.expect("a list"))));
}

#[tokio::test]
async fn of_the_verified_registry_are_numbered() {
    let client =
        "t3sga46vuv4wmnuq7alwhs4a2a2d4avwbhjppdgjbleudbxilui32v3coknlul6k2ngnbalelty4k7c6cghkuq";
    let node = Recorded::mock_chain();
    let args = ["filplus", "list-allocations", client];
    let all = shown(&node, &args).await;
    let table = run(&node, &args).await.stdout;
    let ids: Vec<_> = table.lines().skip(1).collect();
    let listed = field(&all, "AllocationID");
    assert_eq!(listed.len(), ids.len());
    for (id, line) in listed.iter().zip(ids) {
        assert!(line.starts_with(&format!("{id} ")), "{line}");
    }
}

#[tokio::test]
async fn of_channels_are_what_the_node_answers() {
    let channel = "t2tf2j4bgng4sx6ox3g7344h3jgartey7v4u5pocq";
    let funds = json!({
        "Channel": channel, "From": SENDER, "To": RECEIVER, "ConfirmedAmt": "1", "PendingAmt": "0",
        "NonReservedAmt": "0", "PendingAvailableAmt": "0", "PendingWaitSentinel": null,
        "QueuedAmt": "0", "VoucherReedeemedAmt": "0",
    });
    let node = Recorded::mock_chain()
        .answer("PaychList", json!([channel]))
        .answer("PaychAvailableFunds", funds.clone())
        .answer("PaychAvailableFundsByFromTo", funds.clone())
        .answer("PaychVoucherList", json!([]));
    assert_eq!(shown(&node, &["paych", "list"]).await, json!([channel]));
    assert_eq!(shown(&node, &["paych", "status", channel]).await, funds);
    let between = ["paych", "status-by-from-to", SENDER, RECEIVER];
    assert_eq!(shown(&node, &between).await, funds);
    let vouchers = ["paych", "voucher", "list", channel];
    assert_eq!(shown(&node, &vouchers).await, json!([]));
}

#[tokio::test]
async fn of_the_nodes_own_state_are_what_it_answers() {
    let status = json!({
        "SyncStatus": { "Epoch": 700, "Behind": 2 },
        "PeerStatus": { "PeersToPublishMsgs": 1, "PeersToPublishBlocks": 1 },
        "ChainStatus": { "BlocksPerTipsetLast100": 0.0, "BlocksPerTipsetLastFinality": 0.0 },
    });
    let node = Recorded::mock_chain().answer("NodeStatus", status.clone());
    assert_eq!(shown(&node, &["status"]).await, status);
    let sync = shown(&node, &["sync", "status"]).await;
    let people = run(&node, &["sync", "status"]).await.stdout;
    let workers = people.lines().filter(|line| line.starts_with("worker "));
    let listed = sync["ActiveSyncs"].as_array().map(Vec::len);
    assert_eq!(listed, Some(workers.count()));
}
