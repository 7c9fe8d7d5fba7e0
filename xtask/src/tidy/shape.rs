//! Rules about files: what each begins with, how long it may be, and which there must be.

use super::tree::{SourceFile, Tree};
use crate::package::{includes, resolve};
use crate::workspace::{Crate, Role};

/// Every module says in its first line what it is for. Fixtures of compile errors are input, not modules.
pub(crate) fn module_docs(file: &SourceFile) -> Option<String> {
    if !file.is_our_rust() || file.path.contains("/tests/ui/") {
        return None;
    }
    let is_preamble = |line: &str| {
        let is_comment = line.starts_with("//") && !line.starts_with("//!");
        line.is_empty() || line.starts_with("#!") || is_comment
    };
    let first = file.text.lines().map(str::trim).find(|line| !is_preamble(line));
    let has_docs = first.is_some_and(|line| line.starts_with("//!") && line.len() > "//!".len());
    (!has_docs).then(|| "begins with no `//!` line that says what it is for".to_owned())
}

/// A file that is longer than this has a second subject.
const MOST_LINES: usize = 400;

pub(crate) fn file_length(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    (file.is_our_rust() && lines > MOST_LINES)
        .then(|| format!("{lines} lines, over {MOST_LINES}: split it by subject"))
}

/// Every backend has the same files: who knows one knows all.
pub(crate) fn backend_files(member: &Crate, tree: &Tree) -> Vec<String> {
    if member.role() != Some(Role::Backend) {
        return Vec::new();
    }
    // A file may be a folder of the same name by now.
    let is_there = |name: &str| {
        let file = format!("{}/src/{name}.rs", member.folder);
        tree.get(&file).is_some()
    };
    let required = ["lib", "config", "backend", "error", "migrate"];
    let mut missing: Vec<String> = required
        .into_iter()
        .filter(|name| !is_there(name))
        .map(|name| format!("src/{name}.rs is missing"))
        .collect();
    if !is_there("sql") && !is_there("scripts") {
        missing.push("src/sql.rs (or src/scripts.rs) is missing".to_owned());
    }
    missing
}

/// Cargo silently leaves out of a published crate what lies outside of its folder.
pub(crate) fn include_escapes(member: &Crate, tree: &Tree) -> Vec<String> {
    if !member.published {
        return Vec::new();
    }
    let sources = tree.under(&member.folder).filter(|(_, file)| file.is_rust());
    let escapes = sources.flat_map(|(inside, file)| {
        includes(&file.text)
            .filter(move |(line, literal)| {
                resolve(inside, literal).is_none() && !file.is_excused(*line)
            })
            .map(move |(line, literal)| {
                format!("{inside}:{line} includes `{literal}`, which no published crate would hold")
            })
    });
    escapes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_without_docs() {
        let cases = [
            ("crates/a/src/lib.rs", "//! Docs.\n", false),
            ("crates/a/src/lib.rs", "#![allow(x)]\n\n// Copyright.\n//! Docs.\n", false),
            ("crates/a/src/lib.rs", "use a::b;\n//! Docs.\n", true),
            ("crates/a/src/lib.rs", "//!\nuse a::b;\n", true),
            ("crates/a/src/lib.rs", "/// Docs of an item.\nfn a() {}\n", true),
            ("crates/a/src/lib.rs", "", true),
            ("crates/a/tests/ui/error.rs", "fn main() {}\n", false),
            ("docs/example.rs", "fn main() {}\n", false),
        ];
        for (path, text, is_bad) in cases {
            assert_eq!(
                module_docs(&SourceFile::new(path, text)).is_some(),
                is_bad,
                "{path}: {text:?}"
            );
        }
    }

    #[test]
    fn long_files() {
        let cases = [
            ("crates/a/src/lib.rs", 400, false),
            ("crates/a/src/lib.rs", 401, true),
            ("crates/a/tests/it.rs", 401, true),
            ("docs/example.txt", 401, false),
        ];
        for (path, lines, is_bad) in cases {
            let found = file_length(&SourceFile::new(path, &"//\n".repeat(lines)));
            assert_eq!(found.is_some(), is_bad, "{path}: {lines}");
        }
    }

    fn member(name: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            published: true,
            ..Crate::default()
        }
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree { files: files.iter().map(|(path, text)| SourceFile::new(path, text)).collect() }
    }

    #[test]
    fn backends_without_their_files() {
        let redis = member("session-redis");
        let all = ["lib", "config", "backend", "scripts", "error", "migrate"];
        let paths: Vec<String> =
            all.iter().map(|name| format!("crates/session-redis/src/{name}.rs")).collect();
        let whole: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(backend_files(&redis, &tree(&whole)), Vec::<String>::new());
        assert_eq!(backend_files(&redis, &tree(&whole[..3])).len(), 3);
        assert_eq!(backend_files(&member("session-axum"), &tree(&[])), Vec::<String>::new());
    }

    #[test]
    fn includes_that_leave_their_crate() {
        let outside = ("crates/session-core/src/lib.rs", "include_str!(\"../../../README.md\")");
        let inside = ("crates/session-core/src/lib.rs", "include_str!(\"../README.md\")");
        let neighbour =
            ("crates/session-core-extra/src/lib.rs", "include_str!(\"../../../README.md\")");
        for (file, count) in [(outside, 1), (inside, 0), (neighbour, 0)] {
            assert_eq!(
                include_escapes(&member("session-core"), &tree(&[file])).len(),
                count,
                "{file:?}"
            );
        }
        let demo = Crate { published: false, ..member("session-core") };
        assert_eq!(include_escapes(&demo, &tree(&[outside])), Vec::<String>::new());
    }
}
