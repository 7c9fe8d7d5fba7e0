//! The crates as they would be published: packed, and unpacked side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;
use crate::workspace::Crate;

/// The folders of the unpacked crates.
pub(crate) struct Packages {
    folder: PathBuf,
    version: String,
}

impl Packages {
    /// Packs these crates below a target folder, and unpacks them there.
    pub(crate) fn unpack(published: &[Crate], target: &Path) -> Result<Self> {
        let mut package = shell::cargo([
            "package",
            "--no-verify",
            "--allow-dirty",
            "--exclude-lockfile",
            "--quiet",
        ]);
        package.env("CARGO_TARGET_DIR", target);
        for member in published {
            package.args(["--package", &member.name]);
        }
        shell::succeed(&mut package)?;
        let version = published.first().map(|member| member.version.clone()).unwrap_or_default();
        let packages = Self { folder: target.join("package"), version };
        for member in published {
            let folder = packages.folder(member);
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
            }
            let archive = format!("{}-{}.crate", member.name, packages.version);
            extract(&packages.folder, &archive)?;
        }
        Ok(packages)
    }

    /// All crates carry one version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Where a crate was unpacked.
    pub(crate) fn folder(&self, member: &Crate) -> PathBuf {
        self.folder.join(format!("{}-{}", member.name, self.version))
    }
}

/// Cargo gives every file of an archive one moment in 2006, and rebuilds what has changed since it was built: with
/// the archive's times a second run would compile nothing, and pass.
fn extract(folder: &Path, archive: &str) -> Result<()> {
    let mut tar = Command::new("tar");
    shell::succeed(tar.args(["--touch", "-xf", archive]).current_dir(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_extracted_is_new() {
        let folder = std::env::temp_dir().join(format!("packed-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("lib.rs"), "").unwrap();
        let pack = ["--mtime=2006-07-24", "-cf", "a.crate", "lib.rs"];
        shell::succeed(Command::new("tar").args(pack).current_dir(&folder)).unwrap();
        fs::remove_file(folder.join("lib.rs")).unwrap();
        extract(&folder, "a.crate").unwrap();
        let made = fs::metadata(folder.join("lib.rs")).unwrap().modified().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(made.elapsed().unwrap() < std::time::Duration::from_secs(600), "{made:?}");
    }
}
