//! `lotus chain export`: the chain as a CAR file.
//!
//! # Invariants
//! - The file appears under its name when it is whole; a broken export leaves nothing there.

use std::{
    fs::Permissions, io::Write as _, os::unix::fs::PermissionsExt as _, path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use futures::StreamExt as _;
use lotus_networks::policy;
use lotus_rpc_api::full::FullNode;
use lotus_types::ChainEpoch;

use crate::lotus::tipset::TipsetRef;

/// The daemon may walk through much state between two pieces.
const PIECE_LIMIT: Duration = Duration::from_secs(600);

/// export chain to a car file
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Export {
    /// File to write
    #[arg(value_name = "outputPath")]
    path: PathBuf,
    /// specify tipset to start the export from
    #[arg(long, default_value = "@head")]
    tipset: TipsetRef,
    /// specify the number of recent state roots to include in the export
    #[arg(long)]
    recent_stateroots: Option<ChainEpoch>,
    /// Leave out messages from before the state roots that are included
    #[arg(long)]
    skip_old_msgs: bool,
}

impl Export {
    pub(super) async fn run(self, node: &dyn FullNode) -> anyhow::Result<()> {
        let finality = policy::CHAIN_FINALITY;
        if let Some(roots) = self.recent_stateroots {
            anyhow::ensure!(
                roots >= finality,
                "\"recent-stateroots\" has to be greater than {finality}, not {roots}"
            );
        }
        anyhow::ensure!(
            self.recent_stateroots.is_some() || !self.skip_old_msgs,
            "must pass recent stateroots along with skip-old-msgs"
        );
        let key = self.tipset.load(node).await?.key().clone();
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => std::path::Path::new("."),
        };
        let shown = self.path.display();
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666)) // less what the user's umask takes away
            .tempfile_in(folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
        let roots = self.recent_stateroots.unwrap_or(0);
        let mut pieces = node.chain_export(roots, self.skip_old_msgs, key).await?;
        // An empty piece says that nothing is missing.
        loop {
            let piece = tokio::time::timeout(PIECE_LIMIT, pieces.next())
                .await
                .with_context(|| format!("the daemon sent nothing for {PIECE_LIMIT:?}"))?
                .context("incomplete export (remote connection lost?)")?;
            if piece.is_empty() {
                break;
            }
            file.write_all(&piece)
                .with_context(|| format!("writing {shown}"))?;
        }
        file.as_file()
            .sync_all()
            .with_context(|| format!("writing {shown}"))?;
        file.persist(&self.path)
            .with_context(|| format!("writing {shown}"))?;
        Ok(())
    }
}
