//! `auth` of daemon and provider: tokens for the API.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::{Permission, node::CommonApi};

use crate::connect::Connected;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Auth {
    /// Create token
    CreateToken(Perm),
    /// Get token with API info required to connect to this node
    ApiInfo(Perm),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Perm {
    /// permission to assign to the token, one of: read, write, sign, admin
    #[arg(long)]
    perm: Option<String>,
}

impl Auth {
    /// Runs the command on the process at `node`; `variable` is what names its API to clients.
    pub(crate) async fn run<N: CommonApi + ?Sized>(
        self,
        node: &Connected<N>,
        variable: &str,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::CreateToken(perm) => writeln!(out, "{}", perm.token(&*node.api).await?)?,
            Self::ApiInfo(perm) => {
                let token = perm.token(&*node.api).await?;
                writeln!(out, "{variable}={token}:{}", node.address)?;
            }
        }
        Ok(())
    }
}

impl Perm {
    /// A token with this permission and those below it.
    async fn token<N: CommonApi + ?Sized>(self, node: &N) -> anyhow::Result<String> {
        let perm = self.perm.context("--perm flag not set")?;
        let permission: Permission = perm.parse().map_err(|_| {
            anyhow::anyhow!("--perm flag has to be one of: [read write sign admin], not {perm:?}")
        })?;
        let token = node.auth_new(permission.up_to()).await?;
        String::from_utf8(token.into_vec()).context("the token that came is not a text")
    }
}
