//! What is taken and given back, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::config::ConnectionSettings;

fn resources() -> Resources {
    Resources::new(Defaults::of(&ConnectionSettings::default()))
}

fn limited(resources: &Resources, scope: &Scope, change: impl FnOnce(&mut NetLimit)) {
    let mut limit = resources.limit(scope);
    change(&mut limit);
    resources
        .set_limit(scope.clone(), limit)
        .expect("a limit that is kept");
}

fn system(resources: &Resources) -> ScopeStat {
    resources.stat(&Scope::System).system.expect("the system")
}

fn transient(resources: &Resources) -> ScopeStat {
    let stat = resources.stat(&Scope::Transient);
    stat.transient.expect("the transient scope")
}

#[test]
fn a_connection_belongs_to_its_peer_once_that_is_known() {
    let resources = resources();
    let peer = PeerId::random();
    let mut connection = resources
        .connection(Direction::Inbound, false)
        .expect("room");
    assert_eq!(transient(&resources).num_conns_inbound, 1);
    connection.with(peer, false).expect("room");
    assert_eq!(transient(&resources), ScopeStat::default());
    let stat = resources.stat_all();
    let of_peer = stat.peers.get(&peer.to_base58()).expect("the peer");
    assert_eq!((of_peer.num_conns_inbound, of_peer.num_fd), (1, 1));
    drop(connection);
    assert_eq!(system(&resources), ScopeStat::default());
    assert!(resources.stat_all().peers.is_empty());
}

#[test]
fn a_stream_belongs_to_its_protocol_and_service_once_that_is_agreed_on() {
    let resources = resources();
    let peer = PeerId::random();
    let mut stream = resources.stream(peer, Direction::Outbound).expect("room");
    assert_eq!(transient(&resources).num_streams_outbound, 1);
    stream.speaks("/ipfs/ping/1.0.0").expect("room");
    let stat = resources.stat_all();
    let one = |stat: Option<&ScopeStat>| stat.map(|s| (s.num_streams_outbound, s.memory));
    assert_eq!(one(stat.protocols.get("/ipfs/ping/1.0.0")), Some((1, 0)));
    assert_eq!(one(stat.services.get("libp2p.ping")), Some((1, 0)));
    assert_eq!(one(stat.peers.get(&peer.to_base58())), Some((1, WINDOW)));
    assert_eq!(one(stat.system.as_ref()), Some((1, WINDOW)));
    assert_eq!(transient(&resources), ScopeStat::default());
}

#[test]
fn a_scope_that_nobody_uses_is_empty_and_has_the_default_limit() {
    let resources = resources();
    let scope = Scope::Service("nonsense".to_owned());
    let stat = resources.stat(&scope);
    assert_eq!(stat.services.get("nonsense"), Some(&ScopeStat::default()));
    assert!(resources.limit(&scope).streams > 0);
}

mod a_limit {
    use super::*;

    #[test]
    fn of_one_inbound_connection_refuses_the_second_and_names_it() {
        let resources = resources();
        limited(&resources, &Scope::System, |l| l.conns_inbound = 1);
        let first = resources.connection(Direction::Inbound, false);
        let second = resources.connection(Direction::Inbound, false);
        let error = second.expect_err("one too many");
        assert_eq!(
            error.to_string(),
            "resource limit exceeded: scope system has 1 inbound connections at most"
        );
        let outbound = resources.connection(Direction::Outbound, false);
        assert!(outbound.is_ok());
        drop(first);
        assert!(resources.connection(Direction::Inbound, false).is_ok());
    }

    #[test]
    fn does_not_bind_configured_peers() {
        let resources = resources();
        limited(&resources, &Scope::System, |l| l.conns = 0);
        let peer = PeerId::random();
        limited(&resources, &Scope::Peer(peer), |l| l.conns = 0);
        let mut connection = resources
            .connection(Direction::Outbound, true)
            .expect("forced");
        connection.with(peer, true).expect("forced");
        assert_eq!(system(&resources).num_conns_outbound, 1);
    }

    #[test]
    fn of_a_peer_leaves_others_alone() {
        let resources = resources();
        let (peer, other) = (PeerId::random(), PeerId::random());
        limited(&resources, &Scope::Peer(peer), |l| l.streams = 0);
        assert!(resources.stream(peer, Direction::Inbound).is_err());
        assert!(resources.stream(other, Direction::Inbound).is_ok());
        assert_eq!(system(&resources), ScopeStat::default());
    }

    #[test]
    fn of_a_protocol_refuses_when_it_is_agreed_on() {
        let resources = resources();
        let scope = Scope::Protocol("/a/1".to_owned());
        limited(&resources, &scope, |l| l.streams_inbound = 0);
        let mut stream = resources
            .stream(PeerId::random(), Direction::Inbound)
            .expect("room");
        assert!(stream.speaks("/a/1").is_err());
        assert!(stream.speaks("/b/1").is_ok());
    }

    #[test]
    fn below_what_is_in_use_takes_nothing_away() {
        let resources = resources();
        let held = resources.connection(Direction::Inbound, false);
        limited(&resources, &Scope::System, |l| l.conns_inbound = 0);
        assert_eq!(system(&resources).num_conns_inbound, 1);
        assert!(resources.connection(Direction::Inbound, false).is_err());
        drop(held);
        assert_eq!(system(&resources).num_conns_inbound, 0);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Connect(bool),
    Open(u8, bool),
    Agree(usize, u8),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(Step::Connect),
        (0_u8..3, any::<bool>()).prop_map(|(peer, inbound)| Step::Open(peer, inbound)),
        (0_usize..20, 0_u8..3).prop_map(|(at, protocol)| Step::Agree(at, protocol)),
        (0_usize..20).prop_map(Step::Drop),
    ]
}

fn direction(inbound: bool) -> Direction {
    if inbound {
        Direction::Inbound
    } else {
        Direction::Outbound
    }
}

proptest! {
    #[test]
    fn no_limit_is_ever_exceeded_and_all_is_given_back(
        steps in proptest::collection::vec(step(), 1..200)
    ) {
        let resources = resources();
        let peers: Vec<_> = (0..3).map(|_| PeerId::random()).collect();
        limited(&resources, &Scope::System, |l| {
            (l.conns, l.conns_inbound, l.streams, l.streams_outbound) = (5, 3, 9, 5);
        });
        limited(&resources, &Scope::Transient, |l| l.streams = 4);
        let (mut connections, mut streams) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Connect(inbound) => {
                    connections.extend(resources.connection(direction(inbound), false));
                }
                Step::Open(peer, inbound) => {
                    let peer = *peers.get(usize::from(peer)).expect("one of three");
                    streams.extend(resources.stream(peer, direction(inbound)));
                }
                Step::Agree(at, protocol) => {
                    if let Some(stream) = streams.get_mut(at) {
                        let _ = stream.speaks(&format!("/p/{protocol}"));
                    }
                }
                Step::Drop(at) => {
                    if at < streams.len() {
                        streams.swap_remove(at);
                    }
                    connections.pop();
                }
            }
            let used = system(&resources);
            prop_assert!(used.num_conns_inbound <= 3);
            prop_assert!(used.num_conns_inbound + used.num_conns_outbound <= 5);
            prop_assert!(used.num_streams_outbound <= 5);
            prop_assert!(used.num_streams_inbound + used.num_streams_outbound <= 9);
            let transient = transient(&resources);
            prop_assert!(transient.num_streams_inbound + transient.num_streams_outbound <= 4);
        }
        drop((connections, streams));
        prop_assert_eq!(system(&resources), ScopeStat::default());
        prop_assert_eq!(transient(&resources), ScopeStat::default());
        prop_assert!(resources.stat_all().protocols.is_empty());
    }
}
