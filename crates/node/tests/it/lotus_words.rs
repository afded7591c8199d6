//! What the recorded calls do not ask: answers and refusals that follow from Lotus' own code, asked of
//! the chain of two miners.

mod a_miner;

use std::{sync::LazyLock, time::Duration};

use lotus_rpc_api::{CallStyle, Dispatcher, Outcome, Permission, full};
use lotus_types::{Address, Cid, Message, TokenAmount, wire};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::OnceCell};

use super::recorded_answers::{meta, node_of};

const CHAIN: &str = "mock-chain-two";
/// A CID of nothing.
const NOWHERE: &str = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";

/// A node over the chain.
struct Asked {
    node: Dispatcher,
    head: Value,
    _kept: (
        lotus_node::RunningNode,
        lotus_runtime::supervisor::Supervisor,
    ),
}

impl Asked {
    async fn new() -> Self {
        let kept = node_of(CHAIN).await;
        Self {
            node: full::dispatcher(&kept.0.api),
            head: meta(CHAIN)["head"].clone(),
            _kept: kept,
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, (i64, String)> {
        let params = serde_json::value::to_raw_value(&params).unwrap();
        let (method, style) = (format!("Filecoin.{method}"), CallStyle::RequestResponse);
        let answer = self
            .node
            .call(&method, Some(&params), &Permission::ALL, style);
        match answer.await {
            Ok(Outcome::Value(json)) => Ok(serde_json::from_str(json.get()).unwrap()),
            Ok(_) => Ok(Value::Null),
            Err(error) => {
                let object = error.into_object();
                Err((object.code, object.message))
            }
        }
    }

    async fn answer(&self, method: &str, params: Value) -> Value {
        let told = self.ask(method, params).await;
        told.unwrap_or_else(|refused| panic!("{method}: {refused:?}"))
    }

    async fn refusal(&self, method: &str, params: Value) -> String {
        match self.ask(method, params.clone()).await {
            Ok(answer) => panic!("{method} {params}: {answer}"),
            Err((code, text)) => {
                assert_eq!(code, 1, "{text}");
                text
            }
        }
    }

    async fn refuses(&self, method: &str, params: Value, text: &str) {
        assert_eq!(self.refusal(method, params).await, text, "{method}");
    }

    async fn key_at(&self, height: i64) -> Value {
        let tipset = self.answer("ChainGetTipSetByHeight", json!([height, self.head]));
        tipset.await["Cids"].clone()
    }

    /// Puts a message into the store; gives its CID.
    async fn put(&self, message: &Message) -> Value {
        let bytes = lotus_types::Bytes::from(wire::to_cbor(message));
        self.answer("ChainPutObj", json!([bytes])).await;
        json!(message.cid())
    }
}

/// Runs a test on the threads of all: the node lives on when a test is over.
fn within(test: impl Future<Output = ()>) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(test);
}

/// One node for all tests: they only read, or add objects that no other test names.
async fn asked() -> &'static Asked {
    static NODE: OnceCell<Asked> = OnceCell::const_new();
    NODE.get_or_init(Asked::new).await
}

/// The first message of the default key that the chain executed.
async fn executed(node: &Asked) -> (Cid, Message) {
    let from = meta(CHAIN)["keys"]["default"]["address"].clone();
    let listed = node.answer("StateListMessages", json!([{"From": from}, node.head, 0]));
    let first = listed.await.as_array().unwrap().last().unwrap().clone();
    let message = node.answer("ChainGetMessage", json!([first])).await;
    (
        serde_json::from_value(first).unwrap(),
        serde_json::from_value(message).unwrap(),
    )
}

mod a_missing_tipset {
    use super::*;

    #[test]
    fn is_told_with_what_was_being_done() {
        within(async {
            let (node, key) = (asked().await, json!([{"/": NOWHERE}]));
            let block = format!("get block {NOWHERE}: ipld: could not find {NOWHERE}");
            let loading = format!("loading tipset {{{NOWHERE}}}: {block}");
            for (method, params, text) in [
                ("StateGetActor", json!(["t01000", key]), loading.clone()),
                ("StateMinerPower", json!(["t01000", key]), loading.clone()),
                (
                    "StateMinerSectorCount",
                    json!(["t01000", key]),
                    loading.clone(),
                ),
                ("ChainTipSetWeight", json!([key]), loading.clone()),
                ("ChainGetMessagesInTipset", json!([key]), block.clone()),
                (
                    "StateMinerFaults",
                    json!(["t01000", key]),
                    format!("failed to load miner actor: {loading}"),
                ),
                (
                    "StateMinerInfo",
                    json!(["t01000", key]),
                    format!("failed to load tipset: {block}"),
                ),
                (
                    "StateDecodeParams",
                    json!(["t01000", 4, "", key]),
                    format!("getting actor: {loading}"),
                ),
                (
                    "MsigGetVested",
                    json!(["t01000", key, key]),
                    format!("loading start tipset {{{NOWHERE}}}: {block}"),
                ),
                (
                    "ChainGetPath",
                    json!([node.head, key]),
                    format!("loading to tipset {{{NOWHERE}}}: {block}"),
                ),
                (
                    "MinerGetBaseInfo",
                    json!(["t01000", 1001, key]),
                    format!("failed to load tipset for mining base: {block}"),
                ),
                (
                    "StateReplay",
                    json!([key, {"/": NOWHERE}]),
                    format!("loading specified tipset {{{NOWHERE}}}: {block}"),
                ),
            ] {
                node.refuses(method, params, &text).await;
            }
        });
    }

    #[test]
    fn may_be_another_object() {
        within(async {
            let node = asked().await;
            let (cid, _) = executed(node).await;
            let params = json!([[cid]]);
            let text = format!("get block {cid}: cbor input had wrong number of fields");
            node.refuses("ChainGetTipSet", params, &text).await;
            let text = "cbor input had wrong number of fields";
            node.refuses("ChainGetBlock", json!([cid]), text).await;
            node.refuses("ChainGetMessage", json!([node.head[0]]), text)
                .await;
            let heights = json!([node.head[0], node.key_at(10).await[0]]);
            let text = "cannot create tipset with mismatching heights";
            node.refuses("ChainGetTipSet", json!([heights]), text).await;
        });
    }

    #[test]
    fn has_a_key_where_a_path_is_asked() {
        within(async {
            let node = asked().await;
            let text = "loading from tipset {}: NewTipSet called with zero length array of blocks";
            node.refuses("ChainGetPath", json!([[], node.head]), text)
                .await;
        });
    }
}

mod looking_for_a_message {
    use super::*;

    async fn search(node: &Asked, cid: &Value, replaced: bool) -> Result<Value, (i64, String)> {
        node.ask("StateSearchMsg", json!([node.head, cid, -1, replaced]))
            .await
    }

    #[test]
    fn finds_what_replaced_it_when_that_is_wanted() {
        within(async {
            let node = asked().await;
            let (done, message) = executed(node).await;
            let dearer = Message {
                gas_premium: TokenAmount::from_atto(77),
                ..message
            };
            let cid = node.put(&dearer).await;
            let found = search(node, &cid, true).await.unwrap();
            assert_eq!(found["Message"], json!(done));
            let (nonce, wanted) = (dearer.nonce, dearer.cid());
            let text = format!(
                "checking for message execution during lookback: found message with equal nonce as the one \
             we are looking for (F:{wanted} n {nonce}, TS: {done} n{nonce})"
            );
            assert_eq!(search(node, &cid, false).await, Err((1, text)));
        });
    }

    #[test]
    fn tells_of_another_one_with_its_nonce() {
        within(async {
            let node = asked().await;
            let (done, message) = executed(node).await;
            let other = Message {
                value: TokenAmount::from_atto(4711),
                ..message
            };
            let (cid, nonce, wanted) = (node.put(&other).await, other.nonce, other.cid());
            let text = format!(
                "checking for message execution during lookback: found message with equal nonce as the one \
             we are looking for that is NOT a valid replacement message (F:{wanted} n {nonce}, TS: \
             {done} n{nonce})"
            );
            for replaced in [true, false] {
                assert_eq!(search(node, &cid, replaced).await, Err((1, text.clone())));
            }
        });
    }

    #[test]
    fn fails_where_its_sender_is_not_there_yet() {
        within(async {
            let node = asked().await;
            let text = "failed to load initital tipset";
            let (early, meta) = (node.key_at(1).await, meta(CHAIN));
            let mut found = 0;
            for key in meta["keys"].as_object().unwrap().values() {
                let from = &key["address"];
                if node
                    .ask("StateLookupID", json!([from, early]))
                    .await
                    .is_ok()
                {
                    continue;
                }
                let params = json!([{"From": from}, node.head, 0]);
                let sent = node.answer("StateListMessages", params).await;
                for cid in sent.as_array().into_iter().flatten().take(1) {
                    let params = json!([early, cid, -1, true]);
                    node.refuses("StateSearchMsg", params, text).await;
                    found += 1;
                }
            }
            assert!(found > 0, "every sender was there from the beginning");
        });
    }

    /// Looking back fails, but the message may come.
    #[test]
    fn goes_on_while_its_sender_is_not_there_and_it_is_waited_for() {
        within(async {
            let node = asked().await;
            let (_, message) = executed(node).await;
            let from = Address::new_actor(b"nobody");
            let cid = node.put(&Message { from, ..message }).await;
            let waiting = node.ask("StateWaitMsg", json!([cid, 0, -1, true]));
            let waited = tokio::time::timeout(Duration::from_millis(300), waiting).await;
            assert!(waited.is_err(), "{waited:?}");
        });
    }

    #[test]
    fn is_in_vain_in_a_tipset_without_it() {
        within(async {
            let node = asked().await;
            let (cid, _) = executed(node).await;
            let text = "given message not found in tipset";
            node.refuses("StateReplay", json!([node.head, cid]), text)
                .await;
        });
    }

    #[test]
    fn takes_an_empty_address_for_anyones() {
        within(async {
            let node = asked().await;
            let from = meta(CHAIN)["keys"]["default"]["address"].clone();
            let list =
                |matching: Value| node.answer("StateListMessages", json!([matching, node.head, 0]));
            let all = list(json!({"From": from})).await;
            assert_eq!(list(json!({"To": "", "From": from})).await, all);
            let text = "must specify at least To or From in message filter";
            let params = json!([{"To": "<empty>"}, node.head, 0]);
            node.refuses("StateListMessages", params, text).await;
        });
    }
}

mod the_rest {
    use super::*;

    #[test]
    fn of_the_refusals_reads_as_lotus_writes_them() {
        within(async {
            let node = asked().await;
            let key = meta(CHAIN)["keys"]["default"]["address"].clone();
            let send = |from: &Value| {
                json!({"Version": 0, "To": "t01000", "From": from, "Nonce": 0, "Value": "0", "GasLimit": 0,
                "GasFeeCap": "0", "GasPremium": "0", "Method": 0, "Params": null})
            };
            for (method, params, text) in [
                (
                    "StateGetRandomnessFromTickets",
                    json!([1, 1001, "", node.head]),
                    "getting chain randomness: cannot draw randomness from the future",
                ),
                (
                    "StateGetRandomnessFromBeacon",
                    json!([1, 1001, "", node.head]),
                    "getting beacon randomness: cannot draw randomness from the future",
                ),
                (
                    "MsigGetVested",
                    json!(["t02", node.key_at(1).await, node.head]),
                    "failed to load multisig actor state: actor code is not multisig: reward",
                ),
                (
                    "MsigGetVested",
                    json!(["t099999", node.key_at(1).await, node.head]),
                    "failed to load multisig actor at end epoch: actor not found",
                ),
                (
                    "GasEstimateGasLimit",
                    json!([send(&json!("t099999")), node.head]),
                    "gas estimation failed: getting key address: failed to find actor: t099999",
                ),
                (
                    "MpoolPushMessage",
                    json!([send(&json!("t099999")), null]),
                    "getting key address: failed to find actor: t099999",
                ),
                (
                    "WalletSignMessage",
                    json!(["t099999", send(&key)]),
                    "failed to resolve ID address: %!w(address.Address={})",
                ),
                (
                    "WalletValidateAddress",
                    json!(["t1aaaaaaaa"]),
                    "invalid address length",
                ),
            ] {
                node.refuses(method, params, text).await;
            }
            let nowhere =
                format!("block was not found locally (offline): ipld: could not find {NOWHERE}");
            let params = json!([{"/": NOWHERE}, null]);
            node.refuses("ChainStatObj", params, &nowhere).await;
            node.refuses("ChainGetNode", json!([NOWHERE]), &nowhere)
                .await;
        });
    }

    /// Whatever tipset is named: the head's base fee counts.
    #[test]
    fn a_fee_cap_goes_by_the_head() {
        within(async {
            let node = asked().await;
            let (_, message) = executed(node).await;
            let cap = |key: Value| node.answer("GasEstimateFeeCap", json!([message, 20, key]));
            let at_head = cap(node.head.clone()).await;
            assert_eq!(cap(node.key_at(1).await).await, at_head);
            assert_eq!(cap(json!([{"/": NOWHERE}])).await, at_head);
        });
    }

    /// A deal that fills its sector has the sector's commitment; so has no deal at all, as this one's data
    /// are zeros.
    #[test]
    fn the_market_actor_computes_what_a_sector_holds() {
        within(async {
            let node = asked().await;
            let deal = node.answer("StateMarketStorageDeal", json!([0, node.head]));
            let piece = deal.await["Proposal"]["PieceCID"].clone();
            for deals in [json!([0]), json!([]), Value::Null] {
                let params = json!(["t01000", 5, deals, node.head]);
                assert_eq!(node.answer("StateComputeDataCID", params).await, piece);
            }
        });
    }

    #[test]
    fn a_path_through_structures_ends_at_links() {
        within(async {
            let node = asked().await;
            let head = node.answer("ChainGetTipSet", json!([node.head])).await;
            let root = head["Blocks"][0]["ParentStateRoot"]["/"].as_str().unwrap();
            let get = |path: String| node.ask("ChainGetNode", json!([path]));
            let miner = format!("{root}/1/@Ha:t01000");
            let state = node.answer("StateReadState", json!(["t01000", node.head]));
            let state = state.await;
            let told = get(format!("{miner}/@state")).await.unwrap();
            assert_eq!(told["Obj"], state["State"]);
            // By its position the info is a link; in what was made of the state's JSON it is none.
            let info = get(format!("/ipfs/{miner}/1/0")).await.unwrap();
            assert_eq!(info["Cid"], state["State"]["Info"]);
            let none = Err((1, "non-link found at given path".to_owned()));
            assert_eq!(get(format!("{miner}/@state/Info")).await, none);
            let missing = Err((1, "resolve hamt: not found".to_owned()));
            assert_eq!(get(format!("{root}/1/@Ha:t099999")).await, missing);
            let plain = Err((1, "no such link found".to_owned()));
            assert_eq!(get(format!("{miner}/@state/@nothing")).await, plain);
        });
    }
}
