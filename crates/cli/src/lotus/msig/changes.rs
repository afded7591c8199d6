//! Commands about a wallet's own affairs: its signers, its threshold, what is locked. Each is a
//! proposal that the wallet calls itself ([`Proposal`]), or an answer to one ([`Approval`],
//! [`Cancellation`]); what it is about is the type in their brackets.

use anyhow::Context as _;
use lotus_actors::multisig::{
    ChangeNumApprovalsThresholdParams, LockBalanceParams, ProposeReturn, method,
};
use lotus_rpc_api::types::mpool::MessagePrototype;
use lotus_types::{Address, ChainEpoch, TokenAmount, wire};

use super::{At, Sender};

/// What Lotus calls the proposal after which it prints the transaction.
const REMOVE: &str = "remove proposal";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Change {
    /// Propose to remove a signer
    ProposeRemove(Proposal<Removed>),
    /// Approve a message to add a signer
    AddApprove(Approval<Added>),
    /// Cancel a message to add a signer
    AddCancel(Cancellation<Added>),
    /// Propose to swap signers
    SwapPropose(Proposal<Swap>),
    /// Approve a message to swap signers
    SwapApprove(Approval<Swap>),
    /// Cancel a message to swap signers
    SwapCancel(Cancellation<Swap>),
    /// Propose to lock up some balance
    LockPropose(Proposal<Lock>),
    /// Approve a message to lock up some balance
    LockApprove(Approval<Lock>),
    /// Cancel a message to lock up some balance
    LockCancel(Cancellation<Lock>),
    /// Propose setting a different signing threshold on the account
    ProposeThreshold(Proposal<Threshold>),
}

#[derive(Debug, clap::Args)]
pub(super) struct Proposal<T: clap::Args> {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, clap::Args)]
pub(super) struct Approval<T: clap::Args> {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who proposed it
    #[arg(value_name = "proposerAddress")]
    proposer: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, clap::Args)]
pub(super) struct Cancellation<T: clap::Args> {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    sender: Sender,
}

/// A signer that comes.
#[derive(Debug, clap::Args)]
pub(super) struct Added {
    /// Who comes
    #[arg(value_name = "newAddress")]
    signer: Address,
    /// Must one more approve?
    #[arg(value_name = "increaseThreshold", action = clap::ArgAction::Set)]
    increase: bool,
}

/// A signer that leaves.
#[derive(Debug, clap::Args)]
pub(super) struct Removed {
    /// Who leaves
    signer: Address,
    /// whether the number of required signers should be decreased
    #[arg(long)]
    decrease_threshold: bool,
}

/// A signer in another's place.
#[derive(Debug, clap::Args)]
pub(super) struct Swap {
    /// Who leaves
    #[arg(value_name = "oldAddress")]
    old: Address,
    /// Who comes
    #[arg(value_name = "newAddress")]
    new: Address,
}

/// What is locked.
#[derive(Debug, clap::Args)]
pub(super) struct Lock {
    /// It unlocks from then on
    start_epoch: ChainEpoch,
    /// For so many epochs
    unlock_duration: ChainEpoch,
    /// FIL
    amount: TokenAmount,
}

/// How many must approve.
#[derive(Debug, clap::Args)]
pub(super) struct Threshold {
    /// So many must approve
    #[arg(value_name = "newM")]
    threshold: u64,
}

impl Lock {
    fn params(&self) -> LockBalanceParams {
        LockBalanceParams {
            start_epoch: self.start_epoch,
            unlock_duration: self.unlock_duration,
            amount: self.amount.clone(),
        }
    }
}

impl Change {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let (what, message) = self.message(at).await?;
        let receipt = at.send_and_wait(what, what, message).await?;
        if what == REMOVE {
            let returned: ProposeReturn =
                wire::from_cbor(&receipt.return_data).context("decoding proposal return")?;
            // Without a line end, as Lotus.
            write!(at.out, "TxnID: {}", returned.txn_id)?;
        }
        Ok(())
    }

    /// What a command sends, and what Lotus calls it.
    async fn message(self, at: &At<'_>) -> anyhow::Result<(&'static str, MessagePrototype)> {
        let node = at.sending.node;
        let (zero, lock) = (TokenAmount::zero(), method::LOCK_BALANCE);
        Ok(match self {
            Self::ProposeRemove(c) => {
                let from = c.sender.address(node).await?;
                let Removed { signer, .. } = c.what;
                let fewer = c.what.decrease_threshold;
                let message = node.msig_remove_signer(c.msig, from, signer, fewer);
                (REMOVE, message.await?)
            }
            Self::AddApprove(c) => {
                let from = c.sender.address(node).await?;
                let Added { signer, increase } = c.what;
                let message =
                    node.msig_add_approve(c.msig, from, c.id, c.proposer, signer, increase);
                ("add approval", message.await?)
            }
            Self::AddCancel(c) => {
                let from = c.sender.address(node).await?;
                let Added { signer, increase } = c.what;
                let message = node.msig_add_cancel(c.msig, from, c.id, signer, increase);
                ("add cancellation", message.await?)
            }
            Self::SwapPropose(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_swap_propose(c.msig, from, c.what.old, c.what.new);
                ("swap proposal", message.await?)
            }
            Self::SwapApprove(c) => {
                let from = c.sender.address(node).await?;
                let Swap { old, new } = c.what;
                let message = node.msig_swap_approve(c.msig, from, c.id, c.proposer, old, new);
                ("swap approval", message.await?)
            }
            Self::SwapCancel(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_swap_cancel(c.msig, from, c.id, c.what.old, c.what.new);
                ("swap cancellation", message.await?)
            }
            Self::LockPropose(c) => {
                let params = c.what.params();
                let message = at.propose_to_itself(c.msig, &c.sender, lock, &params);
                ("lock proposal", message.await?)
            }
            Self::LockApprove(c) => {
                let from = c.sender.address(node).await?;
                let params = lotus_actors::call::params(&c.what.params())?;
                let message = node.msig_approve_txn_hash(
                    c.msig, c.id, c.proposer, c.msig, zero, from, lock, params,
                );
                ("lock approval", message.await?)
            }
            Self::LockCancel(c) => {
                let from = c.sender.address(node).await?;
                let params = lotus_actors::call::params(&c.what.params())?;
                let message =
                    node.msig_cancel_txn_hash(c.msig, c.id, c.msig, zero, from, lock, params);
                ("lock cancellation", message.await?)
            }
            Self::ProposeThreshold(c) => {
                let change = method::CHANGE_NUM_APPROVALS_THRESHOLD;
                let params = ChangeNumApprovalsThresholdParams {
                    new_threshold: c.what.threshold,
                };
                let message = at.propose_to_itself(c.msig, &c.sender, change, &params);
                let message = message.await;
                let message = message.context("failed to propose change of threshold")?;
                ("change threshold proposal", message)
            }
        })
    }
}
