//! What is raced: each application over each database that it has.

use crate::database::Store;
use crate::programs::Program;
use crate::server::Setup;

/// One row of the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) program: Program,
    pub(crate) name: &'static str,
    /// How a reader knows it.
    pub(crate) label: &'static str,
    /// The packages whose versions a reader wants to know.
    pub(crate) packages: &'static [&'static str],
    pub(crate) store: Store,
    /// `SESSION_BENCH_VARIANT`.
    variant: &'static str,
}

impl Subject {
    pub(crate) fn setup(&self) -> Setup<'static> {
        let Self { program, name, variant, .. } = *self;
        Setup { variant, workers: 4, ..Setup::new(program, name) }
    }
}

const fn ours_axum(store: Store) -> Subject {
    Subject {
        program: Program::Current,
        name: "ours-axum",
        label: "this project, axum",
        packages: &["session-axum"],
        store,
        variant: "",
    }
}

const fn ours_salvo(store: Store) -> Subject {
    let (label, packages) = ("this project, salvo", &["session-salvo"]);
    Subject { name: "ours-salvo", label, packages, ..ours_axum(store) }
}

const fn tower(store: Store) -> Subject {
    Subject {
        program: Program::OldDrivers,
        name: "tower-sessions",
        label: "tower-sessions",
        packages: &[
            "tower-sessions",
            "tower-sessions-sqlx-store",
            "tower-sessions-redis-store",
            "tower-sessions-moka-store",
        ],
        store,
        variant: "",
    }
}

/// axum_session over a database: its cache is on unless it is told otherwise.
const fn axum(label: &'static str, variant: &'static str, store: Store) -> Subject {
    let packages = &["axum_session", "axum_session_sqlx"];
    Subject { name: "axum-session", label, packages, variant, ..ours_axum(store) }
}

const fn salvo(store: Store) -> Subject {
    let packages = &["salvo-session", "saysion"];
    Subject { name: "salvo-session", label: "salvo's session", packages, ..tower(store) }
}

const fn actix(store: Store) -> Subject {
    let packages = &["actix-session"];
    Subject { name: "actix-session", label: "actix-session", packages, ..tower(store) }
}

const fn guard(store: Store) -> Subject {
    let packages = &["session-guard"];
    Subject { name: "session-guard", label: "session-guard", packages, ..ours_axum(store) }
}

/// Every row, in the tables' order.
pub(crate) const SUBJECTS: &[Subject] = &[
    ours_axum(Store::Memory),
    ours_axum(Store::Sqlite),
    ours_axum(Store::Postgres),
    ours_salvo(Store::Memory),
    ours_salvo(Store::Sqlite),
    ours_salvo(Store::Postgres),
    tower(Store::Memory),
    tower(Store::Sqlite),
    tower(Store::Postgres),
    tower(Store::MokaPostgres),
    tower(Store::Redis),
    axum("axum_session", "", Store::Memory),
    axum("axum_session", "cached", Store::Sqlite),
    axum("axum_session", "cached", Store::Postgres),
    axum("axum_session, signed cookies", "cached,signed", Store::Postgres),
    axum("axum_session, its cache off", "", Store::Postgres),
    salvo(Store::Memory),
    salvo(Store::Cookie),
    salvo(Store::Sqlite),
    salvo(Store::Postgres),
    salvo(Store::Redis),
    actix(Store::Cookie),
    actix(Store::Redis),
    guard(Store::Memory),
    guard(Store::Postgres),
    guard(Store::Redis),
];
