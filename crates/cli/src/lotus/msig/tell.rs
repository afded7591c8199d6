//! What the chain says of a wallet and of those it calls.

use anyhow::Context as _;
use lotus_actors::{ActorKind, multisig};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, TipsetKey, TokenAmount};

/// The kind of actor behind a code, as of the head; `None` when it is no builtin actor.
pub(super) async fn kind_of(node: &dyn FullNode, code: &Cid) -> anyhow::Result<Option<ActorKind>> {
    let version = node.state_network_version(TipsetKey::default()).await?;
    let codes = node.state_actor_code_cids(version).await?;
    let found = codes.iter().find(|(_, known)| *known == code);
    Ok(found.and_then(|(name, _)| ActorKind::from_name(name)))
}

/// A wallet's balance and state.
pub(super) async fn state(
    node: &dyn FullNode,
    msig: Address,
) -> anyhow::Result<(TokenAmount, multisig::State)> {
    let read = node.state_read_state(msig, TipsetKey::default()).await?;
    let kind = kind_of(node, &read.code).await?;
    anyhow::ensure!(
        kind == Some(ActorKind::Multisig),
        "actor {msig} is not a multisig actor"
    );
    let state = serde_json::from_value(read.state);
    Ok((read.balance, state.context("reading the multisig's state")?))
}
