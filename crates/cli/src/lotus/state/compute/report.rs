//! The report of `compute-state --html`: one page that needs nothing else.
//!
//! # Invariants
//! - Whatever comes from the chain goes through [`escape`]: parameters are foreign input.
//! - The page has no script and asks for nothing: its policy forbids both.
//! - Traces are walked without recursion, since their depth is the other side's choice.

mod gas;
mod parts;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use lotus_rpc_api::types::trace::{ComputeStateOutput, ExecutionTrace, InvocResult};
use lotus_types::{Address, Cid, Tipset};

use self::{
    gas::{Totals, group},
    parts::{Fold, escape},
};
use crate::{
    format::{go_duration, stamp},
    lotus::calls::Codes,
};

/// Looks of the page.
const STYLE: &str = include_str!("report/style.css");
/// Slower than this is marked.
const SLOW: Duration = Duration::from_millis(10);

/// What is told.
pub(super) struct Report<'a> {
    pub(super) tipset: &'a Tipset,
    pub(super) computed: &'a ComputeStateOutput,
    pub(super) codes: &'a Codes,
    /// Codes of those who were called.
    pub(super) actors: &'a BTreeMap<Address, Cid>,
    /// Show how long it took?
    pub(super) timing: bool,
}

impl Report<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// When the output takes no more.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let height = self.tipset.height();
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'\">\n\
             <title>State of tipset {height}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        )?;
        self.head(out)?;
        self.overview(out)?;
        for (place, executed) in self.computed.trace.iter().enumerate() {
            self.message(place + 1, executed, out)?;
        }
        writeln!(out, "</main>\n</body>\n</html>")
    }

    fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        let trace = &self.computed.trace;
        let failed = trace.iter().filter(|m| !m.msg_rct.exit_code.is_success());
        let gas: i128 = trace.iter().map(|m| i128::from(m.msg_rct.gas_used)).sum();
        let time: Duration = trace.iter().map(|m| Duration::from(m.duration)).sum();
        writeln!(out, "<header>")?;
        writeln!(
            out,
            "<p class=\"kicker\">lotus state compute-state</p>\n<h1>State of tipset {}</h1>",
            self.tipset.height()
        )?;
        writeln!(
            out,
            "<p class=\"root\"><span>State root</span> <code>{}</code></p>\n<dl class=\"facts\">",
            self.computed.root
        )?;
        fact("Messages", &trace.len().to_string(), out)?;
        fact("Failed", &failed.count().to_string(), out)?;
        fact("Gas used", &group(gas), out)?;
        if self.timing {
            fact("Time", &go_duration(time), out)?;
        }
        let written = format!("{} UTC", stamp(self.tipset.min_timestamp()));
        fact("Blocks", &self.tipset.blocks().len().to_string(), out)?;
        fact("Mined", &written, out)?;
        writeln!(out, "</dl>\n<details><summary>Tipset</summary><ul>")?;
        for cid in self.tipset.cids() {
            writeln!(out, "<li><code>{cid}</code></li>")?;
        }
        writeln!(out, "</ul></details>\n</header>\n<main>")
    }

    /// A line for every message.
    fn overview(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "<div class=\"wide\"><table class=\"overview\">\n<thead><tr><th class=\"n\">#</th>\
             <th>Method</th><th>From</th><th>To</th><th>Exit</th><th class=\"n\">Gas used</th></tr>\
             </thead>\n<tbody>"
        )?;
        for (place, executed) in self.computed.trace.iter().enumerate() {
            let msg = &executed.msg;
            writeln!(
                out,
                "<tr><td class=\"n\"><a href=\"#m{0}\">{0}</a></td><td>{1}</td><td>{2}</td>\
                 <td>{3}</td><td>{4}</td><td class=\"n\">{5}</td></tr>",
                place + 1,
                escape(&self.method(&msg.to, msg.method)),
                parts::address(&msg.from),
                parts::address(&msg.to),
                parts::exit(executed.msg_rct.exit_code.0),
                group(i128::from(executed.msg_rct.gas_used)),
            )?;
        }
        writeln!(out, "</tbody></table></div>")
    }

    fn message(&self, place: usize, executed: &InvocResult, out: &mut dyn Write) -> io::Result<()> {
        let (msg, receipt) = (&executed.msg, &executed.msg_rct);
        writeln!(
            out,
            "<article id=\"m{place}\">\n<h2><span class=\"place\">{place}</span> {} {}</h2>",
            escape(&self.method(&msg.to, msg.method)),
            parts::exit(receipt.exit_code.0)
        )?;
        writeln!(
            out,
            "<p class=\"cid\"><code>{}</code></p>",
            executed.msg_cid
        )?;
        writeln!(out, "<dl class=\"facts\">")?;
        fact("From", &msg.from.to_string(), out)?;
        fact("To", &self.receiver(&msg.to), out)?;
        fact("Value", &msg.value.to_string(), out)?;
        fact("Gas used", &group(i128::from(receipt.gas_used)), out)?;
        fact("Gas limit", &group(i128::from(msg.gas_limit)), out)?;
        if self.timing {
            fact("Time", &go_duration(executed.duration.into()), out)?;
        }
        writeln!(out, "</dl>")?;
        if !executed.error.is_empty() {
            writeln!(
                out,
                "<pre class=\"error\">{}</pre>",
                escape(&executed.error)
            )?;
        }
        let params = self.params(&msg.to, msg.method, &msg.params);
        parts::block("Parameters", &params, out)?;
        let returned = self.returned(&msg.to, msg.method, &receipt.return_data);
        parts::block("Returned", &returned, out)?;
        let trace = &executed.execution_trace;
        let all = Totals::of_tree(trace);
        Fold::new("Gas, calls it made included")
            .open()
            .write(out, |out| all.write(self.timing, out))?;
        // Without subcalls these are the totals that stand above.
        self.gas(trace, !trace.subcalls.is_empty(), out)?;
        self.subcalls(trace, out)?;
        writeln!(out, "</article>")
    }

    /// What the call itself was charged for: by name, and one by one.
    fn gas(&self, call: &ExecutionTrace, by_name: bool, out: &mut dyn Write) -> io::Result<()> {
        if call.gas_charges.is_empty() {
            return Ok(());
        }
        if by_name {
            let totals = Totals::of(&call.gas_charges);
            let title = format!("Gas of the call itself: {}", group(totals.gas()));
            Fold::new(&title).write(out, |out| totals.write(self.timing, out))?;
        }
        let title = format!("{} charges one by one", call.gas_charges.len());
        Fold::new(&title).write(out, |out| {
            gas::one_by_one(&call.gas_charges, self.timing, out)
        })
    }

    /// Calls below a call, each folded.
    fn subcalls(&self, call: &ExecutionTrace, out: &mut dyn Write) -> io::Result<()> {
        enum Step<'a> {
            Open(&'a ExecutionTrace),
            Close,
        }
        let mut left: Vec<_> = call.subcalls.iter().rev().map(Step::Open).collect();
        while let Some(step) = left.pop() {
            let Step::Open(call) = step else {
                writeln!(out, "</div></details>")?;
                continue;
            };
            self.open_subcall(call, out)?;
            left.push(Step::Close);
            left.extend(call.subcalls.iter().rev().map(Step::Open));
        }
        Ok(())
    }

    fn open_subcall(&self, call: &ExecutionTrace, out: &mut dyn Write) -> io::Result<()> {
        let (msg, receipt) = (&call.msg, &call.msg_rct);
        let whole = Totals::of_tree(call);
        let slow = if self.timing && whole.time() > SLOW {
            format!(" <span class=\"slow\">{}</span>", go_duration(whole.time()))
        } else {
            String::new()
        };
        writeln!(
            out,
            "<details class=\"call\"><summary><b>{}</b> {} → {} {} <span class=\"gas\">{} gas</span>\
             {slow}</summary>\n<div>",
            escape(&self.method(&msg.to, msg.method)),
            parts::address(&msg.from),
            parts::address(&msg.to),
            parts::exit(receipt.exit_code.0),
            group(whole.gas()),
        )?;
        writeln!(out, "<dl class=\"facts\">")?;
        fact("From", &msg.from.to_string(), out)?;
        fact("To", &self.receiver(&msg.to), out)?;
        fact("Value", &msg.value.to_string(), out)?;
        writeln!(out, "</dl>")?;
        let params = self.params(&msg.to, msg.method, &msg.params);
        parts::block("Parameters", &params, out)?;
        let returned = self.returned(&msg.to, msg.method, &receipt.return_data);
        parts::block("Returned", &returned, out)?;
        self.gas(call, true, out)
    }

    /// The name of what is called: `PublishStorageDeals (4)`.
    fn method(&self, to: &Address, number: u64) -> String {
        let method = self.actors.get(to);
        let method = method.and_then(|code| self.codes.method(code, number));
        match method {
            Some(method) => format!("{} ({number})", method.name),
            None if number == 0 => "Send (0)".to_owned(),
            None => format!("Method {number}"),
        }
    }

    /// Who is called, and what it is.
    fn receiver(&self, to: &Address) -> String {
        let kind = self.actors.get(to).and_then(|code| self.codes.name(code));
        kind.map_or_else(|| to.to_string(), |kind| format!("{to} · {kind}"))
    }

    fn params(&self, to: &Address, number: u64, params: &[u8]) -> String {
        match self.actors.get(to) {
            _ if params.is_empty() => String::new(),
            Some(code) => self.codes.params(code, number, params),
            None => parts::raw(params),
        }
    }

    fn returned(&self, to: &Address, number: u64, bytes: &[u8]) -> String {
        let code = self.actors.get(to);
        let decoded = code.and_then(|code| self.codes.returned(code, number, bytes).ok());
        match decoded {
            _ if bytes.is_empty() => String::new(),
            Some(text) => text,
            None => parts::raw(bytes),
        }
    }
}

fn fact(name: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(value))
}

#[cfg(test)]
mod tests;
