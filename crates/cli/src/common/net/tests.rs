//! What the commands print, against what Lotus printed.

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::fake::{Ended, Fake, recorded_output};

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(subcommand)]
    net: Net,
}

async fn run(node: &Fake, args: &[&str]) -> Ended {
    let line = Line::try_parse_from(std::iter::once("net").chain(args.iter().copied()));
    let mut out = Vec::new();
    let client = node.client();
    let net = line.expect("a command line").net;
    let chain = net.needs_chain().then_some(&client as &dyn FullNode);
    let done = Box::pin(net.run(&client, chain, Paint::default(), &mut out)).await;
    Ended::new(done, out)
}

async fn json_of(node: &Fake, args: &[&str]) -> Value {
    let ended = run(node, args).await;
    serde_json::from_str(&ended.stdout).expect("JSON")
}

const PEER: &str = "12D3KooWC2EZ8jhkWZAbKJwE62U3Spy3eJZ9o8fkMdr5xtSuGjeh";
const OTHER: &str = "12D3KooWNU43imcxuAqkXu9F8mdo9s9kkDnWRShEk36cP7gXG7fD";

fn recorded() -> Fake {
    Fake::recorded("real-chain/rpc.samples.jsonl")
}

mod a_recorded_daemon {
    use super::*;

    #[tokio::test]
    async fn is_told_of_as_lotus_tells_of_it() {
        let node = recorded();
        for command in ["peers", "listen", "reachability"] {
            let expected = recorded_output("real-chain/cli.json", &["net", command]);
            assert_eq!(run(&node, &[command]).await.stdout, expected, "{command}");
        }
        let limit = run(&node, &["limit", "system"]).await;
        let expected = recorded_output("real-chain/operator-cli.json", &["net", "limit", "system"]);
        assert_eq!(limit.stdout, expected);
    }

    #[tokio::test]
    async fn has_scores_with_their_parts() {
        let node = recorded();
        let short = run(&node, &["scores"]).await;
        assert_eq!(short.stdout, format!("{PEER}, 0.030360\n"));
        let parts = json_of(&node, &["scores", "-x"]).await;
        let topics = parts["Score"]["Topics"].as_object().expect("topics");
        let first = topics.values().next().expect("one")["FirstMessageDeliveries"].as_f64();
        assert!(first.is_some_and(|first| (first - 0.607_202).abs() < 1e-6));
        let list = json_of(&node, &["scores", "--json"]).await;
        assert_eq!(list[0]["ID"], PEER);
    }

    #[tokio::test]
    async fn has_bandwidth_in_steps_of_a_thousand() {
        let stats = json!({"TotalIn": 72000, "TotalOut": 82000, "RateIn": 0, "RateOut": 0});
        let node = Fake::default().answer("NetBandwidthStats", stats);
        let expected = recorded_output("real-chain/cli.json", &["net", "bandwidth"]);
        assert_eq!(run(&node, &["bandwidth"]).await.stdout, expected);
        let list = json_of(&node, &["bandwidth", "--json"]).await;
        assert_eq!(list[0]["Segment"], "Total");
        assert_eq!(list[0]["TotalIn"], 72000);
    }

    #[tokio::test]
    async fn takes_rules_and_protects_peers() {
        let node = Fake::default()
            .answer("NetBlockAdd", json!(null))
            .answer("NetProtectAdd", json!(null))
            .answer("NetProtectList", json!([PEER]))
            .answer("NetBlockList", json!({"IPAddrs": ["10.9.8.7"]}));
        let recorded = |args: &[&str]| {
            let args: Vec<_> = std::iter::once("net").chain(args.iter().copied()).collect();
            recorded_output("real-chain/operator-cli.json", &args)
        };
        for args in [
            &["block", "add", "ip", "10.9.8.7"][..],
            &["protect", PEER],
            &["list-protected"],
        ] {
            assert_eq!(run(&node, args).await.stdout, recorded(args), "{args:?}");
        }
        let list = run(&node, &["block", "list"]).await;
        assert_eq!(list.stdout, "Blocked IPs:\n\t10.9.8.7\n");
        let asked = node.asked("NetBlockAdd");
        assert_eq!(asked[0][0]["IPAddrs"], json!(["10.9.8.7"]));
    }
}

#[tokio::test]
async fn peers_are_listed_with_the_last_first_and_with_their_agents_where_known() {
    let peers = json!([
        {"ID": PEER, "Addrs": ["/ip4/1.2.3.4/tcp/1"]},
        {"ID": OTHER, "Addrs": ["/ip4/1.2.3.5/tcp/1"]},
    ]);
    let node = Fake::default()
        .answer("NetPeers", peers)
        .when("NetAgentVersion", &json!([PEER]), json!("lotus-1"))
        .refuse("NetAgentVersion", 1, "not connected");
    let ended = run(&node, &["peers", "-a"]).await;
    let expected =
        format!("{OTHER}, [/ip4/1.2.3.5/tcp/1]\n{PEER}, [/ip4/1.2.3.4/tcp/1], lotus-1\n");
    assert_eq!(ended.stdout, expected);
}

#[tokio::test]
async fn a_miner_is_connected_to_by_the_peer_that_it_has_put_on_chain() {
    let node = recorded().answer("NetConnect", json!(null));
    let ended = run(&node, &["connect", "t01000"]).await;
    assert_eq!(ended.stdout, format!("connect {PEER}: success\n"));
    assert_eq!(node.asked("NetConnect")[0][0]["ID"], PEER);
    let ended = run(
        &node.refuse("NetConnect", 1, "no way"),
        &["connect", "t01000"],
    )
    .await;
    assert_eq!(ended.stdout, format!("connect {PEER}: failure\n"));
    assert_eq!((ended.exit, ended.stderr.as_str()), (1, "no way"));
}

mod resources {
    use super::*;

    fn node() -> Fake {
        let limit = json!({
            "Memory": i64::MAX, "Streams": 64, "StreamsInbound": 32, "StreamsOutbound": 64,
            "Conns": 16, "ConnsInbound": 8, "ConnsOutbound": 8, "FD": 16,
        });
        recorded()
            .answer("NetLimit", limit)
            .answer("NetSetLimit", json!(null))
    }

    #[tokio::test]
    async fn need_exactly_one_scope() {
        let node = node();
        for args in [&["stat"][..], &["stat", "system", "all"], &["limit"]] {
            let ended = run(&node, args).await;
            let expected = "must specify exactly one scope";
            assert_eq!(
                (ended.exit, ended.stderr.as_str()),
                (1, expected),
                "{args:?}"
            );
        }
        let ended = run(&node, &["limit", "--set", "system"]).await;
        assert_eq!(ended.stderr, "must specify exactly a scope and a limit");
    }

    #[tokio::test]
    async fn in_use_are_shown_against_their_limits_scope_by_scope() {
        let ended = run(&node(), &["stat", "all"]).await;
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert_eq!(lines[0], "system");
        assert_eq!(
            lines[1],
            format!("\tmemory:      [{}] 1 MiB/8 EiB", " ".repeat(64))
        );
        let bar = format!("||||{}", " ".repeat(60));
        assert_eq!(lines[2], format!("\tstreams in:  [{bar}] 2/32"));
        let bar = format!("||{}", " ".repeat(62));
        assert_eq!(lines[3], format!("\tstreams out: [{bar}] 2/64"));
        let scopes = lines
            .iter()
            .filter(|l| !l.is_empty() && !l.starts_with('\t'));
        let scopes: Vec<_> = scopes.copied().collect();
        assert_eq!(scopes[..3], ["system", "transient", "svc:libp2p.identify"]);
        assert_eq!(scopes.last(), Some(&&*format!("peer:{PEER}")));
    }

    #[tokio::test]
    async fn are_limited_field_by_field() {
        let node = node();
        let set = run(
            &node,
            &["limit", "--set", "system", r#"{"connsinbound": 1}"#],
        )
        .await;
        assert_eq!(set.exit, 0, "{}", set.stderr);
        let asked = node.asked("NetSetLimit");
        assert_eq!(asked[0][0], "system");
        assert_eq!(asked[0][1]["ConnsInbound"], 1);
        assert_eq!(asked[0][1]["Streams"], 64);
        for (text, expected) in [
            (r#"{"Connections": 1}"#, "\"Connections\" is none of"),
            (r#"{"FD": "x"}"#, "FD is \"x\", which is not a whole number"),
            ("5", "error decoding limit"),
        ] {
            let ended = run(&node, &["limit", "--set", "system", text]).await;
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
        assert_eq!(node.asked("NetSetLimit").len(), 1);
    }
}
