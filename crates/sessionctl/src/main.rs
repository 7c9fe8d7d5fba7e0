//! `sessionctl`: what an operator asks of the sessions in a database, and does with them.
//!
//! No token is ever shown, because no database holds one. What an application stored in a session is
//! shown only by `show --data`.

mod arguments;
mod command;
mod database;
mod failure;
mod file;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command, refused};
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    let output = Output::new(arguments.json);
    match run(arguments, &output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Config { command } => command::config::run(&command, output),
        Command::Completions { shell } => {
            command::completions::run(shell)?;
            Ok(ExitCode::SUCCESS)
        }
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime =
                runtime.map_err(|error| Failure::refused(format!("no runtime: {error}")))?;
            runtime.block_on(command::on_database(command, &arguments.place, output))
        }
    }
}
