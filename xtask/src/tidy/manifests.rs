//! Rules about manifests: names, and what a registry shows of a published crate.

use super::tree::Tree;
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

/// A published crate says what it is, under which licence, and where it lives.
pub(crate) fn complete(member: &Crate) -> Vec<String> {
    if !member.published {
        return Vec::new();
    }
    let is_blank =
        |field: &Option<String>| field.as_ref().is_none_or(|text| text.trim().is_empty());
    let lacks = [
        ("description", is_blank(&member.description)),
        ("license", is_blank(&member.license)),
        ("repository", is_blank(&member.repository)),
        ("keywords", member.keywords.is_empty()),
    ];
    lacks
        .into_iter()
        .filter(|(_, lacks)| *lacks)
        .map(|(field, _)| format!("its manifest has no `{field}`"))
        .collect()
}

/// A README that no manifest names is not shown to anybody.
pub(crate) fn readme_named(member: &Crate, tree: &Tree) -> Vec<String> {
    let has_file = tree.get(&format!("{}/README.md", member.folder)).is_some();
    let forgotten = member.published && has_file && member.readme.is_none();
    forgotten
        .then(|| "has a README.md that its manifest does not name".to_owned())
        .into_iter()
        .collect()
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
    use crate::tidy::tree::SourceFile;
    use crate::workspace::Dependency;

    fn good() -> Crate {
        Crate {
            name: "session-core".to_owned(),
            folder: "crates/session-core".to_owned(),
            published: true,
            description: Some("Sessions".to_owned()),
            license: Some("MIT".to_owned()),
            repository: Some("https://example.com".to_owned()),
            keywords: vec!["session".to_owned()],
            ..Crate::default()
        }
    }

    #[test]
    fn good_manifests_pass() {
        for rule in [folder_name, publishing, complete] {
            assert_eq!(rule(&good()), Vec::<String>::new());
        }
        assert_eq!(readme_named(&good(), &Tree::default()), Vec::<String>::new());
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
        assert_eq!(complete(&bare).len(), 4);
        assert_eq!(complete(&Crate { description: Some(" ".to_owned()), ..good() }).len(), 1);
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
    fn forgotten_readmes() {
        let tree = Tree { files: vec![SourceFile::new("crates/session-core/README.md", "")] };
        assert_eq!(readme_named(&good(), &tree).len(), 1);
        assert_eq!(
            readme_named(&Crate { readme: Some("README.md".to_owned()), ..good() }, &tree).len(),
            0
        );
    }
}
