//! Help pages in Lotus' groups, and refusals in Lotus' manner.

use std::{ffi::OsString, fmt::Write as _, process::ExitCode};

use clap::error::{ContextKind, ErrorKind};

/// Groups of commands: heading and names. A command that is in none is listed first.
pub(crate) type Groups = &'static [(&'static str, &'static [&'static str])];

/// A command tree, its help page grouped.
pub(crate) fn command<T: clap::CommandFactory>(groups: Groups) -> clap::Command {
    let command = T::command();
    let page = format!(
        "{{about}}\n\n{{usage-heading}}\n   {{usage}}\n\nCommands:\n{}\nOptions:\n{{options}}\n",
        grouped(&command, groups)
    );
    command.help_template(page)
}

/// Reads a command line, the first argument of which is the executable's name.
///
/// # Errors
/// When it is called wrongly or for its help; [`refuse`] prints that and gives the exit code.
pub(crate) fn parse<T: clap::CommandFactory + clap::FromArgMatches>(
    groups: Groups,
    args: impl IntoIterator<Item = OsString>,
) -> Result<T, clap::Error> {
    let mut command = command::<T>(groups);
    let matches = command.try_get_matches_from_mut(args)?;
    T::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
}

fn grouped(command: &clap::Command, groups: Groups) -> String {
    let width = command
        .get_subcommands()
        .map(|c| c.get_name().len())
        .max()
        .unwrap_or(0);
    let group_of = |name: &str| groups.iter().position(|(_, names)| names.contains(&name));
    let mut page = String::new();
    for group in std::iter::once(None).chain((0..groups.len()).map(Some)) {
        let mut members = command
            .get_subcommands()
            .filter(|c| !c.is_hide_set() && group_of(c.get_name()) == group)
            .peekable();
        if members.peek().is_none() {
            continue;
        }
        if let Some((heading, _)) = group.and_then(|g| groups.get(g)) {
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
pub(crate) fn exit_code(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => 0,
        ErrorKind::InvalidSubcommand => 3,
        _ => 1,
    }
}

/// Prints why a command line was not taken, or the help that it asked for; gives the exit code.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
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
