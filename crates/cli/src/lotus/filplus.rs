//! `lotus filplus`: the verified registry.
//!
//! # Lotus parity
//! `cli/filplus.go`. Lists come in the order of the state's maps (verifiers, clients) or by number
//! (allocations, claims; Lotus prints those in a random order). `allocate` is ours.

mod allocate;
mod list;
mod removal;

use std::io::Write;

use lotus_actors::{
    call,
    verifreg::{RemoveExpiredAllocationsParams, VerifierParams, method},
};
use lotus_networks::{policy::MESSAGE_CONFIDENCE, singletons::VERIFIED_REGISTRY_ACTOR};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, BigInt, Message, TipsetKey, TokenAmount};

use super::Context;
use crate::format::Form;

/// As far back as the chain goes.
const NO_LIMIT: i64 = -1;

/// Interact with the verified registry actor used by Filplus
#[derive(Debug, clap::Subcommand)]
pub(super) enum Filplus {
    /// give allowance to the specified verified client address
    GrantDatacap {
        /// Who gets it
        #[arg(value_name = "clientAddress")]
        client: Address,
        /// Bytes
        datacap: BigInt,
        /// specify your notary address to send the message from
        #[arg(long)]
        from: Address,
    },
    /// list all notaries
    ListNotaries(Form),
    /// list all verified clients
    ListClients(Form),
    /// check verified client remaining bytes
    CheckClientDatacap {
        /// Who has it
        #[arg(value_name = "clientAddress")]
        client: Address,
    },
    /// check a notary's remaining bytes
    CheckNotaryDatacap {
        /// Who may give it
        #[arg(value_name = "notaryAddress")]
        notary: Address,
    },
    SignRemoveDataCapProposal(removal::Sign),
    Allocate(allocate::Allocate),
    ListAllocations(list::Allocations),
    ListClaims(list::Claims),
    /// remove expired allocations (if no allocations are specified all eligible allocations are
    /// removed)
    RemoveExpiredAllocations {
        /// Whose
        #[arg(value_name = "clientAddress")]
        client: Address,
        /// Which
        #[arg(value_name = "allocationId")]
        allocations: Vec<u64>,
        /// optionally specify the account to send the message from
        #[arg(long)]
        from: Option<Address>,
    },
}

fn head() -> TipsetKey {
    TipsetKey::default()
}

impl Filplus {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::GrantDatacap {
                client,
                datacap,
                from,
            } => grant(node, from, client, datacap, out).await?,
            Self::ListNotaries(form) => list::notaries(node, form, out).await?,
            Self::ListClients(form) => list::clients(node, form, out).await?,
            Self::CheckClientDatacap { client } => {
                let Some(held) = node.state_verified_client_status(client, head()).await? else {
                    anyhow::bail!("client {client} is not a verified client");
                };
                writeln!(out, "{held}")?;
            }
            Self::CheckNotaryDatacap { notary } => {
                let Some(left) = notary_datacap(node, notary).await? else {
                    anyhow::bail!("not found");
                };
                writeln!(out, "{left}")?;
            }
            Self::SignRemoveDataCapProposal(command) => command.run(node, out).await?,
            Self::Allocate(command) => command.run(node, out).await?,
            Self::ListAllocations(command) => command.run(node, out).await?,
            Self::ListClaims(command) => command.run(node, out).await?,
            Self::RemoveExpiredAllocations {
                client,
                allocations,
                from,
            } => remove_expired(node, client, allocations, from, out).await?,
        }
        Ok(())
    }
}

/// What an address may still give; `None` when it is no notary.
async fn notary_datacap(node: &dyn FullNode, notary: Address) -> anyhow::Result<Option<BigInt>> {
    // An address that is not on chain is told as such.
    node.state_lookup_id(notary, head()).await?;
    Ok(node.state_verifier_status(notary, head()).await?)
}

/// Sends a message, says so, and waits until it is confirmed. `failed` says what went wrong then.
async fn send(
    node: &dyn FullNode,
    message: Message,
    failed: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let sent = node.mpool_push_message(message, None).await?.cid();
    writeln!(out, "message sent, now waiting on cid: {sent}")?;
    let wait = node.state_wait_msg(sent, MESSAGE_CONFIDENCE, NO_LIMIT, true);
    let code = wait.await?.receipt.exit_code;
    anyhow::ensure!(code.is_success(), "{failed}: {}", code.0);
    Ok(())
}

async fn grant(
    node: &dyn FullNode,
    from: Address,
    address: Address,
    allowance: BigInt,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Some(left) = notary_datacap(node, from).await? else {
        anyhow::bail!("sender address must be a notary");
    };
    anyhow::ensure!(
        left >= allowance,
        "cannot allot more allowance than notary data cap: {left} < {allowance}"
    );
    let params = VerifierParams { address, allowance };
    let registry = VERIFIED_REGISTRY_ACTOR;
    let zero = TokenAmount::zero();
    let message = call(from, registry, zero, method::ADD_VERIFIED_CLIENT, &params)?;
    send(node, message, "failed to add verified client", out).await
}

async fn remove_expired(
    node: &dyn FullNode,
    client: Address,
    allocation_ids: Vec<u64>,
    from: Option<Address>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let id = node.state_lookup_id(client, head()).await?;
    let Some(client) = id.id() else {
        anyhow::bail!("the node says that {client} has the ID {id}");
    };
    let params = RemoveExpiredAllocationsParams {
        client,
        allocation_ids,
    };
    let (from, zero) = (from.unwrap_or(id), TokenAmount::zero());
    let method = method::REMOVE_EXPIRED_ALLOCATIONS;
    let message = call(from, VERIFIED_REGISTRY_ACTOR, zero, method, &params)?;
    send(node, message, "failed to remove expired allocations", out).await
}
