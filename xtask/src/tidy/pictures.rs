//! Rules about the pictures in `docs/architecture.md`: the crates are those that cargo knows, and a
//! request goes through functions that are there.

use std::collections::BTreeSet;

use super::text::has_word;
use super::tree::Tree;
use super::{Finding, Hit};
use crate::workspace::{Crate, Role};

const PAGE: &str = "docs/architecture.md";

/// Each arrow of the picture is a dependency between two crates of this workspace, each such
/// dependency is an arrow, and no crate is left out.
pub(crate) fn crates(tree: &Tree, crates: &[Crate]) -> Vec<Finding> {
    let Some((start, picture)) = block(tree, "graph TD") else {
        return missing("crates-picture", "graph TD");
    };
    let mut hits = Vec::new();
    let mut drawn = BTreeSet::new();
    for (number, line) in picture.lines().enumerate().map(|(at, line)| (start + at, line.trim())) {
        match line.split_once(" --> ") {
            Some(arrow) if !drawn.insert(arrow) => hits.push((number, "is drawn twice".to_owned())),
            Some(_) => {}
            None => hits.push((number, format!("`{line}` is no arrow `crate --> crate`"))),
        }
    }
    let real: BTreeSet<_> = crates.iter().flat_map(arrows).collect();
    for (from, to) in drawn.difference(&real) {
        hits.push((start, format!("{from} does not depend on {to}")));
    }
    for (from, to) in real.difference(&drawn) {
        hits.push((start, format!("{from} depends on {to}, and no arrow says so")));
    }
    let is_drawn = |name: &str| drawn.iter().any(|(from, to)| [*from, *to].contains(&name));
    let left_out = crates.iter().filter(|member| !is_drawn(&member.name));
    hits.extend(left_out.map(|member| (start, format!("{} is left out", member.name))));
    findings("crates-picture", hits)
}

/// What users of a crate get of this workspace with it.
fn arrows(member: &Crate) -> impl Iterator<Item = (&str, &str)> {
    let names = member.dependencies.iter().map(|dependency| dependency.name.as_str());
    let ours = names.filter(|name| Role::of(name).is_some());
    ours.map(|name| (member.name.as_str(), name))
}

/// Each call in the picture of a request names a function and its file, and the function is there.
/// What goes to somebody who is no code of ours, and each answer, is said in words.
pub(crate) fn request(tree: &Tree) -> Vec<Finding> {
    let Some((start, picture)) = block(tree, "sequenceDiagram") else {
        return missing("request-picture", "sequenceDiagram");
    };
    let mut hits = Vec::new();
    let mut calls = 0;
    for (number, line) in picture.lines().enumerate().map(|(at, line)| (start + at, line.trim())) {
        let Some((_, said)) = line.split_once("->>").and_then(|(_, rest)| rest.split_once(": "))
        else {
            continue;
        };
        if let Some((call, file)) = said.split_once(" (") {
            calls += 1;
            let problem = problem(call, file.trim_end_matches(')'), tree);
            hits.extend(problem.map(|problem| (number, problem)));
        } else if said.contains("::") {
            hits.push((number, format!("`{said}` names no file")));
        }
    }
    if calls == 0 {
        hits.push((start, "names no function".to_owned()));
    }
    findings("request-picture", hits)
}

fn problem(call: &str, file: &str, tree: &Tree) -> Option<String> {
    let path = format!("crates/{file}");
    let Some(source) = tree.get(&path) else { return Some(format!("there is no {path}")) };
    let Some((owner, function)) = call.split_once("::") else {
        return Some(format!("`{call}` is no `Type::function`"));
    };
    // The last owner above the function's line is the one that it belongs to.
    let mut owners: Vec<&str> = Vec::new();
    for (_, line) in source.code_lines() {
        if line.starts_with("impl") || line.contains("trait ") {
            owners.push(line);
        }
        let is_it = has_word(line, &format!("fn {function}"));
        if is_it && owners.last().is_some_and(|line| has_word(line, owner)) {
            return None;
        }
    }
    Some(format!("{path} has no function {call}"))
}

/// The block of code that begins with a line: what follows that line, and the number of its first one.
fn block<'t>(tree: &'t Tree, first: &str) -> Option<(usize, &'t str)> {
    let page = &tree.get(PAGE)?.text;
    let opening = format!("```mermaid\n{first}\n");
    let at = page.find(&opening)? + opening.len();
    let (before, rest) = page.split_at(at);
    Some((before.lines().count() + 1, rest.split_once("\n```")?.0))
}

fn missing(rule: &'static str, first: &str) -> Vec<Finding> {
    findings(rule, vec![(1, format!("has no picture that begins with `{first}`"))])
}

fn findings(rule: &'static str, hits: Vec<Hit>) -> Vec<Finding> {
    let finding =
        |(line, message)| Finding { rule, path: PAGE.to_owned(), line: Some(line), message };
    hits.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::SourceFile;
    use crate::workspace::Dependency;

    fn member(name: &str, on: &[&str]) -> Crate {
        let dependency = |name: &&str| Dependency { name: (*name).to_owned(), optional: false };
        Crate {
            name: name.to_owned(),
            dependencies: on.iter().map(dependency).collect(),
            ..Crate::default()
        }
    }

    fn page(first: &str, lines: &[&str]) -> SourceFile {
        let text = format!("# A\n\n```mermaid\n{first}\n    {}\n```\n", lines.join("\n    "));
        SourceFile::new(PAGE, &text)
    }

    #[test]
    fn crates_that_are_drawn_otherwise() {
        let members = [
            member("session-core", &["http"]),
            member("session-axum", &["session-core", "axum-core"]),
            member("session-salvo", &["session-core"]),
        ];
        let axum = "session-axum --> session-core";
        let salvo = "session-salvo --> session-core";
        for (name, lines, count) in [
            ("as it is", vec![axum, salvo], 0),
            ("an arrow is missing, and its crate", vec![axum], 2),
            ("an arrow too many", vec![axum, salvo, "session-axum --> session-salvo"], 1),
            ("the other way about", vec![axum, "session-core --> session-salvo"], 2),
            ("a crate that is gone", vec![axum, salvo, "session-old --> session-core"], 1),
            ("twice", vec![axum, axum, salvo], 1),
            ("no arrow", vec![axum, salvo, "session-axum"], 1),
        ] {
            let tree = Tree { files: vec![page("graph TD", &lines)] };
            let found = crates(&tree, &members);
            assert_eq!(found.len(), count, "{name}: {found:?}");
        }
        assert_eq!(crates(&Tree::default(), &members).len(), 1, "no picture");
    }

    #[test]
    fn requests_that_go_elsewhere() {
        let source = "impl Visit {\n    pub async fn load(&self) {}\n}\nimpl Other {\n    \
                      fn save(&self) {}\n}\npub trait Backend {\n    async fn find(&self);\n}\n";
        for (name, lines, count) in [
            ("a method", vec!["A->>C: Visit::load (session-core/src/a.rs)"], 0),
            ("of a trait", vec!["A->>C: Backend::find (session-core/src/a.rs)"], 0),
            (
                "words, and an answer",
                vec!["A->>C: Visit::load (session-core/src/a.rs)", "C-->>A: a"],
                0,
            ),
            ("another name", vec!["A->>C: Visit::loads (session-core/src/a.rs)"], 1),
            ("another type's", vec!["A->>C: Visit::save (session-core/src/a.rs)"], 1),
            ("another file", vec!["A->>C: Visit::load (session-core/src/b.rs)"], 1),
            ("no file", vec!["A->>C: Visit::load"], 2),
            ("no function", vec!["A->>C: a call"], 1),
            ("no type", vec!["A->>C: load (session-core/src/a.rs)"], 1),
        ] {
            let files = vec![
                page("sequenceDiagram", &lines),
                SourceFile::new("crates/session-core/src/a.rs", source),
            ];
            let found = request(&Tree { files });
            assert_eq!(found.len(), count, "{name}: {found:?}");
        }
        assert_eq!(request(&Tree::default()).len(), 1, "no picture");
    }

    #[test]
    fn findings_lead_to_their_line() {
        let tree =
            Tree { files: vec![page("sequenceDiagram", &["participant A", "A->>C: X::y (a.rs)"])] };
        assert_eq!(request(&tree)[0].line, Some(6));
    }
}
