//! What the machine has: memory, swap, processors.

use lotus_rpc_api::types::worker::WorkerResources;

use crate::resources::Table;

/// Measures. What cannot be read counts as nothing, so that such a machine takes no heavy task.
pub(super) fn measure(resources: &Table) -> WorkerResources {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| -> u64 {
        let line = memory
            .lines()
            .find(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with(':')));
        line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    };
    let physical = cgroup("memory.max").map_or(kib("MemTotal"), |max| max.min(kib("MemTotal")));
    let used = match (cgroup("memory.max"), cgroup("memory.current")) {
        // In a container only its own use counts against its limit.
        (Some(_), Some(current)) => current,
        _ => kib("MemTotal").saturating_sub(kib("MemAvailable")),
    };
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    WorkerResources {
        mem_physical: physical,
        mem_used: used,
        mem_swap: kib("SwapTotal"),
        mem_swap_used: kib("SwapTotal").saturating_sub(kib("SwapFree")),
        cpus: u64::try_from(cpus).unwrap_or(1),
        gpus: Vec::new(),
        resources: resources.clone(),
    }
}

/// A limit of the control group; `None` when there is none.
fn cgroup(name: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/sys/fs/cgroup/{name}"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_processors() {
        let r = measure(&Table::new());
        assert!(
            r.mem_physical > 100 << 20 && r.mem_used < r.mem_physical && r.cpus > 0,
            "{r:?}"
        );
    }
}
