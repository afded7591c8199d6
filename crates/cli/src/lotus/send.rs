//! `lotus send`: a message with value, or a call of an actor's method.
//!
//! # Lotus parity
//! Gas is estimated and the message checked before it is signed; a failed check is told and nothing
//! is sent, unless `--force-send`. At a terminal (`--interactive`) the message can be repaired instead.
//! As in Lotus nothing is asked about a receiver that is not on chain yet: a message may make it. More
//! than the sender has is refused by the estimate already; here both amounts are named.

mod fees;
mod repair;

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER_PERMISSIVE;
use lotus_mpool::checks;
use lotus_rpc_api::{
    RpcError,
    full::FullNode,
    types::mpool::{MessageCheckStatus, MessagePrototype},
};
use lotus_types::{Address, BigInt, Bytes, Cid, Gas, Message, MethodNum, TipsetKey, TokenAmount};

pub(super) use fees::read_fee;

use super::Context;
use crate::dialogue::Person;

/// Send funds between accounts
#[derive(Debug, clap::Args)]
pub(super) struct Send {
    /// Receiver
    #[arg(value_name = "targetAddress")]
    to: Address,
    /// FIL, or another unit that is named: 100attofil
    #[arg(value_name = "amount")]
    value: TokenAmount,
    /// optionally specify the account to send funds from
    #[arg(long)]
    from: Option<Address>,
    /// specify gas price to use in AttoFIL
    #[arg(long, default_value = "0")]
    gas_premium: BigInt,
    /// specify gas fee cap to use in AttoFIL
    #[arg(long, default_value = "0")]
    gas_feecap: BigInt,
    /// specify gas limit
    #[arg(long, default_value_t = 0)]
    gas_limit: Gas,
    /// specify the nonce to use
    #[arg(long)]
    nonce: Option<u64>,
    /// specify method to invoke
    #[arg(long, default_value_t = 0)]
    method: MethodNum,
    /// specify invocation parameters in json
    #[arg(long, conflicts_with = "params_hex")]
    params_json: Option<String>,
    /// specify invocation parameters in hex
    #[arg(long)]
    params_hex: Option<String>,
    /// Deprecated: use global 'force-send'
    #[arg(long)]
    force: bool,
}

impl Send {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        if self.force {
            eprintln!("'force' flag is deprecated, use global flag 'force-send'");
        }
        let mut sending = context.sending();
        sending.force |= self.force;
        let prototype = self.prototype(context.node).await?;
        let cid = publish(&sending, prototype, out)
            .await
            .context("publishing message")?;
        writeln!(out, "{cid}")?;
        Ok(())
    }

    async fn prototype(self, node: &dyn FullNode) -> anyhow::Result<MessagePrototype> {
        let from = match self.from {
            Some(from) => from,
            None => {
                let from = node.wallet_default_address().await;
                from.context("no --from is given, and the wallet has no default address")?
            }
        };
        let params = match (&self.params_json, &self.params_hex) {
            (Some(json), _) => encode_params(node, self.to, self.method, json).await?,
            (None, Some(hex)) => HEXLOWER_PERMISSIVE
                .decode(hex.as_bytes())
                .map(Bytes::from)
                .map_err(|e| anyhow::anyhow!("failed to decode hex params: {e}"))?,
            (None, None) => Bytes::new(),
        };
        Ok(MessagePrototype {
            message: Message {
                nonce: self.nonce.unwrap_or(0),
                gas_limit: self.gas_limit,
                gas_fee_cap: TokenAmount::from_atto(self.gas_feecap.0),
                gas_premium: TokenAmount::from_atto(self.gas_premium.0),
                method: self.method,
                params,
                ..Message::transfer(from, self.to, self.value)
            },
            valid_nonce: self.nonce.is_some(),
        })
    }
}

async fn encode_params(
    node: &dyn FullNode,
    to: Address,
    method: MethodNum,
    json: &str,
) -> anyhow::Result<Bytes> {
    let value = serde_json::from_str(json).context("--params-json is not JSON")?;
    let actor = node
        .state_get_actor(to, TipsetKey::default())
        .await
        .context("finding the actor whose method is called")?;
    node.state_encode_params(actor.code, method, value)
        .await
        .context("failed to decode json params")
}

/// How messages are sent.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    /// Through which node.
    pub(super) node: &'a dyn FullNode,
    /// Even when a check fails?
    pub(super) force: bool,
    /// Who is asked about a message whose checks fail.
    pub(super) person: Option<&'a Person>,
}

/// Estimates gas, checks, signs and sends.
///
/// # Errors
/// When the node takes it not, when a check fails and nobody is there to repair the message, or when
/// somebody is and wants to send it no more.
pub(super) async fn publish(
    sending: &Sending<'_>,
    mut prototype: MessagePrototype,
    out: &mut dyn Write,
) -> anyhow::Result<Cid> {
    let node = sending.node;
    prototype.message = estimated(node, prototype.message).await?;
    if !sending.force {
        let failed = failed_checks(node, &prototype)
            .await
            .context("running checks")?;
        match sending.person {
            _ if failed.is_empty() => {}
            Some(person) => prototype = repair::repair(node, person, prototype, failed).await?,
            None => {
                let told = told(&failed, &prototype.message.cid());
                out.write_all(told.as_bytes())?;
                anyhow::bail!("check has failed");
            }
        }
    }
    push(node, prototype).await
}

/// The message with what it leaves open about gas.
async fn estimated(node: &dyn FullNode, message: Message) -> anyhow::Result<Message> {
    let asked = node.gas_estimate_message_gas(message.clone(), None, TipsetKey::default());
    let error = match asked.await {
        Ok(message) => return Ok(message),
        Err(error) => anyhow::Error::from(error).context("estimating gas"),
    };
    // The commonest reason is told by the VM in the words of its innards.
    if let Ok(balance) = node.wallet_balance(message.from).await
        && balance < message.value
    {
        let Message { from, value, .. } = message;
        return Err(error.context(format!(
            "{from} has {balance}, which is less than the {value} to be sent"
        )));
    }
    Err(error)
}

/// Signs and sends.
async fn push(node: &dyn FullNode, prototype: MessagePrototype) -> anyhow::Result<Cid> {
    let message = prototype.message;
    if !prototype.valid_nonce {
        return Ok(node.mpool_push_message(message, None).await?.cid());
    }
    let from = message.from;
    let signed = node
        .wallet_sign_message(from, message)
        .await
        .context("signing")?;
    Ok(node.mpool_push(signed).await?)
}

/// Failed checks of the message `own` and of others, as Lotus tells them.
fn told(failed: &[MessageCheckStatus], own: &Cid) -> String {
    let mut text = "Following checks have failed:\n".to_owned();
    for check in failed {
        let which = if check.cid == *own {
            "current".to_owned()
        } else {
            check.cid.to_string()
        };
        let name = checks::name(check.code);
        text += &format!("{which} message failed a check {name}: {}\n", check.err);
    }
    text
}

/// What is wrong with the message, and with the sender's messages that wait already.
async fn failed_checks(
    node: &dyn FullNode,
    prototype: &MessagePrototype,
) -> Result<Vec<MessageCheckStatus>, RpcError> {
    let pending = node
        .mpool_check_pending_messages(prototype.message.from)
        .await;
    let own = node.mpool_check_messages(vec![prototype.clone()]).await;
    let mut failed = Vec::new();
    let pending = pending.map(|checks| checks.into_iter().collect());
    for answer in [own, pending] {
        match answer {
            Ok(told) => failed.extend(told.into_iter().flatten().filter(|check| !check.ok)),
            // A node without this method checks when the message is pushed.
            Err(error) if error.is_not_supported() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(failed)
}
