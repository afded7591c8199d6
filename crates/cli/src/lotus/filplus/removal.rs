//! `lotus filplus sign-remove-data-cap-proposal`.

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_actors::verifreg::{
    self,
    removal::{RemoveDataCapProposal, RemoveDataCapProposalId},
};
use lotus_networks::singletons::VERIFIED_REGISTRY_ACTOR;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, BigInt};

use super::{head, list, notary_datacap};
use crate::lotus::remote_store;

/// allows a notary to sign a Remove Data Cap Proposal
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Sign {
    /// Whose key signs
    #[arg(value_name = "verifierAddress")]
    verifier: Address,
    /// Who loses it
    #[arg(value_name = "clientAddress")]
    client: Address,
    /// Bytes
    #[arg(value_name = "allowanceToRemove")]
    amount: BigInt,
    /// specify the RemoveDataCapProposal ID (will look up on chain if unspecified)
    #[arg(long)]
    id: Option<u64>,
}

impl Sign {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let verifier = node.state_lookup_id(self.verifier, head()).await?;
        let client = node.state_lookup_id(self.client, head()).await?;
        let held = node
            .state_verified_client_status(client, head())
            .await
            .context("failed to find verified client data cap")?
            .unwrap_or_default();
        anyhow::ensure!(
            held > BigInt::default(),
            "client data cap {held} is less than amount requested to be removed {}",
            self.amount
        );
        let notary = notary_datacap(node, self.verifier)
            .await
            .context("failed to check notary status")?;
        anyhow::ensure!(notary.is_some(), "verifier address must be a notary");
        let removal_proposal_id = match self.id {
            // As with Lotus, 0 is looked up as well.
            None | Some(0) => next_id(node, &verifier, &client)
                .await
                .context("failed find remove data cap proposal id")?,
            Some(proposal_id) => RemoveDataCapProposalId { proposal_id },
        };
        let proposal = RemoveDataCapProposal {
            verified_client: client,
            data_cap_amount: self.amount,
            removal_proposal_id,
        };
        let signed = node
            .wallet_sign(self.verifier, proposal.signing_bytes()?.into())
            .await
            .context("failed to sign message")?;
        writeln!(out, "{}", HEXLOWER.encode(&signed.to_bytes()))?;
        Ok(())
    }
}

async fn next_id(
    node: &dyn FullNode,
    verifier: &Address,
    client: &Address,
) -> anyhow::Result<RemoveDataCapProposalId> {
    let registry: verifreg::State = list::state(node, VERIFIED_REGISTRY_ACTOR).await?;
    let store = remote_store::fetch(node, &registry.remove_data_cap_proposal_ids).await?;
    Ok(registry.next_removal_id(&store, verifier, client)?)
}
