//! Multisig wallets. The methods make messages; signing and sending them is up to the caller.

use lotus_types::{Address, Bytes, ChainEpoch, MethodNum, TipsetKey, TokenAmount};

use crate::{
    rpc_api,
    types::{
        mpool::MessagePrototype,
        state::{MsigTransaction, MsigVesting},
    },
};

rpc_api! {
    /// Multisig wallets.
    pub trait MsigApi {
        /// FIL that are not locked.
        #[method("MsigGetAvailableBalance", Read)]
        fn msig_get_available_balance(msig: Address, key: TipsetKey) -> TokenAmount;
        /// FIL that became free between two tipsets.
        #[method("MsigGetVested", Read)]
        fn msig_get_vested(msig: Address, start: TipsetKey, end: TipsetKey) -> TokenAmount;
        /// How FIL become free.
        #[method("MsigGetVestingSchedule", Read)]
        fn msig_get_vesting_schedule(msig: Address, key: TipsetKey) -> MsigVesting;
        /// Proposals that wait.
        #[method("MsigGetPending", Read)]
        fn msig_get_pending(msig: Address, key: TipsetKey) -> Vec<MsigTransaction>;
        /// A new wallet.
        #[method("MsigCreate", Sign)]
        fn msig_create(
            threshold: u64, signers: Vec<Address>, unlock_duration: ChainEpoch,
            balance: TokenAmount, source: Address, gas_price: TokenAmount
        ) -> MessagePrototype;
        /// Proposes a message.
        #[method("MsigPropose", Sign)]
        fn msig_propose(
            msig: Address, to: Address, amount: TokenAmount, source: Address, method: MethodNum,
            params: Bytes
        ) -> MessagePrototype;
        /// Approves a proposal by its number.
        #[method("MsigApprove", Sign)]
        fn msig_approve(msig: Address, id: u64, source: Address) -> MessagePrototype;
        /// Approves exactly this proposal.
        #[method("MsigApproveTxnHash", Sign)]
        fn msig_approve_txn_hash(
            msig: Address, id: u64, proposer: Address, to: Address, amount: TokenAmount,
            source: Address, method: MethodNum, params: Bytes
        ) -> MessagePrototype;
        /// Takes a proposal back by its number.
        #[method("MsigCancel", Sign)]
        fn msig_cancel(msig: Address, id: u64, source: Address) -> MessagePrototype;
        /// Takes exactly this proposal back.
        #[method("MsigCancelTxnHash", Sign)]
        fn msig_cancel_txn_hash(
            msig: Address, id: u64, to: Address, amount: TokenAmount, source: Address,
            method: MethodNum, params: Bytes
        ) -> MessagePrototype;
        /// Proposes another signer.
        #[method("MsigAddPropose", Sign)]
        fn msig_add_propose(
            msig: Address, source: Address, signer: Address, increase: bool
        ) -> MessagePrototype;
        /// Approves another signer.
        #[method("MsigAddApprove", Sign)]
        fn msig_add_approve(
            msig: Address, source: Address, id: u64, proposer: Address, signer: Address,
            increase: bool
        ) -> MessagePrototype;
        /// Takes the proposal of another signer back.
        #[method("MsigAddCancel", Sign)]
        fn msig_add_cancel(
            msig: Address, source: Address, id: u64, signer: Address, increase: bool
        ) -> MessagePrototype;
        /// Proposes to exchange a signer.
        #[method("MsigSwapPropose", Sign)]
        fn msig_swap_propose(
            msig: Address, source: Address, old: Address, new: Address
        ) -> MessagePrototype;
        /// Approves the exchange of a signer.
        #[method("MsigSwapApprove", Sign)]
        fn msig_swap_approve(
            msig: Address, source: Address, id: u64, proposer: Address, old: Address, new: Address
        ) -> MessagePrototype;
        /// Takes the exchange of a signer back.
        #[method("MsigSwapCancel", Sign)]
        fn msig_swap_cancel(
            msig: Address, source: Address, id: u64, old: Address, new: Address
        ) -> MessagePrototype;
        /// Proposes to take a signer away.
        #[method("MsigRemoveSigner", Sign)]
        fn msig_remove_signer(
            msig: Address, proposer: Address, signer: Address, decrease: bool
        ) -> MessagePrototype;
    }
}
