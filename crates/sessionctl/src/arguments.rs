//! The command line.
#![allow(clippy::doc_markdown, reason = "these lines are the help page, which is plain text")]

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Output;

/// Lists and ends the sessions in a database, purges, migrates, and says what is wrong.
#[derive(Debug, Parser)]
#[command(name = "sessionctl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,

    /// One JSON document for programs, in the place of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and all is well
  1  doctor found an error, migrate --check something to do, or config check a mistake
  2  the arguments are wrong
  3  there is no such session, or the user has none
  4  the database does not answer in time: try again
  5  the database or a file refuses: rights, schema, damage; or the answer cannot be written; somebody has to look

Give a URL with a password in SESSION_BACKEND: everybody on the machine can read the arguments of a process.";

/// Where the sessions are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The database: sqlite:path/to/sessions.db or postgres://user@host/database.
    #[arg(
        long,
        value_name = "URL",
        env = "SESSION_BACKEND",
        hide_env_values = true,
        global = true
    )]
    pub(crate) backend: Option<String>,

    /// The schema that holds the tables, on PostgreSQL. Without it the role's search_path says.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) schema: Option<String>,

    /// The application's configuration of its sessions (YAML, JSON or TOML): lifetimes that it tightened
    /// count here too.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The live sessions of a user, most recently active first.
    List {
        /// The user's id, as the application signs them in.
        user: String,
    },
    /// One live session.
    Show {
        /// The session's id.
        id: String,
        /// Also what the application stored in it.
        #[arg(long)]
        data: bool,
    },
    /// Ends one session.
    End {
        /// The session's id.
        id: String,
    },
    /// Ends every session of a user.
    EndUser {
        /// The user's id.
        user: String,
    },
    /// Ends every session there is: everybody has to sign in again.
    EndAll {
        /// Really.
        #[arg(long)]
        yes: bool,
    },
    /// Deletes what has expired.
    Purge,
    /// How many sessions are live, and of how many users.
    Stats,
    /// Makes the tables, or brings those of an older release up to date.
    Migrate {
        /// Changes nothing, and says whether something is to do.
        #[arg(long)]
        check: bool,
    },
    /// Looks at the database and says what is wrong, and what to do.
    Doctor,
    /// The application's configuration of its sessions.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Writes completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says whether a file (YAML, JSON or TOML) can be meant, and if not, which key cannot.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Says why the arguments cannot be meant, or the help that was asked for.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let given: Vec<String> =
        std::env::args_os().map(OsString::into_string).filter_map(Result::ok).collect();
    if given.iter().any(|argument| argument == "--json") {
        let text = without_urls(&error.render().to_string(), &given);
        // The usage comes behind an empty line.
        let reason = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = reason.split_whitespace().collect();
        let reason = words.join(" ");
        let failure = Failure::usage(reason.strip_prefix("error: ").unwrap_or(&reason));
        Output::new(true).failure(&failure);
        return failure.exit_code();
    }
    let text = without_urls(&error.render().ansi().to_string(), &given);
    let _ = write!(anstream::stderr(), "{text}");
    Failure::usage("").exit_code()
}

/// A URL in the wrong place is an argument like any other to the parser, which repeats it; a password may be in it.
fn without_urls(text: &str, given: &[String]) -> String {
    let mut text = text.to_owned();
    for argument in given.iter().filter(|argument| argument.contains("//")) {
        let value = argument.split_once('=').filter(|(name, _)| name.starts_with('-'));
        text = text.replace(value.map_or(argument.as_str(), |(_, value)| value), "(a URL)");
    }
    text
}
