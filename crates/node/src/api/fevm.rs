//! What belongs to the FEVM: network version 17 has none, so every method answers "not supported".

use lotus_rpc_api::full::FevmApi;

use super::FullNodeApi;

impl FevmApi for FullNodeApi {}
