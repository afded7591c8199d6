//! Making a network: sectors sealed before it begins, genesis template, description.
//!
//! # Invariants
//! - A step whose result is there is not done again; a result that is only half there is made anew.
//! - Genesis time, beacon and description are fixed together, before any process sees one of them.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use lotus_actors::{StateTree, miner::Schedule};
use lotus_blockstore::SharedBlockstore;
use lotus_genesis::{Drawn, Template, make_genesis};
use lotus_networks::{MockProofs, Network, bundles};
use lotus_proofs::params::PARAMETER_CACHE_ENV;
use lotus_types::{Address, ChainEpoch, Cid};
use lotus_vm::{Bundle, BundleStore, FilecoinVm};

use super::{
    beacon::{self, Timing},
    block_time,
    layout::{Layout, MINER},
    parameters,
    process::Call,
    settings::Settings,
};

/// Sectors that the genesis miner has from the beginning.
const PRESEALED: u64 = 2;
/// Sealing two sectors of 2 KiB takes less than a second, where nothing is wrong.
const PRESEAL_LIMIT: Duration = Duration::from_secs(300);
const SEED_LIMIT: Duration = Duration::from_secs(60);
/// A proof takes seconds.
const MEASURE_LIMIT: Duration = Duration::from_secs(300);
/// Mock sealing takes seconds, so that one can see it going on, and stop a process in the middle of it;
/// blocks and WindowPoSts are made at once, so that the chain waits for nothing.
const WATCHABLE: MockProofs = MockProofs {
    pre_commit1_ms: 500,
    pre_commit2_ms: 2500,
    commit2_ms: 2500,
    winning_post_ms: 0,
    window_post_ms: 0,
};
/// Name of the log of what runs once.
pub(super) const SETUP: &str = "setup";

/// The manifest of a devnet's actors: they decide which proofs it takes.
fn actors(mock_proofs: bool) -> Cid {
    if mock_proofs {
        bundles::testing_fake_proofs()
    } else {
        bundles::devnet()
    }
}

/// The actors of a devnet.
///
/// # Errors
/// When they are not in the cache; the text says how they get there.
pub(super) fn find_bundle(mock_proofs: bool) -> anyhow::Result<Bundle> {
    let found = BundleStore::from_environment().load(&actors(mock_proofs));
    found.with_context(|| {
        let variant = if mock_proofs {
            "testing-fake-proofs"
        } else {
            "devnet"
        };
        format!("`scripts/bundles.sh {variant}` builds the actors of this network")
    })
}

/// Seals the sectors of the genesis miner, unless they are there.
///
/// # Errors
/// When sealing fails.
pub(super) async fn preseal(layout: &Layout) -> anyhow::Result<()> {
    if layout.presealed().exists() {
        return Ok(());
    }
    if layout.sectors().exists() {
        fs::remove_dir_all(layout.sectors())?;
    }
    let call = Call::new(layout.program("lotus-seed"), layout.log(SETUP))
        .args([
            "--sector-dir".as_ref(),
            layout.sectors().as_os_str(),
            "pre-seal".as_ref(),
        ])
        .args(["--miner-addr", MINER, "--sector-size", "2KiB"])
        .args(["--num-sectors", &PRESEALED.to_string()]);
    call.run(PRESEAL_LIMIT).await
}

/// Seconds that a WinningPoSt takes on this machine.
///
/// # Errors
/// When it cannot be made.
pub(super) async fn measure_proof(layout: &Layout) -> anyhow::Result<f64> {
    let call = Call::new(layout.program("lotus-devnet"), layout.log(SETUP))
        .env(PARAMETER_CACHE_ENV, parameters::folder()?)
        .args([
            "measure-proof".as_ref(),
            "--sectors".as_ref(),
            layout.sectors().as_os_str(),
            "--manifest".as_ref(),
            layout.presealed().as_os_str(),
        ]);
    let printed = call.output(MEASURE_LIMIT).await?;
    let seconds = printed.trim().parse();
    seconds.with_context(|| format!("{:?} is no number of seconds", printed.trim()))
}

/// Writes the genesis template, without a time.
///
/// # Errors
/// When it cannot be made or written.
pub(super) async fn write_template(layout: &Layout) -> anyhow::Result<Template> {
    let template = layout.template();
    let seed = || Call::new(layout.program("lotus-seed"), layout.log(SETUP)).args(["genesis"]);
    let new = seed().args(["new".as_ref(), template.as_os_str()]);
    new.run(SEED_LIMIT).await?;
    let presealed = layout.presealed();
    let add = seed().args([
        "add-miner".as_ref(),
        template.as_os_str(),
        presealed.as_os_str(),
    ]);
    add.run(SEED_LIMIT).await?;
    let text = fs::read(&template).with_context(|| format!("reading {}", template.display()))?;
    Ok(Template::parse(&text)?)
}

/// Fixes the network's beginning: writes the template's time, and the description.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn describe(
    layout: &Layout,
    mut template: Template,
    settings: &Settings,
) -> anyhow::Result<Network> {
    template.timestamp = settings.genesis_time;
    lotus_runtime::atomic::write(&layout.template(), template.to_json().as_bytes(), 0o644)?;
    let timing = Timing::of(settings.block_time, settings.genesis_time);
    let chain = beacon::chain_info(layout, timing)?;
    let network = Network {
        block_delay_secs: settings.block_time,
        propagation_delay_secs: block_time::propagation(settings.mock_proofs),
        actors_manifest: Some(actors(settings.mock_proofs)),
        mock_proofs: settings.mock_proofs.then_some(WATCHABLE),
        beacon: beacon::config(chain, settings.ports.beacon),
        ..Network::devnet(template.network_name)
    };
    save(layout, &network)?;
    Ok(network)
}

/// The network's description; its beacon's port is brought up to date.
///
/// # Errors
/// When it cannot be read or written.
pub(super) fn load(layout: &Layout, settings: &Settings) -> anyhow::Result<Network> {
    let mut network = Network::load(&layout.network())?;
    ensure!(
        network.block_delay_secs == settings.block_time,
        "{} and {} disagree about the block time",
        layout.network().display(),
        layout.settings().display()
    );
    ensure!(
        network.proofs().are_mock() == settings.mock_proofs,
        "{} and {} disagree about the proofs",
        layout.network().display(),
        layout.settings().display()
    );
    let timing = Timing::of(settings.block_time, settings.genesis_time);
    let beacon = beacon::config(beacon::chain_info(layout, timing)?, settings.ports.beacon);
    if network.beacon != beacon {
        network.beacon = beacon;
        save(layout, &network)?;
    }
    Ok(network)
}

fn save(layout: &Layout, network: &Network) -> anyhow::Result<()> {
    let path = layout.network();
    lotus_runtime::atomic::write(&path, network.to_toml().as_bytes(), 0o644)
        .with_context(|| format!("writing {}", path.display()))
}

/// When the first window opens in which the genesis miner has sectors to prove.
///
/// The genesis' state is made in memory for it: the miner's schedule follows from its address.
///
/// # Errors
/// When the genesis cannot be made.
pub(super) fn first_deadline(bundle: &Bundle, template: &Template) -> anyhow::Result<ChainEpoch> {
    let store = SharedBlockstore::memory();
    bundle.load_into(&store)?;
    let drawn = Drawn::random(&mut rand::rngs::OsRng)?.or_now(template, 1);
    let genesis = make_genesis(
        &FilecoinVm::from_environment(),
        &store,
        &bundle.manifest(),
        template,
        &drawn,
    )?;
    let tree = StateTree::load(&store, &genesis.header.parent_state_root)?;
    let address: Address = MINER.parse()?;
    let state = tree.miner_state(&address)?;
    let state = state.context("the genesis has no miner")?;
    let schedule = Schedule::default();
    let first = template.miners.first().and_then(|m| m.sectors.first());
    let sector = first.context("the genesis miner has no sectors")?.sector_id;
    let place = state.find_sector(&store, sector)?;
    let place = place.context("the genesis miner's sectors are in no deadline")?;
    let period = state.deadline_info(&schedule, 0).period_start;
    let deadline = schedule.deadline(period, place.deadline, 0);
    Ok(deadline.next_not_elapsed(&schedule).open)
}

/// Seconds since 1970.
///
/// # Errors
/// When the clock is wrong.
pub(super) fn now() -> anyhow::Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now.context("the clock is before 1970")?.as_secs())
}

#[cfg(test)]
mod tests {
    use lotus_networks::{BeaconConfig, Proofs};

    use super::*;

    fn servers(network: &Network) -> Vec<String> {
        match &network.beacon {
            BeaconConfig::Drand { servers, .. } => servers.clone(),
            BeaconConfig::Mock => Vec::new(),
        }
    }

    #[test]
    fn a_description_is_kept_and_follows_the_beacons_port() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        layout.create().expect("makes");
        let mut settings = Settings::example();
        let made = describe(&layout, Template::new("localnet-1"), &settings).expect("describes");
        assert_eq!(made.name, "localnet-1");
        assert_eq!(made.block_delay_secs, settings.block_time);
        assert!(!made.proofs().are_mock());
        assert_eq!(servers(&made), ["http://127.0.0.1:4567"]);
        let template = fs::read(layout.template()).expect("is there");
        let template = Template::parse(&template).expect("a template");
        assert_eq!(template.timestamp, settings.genesis_time);

        assert_eq!(load(&layout, &settings).expect("loads"), made);
        settings.ports.beacon = 7654;
        let moved = load(&layout, &settings).expect("loads");
        assert_eq!(servers(&moved), ["http://127.0.0.1:7654"]);
        let read = Network::load(&layout.network()).expect("was written");
        assert_eq!(read, moved);
    }

    #[test]
    fn a_network_with_mock_proofs_has_the_actors_that_take_them() {
        let dir = tempfile::tempdir().expect("dir");
        let layout = Layout::at(dir.path()).expect("absolute");
        layout.create().expect("makes");
        let settings = Settings {
            mock_proofs: true,
            ..Settings::example()
        };
        let made = describe(&layout, Template::new("localnet-1"), &settings).expect("describes");
        assert_eq!(made.proofs(), Proofs::Mock(WATCHABLE));
        assert_eq!(load(&layout, &settings).expect("loads"), made);
        let other = Settings::example();
        load(&layout, &other).expect_err("settings of a network with real proofs");
    }
}
