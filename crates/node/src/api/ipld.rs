//! Objects of the store by path (`ChainGetNode`).
//!
//! # Invariants
//! - Nesting and the length of paths are bounded, and nothing is allocated by a length that an object
//!   only claims.
//!
//! # Lotus parity
//! Paths of links, list indices and map keys, as go-ipld-cbor resolves them, and Lotus' own steps:
//! `@Ha:ADDRESS`, `@Hi:INT`, `@Hu:UINT`, `@H:KEY` look into a HAMT, `@A:INDEX` into an AMT, `@state`
//! takes the state of an actor apart, into what Go makes of its JSON: no links. What such a step finds
//! inside an object is an object of its own, with the CID that Lotus gives it; unlike there it is not
//! stored. A block of raw bytes prints as text.

mod node;

use std::str::FromStr;

use lotus_actors::{Array, Map, map::HAMT_BIT_WIDTH};
use lotus_rpc_api::{RpcError, types::chain::IpldObject};
use lotus_types::{ActorState, Address, Cid, cid::DAG_CBOR, wire};

use self::node::Node;
use super::{Answer, Services, Told as _, while_doing};

/// Most steps of a path.
const MAX_STEPS: usize = 256;
/// The head of the CID of an inner object: version 1, DAG-CBOR, SHA2-256 of 32 bytes.
const INNER_CID: [u8; 4] = [1, 0x71, 0x12, 32];

fn refused(text: impl std::fmt::Display) -> RpcError {
    RpcError::new(text)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str, what: &str) -> Answer<T> {
    text.parse()
        .map_err(|e| refused(format_args!("parsing {what}: {e}")))
}

/// Where a path has led to.
struct Place {
    cid: Cid,
    node: Node,
}

impl Place {
    /// A value inside an object, as an object.
    fn inside(node: Node) -> Answer<Self> {
        let bytes = wire::try_to_cbor(&node).told()?;
        let cid = [&INNER_CID[..], &lotus_crypto::sha256(&[&bytes])].concat();
        Ok(Self {
            cid: Cid::from_bytes(&cid).told()?,
            node,
        })
    }
}

/// Bytes as Go prints them for a text: each one that belongs to no character is replaced.
fn go_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

impl Services {
    /// The object at a path: a CID, with `/ipfs/` or `/ipld/` in front or without, and steps.
    pub(super) fn node_at(&self, path: &str) -> Answer<IpldObject> {
        let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
        names.next_if(|name| ["ipfs", "ipld"].contains(name));
        let root = names.next().unwrap_or_default();
        let root: Cid = root
            .parse()
            .map_err(|e| refused(format_args!("parsing path: invalid path {path:?}: {e}")))?;
        let mut at = self.whole(root)?;
        // Is `at` a part of an object? Then only plain steps lead on, up to a link.
        let mut inside = false;
        for _ in 0..MAX_STEPS {
            let Some(name) = names.next() else {
                if inside {
                    return Err(refused("non-link found at given path"));
                }
                let obj = at.node.into_json().told()?;
                return Ok(IpldObject { cid: at.cid, obj });
            };
            let looked = match inside {
                true => None,
                false => self.look_into(&at, name)?,
            };
            (at, inside) = match looked {
                Some(Node::Link(cid)) => (self.whole(cid)?, false),
                Some(found) => (Place::inside(found)?, false),
                None => match at.node.step(name)? {
                    Node::Link(cid) => (self.whole(cid)?, false),
                    node => (Place { cid: at.cid, node }, true),
                },
            };
        }
        Err(refused(format_args!(
            "the path has more than {MAX_STEPS} steps"
        )))
    }

    fn whole(&self, cid: Cid) -> Answer<Place> {
        let data = self.dag_object(&cid)?;
        let node = if cid.codec() == DAG_CBOR {
            Node::read(&data).told()?
        } else {
            Node::Text(go_text(&data))
        };
        Ok(Place { cid, node })
    }

    /// A step into a HAMT, an AMT or an actor; `None` for any other step.
    fn look_into(&self, at: &Place, name: &str) -> Answer<Option<Node>> {
        let (what, found) = if name == "@state" {
            return self.state_node(&at.node).map(Some);
        } else if let Some(text) = name.strip_prefix("@Ha:") {
            let address: Address = parsed(text, "addr")?;
            ("hamt", self.entry(&at.cid, &address))
        } else if let Some(text) = name.strip_prefix("@Hi:") {
            ("hamt", self.entry(&at.cid, &parsed::<i64>(text, "int64")?))
        } else if let Some(text) = name.strip_prefix("@Hu:") {
            ("hamt", self.entry(&at.cid, &parsed::<u64>(text, "uint64")?))
        } else if let Some(text) = name.strip_prefix("@H:") {
            ("hamt", self.entry(&at.cid, &text.as_bytes().to_vec()))
        } else if let Some(text) = name.strip_prefix("@A:") {
            let index = parsed(text, "amt index")?;
            let array = Array::<_, Node>::load(self.store(), &at.cid, "amt").told();
            let found = array.and_then(|array| Ok(array.get(index).told()?.cloned()));
            ("amt", found)
        } else {
            return Ok(None);
        };
        let found = found.and_then(|found| found.ok_or_else(|| refused("not found")));
        found
            .map(Some)
            .map_err(|e| while_doing(&format!("resolve {what}"), e))
    }

    fn entry<K: lotus_actors::map::MapKey>(&self, root: &Cid, key: &K) -> Answer<Option<Node>> {
        let map = Map::<_, K, Node>::load(self.store(), root, HAMT_BIT_WIDTH, "hamt").told()?;
        Ok(map.get(key).told()?.cloned())
    }

    /// The state of the actor that a value of the state tree is.
    fn state_node(&self, actor: &Node) -> Answer<Node> {
        let bytes = wire::try_to_cbor(actor).told()?;
        let actor: ActorState = wire::from_cbor(&bytes)
            .told()
            .map_err(|e| while_doing("unmarshaling actor struct for @state", e))?;
        let head = self.chain.require_head().told()?;
        let state = self.state_json(&self.tree(&head)?, &actor)?;
        Ok(Node::from_json(state))
    }
}

#[cfg(test)]
mod a_part_of_an_object {
    use serde_json::json;

    use super::*;

    /// The CID that go-ipld-cbor gives to the same JSON, read by Go into a map of no type.
    #[test]
    fn has_the_cid_that_go_gives_it() {
        let state = json!({
            "Long": 123_456_789_012_345_678_i64,
            "E": "1",
            "D": null,
            "C": [1, 2.5, -3],
            "B": {"/": "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2"},
            "A": 5,
        });
        let place = Place::inside(Node::from_json(state)).expect("has a form");
        let expected = "bafyreigbt5flgl3xo3bbax6cmfqezorsjlghsfdamj5vmdw4daw52k3uni";
        assert_eq!(place.cid.to_string(), expected);
    }

    #[test]
    fn of_raw_bytes_prints_as_go_prints_text() {
        assert_eq!(go_text(b"a\xff\xe2\x82b"), "a\u{fffd}\u{fffd}\u{fffd}b");
    }
}
