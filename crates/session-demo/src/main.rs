//! The demo application: one small web site, complete enough to show every feature of the sessions
//! to a person in a browser, and to drive every feature from a script.
//!
//! - [`api`] and [`pages`] are what it does. They know [`session_core::Session`] and nothing of a web
//!   framework: a request comes in as strings and bytes, an [`answer::Answer`] goes out.
//! - [`axum_app`] puts them under axum's routes, [`salvo_app`] under salvo's. Another framework is
//!   another such file.
//! - [`backend`] opens the database that was asked for. Another one is another file in there.
//! - [`server`] starts and stops all of it.

mod answer;
mod api;
mod axum_app;
mod backend;
mod cli;
#[cfg(test)]
mod committed;
mod config;
mod metrics;
mod pages;
mod problem;
mod request;
mod salvo_app;
mod security;
mod server;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Options, one_line};

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return cli::refused(&error),
    };
    let ran = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(server::run(options)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Written and not printed: a closed standard error is no reason to panic.
            let _ = writeln!(std::io::stderr(), "error: {}", one_line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
