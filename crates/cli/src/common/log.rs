//! `log` of daemon and provider: how much they log, and what an operator should know.

use std::io::Write;

use lotus_rpc_api::{
    node::CommonApi,
    types::{
        go::Time,
        node::{Alert, AlertEvent},
    },
};

use crate::format::{Form, go_time};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Log {
    /// List log systems
    List(Form),
    /// Set log level
    SetLevel {
        /// debug, info, warn or error
        level: String,
        /// limit to log system; all of them when none is named
        #[arg(long, value_name = "SYSTEM", value_delimiter = ',')]
        system: Vec<String>,
    },
    /// Get alert states
    Alerts {
        /// get all (active and inactive) alerts
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        form: Form,
    },
}

impl Log {
    /// Runs the command on the process at `node`.
    pub(crate) async fn run<N: CommonApi + ?Sized>(
        self,
        node: &N,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::List(form) => {
                let systems = node.log_list().await?;
                if form.wrote(out, &systems)? {
                    return Ok(());
                }
                for system in systems {
                    writeln!(out, "{system}")?;
                }
            }
            Self::SetLevel { level, mut system } => {
                if system.is_empty() {
                    system.push("*".to_owned());
                }
                for system in system {
                    node.log_set_level(system, level.clone()).await?;
                }
            }
            Self::Alerts { all, form } => {
                let mut alerts = node.log_alerts().await?;
                alerts.retain(|alert| all || alert.active);
                if form.wrote(out, &alerts)? {
                    return Ok(());
                }
                for alert in &alerts {
                    write_alert(alert, out)?;
                }
            }
        }
        Ok(())
    }
}

fn write_alert(alert: &Alert, out: &mut dyn Write) -> anyhow::Result<()> {
    let state = if alert.active { "active  " } else { "inactive" };
    let kind = &alert.kind;
    writeln!(out, "{state} {}:{}", kind.system, kind.subsystem)?;
    let mut told = |what: &str, event: &Option<AlertEvent>| -> std::io::Result<()> {
        let Some(event) = event else { return Ok(()) };
        let at = moment(event.time);
        writeln!(
            out,
            "         last {what} at {at}; reason: {}",
            event.message
        )
    };
    told("raised", &alert.last_active)?;
    if !alert.active {
        told("resolved", &alert.last_resolved)?;
    }
    Ok(())
}

/// A point in time to the millisecond: `2026-11-22 13:59:52.182 +0000 UTC`.
fn moment(time: Time) -> String {
    let whole = go_time(time.seconds);
    let millis = format!("{:03}", time.nanos / 1_000_000);
    match millis.trim_end_matches('0') {
        "" => whole,
        digits => whole.replacen(" +", &format!(".{digits} +"), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, recorded_output};

    #[tokio::test]
    async fn alerts_are_told_as_lotus_tells_them() {
        let node = Fake::recorded("real-chain/rpc.samples.jsonl");
        let mut out = Vec::new();
        let alerts = Log::Alerts {
            all: false,
            form: Form::default(),
        };
        alerts.run(&node.client(), &mut out).await.expect("told");
        let recorded = recorded_output("real-chain/cli.json", &["log", "alerts"]);
        assert_eq!(String::from_utf8(out).expect("text"), recorded);
    }

    #[tokio::test]
    async fn a_level_without_a_system_is_for_all_of_them() {
        let node = Fake::default().answer("LogSetLevel", serde_json::json!(null));
        let set = Log::SetLevel {
            level: "debug".to_owned(),
            system: Vec::new(),
        };
        set.run(&node.client(), &mut Vec::new()).await.expect("set");
        assert_eq!(
            node.asked("LogSetLevel"),
            [serde_json::json!(["*", "debug"])]
        );
    }
}
