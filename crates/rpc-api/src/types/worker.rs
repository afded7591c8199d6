//! Calls to workers and their results.
//!
//! A call answers at once with a [`CallId`]; the result comes later, by the miner's `Return…`
//! method of the same name, with that id and either a result or a [`CallError`].
//!
//! # Lotus parity
//! `storage/sealer/storiface` and `sealtasks`.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use lotus_types::{
    Bytes, Cid, PoStProof, RegisteredSealProof, SectorId, SectorNumber, sector::UnpaddedPieceSize,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::go::{self, Time};

/// A call that a worker has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CallId {
    /// What it is about.
    pub sector: SectorId,
    /// Unique.
    #[serde(rename = "ID")]
    pub id: Uuid,
}

/// As in logs and file names: `1000-2-UUID`.
impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}",
            self.sector.miner, self.sector.number, self.id
        )
    }
}

/// Why a worker's call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[error("{message} (code {code})")]
pub struct CallError {
    /// One of the constants.
    pub code: i64,
    /// For people.
    pub message: String,
}

impl CallError {
    /// Will fail again.
    pub const UNKNOWN: i64 = 0;
    /// May work later.
    pub const TEMPORARY: i64 = 100;
    /// The worker was started anew while it worked.
    pub const WORKER_RESTART: i64 = 101;
    /// There was no room for the files.
    pub const ALLOCATE_SPACE: i64 = 102;

    /// An error.
    pub fn new(code: i64, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// May the same call work later?
    pub const fn is_temporary(&self) -> bool {
        self.code >= Self::TEMPORARY
    }
}

/// The data of a piece on its way to a worker. JSON: `{"Type": …, "Info": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ReaderStream", into = "ReaderStream")]
pub enum PieceData {
    /// That many zeros.
    Null(u64),
    /// Posted to the called server's `/rpc/streams/v0/push/{uuid}`.
    Push(Uuid),
    /// To be fetched from this URL.
    Http(String),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReaderStream {
    #[serde(rename = "Type")]
    kind: String,
    info: String,
}

impl TryFrom<ReaderStream> for PieceData {
    type Error = String;
    fn try_from(s: ReaderStream) -> Result<Self, String> {
        match s.kind.as_str() {
            "null" => s
                .info
                .parse()
                .map(Self::Null)
                .map_err(|e| format!("length of zeros: {e}")),
            "push" => s
                .info
                .parse()
                .map(Self::Push)
                .map_err(|e| format!("stream UUID: {e}")),
            "http" => Ok(Self::Http(s.info)),
            other => Err(format!("unknown kind of data stream {other:?}")),
        }
    }
}

impl From<PieceData> for ReaderStream {
    fn from(d: PieceData) -> Self {
        let (kind, info) = match d {
            PieceData::Null(len) => ("null", len.to_string()),
            PieceData::Push(id) => ("push", id.to_string()),
            PieceData::Http(url) => ("http", url),
        };
        Self {
            kind: kind.to_owned(),
            info,
        }
    }
}

/// A kind of work. JSON: its name, such as `seal/v0/precommit/1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskType(pub Cow<'static, str>);

macro_rules! task_types {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        impl TaskType {
            $($(#[doc = $doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*
            /// All known ones.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

task_types! {
    /// CommP of data.
    DATA_CID = "seal/v0/datacid";
    /// Put a piece into a sector.
    ADD_PIECE = "seal/v0/addpiece";
    /// PreCommit1: label and encode.
    PRE_COMMIT1 = "seal/v0/precommit/1";
    /// PreCommit2: trees.
    PRE_COMMIT2 = "seal/v0/precommit/2";
    /// Commit1: challenges.
    COMMIT1 = "seal/v0/commit/1";
    /// Commit2: the SNARK.
    COMMIT2 = "seal/v0/commit/2";
    /// Trim and move to storage.
    FINALIZE = "seal/v0/finalize";
    /// The same for the unsealed copy.
    FINALIZE_UNSEALED = "seal/v0/finalizeunsealed";
    /// Get files.
    FETCH = "seal/v0/fetch";
    /// Recompute the data from the replica.
    UNSEAL = "seal/v0/unseal";
    /// Upgrade a sector.
    REPLICA_UPDATE = "seal/v0/replicaupdate";
    /// Challenges of an upgrade.
    PROVE_REPLICA_UPDATE1 = "seal/v0/provereplicaupdate/1";
    /// SNARK of an upgrade.
    PROVE_REPLICA_UPDATE2 = "seal/v0/provereplicaupdate/2";
    /// Undo an upgrade.
    REGEN_SECTOR_KEY = "seal/v0/regensectorkey";
    /// Trim an upgraded sector.
    FINALIZE_REPLICA_UPDATE = "seal/v0/finalize/replicaupdate";
    /// Get a sector that was sealed elsewhere.
    DOWNLOAD_SECTOR = "seal/v0/download/sector";
    /// Prove a deadline.
    GENERATE_WINDOW_POST = "post/v0/windowproof";
    /// Prove at an election.
    GENERATE_WINNING_POST = "post/v0/winningproof";
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TaskType {
    /// The short name of tables: `AP`, `PC1`, …; the full name when there is none.
    pub fn short(&self) -> &str {
        match self.0.as_ref() {
            "seal/v0/datacid" => "DC",
            "seal/v0/addpiece" => "AP",
            "seal/v0/precommit/1" => "PC1",
            "seal/v0/precommit/2" => "PC2",
            "seal/v0/commit/1" => "C1",
            "seal/v0/commit/2" => "C2",
            "seal/v0/finalize" => "FIN",
            "seal/v0/finalizeunsealed" => "FUS",
            "seal/v0/fetch" => "GET",
            "seal/v0/unseal" => "UNS",
            "seal/v0/replicaupdate" => "RU",
            "seal/v0/provereplicaupdate/1" => "PR1",
            "seal/v0/provereplicaupdate/2" => "PR2",
            "seal/v0/regensectorkey" => "GSK",
            "seal/v0/finalize/replicaupdate" => "FRU",
            "seal/v0/download/sector" => "DL",
            "post/v0/windowproof" => "WDP",
            "post/v0/winningproof" => "WNP",
            other => other,
        }
    }
}

/// What a kind of work needs for one size of sectors. Memory in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resources {
    /// Must be free in RAM.
    pub min_memory: u64,
    /// Must be free, swap included.
    pub max_memory: u64,
    /// Share of a GPU.
    #[serde(rename = "GPUUtilization")]
    pub gpu_utilization: f64,
    /// Threads; -1: all, 0: one.
    pub max_parallelism: i64,
    /// The same while a GPU works; 0: as without.
    #[serde(rename = "MaxParallelismGPU")]
    pub max_parallelism_gpu: i64,
    /// Shared by all tasks of the kind.
    pub base_min_memory: u64,
    /// Most at once; 0: no limit.
    pub max_concurrent: i64,
}

/// What a worker has. Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkerResources {
    /// RAM.
    pub mem_physical: u64,
    /// Used RAM.
    pub mem_used: u64,
    /// Swap.
    pub mem_swap: u64,
    /// Used swap.
    pub mem_swap_used: u64,
    /// Logical cores.
    #[serde(rename = "CPUs")]
    pub cpus: u64,
    /// Names.
    #[serde(rename = "GPUs", deserialize_with = "go::or_default")]
    pub gpus: Vec<String>,
    /// What tasks need here.
    #[serde(default, with = "go::nil")]
    pub resources: BTreeMap<TaskType, BTreeMap<RegisteredSealProof, Resources>>,
}

/// A worker's machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkerInfo {
    /// Its name.
    pub hostname: String,
    /// Schedule without regard to resources.
    pub ignore_resources: bool,
    /// What it has.
    pub resources: WorkerResources,
}

/// A worker as the scheduler sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkerStats {
    /// Its machine.
    pub info: WorkerInfo,
    /// What it does.
    #[serde(with = "go::nil")]
    pub tasks: Vec<TaskType>,
    /// Does it answer?
    pub enabled: bool,
    /// Bytes of RAM promised.
    pub mem_used_min: u64,
    /// Bytes promised, swap included.
    pub mem_used_max: u64,
    /// Share of GPUs promised.
    pub gpu_used: f64,
    /// Threads promised.
    pub cpu_use: u64,
    /// Running tasks by `PROOF:TASK`.
    #[serde(default, with = "go::nil")]
    pub task_counts: BTreeMap<String, i64>,
}

/// A task of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkerJob {
    /// The call; zero when it is not yet sent.
    #[serde(rename = "ID")]
    pub id: CallId,
    /// The sector.
    pub sector: SectorId,
    /// The work.
    pub task: TaskType,
    /// 0: runs; 1 and more: place in the queue; -1: returned; -2: given back to be scheduled;
    /// -3: its worker is gone.
    pub run_wait: i64,
    /// Since when.
    pub start: Time,
    /// Of the worker, when it is not known to the scheduler.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
}

/// A sector that is to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PostSectorChallenge {
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Its number.
    pub sector_number: SectorNumber,
    /// CommR.
    #[serde(rename = "SealedCID")]
    pub sealed_cid: Cid,
    /// Leaves to be shown.
    #[serde(with = "go::nil")]
    pub challenge: Vec<u64>,
    /// Was it upgraded?
    pub update: bool,
}

/// A partition proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WindowPoStResult {
    /// The proof.
    #[serde(rename = "PoStProofs")]
    pub post_proofs: PoStProof,
    /// Sectors that could not be read.
    #[serde(with = "go::nil")]
    pub skipped: Vec<SectorId>,
}

/// A part of a sector's data, in bytes without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Range {
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub size: UnpaddedPieceSize,
}

/// Commitments of an upgraded sector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicaUpdateOut {
    /// CommR.
    pub new_sealed: Cid,
    /// CommD.
    pub new_unsealed: Cid,
}

/// Opaque results of proving phase 1 of an upgrade, one per partition.
pub type ReplicaVanillaProofs = Vec<Bytes>;

/// Where a file of a sector that was sealed elsewhere can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorDataLocation {
    /// On this machine?
    pub local: bool,
    /// Path or URL.
    #[serde(rename = "URL")]
    pub url: String,
    /// To be sent when it is fetched.
    #[serde(default, with = "go::nil")]
    pub headers: Vec<HttpHeader>,
}

/// An HTTP header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpHeader {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
}
