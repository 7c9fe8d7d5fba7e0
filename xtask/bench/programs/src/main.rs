//! The routes with this project's sessions, with sessions that are written by hand, and with the other
//! libraries whose driver is sqlx 0.9.

#[cfg(feature = "others")]
mod axum_session;
#[cfg(feature = "others")]
mod floor;
mod ours;
#[cfg(feature = "others")]
mod session_guard;

use session_bench_kit::{Application, Failure};

fn main() -> Result<(), Failure> {
    session_bench_kit::run(|subject, database| async move {
        Ok(match subject.as_str() {
            "ours-axum" => Application::Axum(ours::axum::app(ours::open(&database).await?)),
            "ours-salvo" => Application::Salvo(ours::salvo::app(ours::open(&database).await?)),
            #[cfg(feature = "others")]
            "floor-axum" => {
                Application::Axum(floor::axum::app(floor::Sessions::open(&database).await?))
            }
            #[cfg(feature = "others")]
            "floor-salvo" => {
                Application::Salvo(floor::salvo::app(floor::Sessions::open(&database).await?))
            }
            #[cfg(feature = "others")]
            "axum-session" => Application::Axum(axum_session::app(&database).await?),
            #[cfg(feature = "others")]
            "session-guard" => Application::Axum(session_guard::app(&database).await?),
            other => return Err(format!("no such subject here: {other}").into()),
        })
    })
}
