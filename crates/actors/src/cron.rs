//! f03: runs at the end of every tipset.

use lotus_types::{Address, MethodNum, wire_tuple};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor; its state is its parameter.";
    EPOCH_TICK = 2 "EpochTick" "Calls all entries.";
}

/// State of f03, and its constructor's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Called in this order.
    pub entries: Vec<Entry>,
}
wire_tuple!(State { entries: "Entries" list });

/// Something to call every epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whom.
    pub receiver: Address,
    /// A method without parameters.
    pub method_num: MethodNum,
}
wire_tuple!(Entry {
    receiver: "Receiver",
    method_num: "MethodNum"
});
