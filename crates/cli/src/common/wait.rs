//! `wait-api` of daemon and provider.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use lotus_rpc_api::node::CommonApi;

use super::duration;
use crate::connect::Connected;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Wait for lotus api to come online
#[derive(Debug, clap::Args)]
pub(crate) struct WaitApi {
    /// How long to wait, such as 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

impl WaitApi {
    /// Answers when the API that `connect` connects to does; `who` is what it belongs to.
    ///
    /// # Errors
    /// When the time is over; with what went wrong last.
    pub(crate) async fn run<N: CommonApi + ?Sized>(
        &self,
        who: &str,
        connect: impl AsyncFn() -> anyhow::Result<Connected<N>>,
    ) -> anyhow::Result<()> {
        let mut last = None;
        let ask = async {
            loop {
                match connect().await.map(|connected| Arc::clone(&connected.api)) {
                    Ok(node) => match node.version().await {
                        Ok(_) => return,
                        Err(error) => last = Some(error.into()),
                    },
                    Err(error) => last = Some(error),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let waited = tokio::time::timeout(self.timeout, ask).await;
        if waited.is_ok() {
            return Ok(());
        }
        let limit = self.timeout;
        let over = || format!("the {who}'s API does not answer after {limit:?}");
        match last {
            Some(error) => Err::<(), anyhow::Error>(error).with_context(over),
            None => anyhow::bail!("{}", over()),
        }
    }
}
