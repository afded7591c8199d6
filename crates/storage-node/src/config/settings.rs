//! From `config.toml` to the services' own settings.

use std::{collections::BTreeSet, time::Duration};

use lotus_networks::Network;
use lotus_proving::{
    window::WindowConfig,
    winning::{MinerConfig as MiningConfig, plan::Timing},
};
use lotus_rpc_api::types::{market::AddressConfig, worker::TaskType};
use lotus_runtime::config::{AddressesConfig, MinerConfig, StorageConfig};
use lotus_sealing::{BatchConfig, RetryPolicy, SealingConfig, SealingPolicy, Senders};
use lotus_types::Address;

/// Most partitions in one WindowPoSt message, by the actor's policy.
const MOST_PARTITIONS: usize = 3;
/// Pause of block production after something failed, at most (and at most a block time).
const MINING_RETRY: Duration = Duration::from_secs(5);
/// Pause before a failed question to the chain is asked again, at most (and at most a block time).
const CHAIN_RETRY: Duration = Duration::from_secs(10);

/// An address in `[Addresses]` that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[Addresses] {key}: {text:?} is no address")]
pub struct AddressError {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub text: String,
}

fn block_time(network: &Network) -> Duration {
    Duration::from_secs(network.block_delay_secs)
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// `[Sealing]` and `[Fees]`, as sealing takes them.
pub fn sealing_config(settings: &MinerConfig, network: &Network) -> SealingConfig {
    let (sealing, fees) = (&settings.sealing, &settings.fees);
    let block = block_time(network);
    SealingConfig {
        max_wait_deals_sectors: sealing.max_wait_deals_sectors,
        max_sealing_sectors: sealing.max_sealing_sectors,
        max_sealing_sectors_for_deals: sealing.max_sealing_sectors_for_deals,
        committed_capacity_sector_lifetime: sealing.committed_capacity_sector_lifetime.0,
        wait_deals_delay: sealing.wait_deals_delay.0,
        always_keep_unsealed_copy: sealing.always_keep_unsealed_copy,
        finalize_early: sealing.finalize_early,
        make_cc_sectors_available: sealing.make_cc_sectors_available,
        collateral_from_miner_balance: sealing.collateral_from_miner_balance,
        available_balance_buffer: sealing.available_balance_buffer.0.clone(),
        disable_collateral_fallback: sealing.disable_collateral_fallback,
        batch_pre_commits: sealing.batch_pre_commits,
        pre_commit_batch: BatchConfig {
            min: 1,
            max: count(sealing.max_pre_commit_batch),
            wait: sealing.pre_commit_batch_wait.0,
            slack: sealing.pre_commit_batch_slack.0,
        },
        batch_pre_commit_above_base_fee: sealing.batch_pre_commit_above_base_fee.0.clone(),
        aggregate_commits: sealing.aggregate_commits,
        commit_batch: BatchConfig {
            min: count(sealing.min_commit_batch),
            max: count(sealing.max_commit_batch),
            wait: sealing.commit_batch_wait.0,
            slack: sealing.commit_batch_slack.0,
        },
        aggregate_above_base_fee: sealing.aggregate_above_base_fee.0.clone(),
        max_pre_commit_gas_fee: fees.max_pre_commit_gas_fee.0.clone(),
        max_pre_commit_batch_gas_fee_per_sector: fees
            .max_pre_commit_batch_gas_fee
            .per_sector
            .0
            .clone(),
        max_commit_gas_fee: fees.max_commit_gas_fee.0.clone(),
        max_commit_batch_gas_fee_per_sector: fees.max_commit_batch_gas_fee.per_sector.0.clone(),
        max_terminate_gas_fee: fees.max_terminate_gas_fee.0.clone(),
        retry: retry_policy(block),
        chain_retry: CHAIN_RETRY.min(block),
        head_poll: block,
    }
}

/// Lotus waits a minute after a failure, two of mainnet's epochs: so does this, on every network.
fn retry_policy(block: Duration) -> RetryPolicy {
    let default = RetryPolicy::default();
    RetryPolicy {
        base: default.base.min(block.saturating_mul(2)),
        ..default
    }
}

/// What the network fixes for sealing.
pub fn sealing_policy(network: &Network) -> SealingPolicy {
    SealingPolicy::new(block_time(network), network.pre_commit_challenge_delay)
}

/// `[Proving]`, `[Fees]` and `[Addresses]`, as WindowPoSt takes them.
pub fn window_config(settings: &MinerConfig, network: &Network) -> WindowConfig {
    let proving = &settings.proving;
    let wanted = count(proving.max_partitions_per_post_message);
    WindowConfig {
        max_fee: settings.fees.max_window_post_gas_fee.0.clone(),
        max_partitions_per_message: if wanted == 0 {
            MOST_PARTITIONS
        } else {
            wanted.min(MOST_PARTITIONS)
        },
        max_partitions_per_recovery: count(proving.max_partitions_per_recovery_message),
        disable_pre_checks: proving.disable_wd_post_pre_checks,
        disable_owner_fallback: settings.addresses.disable_owner_fallback,
        disable_worker_fallback: settings.addresses.disable_worker_fallback,
        head_poll: block_time(network),
        ..WindowConfig::default()
    }
}

/// The network's times, as block production takes them.
pub fn mining_config(network: &Network) -> MiningConfig {
    MiningConfig {
        timing: Timing {
            block_time: block_time(network),
            propagation_delay: Duration::from_secs(network.propagation_delay_secs),
        },
        retry: MINING_RETRY.min(block_time(network)),
    }
}

fn addresses(key: &'static str, texts: &[String]) -> Result<Vec<Address>, AddressError> {
    let read = |text: &String| {
        text.parse().map_err(|_| AddressError {
            key,
            text: text.clone(),
        })
    };
    texts.iter().map(read).collect()
}

/// `[Addresses]`, as the API answers them.
///
/// # Errors
/// [`AddressError`].
pub fn address_config(settings: &AddressesConfig) -> Result<AddressConfig, AddressError> {
    Ok(AddressConfig {
        pre_commit_control: addresses("PreCommitControl", &settings.pre_commit_control)?,
        commit_control: addresses("CommitControl", &settings.commit_control)?,
        terminate_control: addresses("TerminateControl", &settings.terminate_control)?,
        deal_publish_control: addresses("DealPublishControl", &settings.deal_publish_control)?,
        disable_owner_fallback: settings.disable_owner_fallback,
        disable_worker_fallback: settings.disable_worker_fallback,
    })
}

/// `[Addresses]`, as sealing takes them.
///
/// # Errors
/// [`AddressError`].
pub fn senders(settings: &AddressesConfig) -> Result<Senders, AddressError> {
    let read = address_config(settings)?;
    Ok(Senders {
        pre_commit: read.pre_commit_control,
        commit: read.commit_control,
        terminate: read.terminate_control,
        disable_owner_fallback: read.disable_owner_fallback,
        disable_worker_fallback: read.disable_worker_fallback,
    })
}

/// What the worker in the miner's process does: what `[Storage]` allows, and what only moves files or
/// reads little of them.
pub fn local_tasks(settings: &StorageConfig) -> BTreeSet<TaskType> {
    let mut tasks = BTreeSet::from([
        TaskType::COMMIT1,
        TaskType::FINALIZE,
        TaskType::FINALIZE_UNSEALED,
        TaskType::FETCH,
    ]);
    if settings.allow_add_piece {
        tasks.extend([TaskType::ADD_PIECE, TaskType::DATA_CID]);
    }
    let chosen = [
        (settings.allow_pre_commit1, TaskType::PRE_COMMIT1),
        (settings.allow_pre_commit2, TaskType::PRE_COMMIT2),
        (settings.allow_commit, TaskType::COMMIT2),
        (settings.allow_unseal, TaskType::UNSEAL),
    ];
    tasks.extend(
        chosen
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, task)| task),
    );
    tasks
}

#[cfg(test)]
mod tests {
    use lotus_runtime::config::{Config, Schema};

    use super::*;

    fn settings(changes: &[(&str, &str)]) -> MinerConfig {
        let nowhere = std::path::Path::new("/nonexistent/config.toml");
        let env = |name: &str| {
            let found = changes.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let config = Config::load(Schema::STORAGE_MINER, nowhere, env).unwrap();
        config.view().unwrap()
    }

    #[test]
    fn the_defaults_are_those_that_sealing_has_itself() {
        let network = Network {
            block_delay_secs: 30,
            ..Network::devnet("localnet")
        };
        assert_eq!(
            sealing_config(&settings(&[]), &network),
            SealingConfig::default()
        );
        assert_eq!(
            window_config(&settings(&[]), &network),
            WindowConfig::default()
        );
    }

    #[test]
    fn a_devnets_environment_reaches_sealing() {
        let settings = settings(&[
            ("LOTUS_SEALING_BATCHPRECOMMITS", "false"),
            ("LOTUS_SEALING_AGGREGATECOMMITS", "false"),
            ("LOTUS_SEALING_WAITDEALSDELAY", "20s"),
        ]);
        let config = sealing_config(&settings, &Network::devnet("localnet"));
        assert!(!config.batch_pre_commits && !config.aggregate_commits);
        assert_eq!(config.wait_deals_delay, Duration::from_secs(20));
        assert_eq!(config.head_poll, Duration::from_secs(4));
    }

    #[test]
    fn a_miner_that_leaves_sealing_to_workers_still_moves_files() {
        let off = ["ADDPIECE", "PRECOMMIT1", "PRECOMMIT2", "COMMIT", "UNSEAL"];
        let names: Vec<_> = off
            .iter()
            .map(|task| format!("LOTUS_STORAGE_ALLOW{task}"))
            .collect();
        let changes: Vec<_> = names.iter().map(|name| (name.as_str(), "false")).collect();
        let tasks = local_tasks(&settings(&changes).storage);
        assert!(tasks.contains(&TaskType::FETCH) && tasks.contains(&TaskType::FINALIZE));
        assert!(!tasks.contains(&TaskType::ADD_PIECE) && !tasks.contains(&TaskType::COMMIT2));
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        let settings = settings(&[("LOTUS_ADDRESSES_COMMITCONTROL", "t3nonsense")]);
        assert_eq!(
            address_config(&settings.addresses),
            Err(AddressError {
                key: "CommitControl",
                text: "t3nonsense".to_owned()
            })
        );
    }
}
