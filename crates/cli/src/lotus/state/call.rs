//! `lotus state call`: calling a method without a message.

use std::io::Write;

use anyhow::{Context as _, ensure};
use lotus_networks::singletons::SYSTEM_ACTOR;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Bytes, Message, MethodNum, TipsetKey, TokenAmount};

use crate::lotus::calls::{Codes, Encoding};

/// Invoke a method on an actor locally
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Call {
    /// Who calls
    #[arg(long, default_value_t = SYSTEM_ACTOR)]
    from: Address,
    /// specify value field for invocation
    #[arg(long, value_name = "FIL", default_value = "0")]
    value: TokenAmount,
    /// specify how to parse output
    #[arg(long, default_value = "decoded")]
    ret: Ret,
    /// specify params encoding to parse
    #[arg(long, default_value = "base64")]
    encoding: Encoding,
    /// Who is called
    #[arg(value_name = "toAddress")]
    to: Address,
    /// Number of the method
    #[arg(value_name = "methodId")]
    method: MethodNum,
    /// Its parameters
    params: Option<String>,
}

/// How a returned value is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ret {
    Raw,
    Decoded,
    Base64,
    Hex,
}

impl Call {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        key: TipsetKey,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let params = match &self.params {
            Some(params) => self.encoding.decode(params)?,
            None => Bytes::new(),
        };
        let message = Message {
            method: self.method,
            params,
            ..Message::transfer(self.from, self.to, self.value)
        };
        let called = node.state_call(message, key.clone()).await;
        let called = called.context("state call failed")?;
        let receipt = called.msg_rct;
        ensure!(
            receipt.exit_code.is_success(),
            "invocation failed (exit: {}, gasUsed: {}): {}",
            receipt.exit_code.0,
            receipt.gas_used,
            called.error
        );
        writeln!(out, "Call receipt:")?;
        writeln!(out, "Exit code: {}", receipt.exit_code.0)?;
        writeln!(out, "Gas Used: {}", receipt.gas_used)?;
        let returned = &receipt.return_data;
        match self.ret {
            Ret::Decoded => {
                let actor = node.state_get_actor(self.to, key.clone()).await;
                let code = actor.context("getting actor")?.code;
                let codes = Codes::load(node, key).await?;
                let decoded = codes.returned(&code, self.method, returned);
                let decoded = decoded.context("decoding return; --ret hex shows it as it is")?;
                writeln!(out, "Return:\n{decoded}")?;
            }
            Ret::Raw => {
                writeln!(out, "Return: ")?;
                out.write_all(returned)?;
                writeln!(out)?;
            }
            Ret::Hex => writeln!(out, "Return: \n{}", Encoding::Hex.encode(returned))?,
            Ret::Base64 => writeln!(out, "Return: \n{}", Encoding::Base64.encode(returned))?,
        }
        Ok(())
    }
}
