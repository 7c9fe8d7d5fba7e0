//! The programs under test: what each is, which stores it has, and how it is built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Why a program is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sessions written by hand, or none.
    Floor,
    /// This project.
    Ours,
    /// Another library.
    Peer,
}

/// Where a program keeps its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Store {
    Memory,
    Sqlite,
    Postgres,
    /// A cache in front of the database.
    MokaSqlite,
    MokaPostgres,
    Redis,
}

impl Store {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MokaSqlite => "SQLite behind a cache",
            Self::MokaPostgres => "PostgreSQL behind a cache",
            Self::Redis => "Redis",
        }
    }

    pub(crate) const fn needs_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::MokaPostgres)
    }

    /// The table that it stands in: a cache beside what it is in front of.
    pub(crate) const fn database(self) -> Self {
        match self {
            Self::MokaSqlite => Self::Sqlite,
            Self::MokaPostgres => Self::Postgres,
            other => other,
        }
    }
}

/// One program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// The folder under `peers/`.
    pub(crate) package: &'static str,
    /// How tables call it.
    pub(crate) label: &'static str,
    pub(crate) framework: &'static str,
    pub(crate) role: Role,
    pub(crate) stores: &'static [Store],
    /// Whether its sessions hold data of the application.
    pub(crate) keeps_data: bool,
    /// The crate whose version its lock file is asked for.
    pub(crate) library: &'static str,
}

use Store::{Memory, MokaPostgres, MokaSqlite, Postgres, Redis, Sqlite};

pub(crate) const PROGRAMS: [Program; 10] = [
    Program {
        package: "floor-axum",
        label: "by hand",
        framework: "axum",
        role: Role::Floor,
        stores: &[Memory, Sqlite, Postgres],
        keeps_data: true,
        library: "axum",
    },
    Program {
        package: "ours-axum",
        label: "session-axum",
        framework: "axum",
        role: Role::Ours,
        stores: &[Memory, Sqlite, Postgres],
        keeps_data: true,
        library: "session-core",
    },
    Program {
        package: "tower-sessions",
        label: "tower-sessions",
        framework: "axum",
        role: Role::Peer,
        stores: &[Memory, Sqlite, MokaSqlite, Postgres, MokaPostgres, Redis],
        keeps_data: true,
        library: "tower-sessions",
    },
    Program {
        package: "axum-session",
        label: "axum_session",
        framework: "axum",
        role: Role::Peer,
        stores: &[Memory, Sqlite, Postgres],
        keeps_data: true,
        library: "axum_session",
    },
    Program {
        package: "sea-orm",
        label: "rows mapped by SeaORM",
        framework: "axum",
        role: Role::Peer,
        stores: &[Sqlite, Postgres],
        keeps_data: true,
        library: "sea-orm",
    },
    Program {
        package: "floor-salvo",
        label: "by hand",
        framework: "salvo",
        role: Role::Floor,
        stores: &[Memory, Sqlite, Postgres],
        keeps_data: true,
        library: "salvo_core",
    },
    Program {
        package: "ours-salvo",
        label: "session-salvo",
        framework: "salvo",
        role: Role::Ours,
        stores: &[Memory, Sqlite, Postgres],
        keeps_data: true,
        library: "session-core",
    },
    Program {
        package: "salvo-session",
        label: "salvo-session",
        framework: "salvo",
        role: Role::Peer,
        stores: &[Memory, Sqlite, Postgres, Redis],
        keeps_data: true,
        library: "salvo-session",
    },
    Program {
        package: "actix-session",
        label: "actix-session",
        framework: "actix-web",
        role: Role::Peer,
        stores: &[Memory, Redis],
        keeps_data: true,
        library: "actix-session",
    },
    Program {
        package: "session-guard",
        label: "session-guard",
        framework: "axum",
        role: Role::Peer,
        stores: &[Memory, Postgres, Redis],
        keeps_data: false,
        library: "session-guard",
    },
];

impl Program {
    pub(crate) fn find(package: &str) -> Option<&'static Self> {
        PROGRAMS.iter().find(|program| program.package == package)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        bench().join("peers").join(self.package)
    }

    pub(crate) fn binary(&self) -> PathBuf {
        bench().join("target/release").join(format!("bench-{}", self.package))
    }

    /// The version of a crate in the program's lock file.
    pub(crate) fn version_of(&self, name: &str) -> Option<String> {
        let lock = std::fs::read_to_string(self.folder().join("Cargo.lock")).ok()?;
        let opening = format!("name = \"{name}\"\nversion = \"");
        let rest = lock.split(&opening).nth(1)?;
        rest.split('"').next().map(str::to_owned)
    }

    /// Builds it as it is measured. What cargo says goes to where ours goes.
    pub(crate) fn build(&self, options: &[&str]) -> Result<()> {
        if !self.folder().exists() {
            bail!("there is no folder {}", self.package);
        }
        cargo_build(&self.folder(), options)
    }
}

/// `cargo build --release --locked` into the benchmarks' one target folder.
pub(crate) fn cargo_build(folder: &Path, options: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet"])
        .args(options)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", bench().join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .status()
        .context("cargo")?;
    if !status.success() {
        // Its name alone: this may come to stand in a page.
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        bail!("cargo build in {name}: {status}");
    }
    Ok(())
}

/// The folder `xtask/bench`.
pub(crate) fn bench() -> PathBuf {
    // At run time first: a folder that was moved after the build still finds itself.
    let harness = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    harness.parent().map_or(harness.clone(), Path::to_path_buf)
}

/// The folder of the whole repository.
pub(crate) fn root() -> PathBuf {
    let bench = bench();
    bench.ancestors().nth(2).map_or(bench.clone(), Path::to_path_buf)
}
