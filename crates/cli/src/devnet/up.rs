//! `lotus-devnet up`: from nothing, or from where it was, to a network that runs.

use std::{io::Write, time::Duration};

use anyhow::{bail, ensure};
use lotus_beacon::block::MAX_ENTRIES;
use lotus_rpc_api::{ApiClient, full::ChainApi as _};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    beacon::Timing,
    block_time::{self, BlockTime, Pace},
    fleet::{Fleet, Restarts, Running},
    layout::Layout,
    network,
    options::Up,
    parameters,
    ports::{Localhost, Ports},
    report::{Reporter, seconds},
    settings::Settings,
    steps::Net,
    table::table,
};

/// Seconds from the beginning of the chain to the challenge of the first deadline: in this time daemon
/// and miner start. With real proofs a slow machine needs most of it.
const BEFORE_CHALLENGE: u64 = 120;
/// The same with mock proofs.
const BEFORE_MOCK_CHALLENGE: u64 = 15;

/// How a network is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) mock_proofs: bool,
    pub(super) block_time: Option<BlockTime>,
    pub(super) ports: Ports,
    /// Shall the chain begin, over null rounds, shortly before the miner's first deadline?
    pub(super) at_deadline: bool,
}

/// Runs the command.
///
/// # Errors
/// When the devnet does not come up, or does not stay up.
pub(super) async fn up(layout: &Layout, options: &Up, out: &mut dyn Write) -> anyhow::Result<bool> {
    let report = Reporter::new(out);
    layout.create()?;
    let Some(_lock) = layout.try_lock()? else {
        bail!(
            "another lotus-devnet looks after {} now: `lotus-devnet status` shows it, \
             `lotus-devnet down` stops it",
            layout.root().display()
        );
    };
    stop_leftovers(layout, &report).await?;
    let fleet = Fleet::new(layout, &report, Restarts::limited())?;
    let work = async {
        tokio::select! {
            failed = fleet.watch() => failed,
            failed = run(layout, options, &report, &fleet) => failed,
        }
    };
    let ended = tokio::select! {
        failed = work => failed.map(|never| match never {}),
        by = asked_to_stop() => by,
    };
    if let Ok(by) = &ended {
        report.line(&format!("\n{by}: stopping"));
    }
    stop(&fleet).await?;
    ended?;
    report.line("stopped; `lotus-devnet up` continues the network");
    Ok(true)
}

/// Stops all; at once when asked a second time.
pub(super) async fn stop(fleet: &Fleet<'_, '_>) -> anyhow::Result<()> {
    let running = fleet.running();
    let hurry = async {
        // Without a signal handler there is no second signal.
        if asked_to_stop().await.is_err() {
            std::future::pending::<()>().await;
        }
        running.kill();
        std::future::pending().await
    };
    tokio::select! {
        stopped = fleet.stop() => stopped,
        never = hurry => never,
    }
}

/// The signal by which this process is asked to stop.
pub(super) async fn asked_to_stop() -> anyhow::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
    })
}

/// Stops what a supervisor left that was killed.
async fn stop_leftovers(layout: &Layout, report: &Reporter<'_>) -> anyhow::Result<()> {
    let left = Running::load(layout)?;
    if !left.alive().is_empty() {
        report.line("processes of a start that was cut off still run: they are stopped first");
        left.stop(layout, report).await?;
    }
    Ok(())
}

async fn run<'w>(
    layout: &Layout,
    options: &Up,
    report: &Reporter<'w>,
    fleet: &Fleet<'_, 'w>,
) -> anyhow::Result<std::convert::Infallible> {
    let known = match layout.exists() {
        true => Some(Settings::load(layout)?),
        false => None,
    };
    let usual = known.as_ref().map_or(Ports::DEFAULT, |k| k.ports);
    let wish = Wish {
        mock_proofs: options.mock_proofs || known.is_some_and(|k| k.mock_proofs),
        block_time: options.block_time,
        ports: options.ports(usual),
        at_deadline: false,
    };
    let settings = prepare(layout, report, wish).await?;
    let mut net = Net {
        layout,
        report,
        fleet,
        settings,
    };
    let (node, miner) = bring_up(&mut net).await?;
    if net.settings.stored.is_none() && !options.no_deal {
        let stored = net.round_trip(&node, &miner).await?;
        net.settings.stored = Some(stored);
        net.settings.save(layout)?;
    }
    let took = seconds(report.elapsed());
    report.line(&format!("\nThe devnet is up, after {took}.\n"));
    let shown = table(
        layout,
        net.settings.stored.as_ref(),
        net.settings.ports.beacon,
    );
    report.line(&shown);
    report
        .line("Ctrl-C stops it; `lotus-devnet up` continues it, `lotus-devnet clean` removes it.");
    fleet.watch().await
}

/// All that comes before the first process: parameters, actors, sectors, the network's description.
///
/// # Errors
/// When a step fails.
pub(super) async fn prepare(
    layout: &Layout,
    report: &Reporter<'_>,
    wish: Wish,
) -> anyhow::Result<Settings> {
    layout.create()?;
    layout.link_programs()?;
    if wish.mock_proofs {
        report
            .line("MOCK PROOFS: this network proves nothing; its actors take anything for a proof");
    } else {
        parameters::ensure(layout, report).await?;
    }
    let bundle = network::find_bundle(wish.mock_proofs)?;
    if layout.exists() {
        return continued(layout, report, wish);
    }
    report
        .step("actor bundle")
        .done(&bundle.manifest().to_string());
    let step = report.step("sectors sealed before genesis");
    network::preseal(layout).await?;
    step.done("2 of 2 KiB");
    let pace = choose_pace(layout, report, wish).await?;
    let step = report.step("network");
    let template = network::write_template(layout).await?;
    let now = network::now()?;
    let genesis_time = if wish.at_deadline {
        step.note("its miner's first deadline is looked up");
        let open = network::first_deadline(&bundle, &template)?;
        now.saturating_sub(age_at_start(open, pace))
    } else {
        now
    };
    let ports = Ports::choose(wish.ports, &Localhost)?;
    let settings = Settings::new(pace, genesis_time, ports);
    let network = network::describe(layout, template, &settings)?;
    settings.save(layout)?;
    let (name, block_time) = (&network.name, pace.block_time);
    step.done(&format!("{name}, a block every {block_time} s"));
    Ok(settings)
}

/// Seconds between genesis and now, so that the chain begins before the challenge for a window that
/// opens at `open`.
fn age_at_start(open: i64, pace: Pace) -> u64 {
    let lookback = lotus_networks::policy::WPOST_CHALLENGE_LOOKBACK.unsigned_abs();
    let seconds = if pace.mock_proofs {
        BEFORE_MOCK_CHALLENGE
    } else {
        BEFORE_CHALLENGE
    };
    let before = seconds.div_ceil(pace.block_time.max(1));
    let open = u64::try_from(open).unwrap_or(0);
    open.saturating_sub(lookback + before)
        .saturating_mul(pace.block_time)
}

async fn choose_pace(layout: &Layout, report: &Reporter<'_>, wish: Wish) -> anyhow::Result<Pace> {
    let mock_proofs = wish.mock_proofs;
    if let Some(BlockTime::Fixed(block_time)) = wish.block_time {
        ensure!(
            block_time > block_time::propagation(mock_proofs),
            "a block time of {block_time} s leaves no time for a real proof; mock ones take none \
             (--mock-proofs)"
        );
        return Ok(Pace {
            mock_proofs,
            block_time,
            measured_proof: None,
        });
    }
    if mock_proofs {
        return Ok(Pace::MOCK);
    }
    let step = report.step("block time");
    let proof = network::measure_proof(layout).await?;
    let chosen = block_time::for_proof(proof);
    step.done(&format!(
        "{chosen} s, since a WinningPoSt takes {proof:.1} s on this machine"
    ));
    Ok(Pace {
        mock_proofs,
        block_time: chosen,
        measured_proof: Some(proof),
    })
}

/// The settings of a devnet that is there already, with ports that are free now.
fn continued(layout: &Layout, report: &Reporter<'_>, wish: Wish) -> anyhow::Result<Settings> {
    let step = report.step("network");
    let mut settings = Settings::load(layout)?;
    if let Some(BlockTime::Fixed(wanted)) = wish.block_time {
        ensure!(
            wanted == settings.block_time,
            "this devnet has a block every {} s, not every {wanted} s, since its genesis; \
             `lotus-devnet clean` removes it",
            settings.block_time
        );
    }
    ensure!(
        wish.mock_proofs == settings.mock_proofs,
        "this devnet has real proofs, since its genesis; `lotus-devnet clean` removes it"
    );
    settings.ports = Ports::choose(wish.ports, &Localhost)?;
    settings.save(layout)?;
    let network = network::load(layout, &settings)?;
    step.done(&format!(
        "{} is continued, a block every {} s",
        network.name, settings.block_time
    ));
    Ok(settings)
}

/// Starts the processes, up to the first block.
///
/// # Errors
/// When one does not come up, or no block comes.
pub(super) async fn bring_up(net: &mut Net<'_, '_>) -> anyhow::Result<(ApiClient, ApiClient)> {
    net.start_beacon().await?;
    let node = net.start_daemon().await?;
    let head = node.chain_head().await?;
    expect_continuable(&net.settings, head.min_timestamp())?;
    net.import_key(&node).await?;
    net.init_miner().await?;
    let miner = net.start_miner().await?;
    let title = if head.height() == 0 {
        "first block"
    } else {
        "next block"
    };
    net.wait_block(&node, title, head.height()).await?;
    net.start_worker(&miner).await?;
    net.announce(&node, &miner).await?;
    Ok((node, miner))
}

/// A block carries the beacon's rounds since the block before, and has room for so many.
fn expect_continuable(settings: &Settings, head_time: u64) -> anyhow::Result<()> {
    let timing = Timing::of(settings.block_time, settings.genesis_time);
    let missing = timing.rounds_between(head_time, network::now()?);
    let down = Duration::from_secs(missing.saturating_mul(timing.period));
    ensure!(
        missing < MAX_ENTRIES,
        "this devnet has been down for {} hours; {missing} rounds of its beacon do not fit into a \
         block, so its chain cannot go on: `lotus-devnet clean` removes it",
        down.as_secs() / 3600
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_begins_before_the_challenge_of_the_deadline() {
        let real = Pace {
            mock_proofs: false,
            block_time: 10,
            measured_proof: Some(4.0),
        };
        // The window opens at epoch 658, its challenge is drawn at 638.
        assert_eq!(age_at_start(658, real), 6260);
        assert_eq!(age_at_start(10, real), 0);
        assert_eq!(age_at_start(-5, real), 0);
        assert_eq!(age_at_start(658, Pace::MOCK), 623);
    }

    #[test]
    fn a_devnet_that_was_down_for_too_long_says_so() {
        let now = network::now().expect("time");
        let settings = Settings {
            genesis_time: now - 10 * 24 * 3600,
            ..Settings::example()
        };
        expect_continuable(&settings, now - 3600).expect("an hour");
        let error = expect_continuable(&settings, now - 4 * 24 * 3600).expect_err("four days");
        assert!(error.to_string().contains("96 hours"), "{error}");
        assert!(error.to_string().contains("clean"), "{error}");
    }
}
