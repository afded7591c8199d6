//! Objects of the store by path (`ChainGetNode`).
//!
//! # Invariants
//! - Nesting and the length of paths are bounded, and nothing is allocated by a length that an object
//!   only claims.
//!
//! # Lotus parity
//! Paths of links, list indices and map keys, as go-ipld-cbor resolves them, and Lotus' own steps:
//! `@Ha:ADDRESS`, `@Hi:INT`, `@Hu:UINT`, `@H:KEY` look into a HAMT, `@A:INDEX` into an AMT, `@state`
//! takes the state of an actor apart. What such a step finds inside an object is an object of its own,
//! with the CID that Lotus gives it; unlike there it is not stored.

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
        for _ in 0..MAX_STEPS {
            let Some(name) = names.next() else {
                let obj = at.node.into_json().told()?;
                return Ok(IpldObject { cid: at.cid, obj });
            };
            let found = if name.starts_with('@') {
                self.look_into(&at, name)?
            } else {
                at.node.step(name)?
            };
            at = match found {
                Node::Link(cid) => self.whole(cid)?,
                // Plain steps go on inside the object; they must end at a link.
                inner if !name.starts_with('@') => {
                    if names.peek().is_none() {
                        return Err(refused("non-link found at given path"));
                    }
                    Place {
                        cid: at.cid,
                        node: inner,
                    }
                }
                inner => Place::inside(inner)?,
            };
        }
        Err(refused(format_args!(
            "the path has more than {MAX_STEPS} steps"
        )))
    }

    fn whole(&self, cid: Cid) -> Answer<Place> {
        let data = self.object(&cid)?;
        let node = if cid.codec() == DAG_CBOR {
            Node::read(&data).told()?
        } else {
            Node::Bytes(data)
        };
        Ok(Place { cid, node })
    }

    /// A step into a HAMT, an AMT or an actor.
    fn look_into(&self, at: &Place, name: &str) -> Answer<Node> {
        let found = if name == "@state" {
            return self.state_node(&at.node);
        } else if let Some(text) = name.strip_prefix("@Ha:") {
            let address: Address = parsed(text, "addr")?;
            self.entry(&at.cid, &address)
        } else if let Some(text) = name.strip_prefix("@Hi:") {
            self.entry(&at.cid, &parsed::<i64>(text, "int64")?)
        } else if let Some(text) = name.strip_prefix("@Hu:") {
            self.entry(&at.cid, &parsed::<u64>(text, "uint64")?)
        } else if let Some(text) = name.strip_prefix("@H:") {
            self.entry(&at.cid, &text.as_bytes().to_vec())
        } else if let Some(text) = name.strip_prefix("@A:") {
            let index = parsed(text, "amt index")?;
            let array = Array::<_, Node>::load(self.store(), &at.cid, "amt").told();
            array.and_then(|array| Ok(array.get(index).told()?.cloned()))
        } else {
            Err(refused(format_args!("unknown step {name:?}")))
        };
        found
            .and_then(|found| found.ok_or_else(|| refused("not found")))
            .map_err(|e| while_doing(&format!("resolving {name}"), e))
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
            .map_err(|e| while_doing("unmarshalling actor struct for @state", e))?;
        let head = self.chain.require_head().told()?;
        let state = self.state_json(&self.tree(&head)?, &actor)?;
        Node::from_json(state).told()
    }
}
