//! `lotus send`: a message with value, or a call of an actor's method.
//!
//! # Lotus parity
//! Gas is estimated and the message checked before it is signed; a failed check is told and nothing
//! is sent, unless `--force-send`. There is no dialogue to repair a message (`--interactive`).

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

use super::Context;

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
        let node = context.node;
        let force = self.force || context.force_send;
        let prototype = self.prototype(node).await?;
        let cid = publish(node, prototype, force, out)
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

/// Estimates gas, checks, signs and sends.
pub(super) async fn publish(
    node: &dyn FullNode,
    mut prototype: MessagePrototype,
    force: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Cid> {
    prototype.message = node
        .gas_estimate_message_gas(prototype.message, None, TipsetKey::default())
        .await
        .context("estimating gas")?;
    if !force {
        let failed = failed_checks(node, &prototype)
            .await
            .context("running checks")?;
        if !failed.is_empty() {
            writeln!(out, "Following checks have failed:")?;
            let own = prototype.message.cid();
            for check in failed {
                let name = checks::name(check.code);
                if check.cid == own {
                    writeln!(out, "current message failed a check {name}: {}", check.err)?;
                } else {
                    writeln!(
                        out,
                        "{} message failed a check {name}: {}",
                        check.cid, check.err
                    )?;
                }
            }
            anyhow::bail!("check has failed");
        }
    }
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
