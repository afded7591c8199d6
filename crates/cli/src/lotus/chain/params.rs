//! `lotus chain decode` and `lotus chain encode`: parameters of messages, taken apart and put together.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, MethodNum};

use crate::lotus::{
    calls::{Codes, Encoding},
    tipset::{TipsetRef, key_of},
};

/// decode various types
#[derive(Debug, clap::Subcommand)]
pub(in crate::lotus) enum Decode {
    /// Decode message params
    Params(DecodeParams),
}

/// encode various types
#[derive(Debug, clap::Subcommand)]
pub(in crate::lotus) enum Encode {
    /// Encodes the given JSON params
    Params(EncodeParams),
}

/// Flags of `chain decode params`.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct DecodeParams {
    /// As of which tipset the receiver is looked up
    #[arg(long)]
    tipset: Option<TipsetRef>,
    /// specify input encoding to parse
    #[arg(long, default_value = "base64")]
    encoding: Encoding,
    /// Receiver
    #[arg(value_name = "toAddr")]
    to: Address,
    /// Number of the method
    method: MethodNum,
    /// What is taken apart
    params: String,
}

/// Flags of `chain encode params`.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct EncodeParams {
    /// As of which tipset the receiver is looked up
    #[arg(long)]
    tipset: Option<TipsetRef>,
    /// specify the encoding that is printed
    #[arg(long, default_value = "base64")]
    encoding: Encoding,
    /// interpret dest as code CID instead of as address
    #[arg(long)]
    to_code: bool,
    /// Receiver, or code of it
    #[arg(value_name = "dest")]
    to: String,
    /// Number of the method
    method: MethodNum,
    /// JSON
    params: String,
}

impl Decode {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self::Params(asked) = self;
        let params = asked.encoding.decode(&asked.params)?;
        let key = key_of(asked.tipset.as_ref(), node).await?;
        let actor = node.state_get_actor(asked.to, key.clone()).await;
        let code = actor.context("getting actor")?.code;
        let codes = Codes::load(node, key).await?;
        Ok(writeln!(
            out,
            "{}",
            codes.params(&code, asked.method, &params)
        )?)
    }
}

impl Encode {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self::Params(asked) = self;
        let params = serde_json::from_str(&asked.params);
        let params = params.with_context(|| format!("{:?} is not JSON", asked.params))?;
        let code: Cid = if asked.to_code {
            let code = asked.to.parse();
            code.context("--to-code takes a code's CID; without it an address is taken")?
        } else {
            let to: Address = asked.to.parse().context("parsing to addr")?;
            let key = key_of(asked.tipset.as_ref(), node).await?;
            let actor = node.state_get_actor(to, key).await;
            actor.context("getting actor")?.code
        };
        let encoded = node.state_encode_params(code, asked.method, params).await;
        let encoded = encoded.context("decoding json params")?;
        Ok(writeln!(out, "{}", asked.encoding.encode(&encoded))?)
    }
}
