//! The routes on axum with tower-sessions, its stores as their documentation sets them up.

mod routes;
mod stores;

fn main() -> Result<(), session_bench_kit::Failure> {
    session_bench_kit::axum::run(|database| async move {
        let router = routes::router();
        match database.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("memory") => Ok(routes::under(router, stores::memory())),
            Some("sqlite") => Ok(routes::under(router, stores::sqlite(&database).await?)),
            Some("postgres") => Ok(routes::under(router, stores::postgres(&database).await?)),
            Some("moka+sqlite") => Ok(routes::under(router, stores::moka_sqlite(&database).await?)),
            Some("moka+postgres") => {
                Ok(routes::under(router, stores::moka_postgres(&database).await?))
            }
            Some("redis") => Ok(routes::under(router, stores::redis(&database).await?)),
            _ => Err("tower-sessions has no store for this URL".into()),
        }
    })
}
