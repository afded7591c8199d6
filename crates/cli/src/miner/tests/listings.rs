//! Listings for programs, and those with colours: the same that people are shown without them.

use super::{storage::with_paths, the_actor::rich, *};

/// A text without what makes colours.
fn stripped(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split('\x1b');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (_, rest) = part.split_once('m').expect("the end of a colour");
        plain.push_str(rest);
    }
    plain
}

/// Begins of commands whose output has a colour.
const COLOURED: [&[&str]; 7] = [
    &["sectors", "list"],
    &["proving", "info"],
    &["proving", "deadlines"],
    &["proving", "faults"],
    &["storage", "list"],
    &["actor", "control", "list"],
    &["sealing", "workers"],
];

fn has_colours(args: &[&str]) -> bool {
    COLOURED.iter().any(|begin| args.starts_with(begin))
}

#[tokio::test]
async fn with_colours_say_the_same() {
    for (height, args) in RECORDED.iter().copied() {
        let node = node(height);
        let plain = run(&miner(), &node, args).await;
        let shown = run(&miner(), &node, &[&["--color"], args].concat()).await;
        assert_eq!(stripped(&shown.stdout), plain.stdout, "{args:?}");
        let coloured = shown.stdout.contains('\x1b');
        assert_eq!(coloured, has_colours(args), "{args:?}: {}", shown.stdout);
    }
    for args in [
        &["storage", "list"][..],
        &["storage", "list", "sectors"],
        &["actor", "control", "list"],
        &["sealing", "workers"],
    ] {
        let plain = run(&with_paths(), &rich(), args).await;
        let shown = run(&with_paths(), &rich(), &[args, &["--color"]].concat()).await;
        assert_eq!(shown.exit, 0, "{args:?}: {}", shown.stderr);
        // How long a worker takes to answer differs.
        let cut = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.contains("latency"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(
            cut(&stripped(&shown.stdout)),
            cut(&plain.stdout),
            "{args:?}"
        );
        assert!(shown.stdout.contains('\x1b'), "{args:?}: {}", shown.stdout);
    }
}

#[tokio::test]
async fn have_the_colours_of_lotus() {
    let all = run(&miner(), &node(193), &["sectors", "list", "-c"]).await;
    assert!(
        all.stdout.contains("\x1b[32mProving\x1b[0m"),
        "{}",
        all.stdout
    );
    assert!(all.stdout.contains("\x1b[31mNO\x1b[0m"), "{}", all.stdout);
    let args = ["--color", "sectors", "list", "--color=false"];
    let plain = run(&miner(), &node(193), &args).await;
    assert!(!plain.stdout.contains('\x1b'), "{}", plain.stdout);
    let control = run(&miner(), &rich(), &["--color", "actor", "control", "list"]).await;
    let balance = "\x1b[32m49999999.24041294712314062 FIL\x1b[0m";
    assert!(control.stdout.contains(balance), "{}", control.stdout);
}

async fn shown(miner: &Fake, node: &Fake, args: &[&str]) -> Value {
    let ended = run(miner, node, &[args, &["--json"]].concat()).await;
    assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

#[tokio::test]
async fn for_programs_are_lists_of_objects() {
    let (miner, node) = (with_paths(), rich());
    for (args, field, count) in [
        (&["sectors", "list"][..], "SectorID", 4),
        (&["sectors", "refs"], "DealID", 1),
        (&["storage", "list"], "ID", 3),
        (&["storage", "list", "sectors"], "Storage", 9),
        (&["storage", "find", "2"], "Files", 1),
        (&["actor", "control", "list"], "Balance", 3),
        (&["proving", "deadlines"], "Sectors", 48),
        (&["sealing", "workers"], "Session", 2),
    ] {
        let all = shown(&miner, &node, args).await;
        let all = all.as_array().unwrap_or_else(|| panic!("{args:?}: {all}"));
        assert_eq!(all.len(), count, "{args:?}: {all:?}");
        assert!(
            all.iter().all(|entry| entry.get(field).is_some()),
            "{args:?}: {all:?}"
        );
    }
    for args in [
        &["sectors", "batching", "commit"][..],
        &["sectors", "batching", "precommit"],
        &["storage", "locks"],
        &["proving", "faults"],
        &["proving", "workers"],
        &["sealing", "jobs"],
    ] {
        assert_eq!(shown(&miner, &node, args).await, json!([]), "{args:?}");
    }
}

#[tokio::test]
async fn for_programs_say_what_the_tables_say() {
    let (miner, node) = (miner(), node(193));
    let all = shown(&miner, &node, &["sectors", "list"]).await;
    let table = run(&miner, &node, &["sectors", "list"]).await.stdout;
    for (entry, line) in all
        .as_array()
        .expect("a list")
        .iter()
        .zip(table.lines().skip(1))
    {
        let mut cells = line.split_whitespace();
        assert_eq!(cells.next(), Some(entry["SectorID"].to_string().as_str()));
        assert_eq!(cells.next(), entry["State"].as_str());
        let yes_no = |yes: &Value| if yes == true { "YES" } else { "NO" };
        assert_eq!(cells.next(), Some(yes_no(&entry["OnChain"])));
        assert_eq!(cells.next(), Some(yes_no(&entry["Active"])));
        assert_eq!(entry.get("Log"), None, "only with --events");
    }
    let one = shown(&miner, &node, &["sectors", "status", "2"]).await;
    assert_eq!(one["SectorID"], 2);
    let deal = shown(&miner, &node, &["storage-deals", "list"]).await;
    let whole = run(&miner, &node, &["storage-deals", "list", "--format=json"]).await;
    assert_eq!(
        deal,
        serde_json::from_str::<Value>(&whole.stdout).expect("JSON")
    );
    let deadline = shown(&miner, &node, &["proving", "deadline", "1"]).await;
    assert_eq!(
        (&deadline["Deadline"], &deadline["Current"]),
        (&json!(1), &json!(false))
    );
}

#[tokio::test]
async fn for_programs_have_the_miner_at_a_glance() {
    let (miner, node) = info::rich();
    let all = shown(&miner, &node, &["info"]).await;
    assert_eq!(all["Miner"], "t01000");
    assert_eq!(all["Money"]["LockedFunds"], "4993811900000000000000");
    assert_eq!(all["Power"]["Sectors"]["Live"], 4);
    let shown = run(&miner, &node, &["--color", "info"]).await;
    let plain = run(&miner, &node, &["info"]).await;
    assert_eq!(
        info::below(&stripped(&shown.stdout)),
        info::below(&plain.stdout)
    );
}

#[tokio::test]
async fn tell_of_sectors_that_cannot_be_looked_up_among_the_others() {
    let miner = miner().answer("SectorsList", json!([0, 1, 77]));
    let all = shown(&miner, &node(193), &["sectors", "list"]).await;
    let list = all.as_array().expect("a list");
    let numbers: Vec<_> = list.iter().map(|entry| entry["SectorID"].clone()).collect();
    assert_eq!(json!(numbers), json!([0, 1, 77]));
    assert!(list[2]["Error"].is_string(), "{all}");
    let table = run(&miner, &node(193), &["sectors", "list"]).await.stdout;
    assert!(table.contains("\n77"), "{table}");
    assert!(table.contains("Error: "), "{table}");
}
