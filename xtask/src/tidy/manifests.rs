//! Rules about manifests: names, and what a registry shows of a published crate.

use super::tree::{SourceFile, Tree};
use crate::workspace::{Crate, Role};

/// The folders are the map, so they are named like their crates.
pub(crate) fn folder_name(member: &Crate) -> Vec<String> {
    let expected = if member.role() == Some(Role::Automation) {
        member.name.clone()
    } else {
        format!("crates/{}", member.name)
    };
    let differs = member.folder != expected;
    differs
        .then(|| format!("the crate {} belongs in {expected}", member.name))
        .into_iter()
        .collect()
}

/// What is published is a decision, not an oversight.
pub(crate) fn publishing(member: &Crate) -> Vec<String> {
    let expected = member.role().is_none_or(Role::is_published);
    match (member.published, expected) {
        (true, false) => vec!["is not for publishing: `publish = false`".to_owned()],
        (false, true) => vec!["is for publishing, and its manifest forbids it".to_owned()],
        _ => Vec::new(),
    }
}

/// The public repository's address. There is none yet, so no manifest may name one: it would be
/// somebody else's. Once there is, enter it here, and every published crate must name it.
const REPOSITORY: Option<&str> = None;

/// A published crate says what it is and under which licence.
pub(crate) fn complete(member: &Crate) -> Vec<String> {
    if !member.published {
        return Vec::new();
    }
    let is_blank =
        |field: &Option<String>| field.as_ref().is_none_or(|text| text.trim().is_empty());
    let lacks = [
        ("description", is_blank(&member.description)),
        ("license", is_blank(&member.license)),
        ("keywords", member.keywords.is_empty()),
    ];
    lacks
        .into_iter()
        .filter(|(_, lacks)| *lacks)
        .map(|(field, _)| format!("its manifest has no `{field}`"))
        .collect()
}

/// A published crate names the repository if there is one, and nothing else.
pub(crate) fn repository(member: &Crate) -> Vec<String> {
    named_repository(member, REPOSITORY).into_iter().collect()
}

fn named_repository(member: &Crate, ours: Option<&str>) -> Option<String> {
    match (member.repository.as_deref(), ours) {
        (Some(named), Some(ours)) if named != ours => {
            Some(format!("names the repository {named}, and ours is {ours}"))
        }
        (Some(named), None) => Some(format!(
            "names the repository {named}, and there is none yet: leave `repository` out, or enter \
             the address in xtask/src/tidy/manifests.rs if it is ours"
        )),
        (None, Some(ours)) if member.published => {
            Some(format!("its manifest does not name the `repository` {ours}"))
        }
        _ => None,
    }
}

/// Every crate has a README of its own, its library compiles the example in it, and what is published
/// shows it. A README from outside of the folder would be another crate's.
pub(crate) fn readme_own(member: &Crate, tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    if tree.get(&format!("{}/README.md", member.folder)).is_none() {
        problems.push("has no README.md".to_owned());
    }
    if member.published && member.readme.as_deref() != Some("README.md") {
        problems.push("its manifest does not say `readme = \"README.md\"`".to_owned());
    }
    let compiles =
        |file: &SourceFile| file.text.contains("#[doc = include_str!(\"../README.md\")]");
    let library = tree.get(&format!("{}/src/lib.rs", member.folder));
    if library.is_some_and(|library| !compiles(library)) {
        problems.push("its src/lib.rs does not compile the README.md as a doc test".to_owned());
    }
    problems
}

/// The document that says what each direct dependency is for.
const REASONS: &str = "docs/dependencies.md";

/// A dependency that nobody gave a reason for.
pub(crate) fn dependency_reasoned(member: &Crate, tree: &Tree) -> Vec<String> {
    let reasons = tree.get(REASONS).map_or("", |file| file.text.as_str());
    let is_ours = |name: &str| Role::of(name).is_some();
    let mut missing: Vec<_> = member
        .dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !is_ours(name) && !reasons.contains(&format!("| `{name}` |")))
        .collect();
    missing.dedup();
    let problem = |name: &str| format!("depends on {name}, for which {REASONS} has no reason");
    missing.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn good() -> Crate {
        Crate {
            name: "session-core".to_owned(),
            folder: "crates/session-core".to_owned(),
            published: true,
            description: Some("Sessions".to_owned()),
            license: Some("MIT".to_owned()),
            keywords: vec!["session".to_owned()],
            ..Crate::default()
        }
    }

    #[test]
    fn good_manifests_pass() {
        for rule in [folder_name, publishing, complete, repository] {
            assert_eq!(rule(&good()), Vec::<String>::new());
        }
    }

    #[test]
    fn folders_under_other_names() {
        assert_eq!(folder_name(&Crate { folder: "crates/core".to_owned(), ..good() }).len(), 1);
        assert_eq!(
            folder_name(&Crate {
                name: "xtask".to_owned(),
                folder: "crates/xtask".to_owned(),
                ..good()
            })
            .len(),
            1
        );
    }

    #[test]
    fn published_by_oversight() {
        assert_eq!(publishing(&Crate { name: "session-demo".to_owned(), ..good() }).len(), 1);
        assert_eq!(publishing(&Crate { published: false, ..good() }).len(), 1);
    }

    #[test]
    fn incomplete_manifests() {
        let bare = Crate { name: "session-core".to_owned(), published: true, ..Crate::default() };
        assert_eq!(complete(&bare).len(), 3);
        assert_eq!(complete(&Crate { description: Some(" ".to_owned()), ..good() }).len(), 1);
    }

    #[test]
    fn repositories_that_are_not_ours() {
        let naming =
            |address: Option<&str>| Crate { repository: address.map(str::to_owned), ..good() };
        let unpublished = Crate { published: false, ..good() };
        let (ours, theirs) = (Some("https://example.com/ours"), Some("https://example.com/theirs"));
        for (name, member, known, count) in [
            ("there is none, and none is named", naming(None), None, 0),
            ("there is none, and one is named", naming(theirs), None, 1),
            ("ours", naming(ours), ours, 0),
            ("somebody else's", naming(theirs), ours, 1),
            ("left out", naming(None), ours, 1),
            ("left out, and not published", unpublished, ours, 0),
        ] {
            let found = named_repository(&member, known);
            assert_eq!(found.iter().count(), count, "{name}: {found:?}");
        }
    }

    #[test]
    fn dependencies_without_a_reason() {
        let on = |name: &str| Dependency { name: name.to_owned(), optional: false };
        let dependencies = vec![on("http"), on("session-core"), on("left-pad")];
        let member = Crate { dependencies, ..good() };
        let tree = Tree { files: vec![SourceFile::new(REASONS, "| `http` | all | headers |")] };
        let expected = "depends on left-pad, for which docs/dependencies.md has no reason";
        assert_eq!(dependency_reasoned(&member, &tree), [expected]);
    }

    #[test]
    fn readmes_that_nobody_reads() {
        let readme = ("crates/session-core/README.md", "");
        let compiled = "#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;";
        let library = ("crates/session-core/src/lib.rs", compiled);
        let silent = ("crates/session-core/src/lib.rs", "//! Docs.");
        let named = || Crate { readme: Some("README.md".to_owned()), ..good() };
        let elsewhere = || Crate { readme: Some("../../README.md".to_owned()), ..good() };
        let unpublished = || Crate { published: false, ..good() };
        for (name, member, files, count) in [
            ("all is well", named(), vec![readme, library], 0),
            ("no library", named(), vec![readme], 0),
            ("no file", named(), vec![library], 1),
            ("not named", good(), vec![readme, library], 1),
            ("another crate's", elsewhere(), vec![readme, library], 1),
            ("not compiled", named(), vec![readme, silent], 1),
            ("not published", unpublished(), vec![readme, library], 0),
            ("not published, and no file", unpublished(), vec![library], 1),
        ] {
            let files = files.into_iter().map(|(path, text)| SourceFile::new(path, text));
            let found = readme_own(&member, &Tree { files: files.collect() });
            assert_eq!(found.len(), count, "{name}: {found:?}");
        }
    }
}
