//! Every recorded answer about a genesis state.

use std::collections::BTreeMap;

use lotus_blockstore::MemoryBlockstore;
use lotus_types::{ActorId, Address, BitField, wire::NullIfEmpty};
use serde::Serialize;
use serde_json::{Value, json};

use super::{genesis_of, json_lines};
use crate::{
    ActorKind, StateError, StateTree, account, cron, datacap, init, load,
    miner::{self, Schedule},
    multisig, power, reward, system, verifreg,
};

type Tree<'s> = StateTree<'s, MemoryBlockstore>;
/// `None` where Lotus answers with an error: there is no such thing.
type Answer = Result<Option<Value>, StateError>;

fn value(v: impl Serialize) -> Value {
    serde_json::to_value(v).expect("prints")
}

fn read_state(tree: &Tree<'_>, of: &Address) -> Answer {
    let Some(actor) = tree.actor(of)? else {
        return Ok(None);
    };
    let (s, head) = (tree.store(), &actor.head);
    let what = "state";
    let state = match tree.manifest()?.kind(&actor.code).expect("builtin") {
        ActorKind::System => value(load::<system::State>(s, head, what)?),
        ActorKind::Init => value(load::<init::State>(s, head, what)?),
        ActorKind::Cron => value(load::<cron::State>(s, head, what)?),
        ActorKind::Account => value(load::<account::State>(s, head, what)?),
        ActorKind::Power => value(load::<power::State>(s, head, what)?),
        ActorKind::Miner => value(load::<miner::State>(s, head, what)?),
        ActorKind::Market => value(load::<crate::market::State>(s, head, what)?),
        ActorKind::Multisig => value(load::<multisig::State>(s, head, what)?),
        ActorKind::Reward => value(load::<reward::State>(s, head, what)?),
        ActorKind::VerifiedRegistry => value(load::<verifreg::State>(s, head, what)?),
        ActorKind::DataCap => value(load::<datacap::State>(s, head, what)?),
        ActorKind::PaymentChannel => unreachable!("no genesis has one"),
    };
    Ok(Some(
        json!({"Balance": actor.balance, "Code": actor.code, "State": state}),
    ))
}

fn miner_power(tree: &Tree<'_>, of: &Address) -> Answer {
    let power = tree.power_state()?;
    let claim = power.claim(tree.store(), of)?.expect("has a claim");
    let total = json!({
        "RawBytePower": power.total_raw_byte_power,
        "QualityAdjPower": power.total_quality_adj_power,
    });
    let own =
        json!({"RawBytePower": claim.raw_byte_power, "QualityAdjPower": claim.quality_adj_power});
    let minimum = 2048.into();
    let has = power.miner_nominal_power_meets_consensus_minimum(tree.store(), of, &minimum)?;
    Ok(Some(
        json!({"MinerPower": own, "TotalPower": total, "HasMinPower": has}),
    ))
}

fn partitions(tree: &Tree<'_>, of: &miner::State, deadline: u64) -> Answer {
    let deadline = of.deadline(tree.store(), deadline)?.expect("within 48");
    let mut out = Vec::new();
    deadline.partitions(tree.store())?.for_each(|_, p| {
        out.push(json!({
            "AllSectors": p.sectors,
            "FaultySectors": p.faults,
            "RecoveringSectors": p.recoveries,
            "LiveSectors": p.live_sectors(),
            "ActiveSectors": p.active_sectors(),
        }));
        Ok(())
    })?;
    Ok(Some(value(NullIfEmpty(&out))))
}

/// All sectors of a miner that `choose` picks from its partitions.
fn sectors_by(
    tree: &Tree<'_>,
    of: &miner::State,
    choose: impl Fn(&miner::Partition) -> BitField,
) -> Result<Vec<u64>, StateError> {
    let mut out = Vec::new();
    for index in 0..48 {
        let deadline = of.deadline(tree.store(), index)?.expect("within 48");
        deadline.partitions(tree.store())?.for_each(|_, p| {
            out.extend(choose(p).numbers(1000).expect("few"));
            Ok(())
        })?;
    }
    out.sort_unstable();
    Ok(out)
}

fn of_miner(tree: &Tree<'_>, method: &str, of: &Address, number: u64, epoch: i64) -> Answer {
    let Some(state) = tree.miner_state(of)? else {
        return Ok(None);
    };
    let store = tree.store();
    let live = |p: &miner::Partition| p.live_sectors();
    let active = |p: &miner::Partition| p.active_sectors();
    let faulty = |p: &miner::Partition| p.faults.clone();
    Ok(Some(match method {
        "StateMinerProvingDeadline" => value(state.deadline_info(&Schedule::default(), epoch)),
        "StateMinerAvailableBalance" => {
            let vested = state.vested_funds(store, epoch)?;
            value(state.available_balance(&tree.balance(of)?) + vested)
        }
        "StateMinerAllocated" => value(state.allocated_sectors(store)?),
        "StateMinerSectorCount" => json!({
            "Live": sectors_by(tree, &state, live)?.len(),
            "Active": sectors_by(tree, &state, active)?.len(),
            "Faulty": sectors_by(tree, &state, faulty)?.len(),
        }),
        "StateMinerFaults" => {
            value(BitField::try_from_numbers(sectors_by(tree, &state, faulty)?).expect("set"))
        }
        "StateMinerSectors" => {
            let all = state.sectors(store)?.entries()?;
            value(all.into_iter().map(|(_, s)| s).collect::<Vec<_>>())
        }
        "StateMinerActiveSectors" => {
            let mut out = Vec::new();
            for number in sectors_by(tree, &state, active)? {
                out.push(state.sector(store, number)?.expect("is on chain"));
            }
            value(out)
        }
        "StateMinerDeadlines" => {
            let mut out = Vec::new();
            for index in 0..48 {
                let d = state.deadline(store, index)?.expect("within 48");
                let count = d.disputable_proofs(store)?.count();
                out.push(
                    json!({"PostSubmissions": d.partitions_posted, "DisputableProofCount": count}),
                );
            }
            assert_eq!(state.deadline(store, 48)?, None);
            value(out)
        }
        "StateMinerPartitions" => return partitions(tree, &state, number),
        "StateSectorGetInfo" => value(state.sector(store, number)?),
        "StateSectorPreCommitInfo" => value(state.pre_commit(store, number)?),
        "StateSectorPartition" => match state.find_sector(store, number)? {
            Some(location) => value(location),
            None => return Ok(None),
        },
        "StateSectorExpiration" => {
            let Some(at) = state.find_sector(store, number)? else {
                return Ok(None);
            };
            let deadline = state.deadline(store, at.deadline)?.expect("was found");
            let partitions = deadline.partitions(store)?;
            let partition = partitions.get(at.partition)?.expect("was found");
            value(partition.sector_expiration(store, number)?)
        }
        other => panic!("no test for {other}"),
    }))
}

/// Owner, worker and the like; the forms of absent things and of the peer id are the API's own.
fn miner_info(tree: &Tree<'_>, of: &Address) -> Answer {
    let Some(state) = tree.miner_state(of)? else {
        return Ok(None);
    };
    let info = state.info(tree.store())?;
    let mut out = value(&info);
    let object = out.as_object_mut().expect("object");
    object.remove("PendingWorkerKey");
    object.remove("PeerId");
    assert_eq!((info.pending_worker_key, info.peer_id.len()), (None, 38));
    Ok(Some(out))
}

fn by_id<V: Serialize + serde::de::DeserializeOwned + Clone>(
    map: Option<crate::Map<'_, MemoryBlockstore, u64, V>>,
) -> Answer {
    let entries = map
        .map(|map| map.entries())
        .transpose()?
        .unwrap_or_default();
    Ok(Some(value(
        entries
            .into_iter()
            .map(|(k, v)| (k.to_string(), v))
            .collect::<BTreeMap<_, _>>(),
    )))
}

fn answer(tree: &Tree<'_>, method: &str, params: &[Value], epoch: i64) -> Answer {
    let address = || {
        params[0]
            .as_str()
            .expect("text")
            .parse::<Address>()
            .expect("address")
    };
    let number = || params[0].as_u64().expect("number");
    let store = tree.store();
    let id = |a: Address| -> Result<Option<ActorId>, StateError> { tree.lookup_id(&a) };
    match method {
        "StateReadState" => read_state(tree, &address()),
        "StateGetActor" => Ok(tree.actor(&address())?.map(value)),
        "StateLookupID" => Ok(id(address())?.map(|id| value(Address::new_id(id)))),
        "StateAccountKey" => Ok(tree.account_key(&address())?.map(value)),
        "StateListActors" => {
            let mut all = Vec::new();
            tree.for_each(|address, _| {
                all.push(address);
                Ok(())
            })?;
            Ok(Some(value(all)))
        }
        "StateListMiners" => {
            let claims = tree.power_state()?.claims(store)?.entries()?;
            Ok(Some(value(
                claims
                    .into_iter()
                    .map(|(miner, _)| miner)
                    .collect::<Vec<_>>(),
            )))
        }
        "StateMinerPower" => miner_power(tree, &address()),
        "StateMinerInfo" => miner_info(tree, &address()),
        "StateVerifiedRegistryRootKey" => Ok(Some(value(tree.verifreg_state()?.root_key))),
        "StateVerifierStatus" => {
            let Some(id) = id(address())? else {
                return Ok(None);
            };
            let verifreg = tree.verifreg_state()?;
            Ok(Some(value(
                verifreg.verifier_data_cap(store, &Address::new_id(id))?,
            )))
        }
        "StateVerifiedClientStatus" => {
            let Some(id) = id(address())? else {
                return Ok(None);
            };
            let state = tree.state::<datacap::State>(&crate::address::DATACAP, "datacap")?;
            Ok(Some(value(state.expect("exists").data_cap(store, id)?)))
        }
        "StateGetClaims" => by_id(
            tree.verifreg_state()?
                .claims(store, id(address())?.expect("exists"))?,
        ),
        "StateGetAllocations" => by_id(
            tree.verifreg_state()?
                .allocations(store, id(address())?.expect("exists"))?,
        ),
        "StateMarketBalance" => {
            let Some(id) = id(address())? else {
                return Ok(None);
            };
            Ok(Some(value(
                tree.market_state()?.balance(store, &Address::new_id(id))?,
            )))
        }
        "StateMarketStorageDeal" => {
            let deal = tree.market_state()?.deal(store, number())?;
            Ok(deal.map(|(proposal, state)| json!({"Proposal": proposal, "State": state})))
        }
        "StateMarketDeals" => {
            let market = tree.market_state()?;
            let mut out = BTreeMap::new();
            for (id, _) in market.proposals(store)?.entries()? {
                let (proposal, state) = market.deal(store, id)?.expect("was listed");
                out.insert(
                    id.to_string(),
                    json!({"Proposal": proposal, "State": state}),
                );
            }
            Ok(Some(value(out)))
        }
        _ => {
            let number = params.get(1).and_then(Value::as_u64).unwrap_or(0);
            of_miner(tree, method, &address(), number, epoch)
        }
    }
}

/// Compares all answers about a chain's genesis; gives how many there were of each method.
fn compare(chain: &str) -> BTreeMap<String, usize> {
    let (store, root) = genesis_of(chain);
    let tree = StateTree::load(&store, &root).expect("state tree");
    let mut compared = BTreeMap::new();
    for line in json_lines(&format!("{chain}/genesis-state.jsonl")) {
        let method = line["method"].as_str().expect("method");
        let params = line["params"].as_array().expect("params");
        let epoch = line["height"].as_i64().expect("height");
        let mut expected = line.get("result").cloned();
        if let ("StateMinerInfo", Some(Value::Object(info))) = (method, &mut expected) {
            assert_eq!(info.remove("NewWorker"), Some(json!("<empty>")));
            assert_eq!(info.remove("WorkerChangeEpoch"), Some(json!(-1)));
            info.remove("PeerId");
        }
        let got = answer(&tree, method, params, epoch).expect(method);
        assert_eq!(got, expected, "{method} {params:?}");
        *compared.entry(method.to_owned()).or_default() += 1;
    }
    compared
}

#[test]
fn the_genesis_of_a_chain_with_one_miner_reads_as_go_lotus_reads_it() {
    let compared = compare("mock-chain");
    assert_eq!(compared.len(), 29, "{compared:?}");
    assert_eq!(
        (compared["StateReadState"], compared["StateMinerPartitions"]),
        (20, 48)
    );
}

#[test]
fn the_genesis_of_a_chain_with_two_miners_reads_as_go_lotus_reads_it() {
    let compared = compare("mock-chain-two");
    assert_eq!(compared["StateSectorExpiration"], 8, "{compared:?}");
}

#[test]
fn builtin_actors_have_the_codes_of_their_manifest() {
    let (store, root) = genesis_of("mock-chain");
    let tree = StateTree::load(&store, &root).expect("state tree");
    let manifest = tree.manifest().expect("manifest");
    for kind in ActorKind::ALL {
        let code = manifest.code(kind).expect("listed");
        assert_eq!(manifest.kind(&code), Some(kind));
    }
    assert_eq!(
        manifest
            .code(ActorKind::Account)
            .expect("listed")
            .to_string(),
        "bafk2bzacedbdwm3ifwnrwws5xqc4g4xshrev3qnrhvb7ch2dvfuke5vdcfelo"
    );
}
