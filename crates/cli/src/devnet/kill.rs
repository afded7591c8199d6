//! `lotus-devnet check --kill`: processes are killed while a sector is sealed.
//!
//! A file is stored once per process that is to be killed, and whenever its sector comes to one of the
//! [`Moment`]s the process gets a SIGKILL. The supervisor starts it again, as always. At the end the
//! file must be back under the number that the sector had, and the chain must have seen each of the
//! sector's messages once.
//!
//! # Invariants
//! - A process is killed in the moment, not near it: a computation must be running on a worker.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, bail, ensure};
use lotus_actors::miner::{method, params};
use lotus_rpc_api::{
    ApiClient,
    full::{ChainApi as _, StateApi as _},
    miner::{SectorsApi as _, WorkersApi as _},
    types::{
        state::MessageMatch,
        worker::{TaskType, WorkerJob},
    },
};
use lotus_types::{Message, SectorNumber, TipsetKey, wire};

use super::{fleet::Probe, layout::MINER, process::Role, steps::Net, stored::Stored};

/// Moments pass: they are looked for this often.
const LOOK: Duration = Duration::from_millis(20);
/// Epochs within which a sector comes from one moment to the next, with a process that starts anew
/// and may have to do its work again.
const MOMENT_EPOCHS: u32 = 250;

/// When a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// A worker computes PreCommit2.
    PreCommit2,
    /// The pre-commit is on chain, the seed is not there yet.
    WaitSeed,
    /// A worker computes Commit2.
    Commit2,
}

impl Moment {
    /// In the order in which a sector comes to them.
    const ALL: [Self; 3] = [Self::PreCommit2, Self::WaitSeed, Self::Commit2];

    /// What a worker does then; `None` when the miner itself waits.
    fn task(self) -> Option<TaskType> {
        match self {
            Self::PreCommit2 => Some(TaskType::PRE_COMMIT2),
            Self::WaitSeed => None,
            Self::Commit2 => Some(TaskType::COMMIT2),
        }
    }

    async fn look(self, miner: &ApiClient, sector: SectorNumber) -> anyhow::Result<Probe<()>> {
        let come = match self.task() {
            Some(task) => {
                let jobs = miner.worker_jobs().await?;
                let here = |job: &WorkerJob| {
                    job.sector.number == sector && job.task == task && job.run_wait == 0
                };
                jobs.values().flatten().any(here)
            }
            None => miner.sectors_status(sector, false).await?.state == "WaitSeed",
        };
        if come {
            return Ok(Probe::Ready(()));
        }
        Ok(Probe::NotYet(format!("sector {sector} is not in {self}")))
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl Net<'_, '_> {
    /// Stores a file once for each of `victims`, which is killed in every moment meanwhile.
    ///
    /// # Errors
    /// When the file does not come back, comes from another sector, or a message was sent twice.
    pub(super) async fn survive(
        &self,
        node: &ApiClient,
        miner: &ApiClient,
        victims: &[Role],
    ) -> anyhow::Result<String> {
        let mut told = Vec::new();
        for victim in victims {
            let known: BTreeSet<_> = miner.sectors_list().await?.into_iter().collect();
            let stored = self.round_trip(node, miner);
            let killed = self.kill_in_moments(miner, *victim, &known);
            let (stored, sector) = tokio::try_join!(stored, killed)?;
            self.expect_unharmed(node, miner, &known, sector, &stored)
                .await?;
            told.push(format!(
                "{victim} killed in PreCommit2, WaitSeed and Commit2 of sector {sector}, which has \
                 one pre-commit and one proof on chain"
            ));
        }
        Ok(told.join("; "))
    }

    /// Kills a process in every moment of the next new sector. Gives the sector.
    async fn kill_in_moments(
        &self,
        miner: &ApiClient,
        victim: Role,
        known: &BTreeSet<SectorNumber>,
    ) -> anyhow::Result<SectorNumber> {
        let limit = self.epochs(MOMENT_EPOCHS);
        let newest = async || {
            let sectors = miner.sectors_list().await?;
            let new = sectors.into_iter().find(|number| !known.contains(number));
            Ok(match new {
                Some(number) => Probe::Ready(number),
                None => Probe::NotYet("no new sector".to_owned()),
            })
        };
        let blame = [Role::Miner, Role::Worker];
        let wait = self
            .fleet
            .look_for("a new sector", LOOK, limit, &blame, newest);
        let sector = wait.await?;
        for moment in Moment::ALL {
            let what = format!("sector {sector} in {moment}");
            let look = async || moment.look(miner, sector).await;
            let wait = self.fleet.look_for(&what, LOOK, limit, &blame, look);
            wait.await?;
            let pid = self.fleet.kill(victim);
            let pid = pid.with_context(|| format!("there is no {victim} to kill"))?;
            self.report
                .line(&format!("!!! {victim} (process {pid}) killed: {what}"));
        }
        Ok(sector)
    }

    /// One sector more than before, with the deal, with one pre-commit and one proof on chain.
    async fn expect_unharmed(
        &self,
        node: &ApiClient,
        miner: &ApiClient,
        known: &BTreeSet<SectorNumber>,
        sector: SectorNumber,
        stored: &Stored,
    ) -> anyhow::Result<()> {
        ensure!(
            stored.sector == sector,
            "the deal went into sector {sector} and was stored in sector {}",
            stored.sector
        );
        let mut now: BTreeSet<_> = miner.sectors_list().await?.into_iter().collect();
        now.retain(|number| !known.contains(number));
        ensure!(
            now == BTreeSet::from([sector]),
            "one deal was stored, and there are the new sectors {now:?}"
        );
        let matching = MessageMatch {
            to: Some(MINER.parse()?),
            from: None,
        };
        let head = TipsetKey::default();
        let (mut pre_commits, mut proofs) = (Vec::new(), Vec::new());
        for cid in node.state_list_messages(matching, head, 0).await? {
            match about(&node.chain_get_message(cid).await?, sector)? {
                Some(About::PreCommit) => pre_commits.push(cid),
                Some(About::Proof) => proofs.push(cid),
                None => {}
            }
        }
        ensure!(
            pre_commits.len() == 1 && proofs.len() == 1,
            "sector {sector} has the pre-commits {pre_commits:?} and the proofs {proofs:?} on chain, \
             instead of one of each"
        );
        Ok(())
    }
}

/// What a message does with a sector.
#[derive(Debug, PartialEq, Eq)]
enum About {
    PreCommit,
    Proof,
}

fn about(message: &Message, sector: SectorNumber) -> anyhow::Result<Option<About>> {
    let bytes = &message.params;
    let (names_it, about) = match message.method {
        method::PRE_COMMIT_SECTOR_BATCH2 => {
            let read: params::PreCommitSectorBatchParams2 = wire::from_cbor(bytes)?;
            let named = read.sectors.iter().any(|s| s.sector_number == sector);
            (named, About::PreCommit)
        }
        method::PROVE_COMMIT_SECTOR => {
            let read: params::ProveCommitSectorParams = wire::from_cbor(bytes)?;
            (read.sector_number == sector, About::Proof)
        }
        method::PRE_COMMIT_SECTOR
        | method::PRE_COMMIT_SECTOR_BATCH
        | method::PROVE_COMMIT_AGGREGATE => {
            bail!(
                "a devnet's miner does not send messages of method {}",
                message.method
            )
        }
        _ => return Ok(None),
    };
    Ok(names_it.then_some(about))
}

#[cfg(test)]
mod tests {
    use lotus_actors::call;
    use lotus_types::{Address, Bytes, TokenAmount};

    use super::*;

    fn message(method: u64, params: &impl serde::Serialize) -> Message {
        let (from, to) = (Address::new_id(100), Address::new_id(1000));
        call::call(from, to, TokenAmount::zero(), method, params).expect("a message")
    }

    #[test]
    fn messages_count_for_the_sector_that_they_name() {
        let proof = params::ProveCommitSectorParams {
            sector_number: 2,
            proof: Bytes::from(vec![1; 192]),
        };
        let proof = message(method::PROVE_COMMIT_SECTOR, &proof);
        assert_eq!(about(&proof, 2).expect("reads"), Some(About::Proof));
        assert_eq!(about(&proof, 3).expect("reads"), None);
        let nothing = params::PreCommitSectorBatchParams2 { sectors: vec![] };
        let nothing = message(method::PRE_COMMIT_SECTOR_BATCH2, &nothing);
        assert_eq!(about(&nothing, 2).expect("reads"), None);
        let garbled = message(method::PRE_COMMIT_SECTOR_BATCH2, &7_u64);
        about(&garbled, 2).expect_err("cannot be told");
    }
}
