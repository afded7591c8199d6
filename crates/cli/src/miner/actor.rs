//! `lotus-miner actor`: messages that change the miner's actor.

mod control;

use std::io::Write;

use anyhow::{Context as _, bail, ensure};
use lotus_actors::{
    call,
    miner::{
        method,
        params::{ChangeMultiaddrsParams, ChangePeerIdParams},
    },
};
use lotus_genesis::template::PeerId;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Bytes, Cid, Gas, Message, TipsetKey, TokenAmount, wire};

use super::{
    Context,
    proving::{CONFIDENCE, NO_LIMIT},
};
use crate::multiaddr;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Actor {
    SetAddresses(SetAddresses),
    Withdraw(Withdraw),
    /// pay down a miner's debt
    RepayDebt {
        /// FIL; all of the debt when it is not given
        #[arg(value_name = "amount (FIL)")]
        amount: Option<TokenAmount>,
        /// optionally specify the account to send funds from
        #[arg(long)]
        from: Option<Address>,
    },
    /// set the peer id of your miner
    SetPeerId {
        /// The libp2p host's, as `lotus-miner net id` prints it
        #[arg(value_name = "peer id")]
        peer: String,
        /// set gas limit
        #[arg(long, default_value_t = 0)]
        gas_limit: Gas,
    },
    /// Manage control addresses
    #[command(subcommand)]
    Control(control::Control),
}

/// set addresses that your miner can be publicly dialed on
#[derive(Debug, clap::Args)]
#[command(visible_alias = "set-addrs")]
pub(super) struct SetAddresses {
    /// optionally specify the account to send the message from
    #[arg(long)]
    from: Option<Address>,
    /// set gas limit
    #[arg(long, default_value_t = 0)]
    gas_limit: Gas,
    /// unset address
    #[arg(long)]
    unset: bool,
    /// Multiaddrs
    #[arg(
        value_name = "multiaddrs",
        conflicts_with = "unset",
        required_unless_present = "unset"
    )]
    addresses: Vec<String>,
}

/// withdraw available balance to beneficiary
#[derive(Debug, clap::Args)]
pub(super) struct Withdraw {
    /// number of block confirmations to wait for
    #[arg(long, default_value_t = CONFIDENCE)]
    confidence: u64,
    /// send withdraw message from the beneficiary address
    #[arg(long)]
    beneficiary: bool,
    /// FIL; all that is available when it is not given
    #[arg(value_name = "amount (FIL)")]
    amount: Option<TokenAmount>,
}

impl Actor {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::SetAddresses(command) => Box::pin(command.run(context, out)).await,
            Self::Withdraw(command) => Box::pin(command.run(context, out)).await,
            Self::RepayDebt { amount, from } => {
                Box::pin(repay_debt(context, amount, from, out)).await
            }
            Self::SetPeerId { peer, gas_limit } => {
                Box::pin(set_peer_id(context, &peer, gas_limit, out)).await
            }
            Self::Control(command) => Box::pin(command.run(context, out)).await,
        }
    }
}

/// Estimates, signs and sends.
async fn push(node: &dyn FullNode, message: Message) -> anyhow::Result<Cid> {
    let sent = node.mpool_push_message(message, None).await;
    Ok(sent.context("mpool push")?.cid())
}

impl SetAddresses {
    async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut addresses = Vec::new();
        for text in &self.addresses {
            let (place, peer) = multiaddr::without_peer(text);
            if let Some(peer) = peer {
                writeln!(out, "Stripping peerid  /p2p/{peer}  from  {text}")?;
            }
            addresses.push(Bytes::from(
                multiaddr::bytes(place).map_err(anyhow::Error::msg)?,
            ));
        }
        let (actor, node) = (context.actor().await?, context.node().await?);
        let info = node.state_miner_info(actor, TipsetKey::default()).await?;
        let from = self.from.unwrap_or(info.worker);
        let from = node.state_lookup_id(from, TipsetKey::default()).await?;
        let mut controllers = info.control_addresses.iter();
        ensure!(
            from == info.owner || from == info.worker || controllers.any(|c| *c == from),
            "sender isn't a controller of miner {actor}: {from}"
        );
        let params = ChangeMultiaddrsParams {
            new_multiaddrs: addresses,
        };
        let none = TokenAmount::zero();
        let message = Message {
            gas_limit: self.gas_limit,
            ..call::call(from, actor, none, method::CHANGE_MULTIADDRS, &params)?
        };
        let cid = push(node, message).await?;
        writeln!(out, "Requested multiaddrs change in message {cid}")?;
        Ok(())
    }
}

async fn set_peer_id(
    context: &Context,
    peer: &str,
    gas_limit: Gas,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let id = PeerId::parse(peer).map_err(anyhow::Error::msg)?;
    // A multihash: its kind, its length, and that many bytes.
    let is_id = match id.as_bytes() {
        [0x00 | 0x12, length, hash @ ..] => usize::from(*length) == hash.len(),
        _ => false,
    };
    ensure!(is_id, "{peer:?} is not a libp2p peer id such as 12D3KooW…");
    let (actor, node) = (context.actor().await?, context.node().await?);
    let info = node.state_miner_info(actor, TipsetKey::default()).await?;
    let params = ChangePeerIdParams {
        new_id: Bytes::from(id.as_bytes().to_vec()),
    };
    let none = TokenAmount::zero();
    let message = Message {
        gas_limit,
        ..call::call(info.worker, actor, none, method::CHANGE_PEER_ID, &params)?
    };
    let cid = push(node, message).await?;
    writeln!(out, "Requested peerid change in message {cid}")?;
    Ok(())
}

async fn repay_debt(
    context: &Context,
    amount: Option<TokenAmount>,
    from: Option<Address>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let head = TipsetKey::default;
    let info = node.state_miner_info(actor, head()).await?;
    let amount = match amount {
        Some(amount) => amount,
        None => {
            let state = node.state_read_state(actor, head()).await?.state;
            let debt = state.get("FeeDebt").cloned();
            let debt = debt.with_context(|| format!("the state of {actor} has no FeeDebt"))?;
            serde_json::from_value(debt).context("reading FeeDebt")?
        }
    };
    let from = match from {
        Some(from) => node.state_lookup_id(from, head()).await?,
        None => info.worker,
    };
    let mut controllers = info.control_addresses.iter();
    ensure!(
        from == info.owner || from == info.worker || controllers.any(|c| *c == from),
        "sender isn't a controller of miner {actor}: {from}"
    );
    let cid = push(node, call::send(from, actor, amount, method::REPAY_DEBT)).await?;
    writeln!(out, "Sent repay debt message {cid}")?;
    Ok(())
}

impl Withdraw {
    async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let (miner, node) = (context.miner().await?, context.node().await?);
        let amount = self.amount.clone().unwrap_or_default();
        let cid = if self.beneficiary {
            miner.beneficiary_withdraw_balance(amount).await?
        } else {
            miner.actor_withdraw_balance(amount).await?
        };
        writeln!(out, "Requested withdrawal in message {cid}")?;
        writeln!(out, "waiting for it to be included in a block..")?;
        out.flush()?;
        let waited = node
            .state_wait_msg(cid, self.confidence, NO_LIMIT, true)
            .await;
        let found = waited.with_context(|| format!("waiting for withdrawal message {cid}"))?;
        let code = found.receipt.exit_code;
        if !code.is_success() {
            bail!(
                "Failed to execute withdrawal message {}: exit code {}",
                found.message,
                code.0
            );
        }
        let withdrawn: TokenAmount = wire::from_cbor(&found.receipt.return_data)
            .context("reading the amount that was withdrawn")?;
        writeln!(out, "Successfully withdrew {withdrawn} ")?;
        if let Some(wanted) = self.amount.filter(|wanted| withdrawn < *wanted) {
            writeln!(
                out,
                "Note that this is less than the requested amount of {wanted}"
            )?;
        }
        Ok(())
    }
}
