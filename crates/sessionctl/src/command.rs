//! The commands.

pub(crate) mod completions;
pub(crate) mod config;
mod doctor;
mod end;
mod look;
mod maintain;

use std::process::ExitCode;

use session_core::{SessionId, UserId};

use crate::arguments::{Command, Place};
use crate::database::{Database, Missing};
use crate::failure::Failure;
use crate::output::Output;

/// Runs a command that needs the database, and closes it.
pub(crate) async fn on_database(
    command: Command,
    place: &Place,
    output: &Output,
) -> Result<ExitCode, Failure> {
    // What the arguments say is looked at before anybody connects.
    let command = Asked::of(command)?;
    let missing = match command {
        Asked::Migrate { check: false } => Missing::IsMade,
        _ => Missing::IsAnError,
    };
    let database = Database::open(place, missing).await?;
    let done = run(command, &database, place, output).await;
    database.close().await;
    done
}

/// A command whose arguments were read.
enum Asked {
    List(UserId),
    Show(SessionId, bool),
    End(SessionId),
    EndUser(UserId),
    EndAll,
    Purge,
    Stats,
    Migrate { check: bool },
    Doctor,
}

impl Asked {
    fn of(command: Command) -> Result<Self, Failure> {
        Ok(match command {
            Command::List { user } => Self::List(user_id(&user)?),
            Command::Show { id, data } => Self::Show(session_id(&id)?, data),
            Command::End { id } => Self::End(session_id(&id)?),
            Command::EndUser { user } => Self::EndUser(user_id(&user)?),
            Command::EndAll { yes: true } => Self::EndAll,
            Command::EndAll { yes: false } => {
                return Err(Failure::usage(
                    "end-all signs everybody out: say --yes if that is meant",
                ));
            }
            Command::Purge => Self::Purge,
            Command::Stats => Self::Stats,
            Command::Migrate { check } => Self::Migrate { check },
            Command::Doctor => Self::Doctor,
            Command::Config { .. } | Command::Completions { .. } => {
                return Err(Failure::usage("this command needs no database"));
            }
        })
    }
}

async fn run(
    command: Asked,
    database: &Database,
    place: &Place,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match command {
        Asked::Migrate { check: false } => maintain::migrate(database, output).await,
        Asked::Migrate { check: true } => doctor::check_schema(database, output).await,
        Asked::Doctor => doctor::run(database, place, output).await,
        command => {
            let store = database.store(place)?;
            match command {
                Asked::List(user) => look::list(&store, &user, output).await,
                Asked::Show(id, data) => look::show(&store, &id, data, output).await,
                Asked::End(id) => end::one(&store, &id, output).await,
                Asked::EndUser(user) => end::of_user(&store, &user, output).await,
                Asked::EndAll => end::all(store, output).await,
                Asked::Purge => maintain::purge(store, output).await,
                _ => look::stats(&store, output).await,
            }
        }
    }
}

fn session_id(text: &str) -> Result<SessionId, Failure> {
    // Not repeated: somebody may have pasted a token.
    text.parse().map_err(|_| {
        Failure::usage("that is no id of a session: an id has 26 characters, as `list` shows it")
    })
}

fn user_id(text: &str) -> Result<UserId, Failure> {
    UserId::new(text).map_err(|error| Failure::usage(format!("that is no id of a user: {error}")))
}
