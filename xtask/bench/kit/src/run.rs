//! What a program's `main` calls: the command line read, the application made, served or counted.

use clap::Parser;

use crate::{Arguments, Command, Database, Failure, workers};

/// An application of either framework.
pub enum Application {
    /// On axum.
    #[cfg(feature = "axum")]
    Axum(axum::Router),
    /// On salvo.
    #[cfg(feature = "salvo")]
    Salvo(salvo_core::Router),
}

/// Does what the command line asks for, with the application that `make` makes for a subject over a
/// database.
///
/// # Errors
///
/// Whatever `make`, the listener or a counted request returns.
pub fn run<F>(make: impl FnOnce(String, Database) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<Application, Failure>>,
{
    let Arguments { subject, command } = Arguments::parse();
    // A counted request is handled by this very thread.
    let mut builder = match command {
        Command::Serve { .. } => tokio::runtime::Builder::new_multi_thread(),
        Command::Count { .. } => tokio::runtime::Builder::new_current_thread(),
    };
    if let Command::Serve { .. } = command {
        builder.worker_threads(workers()?);
    }
    builder.enable_all().build()?.block_on(async {
        match command {
            Command::Serve { database } => match make(subject, database).await? {
                #[cfg(feature = "axum")]
                Application::Axum(router) => crate::axum::serve(router).await,
                #[cfg(feature = "salvo")]
                Application::Salvo(router) => crate::salvo::serve(router).await,
            },
            Command::Count { database, route, requests } => match make(subject, database).await? {
                #[cfg(feature = "axum")]
                Application::Axum(router) => {
                    crate::count(&mut crate::axum::Counted(router), route, requests).await
                }
                #[cfg(feature = "salvo")]
                Application::Salvo(router) => {
                    crate::count(&mut crate::salvo::counted(router), route, requests).await
                }
            },
        }
    })
}
