//! A good value for every parameter of the API, on the recorded chain `mock-chain`.

use lotus_rpc_api::MethodInfo;
use serde_json::{Value, json};

const CID: &str = "bafy2bzacecvjqaywfzles6mdpsupzostucfam2vmz6fo4du445wdw6z73uosk";
const PEER: &str = "12D3KooWNvWkD6uXNzKV6fS55sgnAkYbPpHR2cnNJwjggKZNzebn";

fn message() -> Value {
    json!({
        "Version": 0, "To": "t01000", "From": "t01000", "Nonce": 0, "Value": "0", "GasLimit": 0,
        "GasFeeCap": "0", "GasPremium": "0", "Method": 0, "Params": null
    })
}

fn signed() -> Value {
    json!({ "Message": message(), "Signature": { "Type": 1, "Data": "AAAA" } })
}

fn voucher() -> Value {
    json!({
        "ChannelAddr": "t01000", "TimeLockMin": 0, "TimeLockMax": 0, "SecretHash": null,
        "Extra": null, "Lane": 0, "Nonce": 0, "Amount": "0", "MinSettleHeight": 0,
        "Merges": null, "Signature": null
    })
}

fn header() -> Value {
    json!({
        "Miner": "t01000",
        "Ticket": { "VRFProof": "AAAA" },
        "ElectionProof": { "WinCount": 1, "VRFProof": "AAAA" },
        "BeaconEntries": null,
        "WinPoStProof": null,
        "Parents": [{ "/": CID }],
        "ParentWeight": "0",
        "Height": 1,
        "ParentStateRoot": { "/": CID },
        "ParentMessageReceipts": { "/": CID },
        "Messages": { "/": CID },
        "BLSAggregate": { "Type": 2, "Data": "AAAA" },
        "Timestamp": 1,
        "BlockSig": { "Type": 2, "Data": "AAAA" },
        "ForkSignaling": 0,
        "ParentBaseFee": "100"
    })
}

fn sector_pre_commit_info() -> Value {
    json!({
        "SealProof": 5, "SectorNumber": 0, "SealedCID": { "/": CID }, "SealRandEpoch": 0,
        "DealIDs": null, "Expiration": 1000, "UnsealedCid": null
    })
}

fn template() -> Value {
    json!({
        "Miner": "t01000",
        "Parents": [],
        "Ticket": { "VRFProof": "AAAA" },
        "Eproof": { "WinCount": 1, "VRFProof": "AAAA" },
        "BeaconValues": null,
        "Messages": null,
        "Epoch": 1000,
        "Timestamp": 1,
        "WinningPoStProof": null
    })
}

fn deal() -> Value {
    json!({
        "Data": {
            "TransferType": "graphsync", "Root": { "/": CID }, "PieceCid": null, "PieceSize": 0,
            "RawBlockSize": 0
        },
        "Wallet": "t01000", "Miner": "t01000", "EpochPrice": "0", "MinBlocksDuration": 518_400,
        "ProviderCollateral": "0", "DealStartEpoch": -1, "FastRetrieval": true,
        "VerifiedDeal": false
    })
}

fn order() -> Value {
    json!({
        "Root": { "/": CID }, "Piece": null, "DataSelector": null, "Size": 0, "Total": "0",
        "UnsealPrice": "0", "PaymentInterval": 0, "PaymentIntervalIncrease": 0,
        "Client": "t01000", "Miner": "t01000", "MinerPeer": null, "RemoteStore": null
    })
}

/// A good value of a type of the descriptions.
///
/// # Panics
/// For a type that has none here: a new one is to be added.
pub(crate) fn sample(ty: &str) -> Value {
    let inside = |of: &str| ty.strip_prefix(of)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(item) = inside("Option") {
        return sample(item);
    }
    if let Some(item) = inside("Vec") {
        return json!([sample(item)]);
    }
    match ty {
        "Address" => json!("t01000"),
        "AddrInfo" => json!({ "ID": PEER, "Addrs": ["/ip4/127.0.0.1/tcp/1"] }),
        "BitField" => json!([0, 1]),
        "BlockMessage" => json!({
            "Header": header(), "BlsMessages": null, "SecpkMessages": null
        }),
        "BlockTemplate" => template(),
        "bool" => json!(false),
        "Bytes" => json!("AAAA"),
        "Cid" => json!({ "/": CID }),
        "ExportRef" => {
            json!({ "Root": { "/": CID }, "DAGs": null, "FromLocalCAR": "", "DealID": 0 })
        }
        "f64" => json!(0.5),
        "FileRef" => json!({ "Path": "/nonexistent/file", "IsCAR": false }),
        "ChainEpoch" | "DealId" | "Gas" | "i64" | "MethodNum" | "SectorNumber" | "u32" | "u64" => {
            json!(1)
        }
        "KeyInfo" => json!({ "Type": "secp256k1", "PrivateKey": "AAAA" }),
        "KeyType" => json!("secp256k1"),
        "Message" => message(),
        "MessageMatch" => json!({ "To": "t01000", "From": null }),
        "MessagePrototype" => json!({ "Message": message(), "ValidNonce": false }),
        "MessageSendSpec" => json!({ "MaxFee": "0" }),
        "MpoolConfig" => json!({
            "PriorityAddrs": null, "SizeLimitHigh": 30000, "SizeLimitLow": 20000,
            "ReplaceByFeeRatio": 1.25, "PruneCooldown": 60_000_000_000_u64,
            "GasLimitOverestimation": 1.25
        }),
        "NetBlockList" => json!({ "Peers": [PEER], "IPAddrs": null, "IPSubnets": null }),
        "NetLimit" => json!({ "Memory": 1 }),
        "PaddedPieceSize" => json!(2048),
        "PaychGetOpts" => json!({ "OffChain": false }),
        "PeerId" => json!(PEER),
        "Permission" => json!("read"),
        "RegisteredSealProof" => json!(5),
        "RetrievalOrder" => order(),
        "SectorPreCommitInfo" => sector_pre_commit_info(),
        "Signature" => json!({ "Type": 1, "Data": "AAAA" }),
        "SignedMessage" => signed(),
        "SignedVoucher" => voucher(),
        "StartDealParams" => deal(),
        "String" => json!("all"),
        "TipsetKey" => json!([]),
        "TokenAmount" => json!("1"),
        "Value" => json!({}),
        "VoucherSpec" => json!({
            "Amount": "1", "TimeLockMin": 0, "TimeLockMax": 0, "MinSettle": 0, "Extra": null
        }),
        other => panic!("there is no sample of {other}"),
    }
}

/// Good values for all parameters of a method.
pub(crate) fn params(info: &MethodInfo) -> Vec<Value> {
    info.params.iter().map(|param| sample(param.ty)).collect()
}
