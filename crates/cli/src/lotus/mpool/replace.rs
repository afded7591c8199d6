//! `lotus mpool replace`: a waiting message with other fees.

use std::io::Write;

use anyhow::Context as _;
use lotus_mpool::{gas, pending};
use lotus_rpc_api::{full::FullNode, types::mpool::MessageSendSpec};
use lotus_types::{Address, BigInt, Cid, Gas, Message, TipsetKey, TokenAmount};

/// replace a message in the mempool
#[derive(Debug, clap::Args)]
#[command(override_usage = "lotus mpool replace [OPTIONS] <from> <nonce> | <message-cid>")]
pub(in crate::lotus) struct Replace {
    /// Sender and nonce of the message, or its CID
    #[arg(value_name = "from> <nonce> | <message-cid", required = true, num_args = 1..=2)]
    which: Vec<String>,
    /// gas feecap for new message (burn and pay to miner, attoFIL/GasUnit)
    #[arg(long)]
    gas_feecap: Option<BigInt>,
    /// gas price for new message (pay to miner, attoFIL/GasUnit)
    #[arg(long)]
    gas_premium: Option<BigInt>,
    /// gas limit for new message (GasUnit)
    #[arg(long)]
    gas_limit: Option<Gas>,
    /// automatically reprice the specified message
    #[arg(long)]
    auto: bool,
    /// Spend up to X FIL for this message in units of FIL. Previously when flag was `max-fee` units
    /// were in attoFIL. Applicable for auto mode
    #[arg(long)]
    fee_limit: Option<TokenAmount>,
}

impl Replace {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let (from, nonce) = self.which(node).await?;
        let head = node.chain_head().await.context("getting chain head")?;
        let pending = node.mpool_pending(head.key().clone()).await?;
        let found = pending
            .into_iter()
            .find(|m| m.message.from == from && m.message.nonce == nonce);
        let Some(found) = found else {
            anyhow::bail!("no pending message found from {from} with nonce {nonce}");
        };
        let message = if self.auto {
            reprice(node, found.message, self.fee_limit).await?
        } else {
            self.with_given_fees(found.message)?
        };
        let cid = push(node, message).await?;
        // Two spaces, as Lotus.
        writeln!(out, "new message cid:  {cid}")?;
        Ok(())
    }

    async fn which(&self, node: &dyn FullNode) -> anyhow::Result<(Address, u64)> {
        match self.which.as_slice() {
            [from, nonce] => {
                let from = from
                    .parse()
                    .with_context(|| format!("{from:?} is not an address"))?;
                let nonce = nonce
                    .parse()
                    .with_context(|| format!("{nonce:?} is not a nonce"))?;
                Ok((from, nonce))
            }
            [cid, ..] => {
                let cid: Cid = cid
                    .parse()
                    .with_context(|| format!("{cid:?} is not the CID of a message"))?;
                let message = node
                    .chain_get_message(cid)
                    .await
                    .context("could not find referenced message")?;
                Ok((message.from, message.nonce))
            }
            [] => anyhow::bail!("say which message: its sender and nonce, or its CID"),
        }
    }

    fn with_given_fees(&self, old: Message) -> anyhow::Result<Message> {
        let given = |flag: &Option<BigInt>, name: &str| {
            let amount = flag.clone().map(|n| TokenAmount::from_atto(n.0));
            amount.with_context(|| {
                format!("--{name} is not given; --auto finds out what the message should offer")
            })
        };
        Ok(Message {
            gas_limit: self.gas_limit.unwrap_or(old.gas_limit),
            gas_premium: given(&self.gas_premium, "gas-premium")?,
            gas_fee_cap: given(&self.gas_feecap, "gas-feecap")?,
            ..old
        })
    }
}

/// Signs a message as it is and sends it.
pub(super) async fn push(node: &dyn FullNode, message: Message) -> anyhow::Result<Cid> {
    let signed = node
        .wallet_sign_message(message.from, message)
        .await
        .context("failed to sign message")?;
    node.mpool_push(signed)
        .await
        .context("failed to push new message to mempool")
}

/// The least premium with which the node takes another message in this one's place.
pub(super) async fn least_premium(
    node: &dyn FullNode,
    old: &Message,
) -> anyhow::Result<TokenAmount> {
    let config = node
        .mpool_get_config()
        .await
        .context("failed to lookup the message pool config")?;
    let ratio = pending::in_256ths(config.replace_by_fee_ratio);
    let least = pending::least_replacing_premium(&old.gas_premium, ratio);
    Ok(TokenAmount::from_atto(least))
}

/// The message with fees that replace it and promise a block soon; all its gas costs `fee_limit` at most.
pub(super) async fn reprice(
    node: &dyn FullNode,
    old: Message,
    fee_limit: Option<TokenAmount>,
) -> anyhow::Result<Message> {
    let least = least_premium(node, &old).await?;
    let spec = fee_limit.clone().map(|max_fee| MessageSendSpec {
        max_fee,
        ..MessageSendSpec::default()
    });
    let free = Message {
        gas_fee_cap: TokenAmount::zero(),
        gas_premium: TokenAmount::zero(),
        ..old.clone()
    };
    let estimated = node
        .gas_estimate_message_gas(free, spec, TipsetKey::default())
        .await
        .context("failed to estimate gas values")?;
    let premium = estimated.gas_premium.max(least);
    let mut new = Message {
        gas_fee_cap: estimated.gas_fee_cap.max(premium.clone()),
        gas_premium: premium,
        ..old
    };
    let most = fee_limit.unwrap_or_else(lotus_node::config::default_max_fee);
    gas::cap_fees(&mut new, &most, false);
    Ok(new)
}
