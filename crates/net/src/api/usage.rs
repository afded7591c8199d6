//! Resources by scope.

use lotus_rpc_api::types::net::{NetLimit, NetStat};

use super::{Answer, told};
use crate::{NetService, resources::Scope};

/// The name of all scopes together.
const ALL: &str = "all";

pub(super) fn stat(net: &NetService, scope: &str) -> Answer<NetStat> {
    let resources = &net.counters().resources;
    if scope == ALL {
        return Ok(resources.stat_all());
    }
    let scope = Scope::parse(scope).map_err(told)?;
    Ok(resources.stat(&scope))
}

pub(super) fn limit(net: &NetService, scope: &str) -> Answer<NetLimit> {
    let scope = Scope::parse(scope).map_err(told)?;
    Ok(net.counters().resources.limit(&scope))
}

pub(super) fn set_limit(net: &NetService, scope: &str, limit: NetLimit) -> Answer<()> {
    let scope = Scope::parse(scope).map_err(told)?;
    let resources = &net.counters().resources;
    resources.set_limit(scope, limit).map_err(told)
}
