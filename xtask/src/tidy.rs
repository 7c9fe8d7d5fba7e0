//! `cargo xtask tidy`: the rules of this workspace that no compiler knows. CONTRIBUTING.md lists them.
//!
//! Each rule is a function with a name, and is tested with an example that breaks it. A line is
//! excused by `tidy-allow: <reason>` on it or above it; a file by a line in `xtask/tidy-allow.txt`.

mod circles;
mod directions;
mod law_names;
mod manifests;
mod parity;
mod pictures;
mod review;
mod shape;
mod text;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::{self, Crate};
use crate::{laws, shell};
use tree::{Allowances, SourceFile, Tree};

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    rule: &'static str,
    path: String,
    line: Option<usize>,
    message: String,
}

/// A line, from 1, and what is wrong with it.
type Hit = (usize, String);

/// Finds where a rule is broken: at lines, at most once in a file, or in a crate.
type LineRule = fn(&SourceFile) -> Vec<Hit>;
type FileRule = fn(&SourceFile) -> Option<String>;
type CrateRule = fn(&Crate) -> Vec<String>;
type CrateFileRule = fn(&Crate, &Tree) -> Vec<String>;

/// Rules about one file's lines.
const LINE_RULES: &[(&str, LineRule)] = &[
    ("machine-path", text::machine_path),
    ("unfinished-note", text::unfinished_note),
    ("unfinished-code", text::unfinished_code),
    ("ignored-test", text::ignored_test),
    ("sleep-in-test", text::sleep_in_test),
];

/// Rules about one file as a whole.
const FILE_RULES: &[(&str, FileRule)] =
    &[("module-docs", shape::module_docs), ("file-length", shape::file_length)];

/// Rules about one crate's manifest.
const CRATE_RULES: &[(&str, CrateRule)] = &[
    ("role-known", directions::role_known),
    ("direction", directions::direction),
    ("folder-name", manifests::folder_name),
    ("publishing", manifests::publishing),
    ("manifest-complete", manifests::complete),
    ("repository-ours", manifests::repository),
];

/// Rules about one crate and its files.
const CRATE_FILE_RULES: &[(&str, CrateFileRule)] = &[
    ("backend-files", shape::backend_files),
    ("file-circle", circles::file_circle),
    ("include-escapes", shape::include_escapes),
    ("readme-own", manifests::readme_own),
    ("dependency-reasoned", manifests::dependency_reasoned),
];

pub(crate) fn run() -> Result<()> {
    let tree = Tree::read(&shell::root())?;
    let crates = workspace::crates()?;
    let allowances = Allowances::read(&shell::root())?;
    let mut findings = allowances.apply(check(&tree, &crates));
    match laws::list() {
        Ok(laws) => {
            findings.extend(law_names::undocumented(&laws, &tree));
            findings.extend(review::unshown(&laws, &tree));
        }
        Err(error) => findings.push(Finding {
            rule: "law-documented",
            path: "crates/session-conformance".to_owned(),
            line: None,
            message: format!("the suite does not list its laws: {error:#}"),
        }),
    }
    findings.extend(parity::unshown(&tree));
    findings.extend(pictures::crates(&tree, &crates));
    findings.extend(pictures::request(&tree));
    findings.extend(parity::dead_links(&tree, &shell::root()));
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("tidy: {} files in {} crates keep every rule", tree.files.len(), crates.len());
    Ok(())
}

fn check(tree: &Tree, crates: &[Crate]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (rule, find) in LINE_RULES {
            let hits = find(file).into_iter().filter(|(line, _)| !file.is_excused(*line));
            findings.extend(hits.map(|(line, message)| Finding {
                rule,
                path: file.path.clone(),
                line: Some(line),
                message,
            }));
        }
        for (rule, find) in FILE_RULES {
            findings.extend(find(file).map(|message| Finding {
                rule,
                path: file.path.clone(),
                line: None,
                message,
            }));
        }
    }
    for member in crates {
        let of_manifest = CRATE_RULES.iter().map(|(rule, find)| (rule, find(member)));
        let of_files = CRATE_FILE_RULES.iter().map(|(rule, find)| (rule, find(member, tree)));
        for (rule, messages) in of_manifest.chain(of_files) {
            let path = || member.folder.clone();
            findings.extend(messages.into_iter().map(|message| Finding {
                rule,
                path: path(),
                line: None,
                message,
            }));
        }
    }
    findings
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, path, line, message } = self;
        match line {
            Some(line) => write!(formatter, "{path}:{line}: [{rule}] {message}"),
            None => write!(formatter, "{path}: [{rule}] {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_names_of_their_own() {
        let mut names: Vec<&str> = LINE_RULES.iter().map(|(name, _)| *name).collect();
        names.extend(FILE_RULES.iter().map(|(name, _)| *name));
        names.extend(CRATE_RULES.iter().map(|(name, _)| *name));
        names.extend(CRATE_FILE_RULES.iter().map(|(name, _)| *name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_reason_excuses_a_line() {
        let bad = "//! Tests.\nfn a() { sleep(x) }\n";
        let excused =
            "//! Tests.\nfn a() { sleep(x) } // tidy-allow: the clock under test is the system's\n";
        let hollow = "//! Tests.\nfn a() { sleep(x) } // tidy-allow:\n";
        for (text, findings) in [(bad, 1), (excused, 0), (hollow, 1)] {
            let tree =
                Tree { files: vec![SourceFile::new("crates/session-core/tests/it.rs", text)] };
            assert_eq!(check(&tree, &[]).len(), findings, "{text}");
        }
    }

    #[test]
    fn findings_lead_to_their_place() {
        let finding = Finding {
            rule: "r",
            path: "a/b.rs".to_owned(),
            line: Some(3),
            message: "m".to_owned(),
        };
        assert_eq!(finding.to_string(), "a/b.rs:3: [r] m");
    }
}
