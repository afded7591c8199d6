//! A message whose checks failed is repaired by whoever sent it.
//!
//! # Invariants
//! - Nothing is sent without a yes or the word `send`; the end of the input aborts.
//! - After every change all checks are run again.
//!
//! # Lotus parity
//! Lotus repairs the fee cap alone. Here gas limit, premium and nonce can be changed, too, and `fix` does
//! what the checks ask for.

use anyhow::Context as _;
use lotus_mpool::checks::code;
use lotus_networks::policy::MINIMUM_BASE_FEE;
use lotus_rpc_api::{
    full::FullNode,
    types::mpool::{MessageCheckStatus, MessagePrototype},
};
use lotus_types::{Message, TokenAmount};

use super::{estimated, failed_checks, read_fee, told};
use crate::dialogue::{Person, aborted};

/// So many times the base fee is enough for the next 20 epochs, whatever comes.
const SAFE_TIMES: i64 = 10;

/// What can be typed.
const WORDS: &str = "Type one of
      nonce N          another nonce; `nonce auto`: the node's choice
      limit N          another gas limit
      feecap PRICE     another fee cap: attoFIL per gas, 1 nanofil, or x2 for twice as much
      premium PRICE    another premium
      maxfee FIL       the fee cap at which gas costs this at most
      send             send it although a check fails
      abort            send nothing
";

/// Asks until all checks pass or the message is to be sent nevertheless.
///
/// # Errors
/// When it is not to be sent, the input ends, or the node cannot check.
pub(super) async fn repair(
    node: &dyn FullNode,
    person: &Person,
    mut prototype: MessagePrototype,
    mut failed: Vec<MessageCheckStatus>,
) -> anyhow::Result<MessagePrototype> {
    loop {
        if failed.is_empty() {
            person.say(&format!("All checks pass now.\n{}", described(&prototype)))?;
            if person.confirm("Send the message?", true).await? {
                return Ok(prototype);
            }
            return Err(aborted());
        }
        person.say(&told(&failed, &prototype.message.cid()))?;
        person.say(&described(&prototype))?;
        let fixes = Fix::of(&failed, &prototype.message);
        match step(node, person, &prototype, &fixes).await? {
            None => return Ok(prototype),
            Some(changed) => prototype = changed,
        }
        failed = failed_checks(node, &prototype)
            .await
            .context("running checks")?;
    }
}

/// The message in a line or two.
fn described(prototype: &MessagePrototype) -> String {
    let m = &prototype.message;
    let nonce = if prototype.valid_nonce {
        m.nonce.to_string()
    } else {
        "the next".to_owned()
    };
    format!(
        "{} from {} to {}, nonce {nonce}\ngas limit {}, fee cap {}, premium {}: at most {} for gas\n",
        m.value,
        m.from,
        m.to,
        m.gas_limit,
        m.gas_fee_cap.to_short(),
        m.gas_premium.to_short(),
        m.required_gas_funds().to_short(),
    )
}

/// The message as somebody changed it, or `None` when it is to be sent as it is.
async fn step(
    node: &dyn FullNode,
    person: &Person,
    prototype: &MessagePrototype,
    fixes: &[Fix],
) -> anyhow::Result<Option<MessagePrototype>> {
    let offer = if fixes.is_empty() {
        "What now (? lists what can be typed): ".to_owned()
    } else {
        let list: Vec<_> = fixes.iter().map(Fix::name).collect();
        format!("What now (fix: {}; ? lists more): ", list.join(", "))
    };
    loop {
        let answer = person.ask(&offer).await?;
        let (word, rest) = answer
            .split_once(char::is_whitespace)
            .unwrap_or((answer.as_str(), ""));
        let mut changed = prototype.clone();
        let done = match word.to_ascii_lowercase().as_str() {
            "send" => return Ok(None),
            "abort" | "a" | "no" => return Err(aborted()),
            "fix" if !fixes.is_empty() => {
                for fix in fixes {
                    fix.apply(node, &mut changed).await?;
                }
                Ok(())
            }
            "" => continue,
            word => change(&mut changed, word, rest.trim()),
        };
        match done {
            Ok(()) => return Ok(Some(changed)),
            Err(wrong) => person.say(&format!("{wrong}\n"))?,
        }
    }
}

/// Changes one thing of a message.
fn change(prototype: &mut MessagePrototype, word: &str, value: &str) -> Result<(), String> {
    let number = |what: &str| format!("{value:?} is no {what}");
    let message = &mut prototype.message;
    match word {
        "nonce" if value == "auto" => {
            (message.nonce, prototype.valid_nonce) = (0, false);
        }
        "nonce" => {
            message.nonce = value.parse().map_err(|_| number("nonce"))?;
            prototype.valid_nonce = true;
        }
        "limit" => message.gas_limit = value.parse().map_err(|_| number("gas limit"))?,
        "feecap" => message.gas_fee_cap = read_fee(value, &message.gas_fee_cap)?,
        "premium" => message.gas_premium = read_fee(value, &message.gas_premium)?,
        "maxfee" => {
            let most: TokenAmount = value.parse().map_err(|error| format!("{error}"))?;
            message.gas_fee_cap = TokenAmount::from_atto(most.atto() / message.gas_limit.max(1));
        }
        _ => return Err(WORDS.trim_end().to_owned()),
    }
    Ok(())
}

/// What a failed check asks for.
#[derive(Debug, PartialEq, Eq)]
enum Fix {
    Nonce(u64),
    FeeCap(TokenAmount),
    /// As much gas as the node finds that it needs.
    Limit,
}

impl Fix {
    /// What would make the failed checks of this message pass.
    fn of(failed: &[MessageCheckStatus], message: &Message) -> Vec<Self> {
        let own = message.cid();
        let mut fixes = Vec::new();
        for check in failed.iter().filter(|check| check.cid == own) {
            let fix = match check.code {
                code::NONCE => check
                    .hint
                    .get("nextNonce")
                    .and_then(|n| n.as_u64())
                    .map(Self::Nonce),
                code::MIN_BASE_FEE | code::BASE_FEE | code::BASE_FEE_LOWER_BOUND => {
                    Some(Self::FeeCap(safe_fee_cap(check, message)))
                }
                code::MIN_GAS => Some(Self::Limit),
                _ => None,
            };
            fixes.extend(fix.filter(|fix| !fixes.iter().any(|known| fix.is_like(known))));
        }
        fixes
    }

    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn name(&self) -> String {
        match self {
            Self::Nonce(nonce) => format!("nonce {nonce}"),
            Self::FeeCap(cap) => format!("fee cap {}", cap.to_short()),
            Self::Limit => "gas limit as estimated".to_owned(),
        }
    }

    async fn apply(
        &self,
        node: &dyn FullNode,
        prototype: &mut MessagePrototype,
    ) -> anyhow::Result<()> {
        let message = &mut prototype.message;
        match self {
            Self::Nonce(nonce) => {
                message.nonce = *nonce;
                prototype.valid_nonce = true;
            }
            Self::FeeCap(cap) => message.gas_fee_cap = cap.clone(),
            Self::Limit => {
                message.gas_limit = 0;
                *message = estimated(node, message.clone()).await?;
            }
        }
        Ok(())
    }
}

/// A fee cap that lasts: the base fee is told by the check, or it is the least that there is.
fn safe_fee_cap(check: &MessageCheckStatus, message: &Message) -> TokenAmount {
    let base_fee = check.hint.get("baseFee").cloned();
    let base_fee = base_fee.and_then(|fee| serde_json::from_value::<TokenAmount>(fee).ok());
    let base_fee = base_fee.unwrap_or_else(|| TokenAmount::from_atto(MINIMUM_BASE_FEE));
    // A premium above the fee cap would fail the next check.
    (base_fee * SAFE_TIMES).max(message.gas_premium.clone())
}

#[cfg(test)]
mod tests;
