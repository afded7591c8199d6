//! States of a retrieval by their numbers.

pub(super) const FAILING: u64 = 8;
pub(super) const REJECTED: u64 = 9;
pub(super) const COMPLETED: u64 = 15;
pub(super) const DEAL_NOT_FOUND: u64 = 16;
pub(super) const ERRORED: u64 = 17;
pub(super) const CANCELLED: u64 = 26;

/// What Lotus puts in front of the names.
const PREFIX: &str = "DealStatus";
const NAMES: [&str; 35] = [
    "New",
    "Unsealing",
    "Unsealed",
    "WaitForAcceptance",
    "PaymentChannelCreating",
    "PaymentChannelAddingFunds",
    "Accepted",
    "FundsNeededUnseal",
    "Failing",
    "Rejected",
    "FundsNeeded",
    "SendFunds",
    "SendFundsLastPayment",
    "Ongoing",
    "FundsNeededLastPayment",
    "Completed",
    "DealNotFound",
    "Errored",
    "BlocksComplete",
    "Finalizing",
    "Completing",
    "CheckComplete",
    "CheckFunds",
    "InsufficientFunds",
    "PaymentChannelAllocatingLane",
    "Cancelling",
    "Cancelled",
    "RetryLegacy",
    "WaitForAcceptanceLegacy",
    "ClientWaitingForLastBlocks",
    "PaymentChannelAddingInitialFunds",
    "Erroring",
    "Rejecting",
    "DealNotFoundCleanup",
    "FinalizingBlockstore",
];

/// `Completed`; the number of a state without a name.
pub(super) fn short_name(state: u64) -> String {
    let index = usize::try_from(state).ok();
    let name = index.and_then(|index| NAMES.get(index));
    name.map_or_else(|| state.to_string(), |name| (*name).to_owned())
}

/// `DealStatusCompleted`.
pub(super) fn name(state: u64) -> String {
    format!("{PREFIX}{}", short_name(state))
}

/// Did it come to nothing?
pub(super) fn is_failed(state: u64) -> bool {
    [FAILING, REJECTED, DEAL_NOT_FOUND, ERRORED, CANCELLED].contains(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (state, text) in [
            (REJECTED, "DealStatusRejected"),
            (COMPLETED, "DealStatusCompleted"),
            (DEAL_NOT_FOUND, "DealStatusDealNotFound"),
            (ERRORED, "DealStatusErrored"),
            (CANCELLED, "DealStatusCancelled"),
            (99, "DealStatus99"),
        ] {
            assert_eq!(name(state), text);
        }
        assert_eq!(short_name(FAILING), "Failing");
    }
}
