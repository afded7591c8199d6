//! Having enough in the storage market's escrow.
//!
//! # Lotus parity
//! The fund manager of `chain/market`: what is missing beyond what deals lock and what other deals on
//! their way need is put in with AddBalance.

use lotus_actors::{call, market};
use lotus_networks::{policy::MESSAGE_CONFIDENCE, singletons::MARKET_ACTOR};
use lotus_types::{Address, Cid, Message, TokenAmount};

use super::{ChainError, MarketChain, PushError};

/// Why escrow could not be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EscrowError {
    /// The wallet has too little.
    #[error(
        "{wallet} must put {missing} into escrow and holds {balance}: send it more FIL or use \
         another wallet"
    )]
    TooLittle {
        /// Who pays.
        wallet: Box<Address>,
        /// Missing in escrow.
        missing: TokenAmount,
        /// What the wallet has.
        balance: TokenAmount,
    },
    /// AddBalance was turned down or failed.
    #[error("putting {amount} into escrow failed: {reason}")]
    Failed {
        /// How much.
        amount: TokenAmount,
        /// Why.
        reason: String,
    },
    /// The node could not say.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl EscrowError {
    /// Will it help to try again by itself?
    pub(crate) const fn is_temporary(&self) -> bool {
        matches!(self, Self::Chain(_))
    }
}

/// What `owner` lacks to have `needed` free in escrow; zero or less when it has enough.
pub(crate) async fn missing(
    chain: &dyn MarketChain,
    owner: &Address,
    needed: &TokenAmount,
) -> Result<TokenAmount, ChainError> {
    let held = chain.escrow(owner).await?;
    Ok(needed.clone() + held.locked - held.escrow)
}

/// Sends what `owner` lacks to have `needed` free in escrow, from `wallet`. `None` when it has
/// enough. A deposit that is on its way already is taken for this one, so that a process that was
/// killed between sending and noting does not pay twice.
pub(crate) async fn deposit(
    chain: &dyn MarketChain,
    wallet: &Address,
    owner: &Address,
    needed: &TokenAmount,
    max_fee: &TokenAmount,
) -> Result<Option<Cid>, EscrowError> {
    let missing = missing(chain, owner, needed).await?;
    if !missing.is_positive() {
        return Ok(None);
    }
    let message = add_balance(wallet, owner, &missing)?;
    let payer = chain.key_address(wallet).await?.unwrap_or(*wallet);
    for (cid, other) in chain.in_flight().await? {
        let same_call = other.method == message.method && other.params == message.params;
        if same_call && (other.from == payer || other.from == *wallet) {
            return Ok(Some(cid));
        }
    }
    let balance = chain.balance(wallet).await?;
    if balance < missing {
        return Err(EscrowError::TooLittle {
            wallet: Box::new(*wallet),
            missing,
            balance,
        });
    }
    match chain.push(message, max_fee).await {
        Ok(cid) => Ok(Some(cid)),
        Err(PushError::Refused(reason)) => Err(EscrowError::Failed {
            amount: missing,
            reason,
        }),
        Err(PushError::Chain(error)) => Err(error.into()),
        Err(other) => Err(EscrowError::Failed {
            amount: missing,
            reason: other.to_string(),
        }),
    }
}

/// Waits until a deposit is on chain.
pub(crate) async fn landed(chain: &dyn MarketChain, message: &Cid) -> Result<(), EscrowError> {
    let landed = chain.wait(message, MESSAGE_CONFIDENCE).await?;
    if landed.receipt.exit_code.is_success() {
        return Ok(());
    }
    Err(EscrowError::Failed {
        amount: TokenAmount::zero(),
        reason: format!(
            "message {} ended with exit code {}",
            landed.message, landed.receipt.exit_code.0
        ),
    })
}

fn add_balance(
    wallet: &Address,
    owner: &Address,
    amount: &TokenAmount,
) -> Result<Message, ChainError> {
    let method = market::method::ADD_BALANCE;
    call::call(*wallet, MARKET_ACTOR, amount.clone(), method, owner)
        .map_err(|e| ChainError::new("a deposit", e))
}
