//! The help page in Lotus' groups, and refusals in Lotus' manner.

use std::{fmt::Write as _, process::ExitCode};

use clap::{
    CommandFactory as _,
    error::{ContextKind, ErrorKind},
};

/// Lotus' groups of commands. A command that is in none is listed first.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "BASIC",
        &[
            "daemon", "send", "wallet", "client", "msig", "filplus", "paych",
        ],
    ),
    (
        "DEVELOPER",
        &[
            "auth",
            "mpool",
            "state",
            "chain",
            "log",
            "wait-api",
            "fetch-params",
            "evm",
        ],
    ),
    ("NETWORK", &["net", "sync"]),
    ("STATUS", &["status"]),
];

/// The command tree, its help page grouped.
pub(super) fn command() -> clap::Command {
    let command = super::Lotus::command();
    let page = format!(
        "{{about}}\n\n{{usage-heading}}\n   {{usage}}\n\nCommands:\n{}\nOptions:\n{{options}}\n",
        grouped(&command)
    );
    command.help_template(page)
}

fn grouped(command: &clap::Command) -> String {
    let width = command
        .get_subcommands()
        .map(|c| c.get_name().len())
        .max()
        .unwrap_or(0);
    let group_of = |name: &str| GROUPS.iter().position(|(_, names)| names.contains(&name));
    let mut page = String::new();
    for group in std::iter::once(None).chain((0..GROUPS.len()).map(Some)) {
        let mut members = command
            .get_subcommands()
            .filter(|c| !c.is_hide_set() && group_of(c.get_name()) == group)
            .peekable();
        if members.peek().is_none() {
            continue;
        }
        if let Some((heading, _)) = group.and_then(|g| GROUPS.get(g)) {
            let _ = writeln!(page, "   {heading}:");
        }
        let indent = if group.is_some() { "     " } else { "   " };
        for member in members {
            let about = member
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(page, "{indent}{:<width$}  {about}", member.get_name());
        }
    }
    page
}

/// The exit code for a command line that was not taken: 3 for a command that does not exist, 1 for
/// whatever else is wrong, 0 for help.
pub(super) fn exit_code(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => 0,
        ErrorKind::InvalidSubcommand => 3,
        _ => 1,
    }
}

/// Prints why a command line was not taken, or the help that it asked for; gives the exit code.
pub fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away needs no help.
            let _ = error.print();
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            print!("{}", error.render());
        }
        ErrorKind::InvalidSubcommand => {
            let name = error.get(ContextKind::InvalidSubcommand);
            let name = name.map(ToString::to_string).unwrap_or_default();
            eprintln!("No help topic for '{name}'");
        }
        _ => {
            let text = error.render().to_string();
            eprint!("ERROR: {}", text.strip_prefix("error: ").unwrap_or(&text));
        }
    }
    ExitCode::from(exit_code(error))
}
