//! `lotus mpool why`: why a message is not on chain yet, and what would help.
//!
//! What is known of the message is gathered first ([`Case`]); what follows from it is worked out without
//! asking anyone ([`Case::findings`]).

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use lotus_consensus::messages::inclusion_gas;
use lotus_mpool::{checks::code, pending};
use lotus_networks::policy::BLOCK_GAS_LIMIT;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Cid, Gas, Message, SignedMessage, Tipset, TipsetKey, TokenAmount};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    format::{Form, Paint},
    lotus::Context,
};

/// Tell why a message is not on chain yet and what would help
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Why {
    /// Which message
    #[arg(value_name = "messageCid")]
    cid: Cid,
    #[command(flatten)]
    form: Form,
}

/// A reason, and what helps against it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding {
    reason: String,
    help: String,
}

/// A waiting message and what decides about it.
#[derive(Debug)]
struct Case {
    message: Message,
    /// Messages of its sender by nonce, itself included.
    waiting: BTreeMap<u64, SignedMessage>,
    /// The sender's next nonce on chain.
    nonce: u64,
    /// What the sender has on chain.
    balance: TokenAmount,
    /// Of the head, attoFIL per gas.
    base_fee: TokenAmount,
    /// Ratio of replacement, in 1/256.
    ratio: i64,
    /// Would the producer of the best block take it now?
    chosen: bool,
    /// The least that a chosen message pays the miner per gas; `None` when nothing is chosen.
    least_chosen: Option<TokenAmount>,
}

impl Why {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        let head = node.chain_head().await.context("getting chain head")?;
        let pending = node.mpool_pending(TipsetKey::default()).await?;
        let found = pending
            .iter()
            .find(|m| m.cid() == self.cid || m.message.cid() == self.cid);
        let Some(found) = found.cloned() else {
            let status = self.not_waiting(node, &head).await?;
            let shown = json!({ "Cid": self.cid, "Waits": false, "Status": status });
            if !self.form.wrote(out, &shown)? {
                writeln!(out, "{status}")?;
            }
            return Ok(());
        };
        let case = Case::gather(node, &head, found, pending).await?;
        if !self.form.wrote(out, &case.to_json(&self.cid))? {
            out.write_all(case.told(&self.cid, context.paint).as_bytes())?;
        }
        Ok(())
    }

    /// What there is to say of a message that the pool does not have.
    async fn not_waiting(&self, node: &dyn FullNode, head: &Tipset) -> anyhow::Result<String> {
        let cid = self.cid;
        let Ok(message) = node.chain_get_message(cid).await else {
            return Ok(
                "This node has never seen the message. Ask the node that it was sent through, or send \
                 it again: its CID stays the same, so that it cannot be paid twice."
                    .to_owned(),
            );
        };
        let in_head = node
            .chain_get_messages_in_tipset(head.key().clone())
            .await?;
        if in_head.iter().any(|m| m.cid == cid) {
            return Ok(format!(
                "It is on chain, in the head at height {}: the next tipset will show what it did.",
                head.height()
            ));
        }
        let executed = node
            .state_search_msg(TipsetKey::default(), cid, -1, true)
            .await;
        if let Ok(Some(lookup)) = executed {
            let (height, exit) = (lookup.height, lookup.receipt.exit_code.0);
            let what = if lookup.message == cid {
                "It is on chain".to_owned()
            } else {
                format!("It was replaced by {}, which is on chain", lookup.message)
            };
            return Ok(format!(
                "{what}: executed before height {height}, exit code {exit}."
            ));
        }
        let Message { from, nonce, .. } = message;
        let next = node.mpool_get_nonce(from).await?;
        Ok(if nonce < next {
            format!(
                "Another message of {from} has taken its nonce {nonce} (the next free one is {next}); it \
                 can no longer be on chain. `lotus mpool find --from {from}` shows what waits."
            )
        } else {
            format!(
                "The pool does not hold it any more: it was dropped for better paying ones, replaced, or \
                 cleared. Send it again; the next free nonce of {from} is {next}, the message has {nonce}."
            )
        })
    }
}

/// Why a waiting message waits, in words.
///
/// # Errors
/// When the node does not say what is needed for that.
pub(super) async fn told(node: &dyn FullNode, signed: &SignedMessage) -> anyhow::Result<String> {
    let head = node.chain_head().await.context("getting chain head")?;
    let pending = node.mpool_pending(TipsetKey::default()).await?;
    let case = Case::gather(node, &head, signed.clone(), pending).await?;
    Ok(case.told(&signed.cid(), Paint::default()))
}

impl Case {
    async fn gather(
        node: &dyn FullNode,
        head: &Tipset,
        found: SignedMessage,
        pending: Vec<SignedMessage>,
    ) -> anyhow::Result<Self> {
        let cid = found.cid();
        let message = found.message;
        let own = pending
            .into_iter()
            .filter(|m| m.message.from == message.from);
        let waiting = own.map(|m| (m.message.nonce, m)).collect();
        // The checks begin with where the sender stands after the head's own messages.
        let checks = node.mpool_check_pending_messages(message.from).await?;
        let hint = |wanted: i64, name: &str| {
            let mut all = checks.iter().flatten();
            let check = all.find(|check| check.code == wanted)?;
            check.hint.get(name).cloned()
        };
        let nonce = hint(code::GET_STATE_NONCE, "nonce").and_then(|n| n.as_u64());
        let balance = hint(code::GET_STATE_BALANCE, "balance");
        let balance = balance.and_then(|b| serde_json::from_value(b).ok());
        let config = node.mpool_get_config().await?;
        let base_fee = head.parent_base_fee().clone();
        let chosen = node.mpool_select(head.key().clone(), 1.0).await?;
        let least_chosen = chosen.iter().map(|m| tip(&m.message, &base_fee)).min();
        Ok(Self {
            waiting,
            nonce: nonce.context("the node does not tell the sender's nonce")?,
            balance: balance.context("the node does not tell the sender's balance")?,
            ratio: pending::in_256ths(config.replace_by_fee_ratio),
            chosen: chosen.iter().any(|m| m.cid() == cid),
            least_chosen,
            base_fee,
            message,
        })
    }

    fn told(&self, cid: &Cid, paint: Paint) -> String {
        let m = &self.message;
        let before = self.waiting.range(self.nonce..m.nonce).count();
        let mut text = format!(
            "from {}, nonce {}; the chain expects nonce {}\n\
             fee cap {}, premium {}, base fee now {} (attoFIL per gas); gas limit {}\n\
             its sender has {} waiting, {before} of them before it\n",
            m.from,
            m.nonce,
            self.nonce,
            m.gas_fee_cap.atto(),
            m.gas_premium.atto(),
            self.base_fee.atto(),
            m.gas_limit,
            self.waiting.len(),
        );
        let findings = self.findings();
        if findings.is_empty() {
            text += &format!(
                "Nothing holds it back: it should be in one of the next blocks. `lotus state wait-msg \
                 {cid}` waits for it.\n"
            );
            return text;
        }
        text += "Why it is not on chain yet, and what would help:\n";
        for Finding { reason, help } in findings {
            text += &format!("- {}\n  {help}\n", paint.yellow(reason));
        }
        text
    }

    fn to_json(&self, cid: &Cid) -> Value {
        let m = &self.message;
        json!({
            "Cid": cid, "Waits": true, "From": m.from, "Nonce": m.nonce, "NextNonce": self.nonce,
            "GasFeeCap": m.gas_fee_cap, "GasPremium": m.gas_premium, "GasLimit": m.gas_limit,
            "BaseFee": self.base_fee, "Waiting": self.waiting.len(),
            "WaitingBefore": self.waiting.range(self.nonce..m.nonce).count(),
            "Findings": self.findings(),
        })
    }

    /// What holds it back; nothing when it only has to wait for the next block.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.message.nonce < self.nonce {
            findings.push(Finding {
                reason: format!("the chain has used its nonce: it expects {}", self.nonce),
                help: "it can no longer be on chain; the pool drops it soon".to_owned(),
            });
            return findings;
        }
        let (mut needed, mut gas) = (TokenAmount::zero(), 0);
        let mut missing = Vec::new();
        for nonce in self.nonce..=self.message.nonce {
            let Some(signed) = self.waiting.get(&nonce) else {
                missing.push(nonce);
                // A pool takes few gaps, but a node's own messages may be anywhere.
                if missing.len() > MOST_MISSING {
                    break;
                }
                continue;
            };
            gas = Gas::saturating_add(gas, signed.message.gas_limit);
            needed += &signed.message.required_gas_funds();
            findings.extend(self.fees_of(&signed.message));
            findings.extend(too_little_gas(signed));
        }
        if !missing.is_empty() {
            findings.insert(0, self.gap(&missing));
        }
        if self.balance < needed {
            findings.push(Finding {
                reason: format!(
                    "its sender has {}, but the gas of its messages up to this one may cost {needed}",
                    self.balance
                ),
                help: format!("send {} to {}", needed - self.balance.clone(), self.message.from),
            });
        }
        if gas > BLOCK_GAS_LIMIT {
            findings.push(Finding {
                reason: format!(
                    "its sender's messages up to this one ask for {gas} gas, and a block has {BLOCK_GAS_LIMIT}"
                ),
                help: "they need several blocks: wait".to_owned(),
            });
        }
        if findings.is_empty() && !self.chosen {
            findings.push(self.outbid());
        }
        findings
    }

    fn gap(&self, missing: &[u64]) -> Finding {
        let from = self.message.from;
        let list: Vec<_> = missing.iter().map(u64::to_string).collect();
        let (first, more) = (missing[0], missing.len() > MOST_MISSING);
        Finding {
            reason: format!(
                "no message of its sender with nonce {}{} is known, and they are executed in order",
                list.join(", "),
                if more { " and more" } else { "" }
            ),
            help: format!(
                "send what is missing, if only nothing to yourself: `lotus send --from {from} --nonce \
                 {first} {from} 0`"
            ),
        }
    }

    /// A message up to this one whose fee cap is too low for now.
    fn fees_of(&self, message: &Message) -> Option<Finding> {
        if message.gas_fee_cap >= self.base_fee {
            return None;
        }
        let which = self.name_of(message);
        let Message { from, nonce, .. } = message;
        let least = pending::least_replacing_premium(&message.gas_premium, self.ratio);
        Some(Finding {
            reason: format!(
                "the fee cap of {which} is {}, and every block now asks for a base fee of {}",
                message.gas_fee_cap.atto(),
                self.base_fee.atto()
            ),
            help: format!(
                "wait until the base fee falls, or pay more: `lotus mpool replace --auto {from} {nonce}` \
                 (its premium must be {least} at least)"
            ),
        })
    }

    fn name_of(&self, message: &Message) -> String {
        if message.nonce == self.message.nonce {
            "this message".to_owned()
        } else {
            format!("the one with nonce {} before it", message.nonce)
        }
    }

    /// Good for a block, but others pay more.
    fn outbid(&self) -> Finding {
        let Message { from, nonce, .. } = &self.message;
        let offered = tip(&self.message, &self.base_fee);
        let reason = match &self.least_chosen {
            Some(least) => format!(
                "it pays the miner {} attoFIL per gas; what fills the next block pays {} or more, or \
                 leaves no room for its sender's earlier messages",
                offered.atto(),
                least.atto()
            ),
            None => "no message is worth a block to a miner at this base fee".to_owned(),
        };
        Finding {
            reason,
            help: format!(
                "wait for a block with room, or pay more: `lotus mpool replace --auto {from} {nonce}`"
            ),
        }
    }
}

/// Missing nonces that are listed.
const MOST_MISSING: usize = 5;

/// What the miner gets per gas.
fn tip(message: &Message, base_fee: &TokenAmount) -> TokenAmount {
    let room = message.gas_fee_cap.clone() - base_fee.clone();
    room.min(message.gas_premium.clone())
}

fn too_little_gas(signed: &SignedMessage) -> Option<Finding> {
    let least = inclusion_gas(signed.chain_length());
    let Message {
        gas_limit,
        from,
        nonce,
        ..
    } = &signed.message;
    (*gas_limit < least).then(|| Finding {
        reason: format!(
            "the message with nonce {nonce} has a gas limit of {gas_limit}; its place on chain alone costs {least}"
        ),
        help: format!(
            "replace it with one of more gas: `lotus mpool replace --gas-limit N --gas-premium P \
             --gas-feecap F {from} {nonce}`"
        ),
    })
}
