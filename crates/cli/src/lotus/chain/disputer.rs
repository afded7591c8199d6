//! `lotus chain disputer`: disputing window PoSts that are wrong.
//!
//! # Invariants
//! - A dispute is tried on the node first; what fails there is not sent.
//! - Nothing that concerns one miner ends the watch over the others.
//!
//! # Lotus parity
//! Each deadline is looked at ten epochs after it closed. `--start-epoch` counts (Lotus looks for a flag
//! of another name), and the miner that `start` may be given is watched alone (Lotus ignores it).

mod schedule;

use std::{collections::BTreeSet, io::Write, time::Duration};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use lotus_actors::miner::{method, params::DisputeWindowedPoStParams};
use lotus_rpc_api::{
    full::FullNode,
    types::{
        chain::{HeadChange, HeadChangeType},
        mpool::MessageSendSpec,
    },
};
use lotus_types::{Address, ChainEpoch, Cid, Message, TipsetKey, TokenAmount};

use self::schedule::{Deadline, Schedule};
use crate::lotus::{Context, sync};

/// How often miners are looked for that were not there before.
const NEW_MINERS: Duration = Duration::from_secs(3600);
/// Proofs of a deadline that are tried at most: one a partition, of which a deadline has no more.
const MOST_PROOFS: u64 = 3_000;

/// interact with the window post disputer
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Disputer {
    /// Spend up to X FIL per DisputeWindowedPoSt message
    #[arg(long, value_name = "FIL")]
    max_fee: Option<TokenAmount>,
    /// optionally specify the account to send messages from
    #[arg(long)]
    from: Option<Address>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Start the window post disputer
    Start {
        /// only start disputing PoSts after this epoch
        #[arg(long, default_value_t = 0)]
        start_epoch: ChainEpoch,
        /// Whose proofs are watched; everyone's when nobody is named
        #[arg(value_name = "minerAddress")]
        miner: Option<Address>,
    },
    /// Send a specific DisputeWindowedPoSt message
    Dispute {
        /// Whose proof
        #[arg(value_name = "minerAddress")]
        miner: Address,
        /// Number of the deadline
        index: u64,
        /// Number of the proof in it
        #[arg(value_name = "postIndex")]
        post: u64,
    },
}

impl Disputer {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        let sender = Sender {
            node,
            from: sender(node, self.from).await?,
            spec: self.max_fee.map(|max_fee| MessageSendSpec {
                max_fee,
                ..MessageSendSpec::default()
            }),
        };
        match self.command {
            Command::Dispute { miner, index, post } => {
                let message = sender.dispute(miner, index, post)?;
                let tried = sender.would_succeed(message.clone()).await;
                if tried.context("failed to simulate dispute")? {
                    let sent = sender.send(message).await?;
                    writeln!(out, "dispute message  {sent}")?;
                } else {
                    writeln!(out, "dispute is unsuccessful")?;
                }
                Ok(())
            }
            Command::Start { start_epoch, miner } => {
                let wait = sync::Sync::Wait { watch: false };
                wait.run(context, out).await.context("sync wait")?;
                let watch = Watch {
                    sender,
                    only: miner,
                    after: start_epoch,
                    known: BTreeSet::new(),
                    schedule: Schedule::default(),
                };
                watch.run(out).await
            }
        }
    }
}

async fn sender(node: &dyn FullNode, from: Option<Address>) -> anyhow::Result<Address> {
    let Some(from) = from else {
        let from = node.wallet_default_address().await;
        return from.context("no --from is given, and the wallet has no default address");
    };
    let has = node.wallet_has(from).await?;
    ensure!(has, "wallet doesn't contain: {from}");
    Ok(from)
}

/// Who disputes, and for how much.
struct Sender<'a> {
    node: &'a dyn FullNode,
    from: Address,
    spec: Option<MessageSendSpec>,
}

impl Sender<'_> {
    fn dispute(&self, miner: Address, deadline: u64, post_index: u64) -> anyhow::Result<Message> {
        let params = DisputeWindowedPoStParams {
            deadline,
            post_index,
        };
        Ok(lotus_actors::call(
            self.from,
            miner,
            TokenAmount::zero(),
            method::DISPUTE_WINDOWED_POST,
            &params,
        )?)
    }

    async fn would_succeed(&self, message: Message) -> anyhow::Result<bool> {
        let tried = self.node.state_call(message, TipsetKey::default()).await?;
        Ok(tried.msg_rct.exit_code.is_success())
    }

    async fn send(&self, message: Message) -> anyhow::Result<Cid> {
        let sent = self.node.mpool_push_message(message, self.spec.clone());
        Ok(sent.await?.cid())
    }

    /// Disputes the wrong ones of a deadline's proofs.
    async fn dispute_all(
        &self,
        of: &Deadline,
        key: TipsetKey,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (node, miner, index) = (self.node, of.miner, of.index);
        if node.wallet_balance(miner).await?.is_zero() {
            return Ok(()); // nothing can be taken from it
        }
        let deadlines = node.state_miner_deadlines(miner, key).await;
        let deadlines = deadlines.context("failed to load deadlines")?;
        let proofs = usize::try_from(index)
            .ok()
            .and_then(|at| deadlines.get(at))
            .with_context(|| format!("deadline index {index} not found in deadlines"))?
            .disputable_proof_count;
        for post in 0..proofs.min(MOST_PROOFS) {
            let message = self.dispute(miner, index, post)?;
            match self.would_succeed(message.clone()).await {
                Ok(true) => {}
                Ok(false) => continue,
                // What cannot be tried is no dispute, and somebody should know.
                Err(error) => {
                    tell(
                        miner,
                        &error.context(format!("trying proof {post} of deadline {index}")),
                    );
                    continue;
                }
            }
            match self.send(message).await {
                Ok(cid) => writeln!(
                    out,
                    "disputed proof {post} of deadline {index} of {miner}: {cid}"
                )?,
                Err(error) => tell(miner, &error),
            }
        }
        Ok(())
    }
}

/// A watch goes on whatever happens to one miner; what happened is told apart from the result.
fn tell(miner: Address, error: &anyhow::Error) {
    eprintln!("disputer: {miner}: {error:#}");
}

/// Follows the chain and looks at each deadline some time after it closed.
struct Watch<'a> {
    sender: Sender<'a>,
    only: Option<Address>,
    after: ChainEpoch,
    known: BTreeSet<Address>,
    schedule: Schedule,
}

impl Watch<'_> {
    async fn run(mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let node = self.sender.node;
        let mut heads = node.chain_notify().await?;
        self.find_miners().await?;
        writeln!(out, "watching the proofs of {} miners", self.known.len())?;
        out.flush()?;
        let mut ticks = tokio::time::interval(NEW_MINERS);
        ticks.tick().await; // the first one is at once
        loop {
            tokio::select! {
                changes = heads.next() => {
                    let changes = changes.context(
                        "the daemon tells no more of its head: it stopped, or the connection broke",
                    )?;
                    for change in changes {
                        self.follow(change, out).await?;
                    }
                }
                _ = ticks.tick() => {
                    if let Err(error) = self.find_miners().await {
                        eprintln!("disputer: looking for new miners: {error:#}");
                    }
                }
            }
        }
    }

    async fn find_miners(&mut self) -> anyhow::Result<()> {
        let miners = match self.only {
            Some(miner) => vec![miner],
            None => {
                let node = self.sender.node;
                node.state_list_miners(TipsetKey::default()).await?
            }
        };
        for miner in miners {
            if !self.known.contains(&miner) {
                match self.plan(miner).await {
                    Ok(()) => {
                        self.known.insert(miner);
                    }
                    Err(error) if self.only.is_some() => return Err(error),
                    Err(error) => tell(miner, &error), // asked again in an hour
                }
            }
        }
        Ok(())
    }

    /// Plans a look at the miner's deadline that is open now.
    async fn plan(&mut self, miner: Address) -> anyhow::Result<()> {
        let node = self.sender.node;
        let open = node.state_miner_proving_deadline(miner, TipsetKey::default());
        let open = open.await.context("getting proving index list")?;
        self.schedule.add(
            open.close,
            Deadline {
                miner,
                index: open.index,
            },
        );
        Ok(())
    }

    async fn follow(&mut self, change: HeadChange, out: &mut dyn Write) -> anyhow::Result<()> {
        if change.kind == HeadChangeType::Revert {
            return Ok(());
        }
        let height = change.val.height();
        for due in self.schedule.take_due(height) {
            if height > self.after {
                let key = change.val.key().clone();
                if let Err(error) = self.sender.dispute_all(&due, key, out).await {
                    tell(due.miner, &error);
                }
                out.flush()?;
            }
            if let Err(error) = self.plan(due.miner).await {
                self.known.remove(&due.miner); // planned again when miners are looked for
                tell(due.miner, &error);
            }
        }
        Ok(())
    }
}
