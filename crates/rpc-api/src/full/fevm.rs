//! Methods that came with the FEVM (network version 18) outside of the Eth group.
//!
//! # Lotus parity
//! Lotus answers the last three only when its Ethereum API is enabled, which by default it is not.

use lotus_types::Cid;

use crate::{rpc_api, types::chain::Event};

rpc_api! {
    /// The FEVM's beginnings.
    pub trait FevmApi {
        /// Events below a receipt's events root.
        #[method("ChainGetEvents", Read)]
        fn chain_get_events(root: Cid) -> Vec<Event>;
        /// Does the node take connections? Ethereum's `net_listening`.
        #[method("NetListening", Read)]
        fn net_listening() -> bool;
        /// The chain id of EIP-155. Ethereum's `net_version`.
        #[method("NetVersion", Read)]
        fn net_version() -> String;
        /// Name and version of the program. Ethereum's `web3_clientVersion`.
        #[method("Web3ClientVersion", Read)]
        fn web3_client_version() -> String;
    }
}
