//! `lotus state`: actors, miners and messages as of a tipset.

mod actors;
mod call;
mod compute;
mod messages;
mod miners;

use std::io::Write;

use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, DealId, SectorNumber, TipsetKey};

use super::{
    Context,
    tipset::{TipsetRef, key_of},
};
use crate::format::{Form, write_json};

/// Interact with and query filecoin chain state
#[derive(Debug, clap::Args)]
pub(super) struct State {
    /// specify tipset to call method on (pass comma separated array of cids)
    #[arg(long)]
    tipset: Option<TipsetRef>,
    #[command(subcommand)]
    query: Query,
}

#[derive(Debug, clap::Subcommand)]
enum Query {
    /// Query network or miner power
    Power {
        /// One miner's, too
        #[arg(value_name = "minerAddress")]
        miner: Option<Address>,
        #[command(flatten)]
        form: Form,
    },
    /// Query the sector set of a miner
    Sectors {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Query the active sector set of a miner
    ActiveSectors {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
        #[command(flatten)]
        form: Form,
    },
    /// list all actors in the network
    ListActors {
        #[command(flatten)]
        form: Form,
    },
    /// list all miners in the network
    ListMiners {
        /// criteria to sort miners by (none, num-deals)
        #[arg(long)]
        sort_by: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Get the exact current circulating supply of Filecoin
    CirculatingSupply {
        /// calculates the approximation of the circulating supply used internally by the VM
        #[arg(long)]
        vm_supply: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Get miner sector info
    #[command(visible_alias = "sector-info")]
    Sector {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
        /// Which
        #[arg(value_name = "sectorNumber")]
        sector: SectorNumber,
        #[command(flatten)]
        form: Form,
    },
    /// Print actor information
    GetActor {
        /// Which
        #[arg(value_name = "actorAddress")]
        address: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Find corresponding ID address
    Lookup {
        /// Of this one
        address: Address,
        /// Perform reverse lookup
        #[arg(short, long)]
        reverse: bool,
    },
    /// Look up miners sector size
    SectorSize {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
    },
    /// View a json representation of an actors state
    ReadState {
        /// Which
        #[arg(value_name = "actorAddress")]
        address: Address,
    },
    /// list messages on chain matching given criteria
    ListMessages(messages::ListMessages),
    /// Replay a particular message
    Replay(messages::Replay),
    ComputeState(compute::ComputeState),
    Call(call::Call),
    /// Get the execution trace of a given message
    ExecTrace {
        /// Which
        #[arg(value_name = "messageCid")]
        message: Cid,
    },
    /// View on-chain deal info
    GetDeal {
        /// Which
        #[arg(value_name = "dealId")]
        deal: DealId,
    },
    /// Wait for a message to appear on chain
    #[command(visible_alias = "wait-message")]
    WaitMsg(messages::WaitMsg),
    /// Search to see whether a message has appeared on chain
    #[command(visible_alias = "search-message")]
    SearchMsg {
        /// Which
        #[arg(value_name = "messageCid")]
        message: Cid,
        #[command(flatten)]
        form: Form,
    },
    /// Retrieve miner information
    MinerInfo {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Inspect the storage market actor
    #[command(subcommand)]
    Market(Market),
    /// Returns the network version
    NetworkVersion,
    /// Retrieve information about a given miner's proving deadline
    MinerProvingDeadline {
        /// Whose
        #[arg(value_name = "minerAddress")]
        miner: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Returns the built-in actor bundle manifest ID & system actor cids
    ActorCids {
        /// specify network version
        #[arg(long)]
        network_version: Option<u32>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Market {
    /// Get the market balance (locked and escrowed) for a given account
    Balance {
        /// Whose
        address: Address,
        #[command(flatten)]
        form: Form,
    },
}

impl State {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        let tipset = self.tipset;
        let key = key_of(tipset.as_ref(), node).await?;
        Box::pin(self.query.run(node, key, tipset.as_ref(), out)).await
    }
}

impl Query {
    async fn run(
        self,
        node: &dyn FullNode,
        key: TipsetKey,
        tipset: Option<&TipsetRef>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Power { miner, form } => miners::power(node, miner, key, form, out).await,
            Self::Sectors { miner, form } => {
                let sectors = node.state_miner_sectors(miner, None, key).await?;
                miners::write_sectors(&sectors, form, out)
            }
            Self::ActiveSectors { miner, form } => {
                let sectors = node.state_miner_active_sectors(miner, key).await?;
                miners::write_sectors(&sectors, form, out)
            }
            Self::ListActors { form } => actors::list(node, key, form, out).await,
            Self::ListMiners { sort_by, form } => {
                miners::list(node, sort_by.as_deref(), key, form, out).await
            }
            Self::CirculatingSupply { vm_supply, form } => {
                actors::circulating_supply(node, vm_supply, key, form, out).await
            }
            Self::Sector {
                miner,
                sector,
                form,
            } => {
                let tipset = tipset.unwrap_or(&TipsetRef::Head).load(node).await?;
                miners::sector(node, (miner, sector), &tipset, form, out).await
            }
            Self::GetActor { address, form } => actors::get(node, address, key, form, out).await,
            Self::Lookup { address, reverse } => {
                let found = if reverse {
                    node.state_account_key(address, key).await?
                } else {
                    node.state_lookup_id(address, key).await?
                };
                Ok(writeln!(out, "{found}")?)
            }
            Self::SectorSize { miner } => miners::sector_size(node, miner, key, out).await,
            Self::ReadState { address } => Ok(write_json(
                out,
                &node.state_read_state(address, key).await?.state,
            )?),
            Self::ListMessages(command) => {
                let tipset = tipset.unwrap_or(&TipsetRef::Head).load(node).await?;
                command.run(node, tipset, out).await
            }
            Self::Replay(command) => command.run(node, out).await,
            Self::ComputeState(command) => Box::pin(command.run(node, tipset, out)).await,
            Self::Call(command) => command.run(node, key, out).await,
            Self::ExecTrace { message } => messages::exec_trace(node, message, out).await,
            Self::GetDeal { deal } => Ok(write_json(
                out,
                &node.state_market_storage_deal(deal, key).await?,
            )?),
            Self::WaitMsg(command) => command.run(node, out).await,
            Self::SearchMsg { message, form } => messages::search(node, message, form, out).await,
            Self::MinerInfo { miner, form } => miners::info(node, miner, key, form, out).await,
            Self::Market(Market::Balance { address, form }) => {
                let balance = node.state_market_balance(address, key).await?;
                if form.wrote(out, &balance)? {
                    return Ok(());
                }
                writeln!(out, "Escrow: {}", balance.escrow)?;
                Ok(writeln!(out, "Locked: {}", balance.locked)?)
            }
            Self::NetworkVersion => {
                let version = node.state_network_version(key).await?;
                Ok(writeln!(out, "Network Version: {version}")?)
            }
            Self::MinerProvingDeadline { miner, form } => {
                miners::proving_deadline(node, miner, key, form, out).await
            }
            Self::ActorCids {
                network_version,
                form,
            } => actors::code_cids(node, network_version, key, form, out).await,
        }
    }
}

#[cfg(test)]
mod tests;
