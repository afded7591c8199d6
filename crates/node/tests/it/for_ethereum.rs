//! What Ethereum's tools ask a node first.

use lotus_rpc_api::{
    full::{FevmApi as _, StateApi as _},
    node::HasProcess as _,
};

use crate::recorded_answers::node_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_tells_its_chain_id_its_version_and_whether_it_listens() {
    let (node, _supervisor) = node_of("mock-chain").await;
    // A recorded 2k build of Lotus has this number, too.
    let id = node.api.net_version().await.unwrap();
    assert_eq!(id, "31415926");
    let params = node.api.state_get_network_params().await.unwrap();
    assert_eq!(params.eip155_chain_id.to_string(), id);
    let process = node.api.process();
    let version = process.version().await.unwrap().version;
    assert_eq!(node.api.web3_client_version().await.unwrap(), version);
    // The node of a recording has no connections and takes none.
    assert!(node.net.listening().is_empty());
    assert!(!node.api.net_listening().await.unwrap());
}
