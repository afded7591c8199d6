//! What a daemon tells its operator, and what an operator may take away.

use std::fs;

use serde_json::{Value, json};

use crate::{
    process::{Place, eventually},
    recorded::{daemon_after, following},
};

fn alert<'a>(alerts: &'a Value, system: &str, subsystem: &str) -> &'a Value {
    let wanted = json!({ "System": system, "Subsystem": subsystem });
    let mut all = alerts.as_array().expect("a list").iter();
    all.find(|alert| alert["Type"] == wanted).expect("an alarm")
}

#[test]
fn a_low_limit_on_open_files_and_an_old_head_are_told_of() {
    let place = Place::new();
    drop(following(&place));
    let mut low = daemon_after(&place, "ulimit -n 64", &[]);
    low.env("LOTUS_FD_MAX", "64");
    let mut daemon = place.start(low);
    let api = daemon.api(&place.path("repo"));
    // The chain was recorded long ago; it is looked at after a block time.
    let alerts = eventually(
        "the head is told to be old",
        || {
            let alerts = api.call("Filecoin.LogAlerts", json!([])).ok()?;
            (alert(&alerts, "chain", "head-lag")["Active"] == true).then_some(alerts)
        },
        || daemon.said(),
    );
    let files = alert(&alerts, "process", "fd-limit");
    assert_eq!(
        files["LastActive"]["Message"],
        json!({ "message": "soft FD limit is low", "recommended_min": 16384, "soft_limit": 64 })
    );
    // Nobody told this node whom to connect to.
    assert_eq!(alert(&alerts, "net", "no-peers")["Active"], false);
    let said = place.done("lotus", ["log", "alerts"]);
    let line = "active   process:fd-limit\n         last raised at ";
    assert!(said.contains(line), "{said}");
    assert!(!said.contains("inactive"), "{said}");
    let all = place.done("lotus", ["log", "alerts", "--all"]);
    assert!(all.contains("inactive net:no-peers"), "{all}");
    let journal = fs::read_to_string(place.path("repo/journal/lotus-journal.ndjson"));
    let journal = journal.expect("a journal");
    for event in ["\"Event\":\"fd-limit\"", "\"Event\":\"head-lag\""] {
        assert!(journal.contains(event), "{journal}");
    }
}

#[test]
fn an_object_that_was_deleted_is_gone() {
    let place = Place::new();
    let (_daemon, api) = following(&place);
    let object = json!({ "/": "bafy2bzacea6vlwvzphvcvcnqxmvddqtelmgk5aiijipabkzkpgyzz5jcl6aiw" });
    let head = &api.head().0[0];
    let has = |cid: &Value| {
        api.call("Filecoin.ChainHasObj", json!([cid]))
            .expect("an answer")
    };
    assert_eq!(has(head), true);
    // As Lotus: even what the head needs. Nobody asks twice.
    api.call("Filecoin.ChainDeleteObj", json!([head]))
        .expect("deleted");
    assert_eq!(has(head), false);
    api.call("Filecoin.ChainDeleteObj", json!([object]))
        .expect("nothing to delete");
    let refused = api
        .call("Filecoin.ChainGetEvents", json!([object]))
        .expect_err("no events");
    assert!(refused.starts_with("load events amt: "), "{refused}");
}
