//! Commands that make wallets, and those about proposals whatever they propose.

use anyhow::Context as _;
use data_encoding::HEXLOWER_PERMISSIVE;
use lotus_actors::{ActorKind, init::ExecReturn, multisig::ProposeReturn};
use lotus_types::{Address, Bytes, ChainEpoch, MethodNum, TipsetKey, TokenAmount, wire};
use serde_json::json;

use super::{At, Sender, tell};
use crate::format::Form;

/// Create a new multisig wallet
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Who may sign
    #[arg(value_name = "address", required = true)]
    signers: Vec<Address>,
    /// number of required approvals (uses number of signers provided if omitted)
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    required: u64,
    /// initial funds to give to multisig
    #[arg(long, default_value = "0")]
    value: TokenAmount,
    /// length of the period over which funds unlock
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    duration: ChainEpoch,
    #[command(flatten)]
    sender: Sender,
}

/// What is proposed: destination, FIL, method and parameters.
#[derive(Debug, clap::Args)]
struct Proposed {
    /// Receiver
    #[arg(value_name = "destination")]
    to: Option<Address>,
    /// FIL
    #[arg(requires = "to")]
    value: Option<TokenAmount>,
    /// Method to call
    #[arg(value_name = "methodId", requires = "params")]
    method: Option<MethodNum>,
    /// Its parameters in hexadecimal
    #[arg(value_name = "methodParams")]
    params: Option<String>,
}

/// Propose a multisig transaction
#[derive(Debug, clap::Args)]
pub(super) struct Propose {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Receiver
    #[arg(value_name = "destinationAddress")]
    to: Address,
    /// FIL
    value: TokenAmount,
    /// Method to call
    #[arg(value_name = "methodId", requires = "params")]
    method: Option<MethodNum>,
    /// Its parameters in hexadecimal
    #[arg(value_name = "methodParams")]
    params: Option<String>,
    #[command(flatten)]
    sender: Sender,
}

/// Approve a multisig message
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "messageId")]
    id: u64,
    /// Who proposed it; with what was proposed, nothing else is approved
    #[arg(value_name = "proposerAddress", requires = "value")]
    proposer: Option<Address>,
    #[command(flatten)]
    proposed: Proposed,
    #[command(flatten)]
    sender: Sender,
}

/// Cancel a multisig message
#[derive(Debug, clap::Args)]
pub(super) struct Cancel {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Number of the transaction
    #[arg(value_name = "messageId")]
    id: u64,
    #[command(flatten)]
    proposed: Proposed,
    #[command(flatten)]
    sender: Sender,
}

/// Propose to add a signer
#[derive(Debug, clap::Args)]
pub(super) struct AddPropose {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// Who comes
    signer: Address,
    /// whether the number of required signers should be increased
    #[arg(long)]
    increase_threshold: bool,
    #[command(flatten)]
    sender: Sender,
}

/// Gets the amount vested in an msig between two epochs
#[derive(Debug, clap::Args)]
pub(super) struct Vested {
    /// The wallet
    #[arg(value_name = "multisigAddress")]
    msig: Address,
    /// start epoch to measure vesting from
    #[arg(long, default_value_t = 0)]
    start_epoch: ChainEpoch,
    /// end epoch to stop measure vesting at
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    end_epoch: ChainEpoch,
    #[command(flatten)]
    form: Form,
}

impl Create {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let from = self.sender.address(at.sending.node).await?;
        let required = match self.required {
            0 => self.signers.len() as u64,
            required => required,
        };
        // The gas price has been without meaning for long.
        let price = TokenAmount::from_atto(1);
        let node = at.sending.node;
        let message = node
            .msig_create(
                required,
                self.signers,
                self.duration,
                self.value,
                from,
                price,
            )
            .await?;
        let sent = at.send("create", message).await?;
        writeln!(at.out, "waiting for confirmation..")?;
        let receipt = at.wait(sent).await?;
        if !receipt.exit_code.is_success() {
            writeln!(at.out, "actor creation failed!")?;
            anyhow::bail!("the message ended with exit code {}", receipt.exit_code.0);
        }
        let made: ExecReturn =
            wire::from_cbor(&receipt.return_data).context("reading what the creation returned")?;
        writeln!(
            at.out,
            "Created new multisig:  {} {}",
            made.id_address, made.robust_address
        )?;
        Ok(())
    }
}

impl Propose {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let from = self.sender.address(at.sending.node).await?;
        let msig = self.msig;
        let node = at.sending.node;
        let actor = node
            .state_get_actor(msig, TipsetKey::default())
            .await
            .with_context(|| format!("failed to look up multisig {msig}"))?;
        let kind = tell::kind_of(node, &actor.code).await?;
        anyhow::ensure!(
            kind == Some(ActorKind::Multisig),
            "actor {msig} is not a multisig actor"
        );
        let params = hex(self.params.as_deref())?;
        let method = self.method.unwrap_or(0);
        let message = node
            .msig_propose(msig, self.to, self.value, from, method, params)
            .await?;
        let receipt = at.send_and_wait("proposal", "proposal", message).await?;
        let returned: ProposeReturn = wire::from_cbor(&receipt.return_data)
            .context("failed to unmarshal propose return value")?;
        writeln!(at.out, "Transaction ID: {}", returned.txn_id)?;
        if returned.applied {
            writeln!(at.out, "Transaction was executed during propose")?;
            writeln!(at.out, "Exit Code: {}", returned.code.0)?;
            let value = data_encoding::HEXLOWER.encode(&returned.ret);
            writeln!(at.out, "Return Value: {value}")?;
        }
        Ok(())
    }
}

impl Approve {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let from = self.sender.address(at.sending.node).await?;
        let (msig, id, node) = (self.msig, self.id, at.sending.node);
        let message = match (self.proposer, self.proposed.to, self.proposed.value) {
            (Some(proposer), Some(to), Some(value)) => {
                let method = self.proposed.method.unwrap_or(0);
                let params = hex(self.proposed.params.as_deref())?;
                node.msig_approve_txn_hash(msig, id, proposer, to, value, from, method, params)
                    .await?
            }
            _ => node.msig_approve(msig, id, from).await?,
        };
        at.send_and_wait("approval", "approve", message).await?;
        Ok(())
    }
}

impl Cancel {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let from = self.sender.address(at.sending.node).await?;
        let (msig, id, node) = (self.msig, self.id, at.sending.node);
        let message = match (self.proposed.to, self.proposed.value) {
            (Some(to), Some(value)) => {
                let method = self.proposed.method.unwrap_or(0);
                let params = hex(self.proposed.params.as_deref())?;
                node.msig_cancel_txn_hash(msig, id, to, value, from, method, params)
                    .await?
            }
            (Some(_), None) => {
                anyhow::bail!("usage: msig cancel <msig addr> <message ID> <destination> <value>")
            }
            _ => node.msig_cancel(msig, id, from).await?,
        };
        at.send_and_wait("cancel", "cancel", message).await?;
        Ok(())
    }
}

impl AddPropose {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let from = self.sender.address(at.sending.node).await?;
        let (msig, signer) = (self.msig, self.signer);
        let node = at.sending.node;
        let state = tell::state(node, msig).await?.1;
        let id = node.state_lookup_id(signer, TipsetKey::default()).await?;
        anyhow::ensure!(!state.signers.contains(&id), "{signer} is already a signer");
        let message = node
            .msig_add_propose(msig, from, signer, self.increase_threshold)
            .await?;
        at.send_and_wait("add proposal", "add proposal", message)
            .await?;
        Ok(())
    }
}

impl Vested {
    pub(super) async fn run(self, at: &mut At<'_>) -> anyhow::Result<()> {
        let node = at.sending.node;
        let start = node.chain_get_tipset_by_height(self.start_epoch, TipsetKey::default());
        let start = start.await?;
        let end = if self.end_epoch < 0 {
            node.chain_head().await?
        } else {
            let end = node.chain_get_tipset_by_height(self.end_epoch, TipsetKey::default());
            end.await?
        };
        let vested = node.msig_get_vested(self.msig, start.key().clone(), end.key().clone());
        let vested = vested.await?;
        let shown = json!({
            "Vested": vested, "StartEpoch": start.height(), "EndEpoch": end.height(),
        });
        if self.form.wrote(at.out, &shown)? {
            return Ok(());
        }
        writeln!(
            at.out,
            "Vested: {vested} between {} and {}",
            start.height(),
            end.height()
        )?;
        Ok(())
    }
}

/// Parameters given in hexadecimal.
fn hex(params: Option<&str>) -> anyhow::Result<Bytes> {
    let bytes = HEXLOWER_PERMISSIVE.decode(params.unwrap_or_default().as_bytes());
    let bytes = bytes.map_err(|e| anyhow::anyhow!("the parameters are not hexadecimal: {e}"))?;
    Ok(bytes.into())
}
