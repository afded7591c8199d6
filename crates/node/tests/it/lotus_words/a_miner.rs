//! Miners: what is told of them, and in which words they are not found.

use super::*;

#[test]
fn that_is_none_is_told_in_the_methods_own_words() {
    within(async {
        let node = asked().await;
        let is = "actor code is not miner: reward";
        let state = format!("failed to load miner actor state: {is}");
        let manager = format!("(get sset) failed to load miner actor state: {is}");
        for (method, text) in [
            ("StateMinerFaults", state.as_str()),
            ("StateMinerDeadlines", &state),
            ("StateMinerProvingDeadline", &state),
            ("StateMinerAvailableBalance", &state),
            ("StateMinerAllocated", is),
            ("StateMinerSectorCount", is),
        ] {
            node.refuses(method, json!(["t02", node.head]), text).await;
        }
        for (method, text) in [
            ("StateSectorGetInfo", manager.as_str()),
            ("StateSectorPreCommitInfo", &manager),
            ("StateSectorExpiration", is),
            ("StateSectorPartition", is),
            ("StateMinerSectorAllocated", &state),
        ] {
            let params = json!(["t02", 1, node.head]);
            node.refuses(method, params, text).await;
        }
        let text = "failed to load miner actor state: actor code is not miner: reward";
        let params = json!(["t02", 1001, node.head]);
        node.refuses("MinerGetBaseInfo", params, text).await;
    });
}

#[test]
fn has_no_such_deadline_or_sector() {
    within(async {
        let node = asked().await;
        let text = "failed to load the deadline: invalid deadline 48";
        let params = json!(["t01000", 48, node.head]);
        node.refuses("StateMinerPartitions", params, text).await;
        let text = "failed to load sectors: can't find sector 99";
        let params = json!(["t01000", [99, 1], node.head]);
        node.refuses("StateMinerSectors", params, text).await;
        for none in [json!([]), json!([0])] {
            let params = json!(["t01000", none, node.head]);
            let sectors = node.answer("StateMinerSectors", params).await;
            assert_eq!(sectors, json!([]));
        }
    });
}

#[test]
fn has_power_under_its_id_address_only() {
    within(async {
        let node = asked().await;
        let created = meta(CHAIN)["miner2"].clone();
        let robust = node.answer("StateLookupRobustAddress", json!([created, node.head]));
        let robust = robust.await;
        let power = node.answer("StateMinerPower", json!([robust, node.head]));
        let power = power.await;
        let nothing = json!({"RawBytePower": "0", "QualityAdjPower": "0"});
        assert_eq!(
            (&power["MinerPower"], &power["HasMinPower"]),
            (&nothing, &json!(false))
        );
        let everyone = node.answer("StateMinerPower", json!(["<empty>", node.head]));
        assert_eq!(everyone.await, power);
    });
}

/// The deadline is the one that the state names, in the period in which it is not over. No cron moves
/// that of a miner without sectors.
#[test]
fn has_the_deadline_that_its_state_names() {
    within(async {
        let node = asked().await;
        let mut lagging = 0;
        let created = meta(CHAIN)["miner2"].clone();
        for (miner, height) in [(json!("t01000"), 10), (created, 700)] {
            for height in (height..1000).step_by(29) {
                let key = node.key_at(height).await;
                let told = node.answer("StateMinerProvingDeadline", json!([miner, key]));
                let state = node.answer("StateReadState", json!([miner, key])).await;
                let (told, state) = (told.await, &state["State"]);
                let height = told["CurrentEpoch"].as_i64().unwrap();
                let index = state["CurrentDeadline"].as_i64().unwrap();
                let mut open = state["ProvingPeriodStart"].as_i64().unwrap() + 60 * index;
                while open + 60 <= height {
                    open += 2880;
                }
                let expected = (&json!(index), &json!(open));
                assert_eq!((&told["Index"], &told["Open"]), expected);
                lagging += u32::from(open > height);
            }
        }
        assert!(lagging > 0);
    });
}

#[test]
fn does_not_matter_for_a_deposit() {
    within(async {
        let node = asked().await;
        let info = |proof: i64| {
            json!({"SealProof": proof, "SectorNumber": 9, "SealedCID": {"/": NOWHERE},
            "SealRandEpoch": 1, "DealIDs": null, "Expiration": 1_560_000, "UnsealedCid": null})
        };
        let method = "StateMinerPreCommitDepositForPower";
        let small = node.answer(method, json!(["t099999", info(5), node.head]));
        let large = node.answer(method, json!(["t01000", info(8), node.head]));
        let fil = |v: Value| -> TokenAmount { serde_json::from_value(v).unwrap() };
        // 32 GiB instead of 2 KiB.
        assert!(fil(large.await) > fil(small.await));
        let text = "failed to get resolve size: unsupported proof type: 99";
        node.refuses(method, json!(["t01000", info(99), node.head]), text)
            .await;
    });
}
