//! The checks of a header that need neither chain nor state.

use lotus_networks::Network;
use lotus_types::{Address, BlockHeader, ElectionProof, Payload, Signature, Ticket, Tipset};

use crate::error::{BlockError, Rule, Violation, require};

/// The parts that every block but genesis must have.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Its ticket.
    pub ticket: &'a Ticket,
    /// Its election proof.
    pub election_proof: &'a ElectionProof,
    /// Its signature.
    pub signature: &'a Signature,
    /// The aggregate of its BLS messages.
    pub bls_aggregate: &'a Signature,
}

/// Checks that nothing is missing.
///
/// # Errors
/// [`Rule::Syntax`].
pub fn syntax(header: &BlockHeader) -> Result<Parts<'_>, Violation> {
    let missing = |what: &str| Violation::new(Rule::Syntax, format!("block has no {what}"));
    require(header.miner.id().is_some(), Rule::Syntax, || {
        format!(
            "block has a miner address that is no ID address: {}",
            header.miner
        )
    })?;
    require(!header.parents.is_empty(), Rule::Syntax, || {
        "block has no parents".to_owned()
    })?;
    Ok(Parts {
        ticket: header.ticket.as_ref().ok_or_else(|| missing("ticket"))?,
        election_proof: header
            .election_proof
            .as_ref()
            .ok_or_else(|| missing("election proof"))?,
        signature: header
            .block_signature
            .as_ref()
            .ok_or_else(|| missing("signature"))?,
        bls_aggregate: header
            .bls_aggregate
            .as_ref()
            .ok_or_else(|| missing("BLS aggregate signature"))?,
    })
}

/// Checks that height and timestamp follow from the parents', and that the block's time has come.
///
/// # Errors
/// [`Rule::Height`], [`Rule::Timestamp`], or [`BlockError::Future`].
pub fn time(
    network: &Network,
    header: &BlockHeader,
    parents: &Tipset,
    now: u64,
) -> Result<(), BlockError> {
    let (height, parent) = (header.height, parents.height());
    require(height > parent, Rule::Height, || {
        format!("block height not greater than parent height: {height} <= {parent}")
    })?;
    let epochs = u64::try_from(height.saturating_sub(parent)).unwrap_or(u64::MAX);
    let expected = network
        .block_delay_secs
        .checked_mul(epochs)
        .and_then(|delay| parents.min_timestamp().checked_add(delay));
    require(
        Some(header.timestamp) == expected,
        Rule::Timestamp,
        || match expected {
            Some(expected) => {
                format!(
                    "block has wrong timestamp: {} != {expected}",
                    header.timestamp
                )
            }
            None => format!("block height {height} lies beyond all time"),
        },
    )?;
    if header.timestamp > now.saturating_add(network.allowable_clock_drift_secs) {
        return Err(BlockError::Future {
            timestamp: header.timestamp,
            now,
        });
    }
    Ok(())
}

/// Checks that the worker signed the header.
///
/// # Errors
/// [`Rule::BlockSignature`].
pub fn signature(
    header: &BlockHeader,
    signature: &Signature,
    worker: &Address,
) -> Result<(), Violation> {
    lotus_crypto::verify(signature, worker, &header.signing_bytes())
        .map_err(|e| Violation::new(Rule::BlockSignature, format!("check failed: {e}")))
}

/// Checks a VRF proof of the worker over `input`.
///
/// # Errors
/// `rule`.
pub fn vrf(rule: Rule, worker: &Address, input: &[u8; 32], proof: &[u8]) -> Result<(), Violation> {
    let Some(Payload::Bls(key)) = worker.payload() else {
        return Err(Violation::new(
            rule,
            format!("worker {worker} has no BLS key"),
        ));
    };
    lotus_crypto::verify_vrf(key, input, proof)
        .map_err(|e| Violation::new(rule, format!("VRF proof is invalid: {e}")))
}
