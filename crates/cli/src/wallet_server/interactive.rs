//! Asking at the terminal before a key is used.
//!
//! # Lotus parity
//! Layout and procedure of `lotus-wallet run --interactive`: a random word must be typed to approve,
//! `No` to reject. Questions are written to stderr. A message whose receiver the daemon does not know
//! is shown without method and parameters, where Lotus refuses to sign it.

use std::{
    fmt::Write as _,
    io::{self, BufRead, Write},
};

use anyhow::Context as _;
use async_trait::async_trait;
use lotus_actors::{
    ActorKind,
    multisig::{self, ProposeParams},
};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Bytes, Message, MethodNum, TipsetKey, wire};
use lotus_wallet::guard::{Action, Approver, Refusal};
use rand::{Rng as _, rngs::OsRng};

use crate::{connect, lotus::is_actor_not_found};

/// One of them must be typed, so that nobody approves by habit.
const WORDS: [&str; 8] = [
    "approve", "Approve", "confirm", "Confirm", "accept", "Accept", "agree", "Agree",
];
const NO: &str = "No";
/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Who is asked about a message's receiver.
#[derive(Debug)]
pub(super) enum Chain {
    /// Nobody.
    Offline,
    /// The daemon that the environment names, or this repo.
    Daemon(Option<String>),
}

/// Whoever sits at this process' terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    chain: Chain,
}

impl Terminal {
    pub(super) fn new(chain: Chain) -> Self {
        Self { chain }
    }

    async fn question(&self, action: &Action) -> anyhow::Result<String> {
        let node = match (&self.chain, action) {
            (
                Chain::Daemon(repo),
                Action::Sign {
                    message: Some(_), ..
                },
            ) => {
                let node = connect::full_node(repo.as_deref()).await;
                Some(node.context("getting node api (--offline does without)")?)
            }
            _ => None,
        };
        describe(action, node.as_ref().map(|node| &*node.api)).await
    }
}

#[async_trait]
impl Approver for Terminal {
    async fn approve(&self, action: &Action) -> Result<(), Refusal> {
        let nobody = |error: anyhow::Error| Refusal::NobodyThere(format!("{error:#}"));
        let question = self.question(action).await.map_err(nobody)?;
        let word = WORDS[OsRng.gen_range(0..WORDS.len())];
        let asked = tokio::task::spawn_blocking(move || {
            ask(&question, word, &mut io::stdin().lock(), &mut io::stderr())
        });
        let answered = asked.await.map_err(|died| nobody(died.into()))?;
        answered.map_err(|error| nobody(error.into()))?
    }
}

/// Asks until the word or `No` is typed.
fn ask(
    question: &str,
    word: &str,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Result<(), Refusal>> {
    write!(out, "{question}")?;
    loop {
        write!(out, "\nAccept the above? ({word}/{NO}): ")?;
        out.flush()?;
        let mut answer = String::new();
        if io::Read::take(&mut *input, MAX_ANSWER).read_line(&mut answer)? == 0 {
            return Err(io::Error::other("stdin is closed"));
        }
        match answer.trim() {
            NO => return Ok(Err(Refusal::Rejected)),
            typed if typed == word => {
                writeln!(out, "approved")?;
                return Ok(Ok(()));
            }
            _ => writeln!(out, "Type EXACTLY '{word}' or '{NO}'")?,
        }
    }
}

/// What is to be approved, in words.
async fn describe(action: &Action, node: Option<&dyn FullNode>) -> anyhow::Result<String> {
    let mut text = "-----\nACTION: ".to_owned();
    match action {
        Action::NewKey(kind) => {
            write!(text, "WalletNew - Creating new wallet\nTYPE: {kind}\n")?;
        }
        Action::Export(address) => write!(
            text,
            "WalletExport - Export private key\nADDRESS: {address}\n"
        )?,
        Action::Import(kind) => {
            write!(text, "WalletImport - Import private key\nTYPE: {kind}\n")?;
        }
        Action::Delete(address) => write!(
            text,
            "WalletDelete - Delete a private key\nADDRESS: {address}\n"
        )?,
        Action::Sign {
            signer,
            kind,
            message,
        } => {
            // The kind is a caller's text: nothing in it may pass for a line of its own.
            write!(
                text,
                "WalletSign - Sign a message/deal\nADDRESS: {signer}\nTYPE: {}\n",
                kind.escape_debug()
            )?;
            if let Some(message) = message {
                describe_message(&mut text, message, node).await?;
            }
        }
        other => anyhow::bail!("nobody knows how to ask about {other:?}"),
    }
    Ok(text)
}

async fn describe_message(
    text: &mut String,
    message: &Message,
    node: Option<&dyn FullNode>,
) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(message).context("json-marshaling the message")?;
    let fees = message.required_gas_funds();
    writeln!(text, "Message JSON: {json}")?;
    writeln!(text, "Value: {}", message.value)?;
    writeln!(text, "Max Fees: {fees}")?;
    writeln!(text, "Max Total Cost: {}", &fees + &message.value)?;
    let Some(node) = node else {
        writeln!(
            text,
            "Params: No chain node connection, can't decode params"
        )?;
        return Ok(());
    };
    let call = Call {
        to: message.to,
        method: message.method,
        params: &message.params,
    };
    let Some(kind) = call.describe(text, node, "").await? else {
        return Ok(());
    };
    if kind != ActorKind::Multisig || message.method != multisig::method::PROPOSE {
        return Ok(());
    }
    let proposed: ProposeParams =
        wire::from_cbor(&message.params).context("unmarshalling multisig propose params")?;
    writeln!(text, "\tMultiSig Proposal Value: {}", proposed.value)?;
    writeln!(
        text,
        "\tMultiSig Proposal Hex Params: {}",
        data_encoding::HEXLOWER.encode(&proposed.params)
    )?;
    let call = Call {
        to: proposed.to,
        method: proposed.method,
        params: &proposed.params,
    };
    call.describe(text, node, "\tMultiSig Proposal ").await?;
    Ok(())
}

/// A call of an actor's method.
struct Call<'a> {
    to: Address,
    method: MethodNum,
    params: &'a Bytes,
}

impl Call<'_> {
    /// Writes the method's name and parameters, each line after `lead`; gives the receiver's kind.
    async fn describe(
        &self,
        text: &mut String,
        node: &dyn FullNode,
        lead: &str,
    ) -> anyhow::Result<Option<ActorKind>> {
        let head = TipsetKey::default;
        let receiver = match node.state_get_actor(self.to, head()).await {
            Ok(actor) => actor,
            Err(error) if is_actor_not_found(&error) => {
                writeln!(
                    text,
                    "{lead}Method: {}: {} is not on chain yet",
                    self.method, self.to
                )?;
                return Ok(None);
            }
            Err(error) => return Err(error).context("looking up dest actor"),
        };
        let network = node.state_network_version(head()).await?;
        let codes = node.state_actor_code_cids(network).await?;
        let name = codes.into_iter().find(|(_, code)| *code == receiver.code);
        let kind = name.and_then(|(name, _)| ActorKind::from_name(&name));
        let method = kind.and_then(|kind| {
            let methods = kind.methods().iter();
            let mut named = methods.filter(|(number, _)| *number == self.method);
            named.next().map(|(_, name)| *name)
        });
        match method {
            Some(name) => writeln!(text, "{lead}Method: {name}")?,
            None => writeln!(text, "{lead}Method: {} (unknown)", self.method)?,
        }
        if self.params.is_empty() {
            writeln!(text, "{lead}Params: none")?;
            return Ok(kind);
        }
        let decoded = node.state_decode_params(self.to, self.method, self.params.clone(), head());
        let shown = match decoded.await {
            Ok(params) => serde_json::to_string_pretty(&params)?,
            Err(error) => format!(
                "{} (cannot be decoded: {error})",
                data_encoding::HEXLOWER.encode(self.params)
            ),
        };
        let tabs: String = lead.chars().take_while(|c| *c == '\t').collect();
        writeln!(
            text,
            "{lead}Params: {}",
            shown.replace('\n', &format!("\n{tabs}"))
        )?;
        Ok(kind)
    }
}

#[cfg(test)]
mod tests;
