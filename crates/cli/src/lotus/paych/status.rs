//! How a channel stands.

use std::io::{self, Write};

use lotus_rpc_api::types::paych::ChannelAvailableFunds;

/// Tells how a channel stands.
pub(super) fn write(funds: &ChannelAvailableFunds, out: &mut dyn Write) -> io::Result<()> {
    let (from, to) = (funds.from, funds.to);
    let Some(channel) = funds.channel else {
        let Some(message) = funds.pending_wait_sentinel else {
            writeln!(out, "Channel does not exist")?;
            writeln!(out, "  From: {from}")?;
            return writeln!(out, "  To:   {to}");
        };
        writeln!(out, "Creating channel")?;
        writeln!(out, "  From:          {from}")?;
        writeln!(out, "  To:            {to}")?;
        writeln!(out, "  Pending Amt:   {}", funds.pending_amt)?;
        return writeln!(out, "  Wait Sentinel: {message}");
    };
    let mut lines = vec![
        ("Channel", channel.to_string()),
        ("From", from.to_string()),
        ("To", to.to_string()),
        ("Confirmed Amt", funds.confirmed_amt.to_string()),
        ("Available Amt", funds.non_reserved_amt.to_string()),
        (
            "Voucher Redeemed Amt",
            funds.voucher_redeemed_amt.to_string(),
        ),
        ("Pending Amt", funds.pending_amt.to_string()),
        (
            "Pending Available Amt",
            funds.pending_available_amt.to_string(),
        ),
        ("Queued Amt", funds.queued_amt.to_string()),
    ];
    let title = match funds.pending_wait_sentinel {
        Some(message) => {
            lines.push(("Add Funds Wait Sentinel", message.to_string()));
            "Adding Funds to channel"
        }
        None => "Channel exists",
    };
    writeln!(out, "{title}")?;
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in lines {
        writeln!(out, "  {:<1$} {value}", format!("{name}:"), width + 1)?;
    }
    Ok(())
}
