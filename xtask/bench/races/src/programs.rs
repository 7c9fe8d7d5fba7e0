//! The programs under test: building them, finding them, and what they are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::subjects::{SUBJECTS, Subject};

/// Where they are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Of the benchmarks.
    folder: PathBuf,
    built: PathBuf,
}

impl Programs {
    pub(crate) fn new(built: Option<PathBuf>) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the benchmarks have no folder")?
            .to_owned();
        let built = built.unwrap_or_else(|| folder.join("target/release"));
        Ok(Self { folder, built })
    }

    /// Builds each program that is wanted from its own lock file.
    pub(crate) fn build(&self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let names: BTreeSet<_> = SUBJECTS.iter().map(|subject| subject.program).collect();
        for name in names.into_iter().filter(|name| wanted(name)) {
            let done = Command::new("cargo")
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(self.folder.join("peers").join(name).join("Cargo.toml"))
                .arg("--target-dir")
                .arg(self.folder.join("target"))
                .status()
                .context("cannot run cargo")?;
            ensure!(done.success(), "{name} does not build");
        }
        Ok(())
    }

    /// The program of a subject, where it has been built.
    pub(crate) fn of(&self, subject: &Subject) -> Option<PathBuf> {
        let program = self.built.join(format!("bench-{}", subject.program));
        program.is_file().then_some(program)
    }

    /// What each program's lock file says of the packages that a reader wants to know.
    pub(crate) fn versions<'a>(
        &self,
        subjects: impl Iterator<Item = &'a Subject>,
    ) -> Result<BTreeMap<String, String>> {
        let mut versions = BTreeMap::new();
        for subject in subjects {
            let path = self.folder.join("peers").join(subject.program).join("Cargo.lock");
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let lock: Lock = toml::from_str(&text)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            for package in lock.package {
                if subject.packages.contains(&package.name.as_str()) {
                    versions.insert(package.name, package.version);
                }
            }
        }
        Ok(versions)
    }
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}
