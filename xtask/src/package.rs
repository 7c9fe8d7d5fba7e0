//! `cargo xtask package`: what each published crate would carry to its users is whole.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail};

use crate::shell;
use crate::workspace::{self, Crate, Role};

/// Cargo writes these itself, or takes them from the workspace's root; they need not be in the folder.
const GENERATED: [&str; 4] =
    ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];

/// What a crate would be published with, and what it needs.
#[derive(Debug, Default)]
struct Contents {
    listed: BTreeSet<String>,
    /// Those of the listed that are symlinks.
    symlinks: Vec<String>,
    /// Those of the listed that are not there.
    absent: Vec<String>,
    /// The files under `migrations/` in its folder.
    migrations: Vec<String>,
    /// The files that its sources include at compile time, relative to its folder.
    included: Vec<String>,
    needs_migrations: bool,
}

pub(crate) fn run() -> Result<()> {
    let mut problems = Vec::new();
    for member in workspace::crates()?.iter().filter(|member| member.published) {
        let contents = Contents::of(member)?;
        let found = contents.problems();
        println!(
            "{}: {} files, {} migrations",
            member.name,
            contents.listed.len(),
            contents.migrations.len()
        );
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", member.name)));
    }
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    if !problems.is_empty() {
        bail!("{} problems in what would be published", problems.len());
    }
    Ok(())
}

impl Contents {
    fn of(member: &Crate) -> Result<Self> {
        let folder = shell::root().join(&member.folder);
        let mut command =
            shell::cargo(["package", "--quiet", "--list", "--allow-dirty", "--package"]);
        let list = shell::stdout_of(command.arg(&member.name))?;
        let listed: BTreeSet<String> = list.lines().map(|line| line.replace('\\', "/")).collect();
        let own = || listed.iter().filter(|file| !GENERATED.contains(&file.as_str()));
        let mut included = Vec::new();
        for file in own().filter(|file| file.ends_with(".rs")) {
            let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            included.extend(includes(&text).filter_map(|(_, literal)| resolve(file, literal)));
        }
        Ok(Self {
            symlinks: own().filter(|file| is_symlink(&folder.join(file))).cloned().collect(),
            absent: own().filter(|file| !folder.join(file).exists()).cloned().collect(),
            migrations: files_under(&folder, Path::new("migrations"))?,
            included,
            // A backend on SQL has its statements in `sql.rs`, and so a schema.
            needs_migrations: member.role() == Some(Role::Backend)
                && folder.join("src/sql.rs").exists(),
            listed,
        })
    }

    fn problems(&self) -> Vec<String> {
        let unlisted = |file: &&String| !self.listed.contains(*file);
        let mut problems = Vec::new();
        problems.extend(self.symlinks.iter().map(|file| format!("{file} is a symlink")));
        problems.extend(self.absent.iter().map(|file| format!("{file} is listed and not there")));
        problems.extend(
            self.migrations
                .iter()
                .filter(unlisted)
                .map(|file| format!("the migration {file} is left out")),
        );
        problems.extend(
            self.included
                .iter()
                .filter(unlisted)
                .map(|file| format!("{file} is included by a source and left out")),
        );
        if self.needs_migrations && self.migrations.is_empty() {
            problems.push("it has sql.rs and no migrations".to_owned());
        }
        problems
    }
}

/// The literal paths that a source includes at compile time, each with its line, from 1.
pub(crate) fn includes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        ["include_str!(\"", "include_bytes!(\"", "include!(\""]
            .into_iter()
            .flat_map(move |call| line.match_indices(call))
            .filter_map(move |(at, call)| line[at + call.len()..].split('"').next())
            .map(move |literal| (index + 1, literal))
    })
}

/// Where a literal path leads from a file of a crate, relative to the crate's folder; `None` if it leaves it.
pub(crate) fn resolve(file: &str, literal: &str) -> Option<String> {
    let mut path = Path::new(file).parent()?.to_path_buf();
    for part in Path::new(literal).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => path.push(part),
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path.to_string_lossy().replace('\\', "/"))
}

fn is_symlink(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

/// Every file under `folder/inside`, relative to `folder`; none if there is no such folder.
fn files_under(folder: &Path, inside: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = vec![inside.to_path_buf()];
    while let Some(next) = open.pop().filter(|next| folder.join(next).is_dir()) {
        for entry in std::fs::read_dir(folder.join(&next))? {
            let entry = entry?;
            let path = next.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else {
                files.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn contents(change: impl FnOnce(&mut Contents)) -> Vec<String> {
        let mut contents = Contents {
            listed: owned(&["src/lib.rs", "migrations/0001.sql"]).into_iter().collect(),
            migrations: owned(&["migrations/0001.sql"]),
            included: owned(&["migrations/0001.sql"]),
            needs_migrations: true,
            ..Contents::default()
        };
        change(&mut contents);
        contents.problems()
    }

    #[test]
    fn whole_contents_pass() {
        assert_eq!(contents(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn each_lack_is_named() {
        type Change = fn(&mut Contents);
        let cases: [(Change, &str); 5] = [
            (|it| it.symlinks = owned(&["src/lib.rs"]), "src/lib.rs is a symlink"),
            (|it| it.absent = owned(&["src/lib.rs"]), "src/lib.rs is listed and not there"),
            (
                |it| it.migrations.push("migrations/0002.sql".to_owned()),
                "the migration migrations/0002.sql is left out",
            ),
            (
                |it| it.included.push("src/page.html".to_owned()),
                "src/page.html is included by a source and left out",
            ),
            (|it| it.migrations.clear(), "it has sql.rs and no migrations"),
        ];
        for (change, problem) in cases {
            assert_eq!(contents(change), [problem]);
        }
    }

    #[test]
    fn included_paths_are_resolved() {
        let text =
            "a(include_str!(\"../migrations/1.sql\"));\ninclude_bytes!(\"x\"), include!(\"y\")";
        assert_eq!(
            includes(text).collect::<Vec<_>>(),
            [(1, "../migrations/1.sql"), (2, "x"), (2, "y")]
        );
        let cases = [
            ("src/lib.rs", "../migrations/1.sql", Some("migrations/1.sql")),
            ("src/a/b.rs", "./c.html", Some("src/a/c.html")),
            ("src/lib.rs", "../../../README.md", None),
            ("src/lib.rs", "/etc/passwd", None),
        ];
        for (file, literal, expected) in cases {
            assert_eq!(resolve(file, literal).as_deref(), expected, "{file} {literal}");
        }
    }

    #[test]
    fn a_missing_folder_has_no_files() {
        assert!(files_under(&shell::root(), Path::new("no/such/folder")).unwrap().is_empty());
        assert!(
            files_under(&shell::root(), Path::new("xtask/src"))
                .unwrap()
                .contains(&"xtask/src/tidy/tree.rs".to_owned())
        );
    }
}
