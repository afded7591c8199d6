//! `lotus mpool manage`: the wallet's waiting messages are looked through, and replaced, in a dialogue.
//!
//! # Invariants
//! - Nothing is sent without a yes; the end of the input ends the dialogue.
//! - The dialogue goes to the terminal; what is printed are CIDs of messages that were sent.
//!
//! # Lotus parity
//! What `cli/mpool_manage.go` does in pictures: reprice a message, or replace it by one that does
//! nothing. Here it says, too, why a message waits.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::Write,
};

use anyhow::{Context as _, bail};
use lotus_mpool::checks;
use lotus_networks::singletons::BURNT_FUNDS_ACTOR;
use lotus_rpc_api::{full::FullNode, types::mpool::MessageCheckStatus};
use lotus_types::{Address, Cid, Message, SignedMessage, TipsetKey, TokenAmount};

use super::{pending, replace, why};
use crate::{
    dialogue::Person,
    format::{Table, tail},
    lotus::{Context, send::read_fee},
};

/// Characters of a CID and of an address that are shown.
const SHORT: (usize, usize) = (16, 16);

/// The dialogue and whom it talks about.
struct Manage<'a> {
    node: &'a dyn FullNode,
    person: &'a Person,
}

/// A waiting message and what is wrong with it.
struct Waiting {
    signed: SignedMessage,
    failed: Vec<MessageCheckStatus>,
}

/// Runs the dialogue.
///
/// # Errors
/// When nobody is at the terminal, or the node does not answer.
pub(super) async fn run(context: &Context<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(person) = context.person else {
        bail!(
            "this is a dialogue, and there is no terminal: `lotus mpool pending --local` lists the \
             messages, `lotus mpool replace` replaces one"
        );
    };
    let manage = Manage {
        node: context.node,
        person,
    };
    loop {
        let waiting = manage.waiting().await?;
        if waiting.is_empty() {
            person.say("No message of this wallet waits.\n")?;
            return Ok(());
        }
        let mut table = Vec::new();
        listed(&waiting).write(&mut table)?;
        person.say(&String::from_utf8_lossy(&table))?;
        let question = "Which one (its number; enter looks again, q quits): ";
        let answer = person.ask(question).await?;
        match answer.as_str() {
            "" => {}
            "q" | "quit" => return Ok(()),
            text => match chosen(&waiting, text) {
                Some(one) if manage.one(one, out).await? => {}
                Some(_) => return Ok(()),
                None => person.say(&format!("There is no message {text:?} in the list.\n"))?,
            },
        }
    }
}

fn chosen<'a>(waiting: &'a [Waiting], text: &str) -> Option<&'a Waiting> {
    let number: usize = text.parse().ok()?;
    waiting.get(number.checked_sub(1)?)
}

fn listed(waiting: &[Waiting]) -> Table {
    let mut table = Table::open(&[
        "#", "Message", "From", "To", "Nonce", "Value", "Method", "Checks",
    ]);
    for (place, one) in waiting.iter().enumerate() {
        let m = &one.signed.message;
        table.row([
            (place + 1).to_string(),
            tail(&one.signed.cid().to_string(), SHORT.0),
            tail(&m.from.to_string(), SHORT.1),
            tail(&m.to.to_string(), SHORT.1),
            m.nonce.to_string(),
            m.value.to_string(),
            m.method.to_string(),
            match one.failed.len() {
                0 => "OK".to_owned(),
                failed => format!("{failed} failed"),
            },
        ]);
    }
    table
}

impl Manage<'_> {
    /// The wallet's waiting messages, by sender and nonce.
    async fn waiting(&self) -> anyhow::Result<Vec<Waiting>> {
        let mut checked: BTreeMap<Address, Vec<MessageCheckStatus>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for signed in pending(self.node, true).await? {
            let from = signed.message.from;
            let of_sender = match checked.entry(from) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.failed_checks(from).await?),
            };
            let own = [signed.cid(), signed.message.cid()];
            let failed = of_sender.iter().filter(|check| own.contains(&check.cid));
            let failed = failed.cloned().collect();
            waiting.push(Waiting { signed, failed });
        }
        waiting.sort_by_key(|one| {
            let Message { from, nonce, .. } = one.signed.message;
            (from.to_string(), nonce)
        });
        Ok(waiting)
    }

    async fn failed_checks(&self, from: Address) -> anyhow::Result<Vec<MessageCheckStatus>> {
        let checks = self.node.mpool_check_pending_messages(from).await;
        match checks {
            Ok(checks) => Ok(checks.into_iter().flatten().filter(|c| !c.ok).collect()),
            Err(error) if error.is_not_supported() => Ok(Vec::new()),
            Err(error) => Err(error).context("checking pending messages"),
        }
    }

    /// Shows a message and does with it what somebody wants; whether to go on with the list.
    async fn one(&self, one: &Waiting, out: &mut dyn Write) -> anyhow::Result<bool> {
        self.person.say(&self.described(one).await)?;
        let old = &one.signed.message;
        loop {
            let question = "a: other fees as estimated; f: fees of your own; n: a message that does \
                            nothing in its place; b: back; q: quit: ";
            let new = match self.person.ask(question).await?.as_str() {
                "b" | "back" => return Ok(true),
                "q" | "quit" => return Ok(false),
                "a" | "auto" => replace::reprice(self.node, old.clone(), None).await,
                "f" | "fees" => self.with_fees(old).await,
                "n" | "nothing" => self.nothing_instead_of(old).await,
                _ => continue,
            };
            // What fails here, fails for this choice: another one may do.
            match new {
                Ok(new) if self.confirmed(old, &new).await? => {
                    let sent: anyhow::Result<Cid> = replace::push(self.node, new).await;
                    match sent {
                        Ok(cid) => {
                            writeln!(out, "new message cid:  {cid}")?;
                            out.flush()?;
                            return Ok(true);
                        }
                        Err(error) => self.person.say(&format!("{error:#}\n"))?,
                    }
                }
                Ok(_) => self.person.say("Nothing was sent.\n")?,
                Err(error) => self.person.say(&format!("{error:#}\n"))?,
            }
        }
    }

    async fn described(&self, one: &Waiting) -> String {
        let m = &one.signed.message;
        let mut text = format!(
            "\nMessage CID:        {}\nSigned Message CID: {}\nFrom: {}\nTo:   {}\nNonce: {}\nValue: {}\n\
             GasLimit: {}\nGasPremium: {}\nGasFeeCap: {}\n",
            m.cid(),
            one.signed.cid(),
            m.from,
            m.to,
            m.nonce,
            m.value,
            m.gas_limit,
            m.gas_premium.to_short(),
            m.gas_fee_cap.to_short(),
        );
        for check in &one.failed {
            let name = checks::name(check.code);
            text += &format!("failed check {name}: {}\n", check.err);
        }
        // Why it waits is worth knowing, but nothing depends on it.
        match why::told(self.node, &one.signed).await {
            Ok(told) => text += &told,
            Err(error) => text += &format!("Why it waits cannot be told: {error:#}\n"),
        }
        text + "\n"
    }

    /// The message with fees that are asked for.
    async fn with_fees(&self, old: &Message) -> anyhow::Result<Message> {
        let least = replace::least_premium(self.node, old).await?;
        let cap = self
            .price("Fee cap", &old.gas_fee_cap, &old.gas_fee_cap)
            .await?;
        let premium = self.price("Premium", &old.gas_premium, &least).await?;
        Ok(Message {
            gas_fee_cap: cap.max(premium.clone()),
            gas_premium: premium,
            ..old.clone()
        })
    }

    async fn price(
        &self,
        what: &str,
        now: &TokenAmount,
        default: &TokenAmount,
    ) -> anyhow::Result<TokenAmount> {
        let question = format!(
            "{what}, now {} (attoFIL per gas, an amount with its unit, or x2 for twice as much; enter: \
             {}): ",
            now.atto(),
            default.atto()
        );
        loop {
            let answer = self.person.ask(&question).await?;
            if answer.is_empty() {
                return Ok(default.clone());
            }
            match read_fee(&answer, now) {
                Ok(price) => return Ok(price),
                Err(wrong) => self.person.say(&format!("{wrong}\n"))?,
            }
        }
    }

    /// What takes the message's nonce and does nothing.
    async fn nothing_instead_of(&self, old: &Message) -> anyhow::Result<Message> {
        let premium = replace::least_premium(self.node, old).await?;
        let empty = Message {
            nonce: old.nonce,
            gas_premium: premium.clone(),
            ..Message::transfer(old.from, BURNT_FUNDS_ACTOR, TokenAmount::zero())
        };
        let estimated = self
            .node
            .gas_estimate_message_gas(empty, None, TipsetKey::default())
            .await
            .context("failed to estimate gas values")?;
        Ok(Message {
            gas_fee_cap: estimated.gas_fee_cap.clone().max(premium.clone()),
            gas_premium: premium,
            ..estimated
        })
    }

    async fn confirmed(&self, old: &Message, new: &Message) -> anyhow::Result<bool> {
        let what = if (new.to, new.method) == (old.to, old.method) {
            "The same call"
        } else {
            "Nothing in its place"
        };
        self.person.say(&format!(
            "{what}: fee cap {} -> {}, premium {} -> {}, gas limit {}; at most {} for gas\n",
            old.gas_fee_cap.atto(),
            new.gas_fee_cap.atto(),
            old.gas_premium.atto(),
            new.gas_premium.atto(),
            new.gas_limit,
            new.required_gas_funds(),
        ))?;
        self.person.confirm("Send it?", false).await
    }
}
