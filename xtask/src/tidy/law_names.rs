//! Rules about the laws: each is on the page of laws, and each backend law in the contract of the trait.

use super::Finding;
use super::text::has_word;
use super::tree::{SourceFile, Tree};
use crate::laws::{Kind, Law, PAGE};

const RULE: &str = "law-documented";

/// Where the trait is: `backend.rs`, its neighbours, or its folder.
const CONTRACT: &str = "crates/session-core/src/backend";

/// The laws that the page or the trait's documentation does not name.
pub(crate) fn undocumented(laws: &[Law], tree: &Tree) -> Vec<Finding> {
    let on_page = |law: &Law| {
        tree.get(PAGE).is_some_and(|page| page.text.lines().any(|line| has_word(line, &law.name)))
    };
    let in_contract = |law: &Law| {
        tree.files.iter().filter(|file| is_contract(file)).any(|file| is_documented(file, law))
    };
    let mut findings = Vec::new();
    for law in laws {
        if !on_page(law) {
            findings.push(finding(
                PAGE,
                format!("the {} law {} is not there: run `cargo xtask laws`", law.kind, law.name),
            ));
        }
        if law.kind == Kind::Backend && !in_contract(law) {
            findings.push(finding(
                &format!("{CONTRACT}.rs"),
                format!("no documentation names the law {}", law.name),
            ));
        }
    }
    findings
}

fn is_contract(file: &SourceFile) -> bool {
    file.is_rust() && file.path.starts_with(CONTRACT)
}

fn is_documented(file: &SourceFile, law: &Law) -> bool {
    let is_docs =
        |line: &str| line.trim_start().starts_with("///") || line.trim_start().starts_with("//!");
    file.lines().any(|(_, line)| is_docs(line) && has_word(line, &law.name))
}

fn finding(path: &str, message: String) -> Finding {
    Finding { rule: RULE, path: path.to_owned(), line: None, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undocumented_laws_are_named() {
        let backend = Law { kind: Kind::Backend, name: "cap_is_exact".to_owned() };
        let request = Law { kind: Kind::Request, name: "sign_out_wins".to_owned() };
        let laws = [backend, request];
        let page = "| `cap_is_exact` | x |\n| `sign_out_wins` | y |";
        let cases = [
            (page, "/// - `cap_is_exact`: x", 0),
            (page, "// cap_is_exact", 1),
            (page, "/// - `cap_is_exactly_so`", 1),
            ("| `cap_is_exact` |", "/// - `cap_is_exact`", 1),
            ("", "", 3),
        ];
        for (page, contract, count) in cases {
            let files = [(PAGE, page), ("crates/session-core/src/backend/contract.rs", contract)];
            let tree = Tree { files: files.map(|(path, text)| SourceFile::new(path, text)).into() };
            assert_eq!(undocumented(&laws, &tree).len(), count, "{page:?} {contract:?}");
        }
    }
}
