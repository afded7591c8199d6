//! `lotus wallet market`: escrow at the market actor.

use std::io::Write;

use anyhow::{Context as _, bail, ensure};
use lotus_networks::policy;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, TipsetKey, TokenAmount, wire};

/// Look as far back as the chain goes.
const NO_LIMIT: i64 = -1;

#[derive(Debug, clap::Subcommand)]
pub(in crate::lotus) enum Market {
    Withdraw(Withdraw),
    Add(Add),
}

/// Withdraw funds from the Storage Market Actor
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Withdraw {
    /// Specify address to withdraw funds to, otherwise it will use the default wallet address
    #[arg(short, long)]
    wallet: Option<Address>,
    /// Market address to withdraw from (account or miner actor address, defaults to --wallet address)
    #[arg(short, long)]
    address: Option<Address>,
    /// number of block confirmations to wait for
    #[arg(long, default_value_t = policy::MESSAGE_CONFIDENCE)]
    confidence: u64,
    /// FIL; all that is available when it is not given
    #[arg(value_name = "amount (FIL)")]
    amount: Option<TokenAmount>,
}

/// Add funds to the Storage Market Actor
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Add {
    /// Specify address to move funds from, otherwise it will use the default wallet address
    #[arg(short, long)]
    from: Option<Address>,
    /// Market address to move funds to (account or miner actor address, defaults to --from address)
    #[arg(short, long)]
    address: Option<Address>,
    /// FIL
    amount: TokenAmount,
}

impl Market {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Withdraw(command) => Box::pin(command.run(node, out)).await,
            Self::Add(command) => command.run(node, out).await,
        }
    }
}

async fn or_default(node: &dyn FullNode, given: Option<Address>) -> anyhow::Result<Address> {
    match given {
        Some(address) => Ok(address),
        None => {
            let default = node.wallet_default_address().await;
            default.context("getting default wallet address")
        }
    }
}

impl Withdraw {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let wallet = or_default(node, self.wallet).await?;
        let address = self.address.unwrap_or(wallet);
        let amount = available(node, address, self.amount).await?;
        writeln!(
            out,
            "Submitting WithdrawBalance message for amount {amount} for address {wallet}"
        )?;
        let sent = node.market_withdraw(wallet, address, amount.clone()).await;
        let cid = sent.context("fund manager withdraw error")?;
        writeln!(out, "WithdrawBalance message cid: {cid}")?;
        out.flush()?;
        let waited = node.state_wait_msg(cid, self.confidence, NO_LIMIT, true);
        let found = waited.await?;
        let code = found.receipt.exit_code;
        if !code.is_success() {
            bail!(
                "withdrawal failed! {} ended with exit code {}",
                found.message,
                code.0
            );
        }
        let withdrawn: TokenAmount = wire::from_cbor(&found.receipt.return_data)
            .context("reading the amount that was withdrawn")?;
        writeln!(out, "Successfully withdrew {withdrawn} ")?;
        if withdrawn < amount {
            writeln!(
                out,
                "Note that this is less than the requested amount of {amount} "
            )?;
        }
        Ok(())
    }
}

/// How much of the escrow is to be withdrawn: what is wanted, if it is there, or else all that is
/// neither locked nor reserved.
async fn available(
    node: &dyn FullNode,
    address: Address,
    wanted: Option<TokenAmount>,
) -> anyhow::Result<TokenAmount> {
    let balance = node.state_market_balance(address, TipsetKey::default());
    let balance = balance
        .await
        .with_context(|| format!("getting market balance for address {address}"))?;
    let reserved = node
        .market_get_reserved(address)
        .await
        .with_context(|| format!("getting market reserved amount for address {address}"))?;
    let free = &(&balance.escrow - &balance.locked) - &reserved;
    let not_enough = |what: String| {
        let shown = if free.is_positive() {
            free.clone()
        } else {
            TokenAmount::zero()
        };
        anyhow::anyhow!(
            "{what}; available ({shown}) = escrow ({}) - locked ({}) - reserved ({reserved})",
            balance.escrow,
            balance.locked
        )
    };
    if !free.is_positive() {
        return Err(not_enough("no funds available to withdraw".to_owned()));
    }
    let Some(wanted) = wanted else {
        return Ok(free);
    };
    ensure!(wanted.is_positive(), "amount must be > 0");
    if wanted > free {
        return Err(not_enough(format!(
            "can't withdraw more funds than available; requested: {wanted}"
        )));
    }
    Ok(wanted)
}

impl Add {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let from = or_default(node, self.from).await?;
        let address = self.address.unwrap_or(from);
        let amount = self.amount;
        writeln!(
            out,
            "Submitting Add Balance message for amount {amount} for address {address}"
        )?;
        let sent = node.market_add_balance(from, address, amount).await;
        writeln!(
            out,
            "AddBalance message cid: {}",
            sent.context("add balance error")?
        )?;
        Ok(())
    }
}
