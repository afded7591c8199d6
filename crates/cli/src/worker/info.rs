//! `lotus-worker info`.

use std::io::Write;

use lotus_rpc_api::{types::node::ApiVersion, worker::Worker};
use serde_json::json;

use super::{NAME, tasks::by_priority};
use crate::{
    common::version,
    format::{Form, list, size, write_json},
};

/// Prints what the worker is, what it does and where it keeps files.
pub(super) async fn run(
    worker: &dyn Worker,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let api_version = ApiVersion {
        version: String::new(),
        api_version: worker.version().await?,
        block_delay: 0,
    };
    if form.is_json() {
        let shown = json!({
            "APIVersion": api_version.api_text(), "Session": worker.process_session().await?,
            "Enabled": worker.enabled().await?, "Info": worker.info().await?,
            "TaskTypes": by_priority(worker.task_types().await?.into_keys()),
            "Paths": worker.paths().await?,
        });
        return Ok(write_json(out, &shown)?);
    }
    writeln!(out, "Worker version:  {}", api_version.api_text())?;
    writeln!(out, "CLI version: {}", version::own(NAME))?;
    writeln!(out)?;
    writeln!(out, "Session: {}", worker.process_session().await?)?;
    writeln!(out, "Enabled: {}", worker.enabled().await?)?;

    let info = worker.info().await?;
    let has = &info.resources;
    writeln!(out, "Hostname: {}", info.hostname)?;
    writeln!(out, "CPUs: {}; GPUs: {}", has.cpus, list(&has.gpus))?;
    writeln!(
        out,
        "RAM: {}/{}; Swap: {}/{}",
        size(&has.mem_used),
        size(&has.mem_physical),
        size(&has.mem_swap_used),
        size(&has.mem_swap)
    )?;
    write!(out, "Task types: ")?;
    for task in by_priority(worker.task_types().await?.into_keys()) {
        write!(out, "{} ", task.short())?;
    }
    writeln!(out)?;
    writeln!(out)?;

    for path in worker.paths().await? {
        writeln!(out, "{}:", path.id)?;
        write!(out, "\tWeight: {}; Use: ", path.weight)?;
        match (path.can_seal, path.can_store) {
            (false, false) => writeln!(out, "ReadOnly")?,
            (seal, store) => {
                let seal = if seal { "Seal " } else { "" };
                let store = if store { "Store" } else { "" };
                writeln!(out, "{seal}{store}")?;
            }
        }
        writeln!(out, "\tLocal: {}", path.local_path)?;
    }
    Ok(())
}
