//! `cargo xtask minimal`: each published crate builds with the lowest versions that its manifest
//! accepts, as an application may have them in its lock file.
//!
//! What is built is what would be published, each crate by itself: another member of the workspace
//! asks for newer versions, and would hide a requirement that is too low.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::packed::Packages;
use crate::shell;
use crate::workspace::{self, Crate};

/// Resolving to the lowest versions is behind a flag that only nightly accepts; this variable makes
/// every cargo accept it.
const NIGHTLY: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

pub(crate) fn run() -> Result<()> {
    let published: Vec<Crate> =
        workspace::crates()?.into_iter().filter(|member| member.published).collect();
    let packages = Packages::unpack(&published, &target())?;
    for member in &published {
        let manifest = packages.folder(member).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        fs::write(&manifest, alone(&text, member, &published, packages.version()))?;
    }
    let mut failed = Vec::new();
    for member in &published {
        let folder = packages.folder(member);
        let built = resolve(&folder).and_then(|()| check(&folder));
        if let Err(error) = built {
            println!("FAILED: {}: {error:#}", member.name);
            failed.push(member.name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("not with the lowest versions of its dependencies: {}", failed.join(", "));
    }
    Ok(())
}

/// A manifest without what only tests use, in a workspace of its own, with our other crates from
/// beside it.
fn alone(manifest: &str, member: &Crate, published: &[Crate], version: &str) -> String {
    let mut text = String::new();
    let mut keeps = true;
    for line in manifest.lines() {
        if line.starts_with('[') {
            let dropped = ["[dev-dependencies", "[[test]]", "[[example]]", "[[bench]]"];
            keeps = !dropped.iter().any(|start| line.starts_with(start));
        }
        if keeps {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str("\n[workspace]\n\n[patch.crates-io]\n");
    for other in published {
        if member.dependencies.iter().any(|dependency| dependency.name == other.name) {
            text.push_str(&format!(
                "{} = {{ path = \"../{}-{version}\" }}\n",
                other.name, other.name
            ));
        }
    }
    text
}

fn resolve(folder: &Path) -> Result<()> {
    let mut update = shell::cargo(["update", "--quiet", "-Z", "direct-minimal-versions"]);
    shell::succeed(update.current_dir(folder).env(NIGHTLY.0, NIGHTLY.1))
}

fn check(folder: &Path) -> Result<()> {
    let mut check = shell::cargo(["check", "--quiet", "--all-features", "--locked"]);
    check.current_dir(folder).env("CARGO_TARGET_DIR", target());
    shell::succeed(&mut check)
}

fn target() -> PathBuf {
    shell::root().join("target/minimal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[test]
    fn only_what_users_get_is_resolved() {
        let named = |name: &str| Crate { name: name.to_owned(), ..Crate::default() };
        let (core, other) = (named("session-core"), named("session-conformance"));
        let mut member = named("session-sqlite");
        member.dependencies = vec![Dependency { name: "session-core".to_owned(), optional: false }];
        let manifest = "[package]\nname = \"session-sqlite\"\n\n[[test]]\nname = \"it\"\n\n\
            [dependencies.session-core]\nversion = \"1\"\n\n\
            [dev-dependencies.session-conformance]\nversion = \"1\"\n\n[lints.rust]\na = \"warn\"\n";
        let text = alone(manifest, &member, &[core, other], "1.0.0");
        for (piece, is_there) in [
            ("[dependencies.session-core]", true),
            ("[lints.rust]\na = \"warn\"", true),
            ("[workspace]", true),
            ("session-core = { path = \"../session-core-1.0.0\" }", true),
            ("[[test]]", false),
            ("session-conformance", false),
        ] {
            assert_eq!(text.contains(piece), is_there, "{piece} in:\n{text}");
        }
    }
}
