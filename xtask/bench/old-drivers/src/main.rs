//! The routes with the libraries whose driver is sqlx 0.8, and with actix-session.

mod actix_session;
mod salvo_session;
mod tower_sessions;

use clap::Parser as _;
use session_bench_kit::{Application, Arguments, Failure};

fn main() -> Result<(), Failure> {
    let Arguments { subject, command } = Arguments::parse();
    // Its server has a runtime of its own.
    if subject == "actix-session" {
        return actix_session::run(command);
    }
    session_bench_kit::run(|subject, database| async move {
        Ok(match subject.as_str() {
            "tower-sessions" => Application::Axum(tower_sessions::app(&database).await?),
            "salvo-session" => Application::Salvo(salvo_session::app(&database).await?),
            other => return Err(format!("no such subject here: {other}").into()),
        })
    })
}
