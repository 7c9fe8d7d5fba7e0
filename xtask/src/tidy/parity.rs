//! Rules about what pages name: links lead somewhere, and what `docs/seed-parity.md` names is there.

use std::path::{Component, Path, PathBuf};

use super::text::{first_line_of_tests, has_word};
use super::tree::{SourceFile, Tree};
use super::{Finding, Hit};

const PAGE: &str = "docs/seed-parity.md";

/// In each row of the page of parity the last column names what shows it: tests, macros that make
/// tests, crates, or files. Each of them is there, and there is at least one.
pub(crate) fn unshown(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.get(PAGE) else { return Vec::new() };
    let rows = page.lines().filter(|(_, line)| line.starts_with('|') && !is_head(line));
    let hits = rows.flat_map(|(number, row)| {
        let last = row.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let missing: Vec<Hit> = spans(last)
            .filter(|name| !shows(name, tree))
            .map(|name| (number, format!("`{name}` is no test, crate or file of this repository")))
            .collect();
        if spans(last).next().is_none() {
            return vec![(number, "the last column names nothing that shows it".to_owned())];
        }
        missing
    });
    findings("parity-shown", PAGE, hits)
}

/// The row of titles, and the line of dashes under it.
fn is_head(row: &str) -> bool {
    row.ends_with("Shown by |") || row.chars().all(|character| "|- ".contains(character))
}

/// What stands between backticks.
pub(super) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn shows(name: &str, tree: &Tree) -> bool {
    if name.contains('/') {
        return tree.get(name).is_some();
    }
    if let Some(name) = name.strip_suffix('!') {
        return declared(tree, &format!("macro_rules! {name}"));
    }
    let is_crate = name.contains('-') && tree.get(&format!("crates/{name}/Cargo.toml")).is_some();
    is_crate || declared(tree, &format!("fn {name}("))
}

/// Whether this stands in the tests of some file, or in the suite that makes tests of it.
fn declared(tree: &Tree, text: &str) -> bool {
    tree.files.iter().filter(|file| file.is_our_rust()).any(|file| {
        first_line_of_tests(file).is_some_and(|first| {
            file.code_lines().any(|(number, line)| number >= first && has_word(line, text))
        })
    })
}

/// Every relative link of a page leads to a file, and to a heading in it if it names one.
pub(crate) fn dead_links(tree: &Tree, root: &Path) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    let found = pages.flat_map(|page| {
        let links = page.lines().flat_map(|(number, line)| {
            line.split("](").skip(1).filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
        });
        let dead = links
            .filter(|(_, link)| !link.contains("://") && !leads(page, link, tree, root))
            .map(|(number, link)| (number, format!("`{link}` leads nowhere")));
        findings("dead-link", &page.path, dead)
    });
    found.collect()
}

fn leads(page: &SourceFile, link: &str, tree: &Tree, root: &Path) -> bool {
    let (path, heading) = link.split_once('#').map_or((link, None), |(p, h)| (p, Some(h)));
    let target = match path {
        "" => page.path.clone(),
        _ => beside(&page.path, path),
    };
    match (heading, tree.get(&target)) {
        (Some(heading), Some(file)) => headings(file).any(|found| found == heading),
        (Some(_), None) => false,
        // A folder, or a file that is no text.
        (None, found) => found.is_some() || root.join(&target).exists(),
    }
}

/// A path as the page at `from` means it, seen from the root.
fn beside(from: &str, path: &str) -> String {
    let mut target = PathBuf::from(from);
    target.pop();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(target.pop()),
            Component::Normal(name) => target.push(name),
            _ => {}
        }
    }
    target.to_string_lossy().replace('\\', "/")
}

/// The headings' anchors, as they are made where the pages are shown.
fn headings(file: &SourceFile) -> impl Iterator<Item = String> {
    let mut in_code = false;
    let titles = file.text.lines().filter(move |line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    titles.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|one| one.is_alphanumeric() || "-_ ".contains(*one));
        kept.map(|one| if one == ' ' { '-' } else { one }).collect()
    })
}

fn findings(rule: &'static str, path: &str, hits: impl Iterator<Item = Hit>) -> Vec<Finding> {
    let findings = hits.map(|(line, message)| Finding {
        rule,
        path: path.to_owned(),
        line: Some(line),
        message,
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(page: &str) -> Tree {
        let files = [
            (PAGE, page),
            ("README.md", "# A title, and `more`\n```sh\n# no title\n```\n"),
            ("crates/session-demo/Cargo.toml", ""),
            (
                "crates/session-core/src/id.rs",
                "fn not_a_test() {}\n#[cfg(test)]\nmod tests {\nfn a_test() {}\n}\n",
            ),
            (
                "crates/session-conformance/src/lib.rs",
                "pub async fn a_law() {}\nmacro_rules! laws {}\n",
            ),
        ];
        Tree { files: files.map(|(path, text)| SourceFile::new(path, text)).into() }
    }

    #[test]
    fn what_is_named_is_there() {
        let head = "| There | Here | Shown by |\n| --- | --- | --- |\n";
        for (last, count) in [
            ("`a_test`, `a_law`", 0),
            ("`laws!`, the tests of `session-demo`", 0),
            ("the example in `crates/session-core/src/id.rs`", 0),
            ("`not_a_test`", 1),
            ("`a_test_of_old`, `a_law`, `another`", 2),
            ("`other_laws!`", 1),
            ("`session-none`", 1),
            ("`crates/session-core/src/gone.rs`", 1),
            ("a test", 1),
            ("", 1),
        ] {
            let found = unshown(&tree(&format!("{head}| `x` | `y` | {last} |\n")));
            assert_eq!(found.len(), count, "{last}: {found:?}");
            assert!(found.iter().all(|finding| finding.line == Some(3)), "{last}");
        }
    }

    #[test]
    fn links_lead_somewhere() {
        let root = crate::shell::root();
        for (link, count) in [
            ("../README.md", 0),
            ("../README.md#a-title-and-more", 0),
            ("https://example.com/nowhere", 0),
            ("../crates", 0),
            ("#here", 0),
            ("#there", 1),
            ("../README.md#no-title", 1),
            ("LICENSE-MIT", 1),
            ("../gone.md", 1),
            ("../gone.md#a", 1),
        ] {
            let found = dead_links(&tree(&format!("# Here\n[a]({link}) b\n")), &root);
            assert_eq!(found.len(), count, "{link}: {found:?}");
        }
    }
}
