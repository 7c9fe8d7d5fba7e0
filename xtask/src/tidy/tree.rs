//! The files that are in the repository or would be, and what excuses them from a rule.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Finding;

#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<SourceFile>,
}

/// One text file; its path is relative to the root, with `/` between.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    /// Everything tracked, and everything untracked that is not ignored. Symlinks and binary files are left out.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-co", "--exclude-standard", "-z"])
            .current_dir(root)
            .output()
            .context("git, which says which files belong to the repository")?;
        if !output.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let list = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
        let mut files = Vec::new();
        for path in list.split_terminator('\0') {
            let full = root.join(path);
            // A file may be gone that git still lists.
            let is_file = full.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
            if is_file && let Ok(text) = std::fs::read_to_string(&full) {
                files.push(SourceFile::new(path, &text));
            }
        }
        Ok(Self { files })
    }

    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files under a folder, each with its path inside of it.
    pub(crate) fn under<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a SourceFile)> {
        self.files.iter().filter_map(move |file| {
            let inside = file.path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((inside, file))
        })
    }
}

const MARKER: &str = "tidy-allow:";

impl SourceFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether this is Rust of this workspace: a crate's, or the automation's.
    pub(crate) fn is_our_rust(&self) -> bool {
        self.is_rust() && (self.path.starts_with("crates/") || self.path.starts_with("xtask/"))
    }

    /// Whether the rules about text leave this file out: it holds their patterns and their bad examples.
    pub(crate) fn is_tidy_itself(&self) -> bool {
        self.path.starts_with("xtask/src/tidy/") || self.path == "xtask/src/tidy.rs"
    }

    /// The lines, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The lines that are not wholly a comment.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Where the unit tests at the end begin: `#[cfg(test)]`, and a module that is written out there.
    pub(crate) fn first_line_of_unit_tests(&self) -> Option<usize> {
        let begins_module = |line: &str| line.starts_with("mod ") && line.ends_with('{');
        self.lines().filter(|(_, line)| *line == "#[cfg(test)]").map(|(number, _)| number).find(
            |number| {
                let mut below = self.text.lines().skip(*number);
                below.find(|line| !line.starts_with("#[")).is_some_and(begins_module)
            },
        )
    }

    /// Whether a line carries a reason, or the line above it does.
    pub(crate) fn is_excused(&self, line: usize) -> bool {
        let gives_reason = |line: &str| {
            line.split_once(MARKER).is_some_and(|(_, reason)| !reason.trim().is_empty())
        };
        self.lines()
            .filter(|(number, _)| *number == line || number + 1 == line)
            .any(|(_, line)| gives_reason(line))
    }
}

/// The exceptions of whole files: lines of `<rule> <path> <reason>`.
#[derive(Debug)]
pub(crate) struct Allowances(Vec<Allowance>);

#[derive(Debug)]
struct Allowance {
    rule: String,
    path: String,
    line: usize,
}

const ALLOWANCES: &str = "xtask/tidy-allow.txt";

impl Allowances {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(ALLOWANCES))
            .with_context(|| ALLOWANCES.to_owned())?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut allowances = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let line_number = index + 1;
            let mut words = line.split_whitespace();
            let (Some(rule), Some(path), Some(_reason)) =
                (words.next(), words.next(), words.next())
            else {
                bail!("{ALLOWANCES}:{line_number}: expected `<rule> <path> <reason>`");
            };
            allowances.push(Allowance {
                rule: rule.to_owned(),
                path: path.to_owned(),
                line: line_number,
            });
        }
        Ok(Self(allowances))
    }

    /// Drops what is excused, and adds each excuse that nothing needs any more.
    pub(crate) fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let covers = |allowance: &Allowance, finding: &Finding| {
            allowance.rule == finding.rule && allowance.path == finding.path
        };
        let stale = self
            .0
            .iter()
            .filter(|allowance| !findings.iter().any(|finding| covers(allowance, finding)));
        let stale: Vec<Finding> = stale
            .map(|allowance| Finding {
                rule: "stale-allowance",
                path: ALLOWANCES.to_owned(),
                line: Some(allowance.line),
                message: format!("{} keeps the rule `{}` by now", allowance.path, allowance.rule),
            })
            .collect();
        let mut kept = findings;
        kept.retain(|finding| !self.0.iter().any(|allowance| covers(allowance, finding)));
        kept.extend(stale);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_tests_are_found() {
        let cases = [
            ("a\n#[cfg(test)]\nmod tests {\n", Some(2)),
            ("#[cfg(test)]\n#[allow(x)]\nmod tests {\n", Some(1)),
            ("#[cfg(test)]\nuse a::b;\n#[cfg(test)]\nmod tests {\n", Some(3)),
            ("#[cfg(test)]\nmod tests;\nfn a() {}\n", None),
        ];
        for (text, line) in cases {
            assert_eq!(SourceFile::new("a.rs", text).first_line_of_unit_tests(), line, "{text:?}");
        }
    }

    fn finding(path: &str) -> Finding {
        Finding { rule: "file-length", path: path.to_owned(), line: None, message: String::new() }
    }

    #[test]
    fn allowances_drop_what_they_name() {
        let allowances = Allowances::parse("# why\n\nfile-length a.rs one table\n").unwrap();
        assert_eq!(allowances.apply(vec![finding("a.rs"), finding("b.rs")]), [finding("b.rs")]);
    }

    #[test]
    fn stale_allowances_are_findings() {
        let allowances = Allowances::parse("file-length a.rs one table").unwrap();
        let findings = allowances.apply(vec![]);
        assert_eq!(findings[0].rule, "stale-allowance");
    }

    #[test]
    fn an_allowance_without_a_reason_is_refused() {
        assert!(Allowances::parse("file-length a.rs").is_err());
    }

    #[test]
    fn this_repository_is_read() {
        let tree = Tree::read(&crate::shell::root()).unwrap();
        assert!(tree.get("xtask/src/main.rs").is_some());
        assert!(tree.under("xtask").any(|(inside, _)| inside == "src/tidy/tree.rs"));
    }
}
