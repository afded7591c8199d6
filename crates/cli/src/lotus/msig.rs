//! `lotus msig`: multisig wallets.
//!
//! # Invariants
//! - Every command that changes a wallet sends one message, says which, and waits until it is
//!   confirmed; a message that failed on chain is an error.
//!
//! # Lotus parity
//! `cli/multisig.go`: arguments, texts, layout.

mod changes;
mod inspect;
mod proposals;
mod tell;

use std::io::Write;

use anyhow::Context as _;
use lotus_networks::policy::{CHAIN_FINALITY, MESSAGE_CONFIDENCE};
use lotus_rpc_api::{full::FullNode, types::mpool::MessagePrototype};
use lotus_types::{Address, Cid, MethodNum, Receipt, TokenAmount};

use self::proposals::{AddPropose, Approve, Cancel, Create, Propose, Vested};
use super::{
    Context,
    send::{self, Sending},
};

/// Interact with a multisig wallet
#[derive(Debug, clap::Args)]
pub(super) struct Msig {
    /// number of block confirmations to wait for
    #[arg(long, global = true, default_value_t = MESSAGE_CONFIDENCE)]
    confidence: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Create),
    Inspect(inspect::Inspect),
    Propose(Propose),
    Approve(Approve),
    Cancel(Cancel),
    AddPropose(AddPropose),
    Vested(Vested),
    #[command(flatten)]
    Change(changes::Change),
}

/// Who sends.
#[derive(Debug, clap::Args)]
struct Sender {
    /// account to send the message from
    #[arg(long)]
    from: Option<Address>,
}

impl Msig {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let mut at = At {
            sending: context.sending(),
            confidence: self.confidence,
            out,
        };
        Box::pin(self.command.run(&mut at)).await
    }
}

/// Where a command works and what it waits for.
struct At<'a> {
    sending: Sending<'a>,
    confidence: u64,
    out: &'a mut dyn Write,
}

impl Sender {
    async fn address(&self, node: &dyn FullNode) -> anyhow::Result<Address> {
        match self.from {
            Some(from) => Ok(from),
            None => node
                .wallet_default_address()
                .await
                .context("no --from is given, and the wallet has no default address"),
        }
    }
}

impl At<'_> {
    /// Sends a message and says so.
    async fn send(&mut self, what: &str, message: MessagePrototype) -> anyhow::Result<Cid> {
        let sent = send::publish(&self.sending, message, self.out)
            .await
            .context("publishing message")?;
        writeln!(self.out, "sent {what} in message:  {sent}")?;
        Ok(sent)
    }

    async fn wait(&self, message: Cid) -> anyhow::Result<Receipt> {
        let node = self.sending.node;
        let wait = node.state_wait_msg(message, self.confidence, CHAIN_FINALITY, true);
        Ok(wait.await?.receipt)
    }

    /// Sends a message, says so, and waits until it is confirmed. `exits` names it when it failed.
    async fn send_and_wait(
        &mut self,
        what: &str,
        exits: &str,
        message: MessagePrototype,
    ) -> anyhow::Result<Receipt> {
        let sent = self.send(what, message).await?;
        let receipt = self.wait(sent).await?;
        let code = receipt.exit_code;
        anyhow::ensure!(code.is_success(), "{exits} returned exit {}", code.0);
        Ok(receipt)
    }

    /// Proposes a call of the wallet by itself.
    async fn propose_to_itself(
        &self,
        msig: Address,
        sender: &Sender,
        method: MethodNum,
        params: &impl serde::Serialize,
    ) -> anyhow::Result<MessagePrototype> {
        let node = self.sending.node;
        let from = sender.address(node).await?;
        let params = lotus_actors::call::params(params)?;
        let zero = TokenAmount::zero();
        Ok(node
            .msig_propose(msig, msig, zero, from, method, params)
            .await?)
    }
}

impl Command {
    async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        match self {
            Self::Create(command) => command.run(at).await,
            Self::Inspect(command) => command.run(at.sending.node, at.out).await,
            Self::Propose(command) => command.run(at).await,
            Self::Approve(command) => command.run(at).await,
            Self::Cancel(command) => command.run(at).await,
            Self::AddPropose(command) => command.run(at).await,
            Self::Vested(command) => command.run(at).await,
            Self::Change(command) => command.run(at).await,
        }
    }
}
