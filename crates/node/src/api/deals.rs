//! Groups that this node does not serve yet: every method answers "not supported".

use lotus_rpc_api::full::{ClientApi, MarketApi};

use super::FullNodeApi;

impl MarketApi for FullNodeApi {}
impl ClientApi for FullNodeApi {}
impl lotus_rpc_api::full::MsigApi for FullNodeApi {}
