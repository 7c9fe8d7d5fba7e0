//! Rules about the security review: what `docs/asvs.md` names as shown is there.

use super::parity::spans;
use super::text::{first_line_of_tests, has_word};
use super::tree::{SourceFile, Tree};
use super::{Finding, Hit};
use crate::laws::Law;

const RULE: &str = "review-shown";
const PAGE: &str = "docs/asvs.md";

/// How the row of titles ends.
const TITLE: &str = "Shown by |";

/// What the last column begins with if nothing shows a row; why follows.
const NOTHING: &str = "none: ";

/// In each row of the review's tables that say so the last column names laws, and tests as `crate file::test`. Each of them is
/// there, and there is at least one, or it is said why there is none.
pub(crate) fn unshown(laws: &[Law], tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.get(PAGE) else { return Vec::new() };
    let hits = rows(page).into_iter().flat_map(|(number, row)| {
        let last =
            row.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        if spans(last).next().is_none() && !last.starts_with(NOTHING) {
            return vec![(
                number,
                format!("the last column names nothing, nor says `{NOTHING}` and why"),
            )];
        }
        let missing = spans(last).filter(|name| !shows(name, laws, tree));
        missing.map(|name| (number, format!("`{name}` is no law, and no test there"))).collect()
    });
    let finding = |(line, message): Hit| Finding {
        rule: RULE,
        path: PAGE.to_owned(),
        line: Some(line),
        message,
    };
    hits.map(finding).collect()
}

/// The rows of the tables that have such a column, without the titles and the dashes under them.
fn rows(page: &SourceFile) -> Vec<(usize, &str)> {
    let mut rows = Vec::new();
    let mut has_column = false;
    for (number, line) in page.lines() {
        has_column = line.starts_with('|') && (has_column || line.ends_with(TITLE));
        let is_row = !line.ends_with(TITLE) && line.contains(|one| !"|- ".contains(one));
        if has_column && is_row {
            rows.push((number, line));
        }
    }
    rows
}

fn shows(name: &str, laws: &[Law], tree: &Tree) -> bool {
    let Some((member, (file, test))) =
        name.split_once(' ').and_then(|(member, rest)| Some((member, rest.split_once("::")?)))
    else {
        return laws.iter().any(|law| law.name == name);
    };
    let folder = format!("crates/{member}");
    tree.under(&folder).any(|(inside, found)| {
        let stem = inside.strip_suffix(".rs").and_then(|stem| stem.strip_suffix(file));
        stem.is_some_and(|before| before.is_empty() || before.ends_with('/'))
            && declares(found, test)
    })
}

/// Whether a function of this name stands among the tests of the file.
fn declares(file: &SourceFile, test: &str) -> bool {
    let text = format!("fn {test}(");
    first_line_of_tests(file).is_some_and(|first| {
        file.code_lines().any(|(number, line)| number >= first && has_word(line, &text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::Kind;

    #[test]
    fn what_is_named_is_there() {
        let laws = [Law { kind: Kind::Request, name: "sign_out_wins".to_owned() }];
        let head = "| Other |\n| --- |\n| `x` |\n\n| Here | Shown by |\n| --- | --- |\n";
        for (last, count) in [
            ("`sign_out_wins`, `session-core id/user::a_test`", 0),
            ("`session-core user::a_test`", 0),
            ("`session-axum it/forms::a_form`, on axum", 0),
            ("`session-axum tests/it/forms::a_form`", 0),
            ("none: the application's own", 0),
            ("none", 1),
            ("", 1),
            ("in words", 1),
            ("`sign_out_looses`", 1),
            ("`a_test`", 1),
            ("`session-core ser::a_test`", 1),
            ("`session-core id/user::not_a_test`", 1),
            ("`session-axum id/user::a_test`, `session-axum it/forms::a`", 2),
        ] {
            let page = format!("{head}| `x` | {last} |\n");
            let files = [
                (PAGE, page.as_str()),
                (
                    "crates/session-core/src/id/user.rs",
                    "fn not_a_test() {}\n#[cfg(test)]\nmod tests {\nfn a_test() {}\n}\n",
                ),
                ("crates/session-axum/tests/it/forms.rs", "async fn a_form() {}\n"),
            ];
            let tree = Tree { files: files.map(|(path, text)| SourceFile::new(path, text)).into() };
            let found = unshown(&laws, &tree);
            assert_eq!(found.len(), count, "{last}: {found:?}");
            assert!(found.iter().all(|finding| finding.line == Some(7)), "{last}");
        }
    }
}
