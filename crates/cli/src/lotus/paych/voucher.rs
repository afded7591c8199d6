//! `lotus paych voucher`.

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use lotus_actors::paych::SignedVoucher;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Bytes, TokenAmount, wire};

use super::confirmed;
use crate::format::{Form, write_json};

#[derive(Debug, clap::Subcommand)]
pub(in crate::lotus) enum Voucher {
    /// Create a signed payment channel voucher
    Create {
        /// The channel
        #[arg(value_name = "channelAddress")]
        channel: Address,
        /// FIL that the lane is worth in all
        amount: TokenAmount,
        /// specify payment channel lane to use
        #[arg(long, default_value_t = 0)]
        lane: u64,
    },
    /// Check validity of payment channel voucher
    Check(Given),
    /// Add payment channel voucher to local datastore
    Add(Given),
    /// List stored vouchers for a given payment channel
    List(Listed),
    /// Print vouchers with highest value that is currently spendable for each lane
    BestSpendable(Listed),
    /// Submit voucher to chain to update payment channel state
    Submit(Given),
}

/// A voucher on a channel.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Given {
    /// The channel
    #[arg(value_name = "channelAddress")]
    channel: Address,
    /// As `create` prints it
    #[arg(value_parser = decode)]
    voucher: SignedVoucher,
}

/// Whose vouchers, and how they are printed.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Listed {
    /// The channel
    #[arg(value_name = "channelAddress")]
    channel: Address,
    /// Print voucher as serialized string
    #[arg(long)]
    export: bool,
    #[command(flatten)]
    form: Form,
}

fn encode(voucher: &SignedVoucher) -> anyhow::Result<String> {
    let bytes = wire::try_to_cbor(voucher).context("writing the voucher")?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// Reads what [`encode`] writes.
fn decode(text: &str) -> Result<SignedVoucher, String> {
    let bytes = BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|e| format!("not the text of a voucher: {e}"))?;
    wire::from_cbor(&bytes).map_err(|e| format!("not a voucher: {e}"))
}

impl Voucher {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Create {
                channel,
                amount,
                lane,
            } => {
                let made = node.paych_voucher_create(channel, amount, lane).await?;
                let Some(voucher) = made.voucher else {
                    anyhow::bail!(
                        "could not create voucher: insufficient funds in channel, shortfall: {}",
                        made.shortfall.atto()
                    );
                };
                writeln!(out, "{}", encode(&voucher)?)?;
            }
            Self::Check(Given { channel, voucher }) => {
                node.paych_voucher_check_valid(channel, voucher).await?;
                writeln!(out, "voucher is valid")?;
            }
            Self::Add(Given { channel, voucher }) => {
                let least = TokenAmount::zero();
                node.paych_voucher_add(channel, voucher, Bytes::new(), least)
                    .await?;
            }
            Self::List(listed) => {
                let vouchers = node.paych_voucher_list(listed.channel).await?;
                listed.write(vouchers, out)?;
            }
            Self::BestSpendable(listed) => {
                let best = best_spendable(node, listed.channel).await?;
                listed.write(best, out)?;
            }
            Self::Submit(Given { channel, voucher }) => {
                let (secret, proof) = (Bytes::new(), Bytes::new());
                let sent = node.paych_voucher_submit(channel, voucher, secret, proof);
                confirmed(node, sent.await?, "message").await?;
                writeln!(out, "channel updated successfully")?;
            }
        }
        Ok(())
    }
}

/// Of each lane the voucher of the highest amount that could be redeemed now.
async fn best_spendable(
    node: &dyn FullNode,
    channel: Address,
) -> anyhow::Result<Vec<SignedVoucher>> {
    let mut best: BTreeMap<u64, SignedVoucher> = BTreeMap::new();
    for voucher in node.paych_voucher_list(channel).await? {
        let known = best.get(&voucher.lane);
        let better = known.is_none_or(|known| voucher.amount > known.amount);
        if better {
            let (secret, proof) = (Bytes::new(), Bytes::new());
            let spendable =
                node.paych_voucher_check_spendable(channel, voucher.clone(), secret, proof);
            if spendable.await? {
                best.insert(voucher.lane, voucher);
            }
        }
    }
    Ok(best.into_values().collect())
}

impl Listed {
    fn write(&self, mut vouchers: Vec<SignedVoucher>, out: &mut dyn Write) -> anyhow::Result<()> {
        vouchers.sort_by_key(|voucher| (voucher.lane, voucher.nonce));
        if self.form.is_json() {
            let mut listed = Vec::new();
            for voucher in &vouchers {
                let mut entry = serde_json::to_value(voucher)?;
                if self.export {
                    entry["Export"] = encode(voucher)?.into();
                }
                listed.push(entry);
            }
            return Ok(write_json(out, &listed)?);
        }
        for voucher in vouchers {
            self.line(&voucher, out)?;
        }
        Ok(())
    }

    fn line(&self, voucher: &SignedVoucher, out: &mut dyn Write) -> anyhow::Result<()> {
        let SignedVoucher {
            lane,
            nonce,
            amount,
            ..
        } = voucher;
        write!(out, "Lane {lane}, Nonce {nonce}: {amount}")?;
        if self.export {
            write!(out, "; {}", encode(voucher)?)?;
        }
        writeln!(out)?;
        Ok(())
    }
}
