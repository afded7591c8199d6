//! `lotus auth`: tokens for the API.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::{Permission, full::FullNode};

use super::Context;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Auth {
    /// Create token
    CreateToken(Perm),
    /// Get token with API info required to connect to this node
    ApiInfo(Perm),
}

#[derive(Debug, clap::Args)]
pub(super) struct Perm {
    /// permission to assign to the token, one of: read, write, sign, admin
    #[arg(long)]
    perm: Option<String>,
}

impl Auth {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::CreateToken(perm) => writeln!(out, "{}", perm.token(context.node).await?)?,
            Self::ApiInfo(perm) => {
                let token = perm.token(context.node).await?;
                writeln!(out, "FULLNODE_API_INFO={token}:{}", context.address)?;
            }
        }
        Ok(())
    }
}

impl Perm {
    /// A token with this permission and those below it.
    async fn token(self, node: &dyn FullNode) -> anyhow::Result<String> {
        let perm = self.perm.context("--perm flag not set")?;
        let permission: Permission = perm.parse().map_err(|_| {
            anyhow::anyhow!("--perm flag has to be one of: [read write sign admin], not {perm:?}")
        })?;
        let token = node.auth_new(permission.up_to()).await?;
        String::from_utf8(token.into_vec()).context("the daemon's token is not a text")
    }
}
