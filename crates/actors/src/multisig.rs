//! Actors with several signers.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, ExitCode, MethodNum, TokenAmount, block::blake2b256, wire,
    wire_tuple,
};
use num_bigint::BigInt;

use crate::{Map, StateError, map::HAMT_BIT_WIDTH};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor: [`ConstructorParams`](super::ConstructorParams).";
    PROPOSE = 2 "Propose" "Proposes a message: [`ProposeParams`](super::ProposeParams).";
    APPROVE = 3 "Approve" "Approves a proposal: [`TxnIdParams`](super::TxnIdParams).";
    CANCEL = 4 "Cancel" "Takes a proposal back: [`TxnIdParams`](super::TxnIdParams).";
    ADD_SIGNER = 5 "AddSigner" "Self: [`AddSignerParams`](super::AddSignerParams).";
    REMOVE_SIGNER = 6 "RemoveSigner" "Self: [`RemoveSignerParams`](super::RemoveSignerParams).";
    SWAP_SIGNER = 7 "SwapSigner" "Self: [`SwapSignerParams`](super::SwapSignerParams).";
    CHANGE_NUM_APPROVALS_THRESHOLD = 8 "ChangeNumApprovalsThreshold" "Self: [`ChangeNumApprovalsThresholdParams`](super::ChangeNumApprovalsThresholdParams).";
    LOCK_BALANCE = 9 "LockBalance" "Self: [`LockBalanceParams`](super::LockBalanceParams).";
    UNIVERSAL_RECEIVER_HOOK = 3_726_118_371 "UniversalReceiverHook" "Tokens arrived.";
}

/// A transaction's number in its multisig.
pub type TxnId = i64;

/// State of a multisig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// ID addresses.
    pub signers: Vec<Address>,
    /// So many must approve.
    pub num_approvals_threshold: u64,
    /// The next transaction's number.
    pub next_tx_id: TxnId,
    /// Unlocks linearly.
    pub initial_balance: TokenAmount,
    /// Beginning then.
    pub start_epoch: ChainEpoch,
    /// For so many epochs.
    pub unlock_duration: ChainEpoch,
    /// HAMT from numbers to transactions.
    pub pending_txs: Cid,
}
wire_tuple!(State {
    signers: "Signers" list,
    num_approvals_threshold: "NumApprovalsThreshold",
    next_tx_id: "NextTxnID",
    initial_balance: "InitialBalance",
    start_epoch: "StartEpoch",
    unlock_duration: "UnlockDuration",
    pending_txs: "PendingTxns",
});

/// A proposal that waits for approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Receiver.
    pub to: Address,
    /// Sent along.
    pub value: TokenAmount,
    /// Called there.
    pub method: MethodNum,
    /// Its parameters.
    pub params: Bytes,
    /// Signers who approved, the proposer first.
    pub approved: Vec<Address>,
}
wire_tuple!(Transaction {
    to: "To",
    value: "Value",
    method: "Method",
    params: "Params" default,
    approved: "Approved" list,
});

impl State {
    /// The proposals that wait.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn pending<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, TxnId, Transaction>, StateError> {
        Map::load(
            store,
            &self.pending_txs,
            HAMT_BIT_WIDTH,
            "pending transactions",
        )
    }

    /// What is still locked at `epoch`.
    pub fn locked_at(&self, epoch: ChainEpoch) -> TokenAmount {
        let elapsed = epoch.saturating_sub(self.start_epoch);
        if elapsed >= self.unlock_duration {
            return TokenAmount::zero();
        }
        if elapsed <= 0 {
            return self.initial_balance.clone();
        }
        let left = &self.initial_balance * (self.unlock_duration - elapsed);
        let duration = BigInt::from(self.unlock_duration);
        // Rounded up.
        TokenAmount::from_atto((left.atto() + &duration - 1) / duration)
    }
}

/// Parameters of the constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstructorParams {
    /// At least one; ids or keys.
    pub signers: Vec<Address>,
    /// So many must approve.
    pub num_approvals_threshold: u64,
    /// The value sent unlocks over so many epochs.
    pub unlock_duration: ChainEpoch,
    /// Beginning then.
    pub start_epoch: ChainEpoch,
}
wire_tuple!(ConstructorParams {
    signers: "Signers" list,
    num_approvals_threshold: "NumApprovalsThreshold",
    unlock_duration: "UnlockDuration",
    start_epoch: "StartEpoch",
});

/// Parameters of Propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposeParams {
    /// Receiver.
    pub to: Address,
    /// Sent along.
    pub value: TokenAmount,
    /// Called there.
    pub method: MethodNum,
    /// Its parameters.
    pub params: Bytes,
}
wire_tuple!(ProposeParams { to: "To", value: "Value", method: "Method", params: "Params" default });

/// What Propose returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposeReturn {
    /// The new transaction.
    pub txn_id: TxnId,
    /// One approval was enough, and it was sent.
    pub applied: bool,
    /// How that ended.
    pub code: ExitCode,
    /// What it returned.
    pub ret: Bytes,
}
wire_tuple!(ProposeReturn { txn_id: "TxnID", applied: "Applied", code: "Code", ret: "Ret" default });

/// Parameters of Approve and Cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnIdParams {
    /// Which transaction.
    pub id: TxnId,
    /// [`proposal_hash`] of what is meant; empty: whatever it is.
    pub proposal_hash: Bytes,
}
wire_tuple!(TxnIdParams { id: "ID", proposal_hash: "ProposalHash" default });

/// What Approve returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveReturn {
    /// Approvals were enough, and it was sent.
    pub applied: bool,
    /// How that ended.
    pub code: ExitCode,
    /// What it returned.
    pub ret: Bytes,
}
wire_tuple!(ApproveReturn { applied: "Applied", code: "Code", ret: "Ret" default });

/// Parameters of AddSigner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddSignerParams {
    /// Who.
    pub signer: Address,
    /// One more must approve.
    pub increase: bool,
}
wire_tuple!(AddSignerParams {
    signer: "Signer",
    increase: "Increase"
});

/// Parameters of RemoveSigner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveSignerParams {
    /// Who.
    pub signer: Address,
    /// One less must approve.
    pub decrease: bool,
}
wire_tuple!(RemoveSignerParams {
    signer: "Signer",
    decrease: "Decrease"
});

/// Parameters of SwapSigner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapSignerParams {
    /// Leaves.
    pub from: Address,
    /// Comes.
    pub to: Address,
}
wire_tuple!(SwapSignerParams {
    from: "From",
    to: "To"
});

/// Parameters of ChangeNumApprovalsThreshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNumApprovalsThresholdParams {
    /// So many must approve from then on.
    pub new_threshold: u64,
}
wire_tuple!(ChangeNumApprovalsThresholdParams {
    new_threshold: "NewThreshold"
});

/// Parameters of LockBalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockBalanceParams {
    /// Beginning then.
    pub start_epoch: ChainEpoch,
    /// For so many epochs.
    pub unlock_duration: ChainEpoch,
    /// So much.
    pub amount: TokenAmount,
}
wire_tuple!(LockBalanceParams {
    start_epoch: "StartEpoch",
    unlock_duration: "UnlockDuration",
    amount: "Amount",
});

struct HashedProposal<'a> {
    requester: Option<&'a Address>,
    transaction: &'a Transaction,
}

impl serde::Serialize for HashedProposal<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let t = self.transaction;
        (&self.requester, &t.to, &t.value, &t.method, &t.params).serialize(s)
    }
}

/// The hash that an approval names: blake2b-256 of the first approver and what is proposed.
///
/// # Errors
/// [`StateError::Malformed`] when an address is undefined.
pub fn proposal_hash(transaction: &Transaction) -> Result<[u8; 32], StateError> {
    let hashed = HashedProposal {
        requester: transaction.approved.first(),
        transaction,
    };
    let bytes = wire::try_to_cbor(&hashed).map_err(|e| StateError::malformed("proposal", e))?;
    Ok(blake2b256(&bytes))
}
