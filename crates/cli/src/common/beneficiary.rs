//! The beneficiary of a miner (FIP-0029), as `lotus state miner-info` and `lotus-miner info` print it.

use std::io::Write;

use lotus_rpc_api::types::state::MinerInfo;

/// Who gets a miner's income, on which terms, and who is proposed next. Nothing when the actor is of a
/// time before beneficiaries.
///
/// # Errors
/// When `out` does not take it.
pub(crate) fn write_beneficiary(info: &MinerInfo, out: &mut dyn Write) -> anyhow::Result<()> {
    if !info.beneficiary.is_undefined() {
        writeln!(out, "Beneficiary:\t{}", info.beneficiary)?;
        if let Some(term) = info
            .beneficiary_term
            .as_ref()
            .filter(|_| info.beneficiary != info.owner)
        {
            writeln!(out, "Beneficiary Quota:\t{}", term.quota.atto())?;
            writeln!(out, "Beneficiary Used Quota:\t{}", term.used_quota.atto())?;
            writeln!(out, "Beneficiary Expiration:\t{}", term.expiration)?;
        }
    }
    if let Some(next) = &info.pending_beneficiary_term {
        writeln!(out, "Pending Beneficiary Term:")?;
        writeln!(out, "New Beneficiary:\t{}", next.new_beneficiary)?;
        writeln!(out, "New Quota:\t{}", next.new_quota.atto())?;
        writeln!(out, "New Expiration:\t{}", next.new_expiration)?;
        writeln!(
            out,
            "Approved By Beneficiary:\t{}",
            next.approved_by_beneficiary
        )?;
        writeln!(out, "Approved By Nominee:\t{}", next.approved_by_nominee)?;
    }
    Ok(())
}
