//! The crates of this workspace: what each is for, and what cargo knows about it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::shell;

/// What a crate is for. Directions, files and publishing follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The vocabulary, the session logic and the trait.
    Core,
    /// The public test suite.
    Conformance,
    /// The core on one database.
    Backend,
    /// The core in one web framework.
    Adapter,
    /// What applications test themselves with.
    UserTests,
    /// What operators run: every backend, and no framework.
    Operator,
    /// Routes for every framework on top of the adapters, each behind a feature.
    Routes,
    /// Everything put together; not published.
    Application,
    /// What tests and this crate share; not published.
    Testing,
    /// This crate; not published.
    Automation,
}

/// Every crate that may be in the workspace. A new one is entered here first.
pub(crate) const ROLES: [(&str, Role); 14] = [
    ("session-core", Role::Core),
    ("session-conformance", Role::Conformance),
    ("session-sqlite", Role::Backend),
    ("session-postgres", Role::Backend),
    ("session-redis", Role::Backend),
    ("session-axum", Role::Adapter),
    ("session-salvo", Role::Adapter),
    ("session-devices", Role::Routes),
    ("session-demo", Role::Application),
    ("session-recipes", Role::Application),
    ("session-test", Role::UserTests),
    ("sessionctl", Role::Operator),
    ("session-test-servers", Role::Testing),
    ("xtask", Role::Automation),
];

impl Role {
    pub(crate) fn of(name: &str) -> Option<Self> {
        ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }

    pub(crate) fn is_published(self) -> bool {
        !matches!(self, Self::Application | Self::Testing | Self::Automation)
    }
}

/// One crate of the workspace, as its manifest says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Its folder, relative to the root, with `/` between.
    pub(crate) folder: String,
    pub(crate) published: bool,
    pub(crate) version: String,
    /// The lowest Rust that builds it, as `1.95.0`.
    pub(crate) rust_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) has_library: bool,
    /// What users get too: development dependencies are not in here.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One direct dependency, normal or of the build script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) optional: bool,
}

impl Crate {
    pub(crate) fn role(&self) -> Option<Role> {
        Role::of(&self.name)
    }

    /// `sqlite` of `session-sqlite`: how its law tests begin.
    pub(crate) fn short_name(&self) -> &str {
        self.name.strip_prefix("session-").unwrap_or(&self.name)
    }
}

/// Every crate of the workspace, in the order of their names.
pub(crate) fn crates() -> Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .current_dir(shell::root())
        .no_deps()
        .exec()
        .context("cargo metadata, which says what the workspace holds")?;
    let root = metadata.workspace_root.as_std_path().to_path_buf();
    let mut crates: Vec<Crate> =
        metadata.packages.iter().map(|package| describe(package, &root)).collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

fn describe(package: &Package, root: &PathBuf) -> Crate {
    let folder = package
        .manifest_path
        .parent()
        .map(|folder| folder.as_std_path().to_path_buf())
        .unwrap_or_default();
    let folder = folder.strip_prefix(root).map_or(folder.clone(), PathBuf::from);
    Crate {
        name: package.name.to_string(),
        folder: folder.to_string_lossy().replace('\\', "/"),
        // `publish = false` arrives as a list of no registries.
        published: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        version: package.version.to_string(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        description: package.description.clone(),
        license: package.license.clone(),
        repository: package.repository.clone(),
        readme: package.readme.as_ref().map(ToString::to_string),
        keywords: package.keywords.clone(),
        features: package.features.keys().cloned().collect(),
        has_library: package.targets.iter().any(cargo_metadata::Target::is_lib),
        dependencies: package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| Dependency {
                name: dependency.name.clone(),
                optional: dependency.optional,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_crate_is_found() {
        let crates = crates().unwrap();
        let xtask = crates.iter().find(|found| found.name == "xtask").unwrap();
        assert_eq!(xtask.folder, "xtask");
        assert_eq!(xtask.role(), Some(Role::Automation));
        assert!(!xtask.published);
        assert!(xtask.dependencies.iter().any(|dependency| dependency.name == "clap"));
    }
}
