//! `lotus-shed validate`.

use std::{
    io::Write,
    sync::Arc,
    time::{Instant, SystemTime},
};

use lotus_consensus::{BlockError, BlockValidator};
use lotus_ports::proofs::Verifier;
use lotus_proofs::{
    FilecoinVerifier, MockVerifier,
    params::{Circuit, ParameterCache},
};
use lotus_state::{ChainView as _, StateManager};
use lotus_types::{BlockHeader, Cid, block::FullBlock};
use serde::Serialize;

use super::chain_file::{ChainFile, OpenChain, progress};

/// Validate every block of a chain export in full, as if it came from the network
#[derive(Debug, clap::Args)]
pub(super) struct Validate {
    #[command(flatten)]
    chain: ChainFile,
    /// `mock`, or the chain info of the drand chain
    #[arg(long, alias = "beacon", value_name = "mock|INFO.json")]
    drand: Option<String>,
    /// Take the mock proofs of test networks for valid
    #[arg(long)]
    mock_proofs: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Invalid {
    cid: Cid,
    reason: String,
}

#[derive(Serialize)]
struct Report {
    blocks: u64,
    invalid: Vec<Invalid>,
    seconds: f64,
}

impl Validate {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        let open = self.chain.open(self.drand.as_deref())?;
        let verifier: Arc<dyn Verifier> = if self.mock_proofs {
            Arc::new(MockVerifier)
        } else {
            ParameterCache::of_this_process().check_key(Circuit::WinningPoSt, 2048)?;
            Arc::new(FilecoinVerifier::new())
        };
        let begun = Instant::now();
        let (blocks, invalid) = validate_all(&open, verifier)?;
        let report = Report {
            blocks,
            invalid,
            seconds: begun.elapsed().as_secs_f64(),
        };
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            for bad in &report.invalid {
                writeln!(out, "INVALID {}: {}", bad.cid, bad.reason)?;
            }
            let (blocks, bad) = (report.blocks, report.invalid.len());
            writeln!(
                out,
                "{blocks} blocks, {bad} invalid in {:.1} s",
                report.seconds
            )?;
        }
        Ok(report.invalid.is_empty())
    }
}

fn validate_all(
    open: &OpenChain,
    verifier: Arc<dyn Verifier>,
) -> anyhow::Result<(u64, Vec<Invalid>)> {
    let states = StateManager::new(open.executor.clone());
    let validator = BlockValidator::new(states, open.beacons.clone(), verifier);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    let bar = progress(open.chain.tipsets().len());
    let (mut blocks, mut invalid) = (0, Vec::new());
    for tipset in open.chain.tipsets().iter().filter(|t| t.height() > 0) {
        bar.inc(1);
        for header in tipset.blocks() {
            blocks += 1;
            if let Some(reason) = judge(open, &validator, header, now)? {
                invalid.push(Invalid {
                    cid: header.cid(),
                    reason,
                });
            }
        }
    }
    bar.finish_and_clear();
    Ok((blocks, invalid))
}

/// Why a block is invalid; `None` when it is valid.
fn judge(
    open: &OpenChain,
    validator: &BlockValidator,
    header: &BlockHeader,
    now: u64,
) -> anyhow::Result<Option<String>> {
    let cid = header.cid();
    let messages = open
        .chain
        .block_messages(header)
        .map_err(|e| anyhow::anyhow!("messages of block {cid}: {e}"))?;
    let block = FullBlock {
        header: header.clone(),
        bls_messages: messages.bls,
        secpk_messages: messages.secpk,
    };
    match validator.validate(&block, now) {
        Ok(()) => Ok(None),
        Err(BlockError::Fault(fault)) => {
            Err(anyhow::Error::new(fault).context(format!("block {cid} could not be judged")))
        }
        Err(refused) => Ok(Some(refused.to_string())),
    }
}
