//! The types of a description, which the macro keeps as text: their names in Go and their JSON.
//!
//! # Lotus parity
//! Error texts of Lotus' server carry Go's name of a parameter's type (`*types.TipSetKey`), and the
//! parity ledger compares our descriptions with Lotus' by these names. A type that is not in the
//! table exists in the API alone: Go has it under the same name in the package `api`.

use serde_json::{Value, json};

/// How a value is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// A decimal number in a string, since it may be too large for a number.
    Amount,
    Base64,
    Integer,
    Number,
    Boolean,
    Cid,
    /// A list of numbers (`BitField`: lengths of runs) or of CIDs (`TipsetKey`).
    List,
    Object,
    Any,
}

/// Our name, Go's name, the form in JSON.
const LEAVES: &[(&str, &str, Form)] = &[
    ("String", "string", Form::Text),
    ("bool", "bool", Form::Boolean),
    ("u8", "uint8", Form::Integer),
    ("u32", "uint32", Form::Integer),
    ("u64", "uint64", Form::Integer),
    ("i64", "int64", Form::Integer),
    ("f64", "float64", Form::Number),
    ("ActorState", "types.Actor", Form::Object),
    ("Address", "address.Address", Form::Text),
    ("AddrInfo", "peer.AddrInfo", Form::Object),
    ("Alert", "alerting.Alert", Form::Object),
    ("Allocation", "verifreg.Allocation", Form::Object),
    ("ApiMessage", "api.Message", Form::Object),
    ("ApiVersion", "api.APIVersion", Form::Object),
    ("BandwidthStats", "metrics.Stats", Form::Object),
    ("BeaconEntry", "*types.BeaconEntry", Form::Object),
    ("BigInt", "big.Int", Form::Amount),
    ("BitField", "bitfield.BitField", Form::List),
    ("BlockHeader", "*types.BlockHeader", Form::Object),
    ("BlockMessage", "*types.BlockMsg", Form::Object),
    ("Bytes", "[]uint8", Form::Base64),
    ("CallId", "storiface.CallID", Form::Object),
    ("ChainEpoch", "abi.ChainEpoch", Form::Integer),
    ("Cid", "cid.Cid", Form::Cid),
    ("Claim", "verifreg.Claim", Form::Object),
    ("DataCidSize", "api.DataCIDSize", Form::Object),
    ("DeadlineInfo", "*dline.Info", Form::Object),
    ("DealId", "abi.DealID", Form::Integer),
    ("Empty", "struct {}", Form::Object),
    ("Event", "types.Event", Form::Object),
    ("Gas", "int64", Form::Integer),
    ("KeyInfo", "*types.KeyInfo", Form::Object),
    ("KeyType", "types.KeyType", Form::Text),
    ("Message", "*types.Message", Form::Object),
    ("MethodNum", "abi.MethodNum", Form::Integer),
    ("MpoolConfig", "*types.MpoolConfig", Form::Object),
    ("Nanos", "time.Duration", Form::Integer),
    ("PaddedPieceSize", "abi.PaddedPieceSize", Form::Integer),
    ("PeerId", "peer.ID", Form::Text),
    ("Permission", "auth.Permission", Form::Text),
    ("ReadState", "*api.ActorState", Form::Object),
    ("Receipt", "*types.MessageReceipt", Form::Object),
    (
        "RegisteredSealProof",
        "abi.RegisteredSealProof",
        Form::Integer,
    ),
    ("RetrievalStarted", "*api.RestrievalRes", Form::Object),
    ("SectorExpiration", "*miner.SectorExpiration", Form::Object),
    ("SectorId", "abi.SectorID", Form::Object),
    ("SectorLocation", "*miner.SectorLocation", Form::Object),
    ("SectorNumber", "abi.SectorNumber", Form::Integer),
    (
        "SectorOnChainInfo",
        "*miner.SectorOnChainInfo",
        Form::Object,
    ),
    (
        "SectorPreCommitInfo",
        "miner.SectorPreCommitInfo",
        Form::Object,
    ),
    (
        "SectorPreCommitOnChainInfo",
        "*miner.SectorPreCommitOnChainInfo",
        Form::Object,
    ),
    ("SectorRef", "storiface.SectorRef", Form::Object),
    ("Signature", "*crypto.Signature", Form::Object),
    ("SignedMessage", "*types.SignedMessage", Form::Object),
    ("SignedVoucher", "*paych.SignedVoucher", Form::Object),
    ("StorageAskAnswer", "*api.StorageAsk", Form::Object),
    ("Time", "time.Time", Form::Text),
    ("Tipset", "*types.TipSet", Form::Object),
    ("TipsetKey", "types.TipSetKey", Form::List),
    ("TokenAmount", "big.Int", Form::Amount),
    ("Uuid", "uuid.UUID", Form::Text),
    ("Value", "interface {}", Form::Any),
];

/// A type taken apart.
enum Shape<'a> {
    Leaf(&'a str),
    Optional(&'a str),
    List(&'a str),
    Map(&'a str, &'a str),
}

fn shape(ty: &str) -> Shape<'_> {
    let inside = |of: &str| ty.strip_prefix(of)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(item) = inside("Option") {
        return Shape::Optional(item.trim());
    }
    if let Some(item) = inside("Vec").or_else(|| inside("NilVec")) {
        return Shape::List(item.trim());
    }
    if let Some((key, value)) = inside("BTreeMap").and_then(|both| both.split_once(',')) {
        return Shape::Map(key.trim(), value.trim());
    }
    Shape::Leaf(ty)
}

/// The name that Go prints for a type.
pub(crate) fn go(ty: &str) -> String {
    match shape(ty) {
        Shape::Leaf(name) => match LEAVES.iter().find(|(ours, ..)| *ours == name) {
            Some((_, go, _)) => (*go).to_owned(),
            None => format!("api.{name}"),
        },
        Shape::Optional(item) => format!("*{}", go(item).trim_start_matches('*')),
        Shape::List(item) => format!("[]{}", go(item)),
        Shape::Map(key, value) => format!("map[{}]{}", go(key), go(value)),
    }
}

/// Is it a number or a truth value, which Go's own decoder reads?
pub(crate) fn is_plain(ty: &str) -> bool {
    let leaf = LEAVES.iter().find(|(ours, ..)| *ours == ty);
    leaf.is_some_and(|(.., form)| matches!(form, Form::Integer | Form::Number | Form::Boolean))
}

/// The JSON schema of a type. Objects are named, their fields are not listed.
pub(crate) fn schema(ty: &str) -> Value {
    match shape(ty) {
        Shape::Leaf(name) => leaf_schema(name),
        Shape::Optional(item) => json!({ "anyOf": [schema(item), { "type": "null" }] }),
        Shape::List(item) => json!({ "type": ["array", "null"], "items": schema(item) }),
        Shape::Map(_, value) => {
            json!({ "type": ["object", "null"], "additionalProperties": schema(value) })
        }
    }
}

fn leaf_schema(name: &str) -> Value {
    let form = LEAVES
        .iter()
        .find(|(ours, ..)| *ours == name)
        .map_or(Form::Object, |(_, _, form)| *form);
    match form {
        Form::Text => json!({ "title": name, "type": "string" }),
        Form::Amount => json!({ "title": name, "type": "string", "pattern": "^-?[0-9]+$" }),
        Form::Base64 => json!({
            "title": name, "type": ["string", "null"], "contentEncoding": "base64"
        }),
        Form::Integer => json!({ "title": name, "type": "integer" }),
        Form::Number => json!({ "title": name, "type": "number" }),
        Form::Boolean => json!({ "title": name, "type": "boolean" }),
        Form::Cid => json!({
            "title": name,
            "type": ["object", "null"],
            "properties": { "/": { "type": "string" } },
            "required": ["/"],
        }),
        Form::List => json!({ "title": name, "type": ["array", "null"] }),
        Form::Object => json!({ "title": name }),
        Form::Any => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_names_follow_the_shape() {
        for (ours, theirs) in [
            ("u64", "uint64"),
            ("Option<Cid>", "*cid.Cid"),
            ("Option<MessageSendSpec>", "*api.MessageSendSpec"),
            ("Vec<Vec<MessageCheckStatus>>", "[][]api.MessageCheckStatus"),
            ("BTreeMap<String, ActorState>", "map[string]types.Actor"),
            ("NilVec<SignedMessage>", "[]*types.SignedMessage"),
        ] {
            assert_eq!(go(ours), theirs);
        }
    }

    #[test]
    fn schemas_follow_the_shape() {
        assert_eq!(schema("ChainEpoch")["type"], "integer");
        assert_eq!(
            schema("Vec<Address>")["items"],
            json!({ "title": "Address", "type": "string" })
        );
        assert_eq!(schema("Option<u64>")["anyOf"][1]["type"], "null");
        assert_eq!(schema("Value"), json!({}));
    }

    #[test]
    fn the_table_has_no_name_twice() {
        let mut names: Vec<_> = LEAVES.iter().map(|(ours, ..)| ours).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
