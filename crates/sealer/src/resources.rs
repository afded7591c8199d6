//! What a task needs, by kind and sector size.
//!
//! # Lotus parity
//! `storiface.ResourceTable` and `ParseResourceEnv`: the same numbers, and the same overrides from
//! the environment, `<TASK>_<SIZE>_<FIELD>` such as `PC1_32G_MAX_CONCURRENT`.

use std::collections::BTreeMap;

use lotus_rpc_api::types::worker::{Resources, TaskType};
use lotus_types::RegisteredSealProof;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Resources of every kind of task for every seal proof type.
pub type Table = BTreeMap<TaskType, BTreeMap<RegisteredSealProof, Resources>>;

/// Sector sizes in the order of proof types, as overrides name them.
const SIZES: [&str; 5] = ["2K", "8M", "512M", "32G", "64G"];

const fn needs(memory: (u64, u64), gpu: f64, parallelism: (i64, i64), base: u64) -> Resources {
    Resources {
        min_memory: memory.0,
        max_memory: memory.1,
        gpu_utilization: gpu,
        max_parallelism: parallelism.0,
        max_parallelism_gpu: parallelism.1,
        base_min_memory: base,
        max_concurrent: 0,
    }
}

/// For each size; -1 threads are as many as there are, 0 none worth counting.
fn by_size(task: &TaskType) -> [Resources; 5] {
    let small = |gpu: f64, threads: i64| {
        [
            needs((2 * KIB, 2 * KIB), gpu, (threads, 0), 2 * KIB),
            needs((8 * MIB, 8 * MIB), gpu, (threads, 0), 8 * MIB),
        ]
    };
    let with = |[a, b]: [Resources; 2], c, d, e| [a, b, c, d, e];
    let snark = |large: (u64, u64), larger: (u64, u64)| {
        with(
            small(1.0, 1),
            needs((GIB, 3 * GIB / 2), 1.0, (1, 0), 10 * GIB),
            needs(large, 1.0, (-1, 6), 32 * GIB),
            needs(larger, 1.0, (-1, 6), 64 * GIB),
        )
    };
    let encode = || {
        with(
            small(1.0, 1),
            needs((GIB, GIB), 1.0, (1, 0), GIB),
            needs((4 * GIB, 4 * GIB), 1.0, (1, 6), GIB),
            needs((8 * GIB, 8 * GIB), 1.0, (1, 6), GIB),
        )
    };
    match task.0.as_ref() {
        "seal/v0/addpiece" => with(
            small(0.0, 1),
            needs((GIB, GIB), 0.0, (1, 0), GIB),
            needs((4 * GIB, 4 * GIB), 0.0, (1, 0), GIB),
            needs((8 * GIB, 8 * GIB), 0.0, (1, 0), GIB),
        ),
        "seal/v0/precommit/1" | "seal/v0/unseal" => with(
            small(0.0, 1),
            needs((768 * MIB, GIB), 0.0, (1, 0), MIB),
            needs((56 * GIB, 64 * GIB), 0.0, (1, 0), 10 * MIB),
            needs((112 * GIB, 128 * GIB), 0.0, (1, 0), 10 * MIB),
        ),
        "seal/v0/precommit/2" => with(
            small(0.0, -1),
            needs((GIB, 3 * GIB / 2), 0.0, (-1, 0), GIB),
            needs((15 * GIB, 15 * GIB), 1.0, (-1, 6), GIB),
            needs((30 * GIB, 30 * GIB), 1.0, (-1, 6), GIB),
        ),
        "seal/v0/commit/1" | "seal/v0/provereplicaupdate/1" => {
            let large = || needs((GIB, GIB), 0.0, (0, 0), GIB);
            with(small(0.0, 0), large(), large(), large())
        }
        "seal/v0/commit/2" | "seal/v0/provereplicaupdate/2" => {
            snark((30 * GIB, 150 * GIB), (60 * GIB, 190 * GIB))
        }
        "post/v0/windowproof" => snark((30 * GIB, 96 * GIB), (60 * GIB, 120 * GIB)),
        "post/v0/winningproof" => with(
            small(1.0, 1),
            needs((2 * KIB, 2 * KIB), 1.0, (1, 0), 10 * GIB),
            needs((GIB, GIB), 1.0, (-1, 6), 32 * GIB),
            needs((GIB, GIB), 1.0, (-1, 6), 64 * GIB),
        ),
        "seal/v0/replicaupdate" | "seal/v0/regensectorkey" => encode(),
        "seal/v0/datacid" => {
            let any = || needs((4 * GIB, 4 * GIB), 0.0, (1, 0), GIB);
            [any(), any(), any(), any(), any()]
        }
        // Moving files about: what the copying itself needs.
        _ => {
            let any = || needs((MIB, MIB), 0.0, (0, 0), 0);
            [any(), any(), any(), any(), any()]
        }
    }
}

/// Why an override was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: {value:?} is not a number that fits")]
pub struct BadOverride {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The table with overrides that `lookup` (the environment) gives.
///
/// # Errors
/// [`BadOverride`] for the first value that is not a number.
pub fn table(lookup: impl Fn(&str) -> Option<String>) -> Result<Table, BadOverride> {
    let mut table = Table::new();
    for task in TaskType::ALL {
        let defaults = by_size(task);
        let mut by_proof = BTreeMap::new();
        for (size, name) in SIZES.iter().enumerate() {
            let Some(resources) = defaults.get(size) else {
                continue;
            };
            let mut resources = resources.clone();
            apply(&mut resources, &format!("{}_{name}", task.short()), &lookup)?;
            // V1, V1_1, and the types with features: one sector size every five numbers.
            for kind in 0..4 {
                let number = i64::try_from(size).unwrap_or_default() + 5 * kind;
                by_proof.insert(RegisteredSealProof(number), resources.clone());
            }
        }
        table.insert(task.clone(), by_proof);
    }
    Ok(table)
}

fn apply(
    resources: &mut Resources,
    prefix: &str,
    lookup: &impl Fn(&str) -> Option<String>,
) -> Result<(), BadOverride> {
    fn set<T: std::str::FromStr>(
        field: &mut T,
        name: String,
        lookup: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), BadOverride> {
        if let Some(value) = lookup(&name) {
            *field = value
                .trim()
                .parse()
                .map_err(|_| BadOverride { name, value })?;
        }
        Ok(())
    }
    set(
        &mut resources.min_memory,
        format!("{prefix}_MIN_MEMORY"),
        lookup,
    )?;
    set(
        &mut resources.max_memory,
        format!("{prefix}_MAX_MEMORY"),
        lookup,
    )?;
    set(
        &mut resources.gpu_utilization,
        format!("{prefix}_GPU_UTILIZATION"),
        lookup,
    )?;
    set(
        &mut resources.max_parallelism,
        format!("{prefix}_MAX_PARALLELISM"),
        lookup,
    )?;
    set(
        &mut resources.max_parallelism_gpu,
        format!("{prefix}_MAX_PARALLELISM_GPU"),
        lookup,
    )?;
    set(
        &mut resources.base_min_memory,
        format!("{prefix}_BASE_MIN_MEMORY"),
        lookup,
    )?;
    set(
        &mut resources.max_concurrent,
        format!("{prefix}_MAX_CONCURRENT"),
        lookup,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAFFIC: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/worker/resources.json"
    ));

    #[test]
    fn the_table_is_the_one_that_a_go_worker_told_its_miner() {
        let recorded: Table = serde_json::from_str(TRAFFIC).unwrap();
        let ours = table(|_| None).unwrap();
        let mut compared = 0;
        for (task, by_proof) in &recorded {
            for (proof, resources) in by_proof {
                assert_eq!(&ours[task][proof], resources, "{task} {proof}");
                compared += 1;
            }
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn the_environment_overrides_one_field_of_one_size() {
        let lookup = |name: &str| (name == "PC1_2K_MAX_CONCURRENT").then(|| "1".to_owned());
        let table = table(lookup).unwrap();
        let pc1 = &table[&TaskType::PRE_COMMIT1];
        assert_eq!(pc1[&RegisteredSealProof(5)].max_concurrent, 1);
        assert_eq!(pc1[&RegisteredSealProof(8)].max_concurrent, 0);
        let bad = super::table(|name| (name == "C2_32G_MIN_MEMORY").then(|| "lots".to_owned()));
        assert_eq!(bad.unwrap_err().name, "C2_32G_MIN_MEMORY");
    }
}
