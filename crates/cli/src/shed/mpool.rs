//! `lotus-shed mpool`: what a block would take from the pool of a daemon, and emptying it.

use std::{io::Write, time::Instant};

use lotus_networks::policy::BLOCK_GAS_LIMIT;
use lotus_rpc_api::full::FullNode;
use lotus_types::TipsetKey;

use crate::{
    connect,
    format::{go_duration, tail},
};

/// Tools for diagnosing mempool issues
#[derive(Debug, clap::Subcommand)]
pub(super) enum Mpool {
    /// Print the messages that a block on top of the head would take
    #[command(visible_alias = "miner-select-msgs")]
    MinerSelectMessages {
        /// Quality of the block's ticket, from 0 to 1
        #[arg(long, default_value_t = 1.0)]
        ticket_quality: f64,
    },
    /// Clear all pending messages from the mpool (USE WITH CARE)
    Clear {
        /// also clear local messages
        #[arg(long)]
        local: bool,
        /// must be specified for the action to take effect
        #[arg(long)]
        really_do_it: bool,
    },
}

impl Mpool {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(async {
            let daemon = connect::full_node(None).await?;
            self.ask(&*daemon.api, out).await
        }))
    }

    async fn ask(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::MinerSelectMessages { ticket_quality } => {
                select(node, ticket_quality, out).await?;
            }
            Self::Clear {
                local,
                really_do_it,
            } => {
                anyhow::ensure!(
                    really_do_it,
                    "--really-do-it must be specified for this action to have an effect; you have been \
                     warned"
                );
                node.mpool_clear(local).await?;
            }
        }
        Ok(())
    }
}

/// Characters of an address that are shown.
const SHOWN: usize = 8;

async fn select(node: &dyn FullNode, quality: f64, out: &mut dyn Write) -> anyhow::Result<()> {
    let head = node.chain_head().await?;
    let size = node.mpool_pending(TipsetKey::default()).await?.len();
    let begun = Instant::now();
    let chosen = node.mpool_select(head.key().clone(), quality).await?;
    let took = begun.elapsed();
    let mut gas = 0;
    for (k, signed) in chosen.iter().enumerate() {
        let m = &signed.message;
        writeln!(
            out,
            "{k}: {} -> {}, method {}, gasFeecap {}, gasPremium {}, gasLimit {}, val {}",
            tail(&m.from.to_string(), SHOWN),
            tail(&m.to.to_string(), SHOWN),
            m.method,
            m.gas_fee_cap.atto(),
            m.gas_premium.atto(),
            m.gas_limit,
            m.value
        )?;
        gas += m.gas_limit;
    }
    writeln!(out, "Message selection took {}", go_duration(took))?;
    writeln!(out, "Size of the mempool: {size}")?;
    // Two spaces, as Lotus.
    writeln!(out, "selected messages:  {}", chosen.len())?;
    let share = 100.0 * gas as f64 / BLOCK_GAS_LIMIT as f64;
    writeln!(
        out,
        "total gas limit of selected messages: {gas} / {BLOCK_GAS_LIMIT} ({share:.2}%)"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use lotus_types::{Address, Message, Signature, SignedMessage, TokenAmount};
    use serde_json::{Value, json};

    use super::*;
    use crate::fake::{Ended, Fake};

    async fn run(command: Mpool, node: &Fake) -> Ended {
        let mut out = Vec::new();
        let done = command.ask(&node.client(), &mut out).await;
        Ended::new(done, out)
    }

    #[tokio::test]
    async fn what_a_block_would_take_is_listed_with_its_gas() {
        let chosen = SignedMessage {
            message: Message {
                gas_limit: 2_500_000_000,
                gas_fee_cap: TokenAmount::from_atto(200),
                gas_premium: TokenAmount::from_atto(5),
                ..Message::transfer(
                    Address::new_secp256k1(&[1; 65]),
                    Address::new_id(1000),
                    TokenAmount::from_fil(2),
                )
            },
            signature: Signature::new_secp256k1(vec![0; 65]),
        };
        let from = tail(&chosen.message.from.to_string(), SHOWN);
        let node = Fake::default()
            .at(160)
            .answer("MpoolPending", json!([chosen]))
            .answer("MpoolSelect", json!([chosen]));
        let command = Mpool::MinerSelectMessages {
            ticket_quality: 0.5,
        };
        let ended = run(command, &node).await;
        let lines: Vec<_> = ended.stdout.lines().collect();
        let to = Address::new_id(1000);
        assert_eq!(
            lines[0],
            format!(
                "0: {from} -> {to}, method 0, gasFeecap 200, gasPremium 5, gasLimit 2500000000, val 2 FIL"
            )
        );
        assert_eq!(
            lines[2..],
            [
                "Size of the mempool: 1",
                "selected messages:  1",
                "total gas limit of selected messages: 2500000000 / 10000000000 (25.00%)"
            ]
        );
        assert_eq!(node.asked("MpoolSelect")[0][1], json!(0.5));
    }

    #[tokio::test]
    async fn the_pool_is_emptied_only_when_that_is_really_meant() {
        let node = Fake::default().answer("MpoolClear", Value::Null);
        for really_do_it in [false, true] {
            let command = Mpool::Clear {
                local: false,
                really_do_it,
            };
            let ended = run(command, &node).await;
            assert_eq!(ended.exit == 0, really_do_it, "{}", ended.stderr);
        }
        assert_eq!(node.asked("MpoolClear"), [json!([false])]);
    }
}
