//! Parameters and results of messages, taken apart and put together.

use lotus_actors::{ActorKind, schema};
use lotus_rpc_api::RpcError;
use lotus_types::{Address, Bytes, Cid, MethodNum, Tipset};
use serde_json::Value;

use super::{Answer, Services, Told as _, messages::Found, while_doing};

fn unknown_method(number: MethodNum, code: &Cid) -> RpcError {
    RpcError::new(format_args!(
        "unknown method {number} for actor {code}: actor metadata not found"
    ))
}

/// The method of an actor with this code.
fn method_of(
    kind: Option<ActorKind>,
    code: &Cid,
    number: MethodNum,
) -> Answer<&'static schema::Method> {
    kind.and_then(|kind| schema::method(kind, number))
        .ok_or_else(|| unknown_method(number, code))
}

impl Services {
    pub(super) fn decode_params(
        &self,
        tipset: &Tipset,
        to: &Address,
        number: MethodNum,
        params: &[u8],
    ) -> Answer<Value> {
        let actor = self
            .actor(tipset, to)
            .map_err(|e| while_doing("getting actor", e))?;
        let kind = self.tree(tipset)?.manifest().told()?.kind(&actor.code);
        let method = method_of(kind, &actor.code, number)
            .map_err(|e| while_doing("getting params type", e))?;
        method.params.decode(params).told()
    }

    pub(super) fn encode_params(
        &self,
        code: &Cid,
        number: MethodNum,
        params: &Value,
    ) -> Answer<Bytes> {
        let head = self.chain.require_head().told()?;
        let kind = self.tree(&head)?.manifest().told()?.kind(code);
        let method =
            method_of(kind, code, number).map_err(|e| while_doing("getting params type", e))?;
        Ok(method.params.encode(params).told()?.into())
    }

    /// What a message returned, taken apart; `null` when it failed or returned nothing, and the bytes
    /// themselves when nothing is known of the method.
    pub(super) fn decode_return(
        &self,
        found: &Found,
        to: &Address,
        number: MethodNum,
    ) -> Answer<Value> {
        let receipt = found.receipt();
        if !receipt.exit_code.is_success() || receipt.return_data.is_empty() {
            return Ok(Value::Null);
        }
        let tree = self.tree(found.tipset())?;
        let actor = tree.actor(to).told()?.ok_or_else(|| {
            RpcError::new(
                "failed to get return type: (get sset) failed to load actor: actor not found",
            )
        })?;
        match tree
            .manifest()
            .told()?
            .kind(&actor.code)
            .and_then(|kind| schema::method(kind, number))
        {
            Some(method) => method.returns.decode(&receipt.return_data).told(),
            None => serde_json::to_value(&receipt.return_data).told(),
        }
    }
}
