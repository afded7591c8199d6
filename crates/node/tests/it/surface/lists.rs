//! Lotus' lists of methods, and how the descriptions differ from them.

use std::{collections::BTreeMap, path::Path};

use lotus_rpc_api::{MethodInfo, MethodKind, full};

/// A list of Lotus and the descriptions that belong to it.
pub(super) struct List {
    pub(super) title: &'static str,
    file: &'static str,
    described: fn() -> Vec<&'static MethodInfo>,
    /// May more be described than Lotus lists?
    more: bool,
    said: &'static [(&'static str, &'static str)],
}

/// `/rpc/v1`.
pub(super) const V1: List = List {
    title: "FullNode v1",
    file: "rpc-full.txt",
    described: || full::methods().collect(),
    more: false,
    said: &[(
        "ChainPrune: parameter 1 is interface {}, Lotus has api.PruneOpts",
        "the options are not looked at, since there is no splitstore",
    )],
};

/// `/rpc/v0`.
pub(super) const V0: List = List {
    title: "FullNode v0",
    file: "rpc-full-v0.txt",
    described: || full::v0::methods().collect(),
    more: true,
    said: &[
        (
            "ChainPutObj: permission admin, Lotus has -",
            "Lotus' list names none; its v0 asks v1, which wants admin",
        ),
        (
            "ClientQueryAsk: result api.StorageAsk, Lotus has storagemarket.StorageAsk",
            "as in v1: the provider's answer with the ask in it",
        ),
        (
            "ClientRetrieve: 1 parameters, Lotus has 2",
            "as in v1: `ClientExport` writes the file",
        ),
        (
            "ClientRetrieve: result api.RestrievalRes, Lotus has ()",
            "as in v1",
        ),
        (
            "ClientRetrieveWithEvents: not described",
            "`ClientGetRetrievalUpdates` tells the same",
        ),
    ],
};

/// Groups that are not described, and why.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("Eth", "Ethereum's API needs the FEVM (network version 18)"),
    ("Filecoin", "`FilecoinAddressToEthAddress` belongs to it"),
    ("Raft", "clusters of nodes are not there"),
];

/// A method as Lotus lists it.
pub(super) struct Listed {
    pub(super) name: String,
    permission: String,
    params: Vec<String>,
    result: String,
}

impl Listed {
    /// Does it belong to a group that is not described?
    fn is_left_out(&self) -> bool {
        LEFT_OUT.iter().any(|(group, _)| {
            let rest = self.name.strip_prefix(group);
            rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_uppercase()))
        })
    }
}

impl List {
    /// The differences that are said, each with its reason.
    pub(super) fn said(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.said.iter().copied()
    }

    pub(super) fn described(&self) -> Vec<&'static MethodInfo> {
        (self.described)()
    }

    /// Lotus' methods without those of the groups that are left out, by name.
    pub(super) fn listed(&self) -> BTreeMap<String, Listed> {
        let all = self.all();
        let kept = all.into_iter().filter(|listed| !listed.is_left_out());
        kept.map(|listed| (listed.name.clone(), listed)).collect()
    }

    /// All of Lotus' methods.
    pub(super) fn all(&self) -> Vec<Listed> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lotus/facts");
        let text = std::fs::read_to_string(folder.join(self.file)).unwrap();
        text.lines().filter_map(parse).collect()
    }

    /// Every difference in name, permission, parameters and result.
    pub(super) fn differences(&self) -> Vec<String> {
        let listed = self.listed();
        let described = self.described();
        let mut found = Vec::new();
        for theirs in listed.values() {
            if !described.iter().any(|d| d.short_name() == theirs.name) {
                found.push(format!("{}: not described", theirs.name));
            }
        }
        for ours in described {
            match listed.get(ours.short_name()) {
                Some(theirs) => compare(ours, theirs, &mut found),
                None if self.more => {}
                None => found.push(format!("{}: not Lotus'", ours.short_name())),
            }
        }
        found
    }
}

/// `Filecoin.Name(param type, …) -> result | perm=… | notes`
fn parse(line: &str) -> Option<Listed> {
    let (name, rest) = line.strip_prefix("Filecoin.")?.split_once('(')?;
    let (params, rest) = rest.split_once(") -> ")?;
    let (result, rest) = rest.split_once(" | perm=")?;
    let permission = rest.split(' ').next()?;
    let types = params.split(", ").filter(|p| !p.is_empty());
    Some(Listed {
        name: name.to_owned(),
        permission: permission.to_owned(),
        params: types
            .map(|p| p.split_once(' ').map_or(p, |(_, ty)| ty).to_owned())
            .collect(),
        result: result.to_owned(),
    })
}

fn compare(ours: &MethodInfo, theirs: &Listed, found: &mut Vec<String>) {
    let name = &theirs.name;
    if ours.permission.name() != theirs.permission {
        let (ours, theirs) = (ours.permission, &theirs.permission);
        found.push(format!("{name}: permission {ours}, Lotus has {theirs}"));
    }
    let (least, most) = (ours.required_params(), ours.params.len());
    if !(least..=most).contains(&theirs.params.len()) {
        let theirs = theirs.params.len();
        found.push(format!("{name}: {most} parameters, Lotus has {theirs}"));
    }
    for (at, (p, wanted)) in ours.params.iter().zip(&theirs.params).enumerate() {
        let (ours, theirs) = (plain(&p.go_type()), plain(wanted));
        if ours != theirs {
            let at = at + 1;
            found.push(format!(
                "{name}: parameter {at} is {ours}, Lotus has {theirs}"
            ));
        }
    }
    let channel = if ours.kind == MethodKind::Channel {
        "<-chan "
    } else {
        ""
    };
    let result = match ours.go_result() {
        Some(ty) => format!("{channel}{}", plain(&ty)),
        None => "()".to_owned(),
    };
    let wanted = match theirs.result.strip_prefix("<-chan ") {
        Some(ty) => format!("<-chan {}", plain(ty)),
        None => plain(&theirs.result),
    };
    if result != wanted {
        found.push(format!("{name}: result {result}, Lotus has {wanted}"));
    }
}

/// A Go type as far as JSON shows it: pointers are gone, numbers of all kinds are one.
fn plain(ty: &str) -> String {
    let ty = ty.trim().trim_start_matches('*');
    match ty {
        "()" => return ty.to_owned(),
        "[]byte" | "[]uint8" | "abi.Randomness" | "blocks.Block" => return "bytes".to_owned(),
        "struct{}" | "struct {}" => return "struct {}".to_owned(),
        "interface{}" | "interface {}" | "json.RawMessage" | "apitypes.OpenRPCDocument" => {
            return "interface {}".to_owned();
        }
        "string" | "dtypes.NetworkName" | "protocol.ID" | "peer.ID" => return "string".to_owned(),
        "types.BigInt" | "big.Int" | "abi.TokenAmount" | "abi.StoragePower" => {
            return "big.Int".to_owned();
        }
        "uint8"
        | "uint32"
        | "uint64"
        | "int64"
        | "abi.ChainEpoch"
        | "abi.DealID"
        | "abi.MethodNum"
        | "abi.SectorNumber"
        | "abi.PaddedPieceSize"
        | "abi.RegisteredSealProof"
        | "crypto.DomainSeparationTag"
        | "abinetwork.Version"
        | "apitypes.NetworkVersion"
        | "network.Connectedness"
        | "datatransfer.TransferID"
        | "imports.ID"
        | "retrievalmarket.DealID"
        | "verifregtypes.AllocationId"
        | "verifregtypes.ClaimId"
        | "time.Duration" => return "int".to_owned(),
        _ => {}
    }
    if let Some(item) = ty.strip_prefix("[]") {
        return format!("[]{}", plain(item));
    }
    if let Some((key, value)) = ty.strip_prefix("map[").and_then(|t| t.split_once(']')) {
        return format!("map[{}]{}", plain(key), plain(value));
    }
    match ty.split_once('.') {
        None => format!("api.{ty}"),
        Some(("verifregtypes", name)) => format!("verifreg.{name}"),
        Some(("lminer", name)) => format!("miner.{name}"),
        Some(_) => ty.to_owned(),
    }
}

#[test]
fn lists_are_read_whole() {
    assert_eq!(V1.all().len(), 274);
    assert_eq!(V0.all().len(), 223);
    let pushed = &V1.listed()["MpoolPushMessage"];
    assert_eq!(pushed.params, ["*types.Message", "*MessageSendSpec"]);
    assert_eq!(plain(&pushed.params[1]), "api.MessageSendSpec");
    assert_eq!(pushed.permission, "sign");
}
