//! Keys of HAMTs and AMTs, read node by node through the API.
//!
//! # Invariants
//! - What the objects claim is checked: widths, heights and the number of links. A walk ends at
//!   [`MOST_NODES`] nodes, whatever the links say.

use std::collections::VecDeque;

use anyhow::{Context as _, bail, ensure};
use data_encoding::{BASE64, BASE64_NOPAD};
use lotus_rpc_api::full::FullNode;
use lotus_types::Cid;
use serde_json::Value;

/// Nodes that a walk visits at most.
const MOST_NODES: usize = 1_000_000;
/// Widest node of an AMT, in bits of its index.
const MOST_BITS: u32 = 18;

/// What a node of a HAMT holds, in order.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Key(Vec<u8>),
    Link(Cid),
}

/// Keys of the HAMT whose root node this is, in the order of their hashes.
pub(super) async fn hamt(node: &dyn FullNode, root: Value) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    let mut left: VecDeque<Entry> = hamt_node(&root)?.into();
    let mut nodes = 0;
    while let Some(entry) = left.pop_front() {
        match entry {
            Entry::Key(key) => keys.push(key),
            Entry::Link(cid) => {
                nodes += 1;
                ensure!(
                    nodes < MOST_NODES,
                    "the HAMT has more than {MOST_NODES} nodes"
                );
                let inner = object(node, cid).await?;
                let inner = hamt_node(&inner).with_context(|| format!("node {cid}"))?;
                for entry in inner.into_iter().rev() {
                    left.push_front(entry);
                }
            }
        }
    }
    Ok(keys)
}

/// A node is its bit field and its pointers: each a link, or a list of keys with values.
fn hamt_node(node: &Value) -> anyhow::Result<Vec<Entry>> {
    let pointers = match node.as_array().map(Vec::as_slice) {
        Some([field, Value::Array(pointers)]) if bytes(field).is_some() => pointers,
        _ => bail!("it is no node of a HAMT"),
    };
    let mut entries = Vec::new();
    for pointer in pointers {
        match pointer {
            Value::Array(pairs) => {
                for pair in pairs {
                    let key = pair.get(0).and_then(bytes);
                    entries.push(Entry::Key(key.context("a HAMT's bucket has no key")?));
                }
            }
            link => entries.push(Entry::Link(
                cid(link).context("a HAMT's pointer is no link")?,
            )),
        }
    }
    Ok(entries)
}

/// Indices of the AMT whose root this is, lowest first.
pub(super) async fn amt(node: &dyn FullNode, root: &Value) -> anyhow::Result<Vec<u64>> {
    let (bits, height, top) = amt_root(root)?;
    let mut indices = Vec::new();
    let mut left = vec![(top.clone(), height, 0_u64)];
    let mut nodes = 0;
    while let Some((inner, height, offset)) = left.pop() {
        nodes += 1;
        ensure!(
            nodes < MOST_NODES,
            "the AMT has more than {MOST_NODES} nodes"
        );
        let slots = amt_node(&inner, bits)?;
        let span = bits
            .checked_mul(height)
            .and_then(|bits| 1_u64.checked_shl(bits))
            .context("an AMT of this height has no indices of 64 bits")?;
        let index = |slot: u64| slot.checked_mul(span).and_then(|at| at.checked_add(offset));
        if height == 0 {
            for slot in slots.set {
                indices.push(index(slot).context("an index has more than 64 bits")?);
            }
            continue;
        }
        ensure!(
            slots.links.len() == slots.set.len(),
            "a node of an AMT has {} links for {} entries",
            slots.links.len(),
            slots.set.len()
        );
        for (slot, link) in slots.set.into_iter().zip(slots.links).rev() {
            let at = index(slot).context("an index has more than 64 bits")?;
            left.push((object(node, link).await?, height - 1, at));
        }
    }
    Ok(indices)
}

/// Width in bits, height and top node: `[width, height, count, node]`.
fn amt_root(root: &Value) -> anyhow::Result<(u32, u32, &Value)> {
    let Some([bits, height, _, top]) = root.as_array().map(Vec::as_slice) else {
        bail!("it is no root of an AMT");
    };
    let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let bits = number(bits).filter(|bits| (1..=MOST_BITS).contains(bits));
    let height = number(height).filter(|height| *height < 64);
    Ok((
        bits.context("the root of an AMT says no width")?,
        height.context("the root of an AMT says no height")?,
        top,
    ))
}

/// Used slots of a node, and the links in them.
struct Slots {
    set: Vec<u64>,
    links: Vec<Cid>,
}

/// A node is its bit map, its links and its values.
fn amt_node(node: &Value, bits: u32) -> anyhow::Result<Slots> {
    let (map, links) = match node.as_array().map(Vec::as_slice) {
        Some([map, Value::Array(links), Value::Array(_)]) => (map, links),
        _ => bail!("it is no node of an AMT"),
    };
    let map = bytes(map).context("a node of an AMT has no bit map")?;
    let width = 1_u64 << bits;
    ensure!(
        map.len() as u64 == width.div_ceil(8),
        "a node's bit map has {} bytes where {width} slots are",
        map.len()
    );
    let bit = |slot: u64| {
        let byte = usize::try_from(slot / 8).ok().and_then(|at| map.get(at));
        byte.is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
    };
    let links = links.iter().map(|link| cid(link).context("no link"));
    Ok(Slots {
        set: (0..width).filter(|slot| bit(*slot)).collect(),
        links: links.collect::<Result<_, _>>()?,
    })
}

async fn object(node: &dyn FullNode, cid: Cid) -> anyhow::Result<Value> {
    Ok(node.chain_get_node(format!("/ipfs/{cid}")).await?.obj)
}

/// `{"/": {"bytes": "…"}}`, or base64 with padding as older nodes print it.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value.as_str() {
        return BASE64.decode(text.as_bytes()).ok();
    }
    let text = value.get("/")?.get("bytes")?.as_str()?;
    BASE64_NOPAD.decode(text.as_bytes()).ok()
}

/// `{"/": "…"}`
fn cid(value: &Value) -> Option<Cid> {
    value.get("/")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake::Fake;

    const LINK: &str = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";

    fn field(bytes: &[u8]) -> Value {
        json!({ "/": { "bytes": BASE64_NOPAD.encode(bytes) } })
    }

    fn link() -> Value {
        json!({ "/": LINK })
    }

    /// A node whose linked object is this.
    fn holding(object: &Value) -> Fake {
        let found = json!({ "Cid": link(), "Obj": object });
        Fake::default().when("ChainGetNode", &json!([format!("/ipfs/{LINK}")]), found)
    }

    #[tokio::test]
    async fn keys_of_a_hamt_come_in_the_order_of_its_pointers() {
        let leaf = json!([field(&[1]), [[[field(b"b"), 1], [field(b"c"), 2]]]]);
        let root = json!([
            field(&[7]),
            [[[field(b"a"), 0]], link(), [[field(b"d"), 3]]]
        ]);
        let keys = hamt(&holding(&leaf).client(), root).await.expect("keys");
        assert_eq!(keys, [b"a", b"b", b"c", b"d"]);
    }

    #[tokio::test]
    async fn indices_of_an_amt_are_counted_through_its_nodes() {
        // Eight slots a node, two levels; the links stand in slots 0 and 2.
        let leaf = json!([field(&[0b1000_0010]), [], [5, 6]]);
        let root = json!([3, 1, 4, [field(&[0b0000_0101]), [link(), link()], []]]);
        let indices = amt(&holding(&leaf).client(), &root).await.expect("indices");
        assert_eq!(indices, [1, 7, 17, 23]);
    }

    #[tokio::test]
    async fn objects_that_claim_nonsense_are_refused() {
        let node = holding(&json!([]));
        let client = node.client();
        for root in [
            json!(7),
            json!([field(&[1]), [7]]),
            json!([field(&[1]), [[[7]]]]),
            json!([field(&[1]), [link()]]),
        ] {
            assert!(hamt(&client, root.clone()).await.is_err(), "{root}");
        }
        let map = field(&[1]);
        for root in [
            json!([3, 0, 1]),
            json!([0, 0, 1, [map, [], [1]]]),
            json!([64, 0, 1, [map, [], [1]]]),
            json!([3, 99, 1, [map, [link()], []]]),
            json!([3, 1, 1, [map, [], []]]),
            json!([3, 0, 1, [field(&[1, 2]), [], [1]]]),
            json!([5, 60, 1, [field(&[1, 0, 0, 0]), [link()], []]]),
        ] {
            assert!(amt(&client, &root).await.is_err(), "{root}");
        }
    }
}
