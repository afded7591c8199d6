//! Payment channels.

use lotus_actors::paych::SignedVoucher;
use lotus_types::{Address, Bytes, Cid, TokenAmount};

use crate::{
    rpc_api,
    types::paych::{
        ChannelAvailableFunds, ChannelInfo, PaychGetOpts, PaychStatus, PaymentInfo,
        VoucherCreateResult, VoucherSpec,
    },
};

rpc_api! {
    /// Payment channels of this node's keys, and vouchers on them.
    pub trait PaychApi {
        /// A channel between two addresses with at least this much to spend: made or paid into
        /// where needed.
        #[method("PaychGet", Sign)]
        fn paych_get(
            from: Address, to: Address, amount: TokenAmount, options: PaychGetOpts
        ) -> ChannelInfo;
        /// Pays into the channel between two addresses; makes it when there is none.
        #[method("PaychFund", Sign)]
        fn paych_fund(from: Address, to: Address, amount: TokenAmount) -> ChannelInfo;
        /// The channel, as soon as the message that makes or pays it is on chain.
        #[method("PaychGetWaitReady", Sign, Waits)]
        fn paych_get_wait_ready(sentinel: Cid) -> Address;
        /// FIL of a channel.
        #[method("PaychAvailableFunds", Sign)]
        fn paych_available_funds(channel: Address) -> ChannelAvailableFunds;
        /// FIL of the channel between two addresses; zeros when there is none.
        #[method("PaychAvailableFundsByFromTo", Sign)]
        fn paych_available_funds_by_from_to(from: Address, to: Address) -> ChannelAvailableFunds;
        /// Channels of this node.
        #[method("PaychList", Read)]
        fn paych_list() -> Vec<Address>;
        /// How this node takes part in a channel.
        #[method("PaychStatus", Read)]
        fn paych_status(channel: Address) -> PaychStatus;
        /// Begins to close a channel.
        #[method("PaychSettle", Sign)]
        fn paych_settle(channel: Address) -> Cid;
        /// Pays a settled channel out.
        #[method("PaychCollect", Sign)]
        fn paych_collect(channel: Address) -> Cid;
        /// The number of a lane that was not used yet.
        #[method("PaychAllocateLane", Sign)]
        fn paych_allocate_lane(channel: Address) -> u64;
        /// Finds a channel as `PaychGet` does and makes vouchers on a new lane of it.
        #[method("PaychNewPayment", Sign)]
        fn paych_new_payment(
            from: Address, to: Address, vouchers: Vec<VoucherSpec>
        ) -> PaymentInfo;
        /// Could this voucher be redeemed? An error tells why not.
        #[method("PaychVoucherCheckValid", Read)]
        fn paych_voucher_check_valid(channel: Address, voucher: SignedVoucher);
        /// Could this voucher be redeemed now, with this secret and proof?
        #[method("PaychVoucherCheckSpendable", Read)]
        fn paych_voucher_check_spendable(
            channel: Address, voucher: SignedVoucher, secret: Bytes, proof: Bytes
        ) -> bool;
        /// Makes a voucher of this much on a lane, which grows by the difference.
        #[method("PaychVoucherCreate", Sign)]
        fn paych_voucher_create(
            channel: Address, amount: TokenAmount, lane: u64
        ) -> VoucherCreateResult;
        /// Takes a voucher in that is worth at least `least` more than those before; what it adds.
        #[method("PaychVoucherAdd", Write)]
        fn paych_voucher_add(
            channel: Address, voucher: SignedVoucher, proof: Bytes, least: TokenAmount
        ) -> TokenAmount;
        /// Vouchers that are here for a channel.
        #[method("PaychVoucherList", Write)]
        fn paych_voucher_list(channel: Address) -> Vec<SignedVoucher>;
        /// Redeems a voucher on chain.
        #[method("PaychVoucherSubmit", Sign)]
        fn paych_voucher_submit(
            channel: Address, voucher: SignedVoucher, secret: Bytes, proof: Bytes
        ) -> Cid;
    }
}
