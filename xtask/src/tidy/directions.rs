//! Rules about which crate may depend on which. Development dependencies are free: tests meet everybody.

use crate::workspace::{Crate, ROLES, Role};

/// What each adapter is for: the crates of one framework.
const FRAMEWORKS: &[(&str, &[&str])] = &[
    (
        "axum",
        &["axum", "axum-core", "axum-extra", "tower", "tower-http", "tower-layer", "tower-service"],
    ),
    ("salvo", &["salvo", "salvo-oapi", "salvo_core", "salvo_extra", "salvo-jwt-auth"]),
    ("another framework", &["actix-web", "hyper", "hyper-util", "poem", "rocket", "warp"]),
];

/// What each backend is for: the crates of one driver.
const DRIVERS: &[(&str, &[&str])] = &[
    ("sqlx", &["sqlx", "sqlx-core", "sqlx-postgres", "sqlx-sqlite", "libsqlite3-sys"]),
    ("redis", &["redis"]),
    ("another driver", &["diesel", "fred", "mongodb", "rusqlite", "sea-orm", "tokio-postgres"]),
];

/// A crate that nobody entered has no rules.
pub(crate) fn role_known(member: &Crate) -> Vec<String> {
    let unknown = member.role().is_none();
    unknown
        .then(|| "has no role: enter it in xtask/src/workspace.rs".to_owned())
        .into_iter()
        .collect()
}

/// Core on nothing; a backend on core and one driver; an adapter on core and one framework; the suite on core;
/// routes on core, and behind features on the adapters and their frameworks.
pub(crate) fn direction(member: &Crate) -> Vec<String> {
    let Some(role) = member.role() else {
        return Vec::new();
    };
    let (frameworks, drivers) = (families(member, FRAMEWORKS), families(member, DRIVERS));
    let mut problems = Vec::new();
    problems.extend(foreign_crates(member, role));
    match role {
        Role::Core | Role::Conformance | Role::Testing => {
            problems.extend(none_of("a framework", &frameworks));
            problems.extend(none_of("a driver", &drivers));
        }
        Role::Backend => {
            problems.extend(none_of("a framework", &frameworks));
            problems.extend(exactly_one("driver", &drivers));
        }
        Role::Adapter => {
            problems.extend(none_of("a driver", &drivers));
            problems.extend(exactly_one("framework", &frameworks));
        }
        Role::Routes => {
            problems.extend(none_of("a driver", &drivers));
            problems.extend(always_a_framework(member));
        }
        Role::Application | Role::Automation => {}
    }
    let always_tokio = member
        .dependencies
        .iter()
        .any(|dependency| dependency.name == "tokio" && !dependency.optional);
    if role == Role::Core && always_tokio {
        problems.push("depends on tokio always: it belongs behind a feature".to_owned());
    }
    problems
}

/// The crates of this workspace that this one may not know.
fn foreign_crates(member: &Crate, role: Role) -> Vec<String> {
    let may_know = |other: &str| match role {
        Role::Core | Role::Testing => false,
        Role::Automation => other == "session-test-servers",
        Role::Conformance | Role::Backend | Role::Adapter => other == "session-core",
        Role::Routes => other == "session-core" || Role::of(other) == Some(Role::Adapter),
        Role::Application => true,
    };
    let ours = member
        .dependencies
        .iter()
        .filter(|dependency| ROLES.iter().any(|(name, _)| *name == dependency.name));
    let foreign = ours.filter(|dependency| !may_know(&dependency.name));
    foreign.map(|dependency| format!("depends on {}", dependency.name)).collect()
}

/// Who uses one framework shall not compile the others.
fn always_a_framework(member: &Crate) -> Vec<String> {
    let is_framework = |name: &str| FRAMEWORKS.iter().any(|(_, crates)| crates.contains(&name));
    let is_behind_a_feature =
        |name: &str| is_framework(name) || Role::of(name) == Some(Role::Adapter);
    let always = member
        .dependencies
        .iter()
        .filter(|dependency| !dependency.optional && is_behind_a_feature(&dependency.name));
    let problem = |name: &str| format!("depends on {name} always: it belongs behind a feature");
    always.map(|dependency| problem(&dependency.name)).collect()
}

fn families(member: &Crate, known: &[(&'static str, &[&str])]) -> Vec<&'static str> {
    let uses = |crates: &[&str]| {
        member.dependencies.iter().any(|dependency| crates.contains(&dependency.name.as_str()))
    };
    known.iter().filter(|(_, crates)| uses(crates)).map(|(family, _)| *family).collect()
}

fn none_of(what: &str, found: &[&str]) -> Option<String> {
    (!found.is_empty()).then(|| format!("depends on {what} ({})", found.join(", ")))
}

fn exactly_one(what: &str, found: &[&str]) -> Option<String> {
    let spelled = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    (found.len() != 1).then(|| format!("depends on {spelled} but one {what} is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn member(name: &str, dependencies: &[&str]) -> Crate {
        let dependency = |name: &&str| Dependency {
            name: name.trim_end_matches('?').to_owned(),
            optional: name.ends_with('?'),
        };
        Crate {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Crate::default()
        }
    }

    #[test]
    fn directions_are_kept() {
        let cases: [(&str, &[&str], usize); 26] = [
            ("session-core", &["http", "tokio?"], 0),
            ("session-core", &["tokio"], 1),
            ("session-core", &["axum-core"], 1),
            ("session-core", &["sqlx?"], 1),
            ("session-core", &["session-sqlite"], 1),
            ("session-conformance", &["session-core", "tokio"], 0),
            ("session-conformance", &["session-core", "session-axum"], 1),
            ("session-conformance", &["session-core", "tower"], 1),
            ("session-sqlite", &["session-core", "sqlx", "tokio"], 0),
            ("session-sqlite", &["session-core"], 1),
            ("session-sqlite", &["session-core", "sqlx", "redis"], 1),
            ("session-sqlite", &["session-core", "sqlx", "axum"], 1),
            ("session-redis", &["session-core", "redis", "session-conformance"], 1),
            ("session-axum", &["session-core", "axum-core", "tower-layer", "tower-service"], 0),
            ("session-axum", &["session-core", "axum-core", "salvo_core"], 1),
            ("session-axum", &["session-core", "axum-core", "session-sqlite", "sqlx"], 2),
            ("session-salvo", &["session-core", "salvo_core"], 0),
            ("session-devices", &["session-core", "session-axum?", "axum?", "salvo_core?"], 0),
            ("session-devices", &["session-core", "session-axum", "axum"], 2),
            ("session-devices", &["session-core", "session-sqlite?"], 1),
            ("session-devices", &["session-core", "sqlx?"], 1),
            ("session-demo", &["session-axum", "session-sqlite", "axum", "sqlx"], 0),
            ("session-axum", &["session-core", "axum-core", "session-test-servers"], 1),
            ("session-test-servers", &["session-core", "sqlx"], 2),
            ("xtask", &["session-test-servers"], 0),
            ("xtask", &["session-conformance"], 1),
        ];
        for (name, dependencies, count) in cases {
            let problems = direction(&member(name, dependencies));
            assert_eq!(problems.len(), count, "{name} on {dependencies:?}: {problems:?}");
        }
    }

    #[test]
    fn unknown_crates() {
        assert_eq!(role_known(&member("session-mysql", &[])).len(), 1);
        assert_eq!(role_known(&member("session-core", &[])).len(), 0);
    }
}
