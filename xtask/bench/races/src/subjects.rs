//! What is raced: each program over each database that it has.

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Cookie,
    Sqlite,
    Postgres,
    Redis,
    MokaPostgres,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cookie => "in the cookie",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::MokaPostgres => "moka before PostgreSQL",
        }
    }

    /// Whether two servers can share it.
    pub(crate) fn shared(self) -> bool {
        matches!(self, Self::Postgres | Self::Redis | Self::MokaPostgres)
    }
}

/// One row of the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// The program is `bench-<program>`.
    pub(crate) program: &'static str,
    /// How a reader knows it.
    pub(crate) label: &'static str,
    /// The packages whose versions a reader wants to know.
    pub(crate) packages: &'static [&'static str],
    pub(crate) kind: Kind,
    /// `SESSION_BENCH_VARIANT`.
    pub(crate) variant: &'static str,
}

const fn subject(
    program: &'static str,
    label: &'static str,
    packages: &'static [&'static str],
    kind: Kind,
) -> Subject {
    Subject { program, label, packages, kind, variant: "" }
}

const TOWER: &[&str] = &[
    "tower-sessions",
    "tower-sessions-sqlx-store",
    "tower-sessions-redis-store",
    "tower-sessions-moka-store",
];
const AXUM: &[&str] = &["axum_session", "axum_session_sqlx"];
const SALVO: &[&str] = &["salvo-session", "saysion"];
const ACTIX: &[&str] = &["actix-session"];
const GUARD: &[&str] = &["session-guard"];
const OURS_AXUM: &[&str] = &["session-axum"];
const OURS_SALVO: &[&str] = &["session-salvo"];

/// axum_session over a database: its cache is on unless it is told otherwise.
const fn cached(label: &'static str, variant: &'static str, kind: Kind) -> Subject {
    Subject { variant, ..subject("axum-session", label, AXUM, kind) }
}

/// Every row, in the tables' order.
pub(crate) const SUBJECTS: &[Subject] = &[
    subject("ours-axum", "this project, axum", OURS_AXUM, Kind::Memory),
    subject("ours-axum", "this project, axum", OURS_AXUM, Kind::Sqlite),
    subject("ours-axum", "this project, axum", OURS_AXUM, Kind::Postgres),
    subject("ours-salvo", "this project, salvo", OURS_SALVO, Kind::Memory),
    subject("ours-salvo", "this project, salvo", OURS_SALVO, Kind::Sqlite),
    subject("ours-salvo", "this project, salvo", OURS_SALVO, Kind::Postgres),
    subject("tower-sessions", "tower-sessions", TOWER, Kind::Memory),
    subject("tower-sessions", "tower-sessions", TOWER, Kind::Sqlite),
    subject("tower-sessions", "tower-sessions", TOWER, Kind::Postgres),
    subject("tower-sessions", "tower-sessions", TOWER, Kind::MokaPostgres),
    subject("tower-sessions", "tower-sessions", TOWER, Kind::Redis),
    subject("axum-session", "axum_session", AXUM, Kind::Memory),
    cached("axum_session", "cached", Kind::Sqlite),
    cached("axum_session", "cached", Kind::Postgres),
    cached("axum_session, signed cookies", "cached,signed", Kind::Postgres),
    cached("axum_session, its cache off", "", Kind::Postgres),
    subject("salvo-session", "salvo's session", SALVO, Kind::Memory),
    subject("salvo-session", "salvo's session", SALVO, Kind::Cookie),
    subject("salvo-session", "salvo's session", SALVO, Kind::Sqlite),
    subject("salvo-session", "salvo's session", SALVO, Kind::Postgres),
    subject("salvo-session", "salvo's session", SALVO, Kind::Redis),
    subject("actix-session", "actix-session, a store of ours", ACTIX, Kind::Memory),
    subject("actix-session", "actix-session", ACTIX, Kind::Cookie),
    subject("actix-session", "actix-session", ACTIX, Kind::Redis),
    subject("session-guard", "session-guard", GUARD, Kind::Memory),
    subject("session-guard", "session-guard", GUARD, Kind::Postgres),
    subject("session-guard", "session-guard", GUARD, Kind::Redis),
];
