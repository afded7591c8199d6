//! The states of a deal, under the numbers and names that Lotus' API shows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! statuses {
    ($($name:ident = $number:literal $about:literal $takes:literal),* $(,)?) => {
        /// How far a deal is. JSON: its number, as in `ClientListDeals`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StorageDealStatus {
            $(#[doc = $about] $name = $number,)*
        }

        impl StorageDealStatus {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Lotus' name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => concat!("StorageDeal", stringify!($name)),)* }
            }

            /// What happens in it, for people.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }

            /// How long it usually takes, for people.
            pub const fn expected_duration(self) -> &'static str {
                match self { $(Self::$name => $takes,)* }
            }
        }
    };
}

statuses! {
    Unknown = 0 "Unknown" "",
    ProposalNotFound = 1 "Proposal not found" "",
    ProposalRejected = 2 "Proposal rejected" "",
    ProposalAccepted = 3 "Proposal accepted" "a few minutes",
    Staged = 4 "Published, about to go into a sector" "a few minutes",
    Sealing = 5 "Sealing" "a few hours",
    Finalizing = 6 "Finalizing" "a few minutes",
    Active = 7 "Active" "",
    Expired = 8 "Expired" "",
    Slashed = 9 "Slashed" "",
    Rejecting = 10 "Rejecting" "",
    Failing = 11 "Failing" "",
    FundsReserved = 12 "FundsReserved" "a few minutes",
    CheckForAcceptance = 13 "Checking for deal acceptance" "a few minutes",
    Validating = 14 "Validating" "a few minutes",
    AcceptWait = 15 "Deciding on the deal" "a few minutes",
    StartDataTransfer = 16 "Starting data transfer" "a few minutes",
    Transferring = 17 "Transferring" "a few hours",
    WaitingForData = 18 "Waiting for data" "a few minutes",
    VerifyData = 19 "Verifying data" "a few minutes",
    ReserveProviderFunds = 20 "Reserving provider funds" "a few minutes",
    ReserveClientFunds = 21 "Reserving client funds" "a few minutes",
    ProviderFunding = 22 "Funding provider's escrow" "a few minutes",
    ClientFunding = 23 "Funding client's escrow" "a few minutes",
    Publish = 24 "Waiting to be published" "a few hours",
    Publishing = 25 "Publishing" "a few minutes",
    Error = 26 "Error" "",
    ProviderTransferAwaitRestart = 27 "Waiting for the transfer to begin again" "a few minutes",
    ClientTransferRestart = 28 "Beginning the transfer again" "a few minutes",
    AwaitingPreCommit = 29 "Awaiting a PreCommit message on chain" "a few minutes",
    TransferQueued = 30 "Transfer queued" "a few minutes",
}

impl StorageDealStatus {
    /// Lotus' number.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The state of that number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.number() == number)
    }

    /// Will nothing happen any more?
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::ProposalNotFound
                | Self::ProposalRejected
                | Self::Expired
                | Self::Slashed
                | Self::Error
        )
    }
}

impl fmt::Display for StorageDealStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for StorageDealStatus {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(self.number())
    }
}

impl<'de> Deserialize<'de> for StorageDealStatus {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(d)?;
        Self::from_number(number)
            .ok_or_else(|| de::Error::custom(format_args!("no such deal state {number}")))
    }
}
