//! Commands about a wallet's own affairs: its signers, its threshold, what is locked. Each is a
//! proposal that the wallet calls itself, or an answer to one.

use anyhow::Context as _;
use lotus_actors::multisig::{
    self, ChangeNumApprovalsThresholdParams, LockBalanceParams, ProposeReturn,
};
use lotus_rpc_api::types::mpool::MessagePrototype;
use lotus_types::{Address, ChainEpoch, TokenAmount, wire};

use super::{At, Sender};

/// What Lotus calls the proposal after which it prints the transaction.
const REMOVE: &str = "remove proposal";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Change {
    ProposeRemove(ProposeRemove),
    AddApprove(AddApprove),
    AddCancel(AddCancel),
    SwapPropose(SwapPropose),
    SwapApprove(SwapApprove),
    SwapCancel(SwapCancel),
    LockPropose(LockPropose),
    LockApprove(LockApprove),
    LockCancel(LockCancel),
    ProposeThreshold(ProposeThreshold),
}

/// Propose to remove a signer
#[derive(Debug, clap::Args)]
pub(super) struct ProposeRemove {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who leaves
    signer: Address,
    /// whether the number of required signers should be decreased
    #[arg(long)]
    decrease_threshold: bool,
    #[command(flatten)]
    sender: Sender,
}

/// Approve a message to add a signer
#[derive(Debug, clap::Args)]
pub(super) struct AddApprove {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who proposed it
    #[arg(value_name = "proposerAddress")]
    proposer: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    /// Who comes
    #[arg(value_name = "newAddress")]
    signer: Address,
    /// Must one more approve?
    #[arg(value_name = "increaseThreshold", action = clap::ArgAction::Set)]
    increase: bool,
    #[command(flatten)]
    sender: Sender,
}

/// Cancel a message to add a signer
#[derive(Debug, clap::Args)]
pub(super) struct AddCancel {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    /// Who was to come
    #[arg(value_name = "newAddress")]
    signer: Address,
    /// Was one more to approve?
    #[arg(value_name = "increaseThreshold", action = clap::ArgAction::Set)]
    increase: bool,
    #[command(flatten)]
    sender: Sender,
}

/// Propose to swap signers
#[derive(Debug, clap::Args)]
pub(super) struct SwapPropose {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who leaves
    #[arg(value_name = "oldAddress")]
    old: Address,
    /// Who comes
    #[arg(value_name = "newAddress")]
    new: Address,
    #[command(flatten)]
    sender: Sender,
}

/// Approve a message to swap signers
#[derive(Debug, clap::Args)]
pub(super) struct SwapApprove {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who proposed it
    #[arg(value_name = "proposerAddress")]
    proposer: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    /// Who leaves
    #[arg(value_name = "oldAddress")]
    old: Address,
    /// Who comes
    #[arg(value_name = "newAddress")]
    new: Address,
    #[command(flatten)]
    sender: Sender,
}

/// Cancel a message to swap signers
#[derive(Debug, clap::Args)]
pub(super) struct SwapCancel {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    /// Who was to leave
    #[arg(value_name = "oldAddress")]
    old: Address,
    /// Who was to come
    #[arg(value_name = "newAddress")]
    new: Address,
    #[command(flatten)]
    sender: Sender,
}

/// What is locked.
#[derive(Debug, clap::Args)]
struct Lock {
    /// It unlocks from then on
    start_epoch: ChainEpoch,
    /// For so many epochs
    unlock_duration: ChainEpoch,
    /// FIL
    amount: TokenAmount,
}

/// Propose to lock up some balance
#[derive(Debug, clap::Args)]
pub(super) struct LockPropose {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    #[command(flatten)]
    lock: Lock,
    #[command(flatten)]
    sender: Sender,
}

/// Approve a message to lock up some balance
#[derive(Debug, clap::Args)]
pub(super) struct LockApprove {
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
    lock: Lock,
    #[command(flatten)]
    sender: Sender,
}

/// Cancel a message to lock up some balance
#[derive(Debug, clap::Args)]
pub(super) struct LockCancel {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "txId")]
    id: u64,
    #[command(flatten)]
    lock: Lock,
    #[command(flatten)]
    sender: Sender,
}

/// Propose setting a different signing threshold on the account
#[derive(Debug, clap::Args)]
pub(super) struct ProposeThreshold {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// So many must approve
    #[arg(value_name = "newM")]
    threshold: u64,
    #[command(flatten)]
    sender: Sender,
}

impl Lock {
    fn params(self) -> LockBalanceParams {
        LockBalanceParams {
            start_epoch: self.start_epoch,
            unlock_duration: self.unlock_duration,
            amount: self.amount,
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
        let node = at.node;
        Ok(match self {
            Self::ProposeRemove(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_remove_signer(c.msig, from, c.signer, c.decrease_threshold);
                (REMOVE, message.await?)
            }
            Self::AddApprove(c) => {
                let from = c.sender.address(node).await?;
                let message =
                    node.msig_add_approve(c.msig, from, c.id, c.proposer, c.signer, c.increase);
                ("add approval", message.await?)
            }
            Self::AddCancel(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_add_cancel(c.msig, from, c.id, c.signer, c.increase);
                ("add cancellation", message.await?)
            }
            Self::SwapPropose(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_swap_propose(c.msig, from, c.old, c.new);
                ("swap proposal", message.await?)
            }
            Self::SwapApprove(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_swap_approve(c.msig, from, c.id, c.proposer, c.old, c.new);
                ("swap approval", message.await?)
            }
            Self::SwapCancel(c) => {
                let from = c.sender.address(node).await?;
                let message = node.msig_swap_cancel(c.msig, from, c.id, c.old, c.new);
                ("swap cancellation", message.await?)
            }
            Self::LockPropose(c) => {
                let method = multisig::method::LOCK_BALANCE;
                let params = c.lock.params();
                let message = at.propose_to_itself(c.msig, &c.sender, method, &params);
                ("lock proposal", message.await?)
            }
            Self::LockApprove(c) => {
                let from = c.sender.address(node).await?;
                let params = lotus_actors::call::params(&c.lock.params())?;
                let (zero, lock) = (TokenAmount::zero(), multisig::method::LOCK_BALANCE);
                let message = node.msig_approve_txn_hash(
                    c.msig, c.id, c.proposer, c.msig, zero, from, lock, params,
                );
                ("lock approval", message.await?)
            }
            Self::LockCancel(c) => {
                let from = c.sender.address(node).await?;
                let params = lotus_actors::call::params(&c.lock.params())?;
                let (zero, lock) = (TokenAmount::zero(), multisig::method::LOCK_BALANCE);
                let message =
                    node.msig_cancel_txn_hash(c.msig, c.id, c.msig, zero, from, lock, params);
                ("lock cancellation", message.await?)
            }
            Self::ProposeThreshold(c) => {
                let method = multisig::method::CHANGE_NUM_APPROVALS_THRESHOLD;
                let params = ChangeNumApprovalsThresholdParams {
                    new_threshold: c.threshold,
                };
                let message = at
                    .propose_to_itself(c.msig, &c.sender, method, &params)
                    .await
                    .context("failed to propose change of threshold")?;
                ("change threshold proposal", message)
            }
        })
    }
}
