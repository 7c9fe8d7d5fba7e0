//! Which laws held on which backend and in which adapter, read from the names of the tests.
//!
//! A law's test is named `…backend_laws::<backend>::<law>` or `…http_laws::<adapter>_over_<backend>::<law>`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::results::Ending;
use crate::laws::{Kind, Law};
use crate::workspace::{Crate, Role};

/// For each kind and subject: the laws that were run, and whether each held.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    subjects: BTreeMap<(Kind, String), BTreeMap<String, bool>>,
    /// How many laws there are of each kind.
    expected: BTreeMap<Kind, usize>,
}

const ADAPTER_AND_BACKEND: &str = "_over_";

impl Matrix {
    pub(crate) fn of<'a>(tests: impl Iterator<Item = (&'a str, Ending)>) -> Self {
        let mut matrix = Self::default();
        for (name, ending) in tests {
            // A law that was skipped did not hold: it is missing.
            if let Some((kind, subject, law)) = law_of(name).filter(|_| ending != Ending::Skipped) {
                let laws = matrix.subjects.entry((kind, subject.to_owned())).or_default();
                *laws.entry(law.to_owned()).or_insert(true) &= ending == Ending::Passed;
            }
        }
        matrix
    }

    /// The suite's own laws are what counts; another test in the same module is no law.
    pub(crate) fn expect(&mut self, laws: &[Law]) {
        for ((kind, _), held) in &mut self.subjects {
            held.retain(|name, _| laws.iter().any(|law| law.kind == *kind && law.name == *name));
        }
        for law in laws {
            *self.expected.entry(law.kind).or_default() += 1;
        }
    }

    /// Every law that a subject was not held to, and every crate that was held to none.
    pub(crate) fn gaps(&self, laws: &[Law], crates: &[Crate]) -> Vec<String> {
        let mut gaps = Vec::new();
        for ((kind, subject), seen) in &self.subjects {
            let missing =
                laws.iter().filter(|law| law.kind == *kind && !seen.contains_key(&law.name));
            gaps.extend(
                missing.map(|law| format!("{subject} was not held to the {kind} law {}", law.name)),
            );
        }
        for (member, kind, beginning) in obligations(crates) {
            let kept = self
                .subjects
                .keys()
                .any(|(other, subject)| *other == kind && subject.starts_with(&beginning));
            if !kept {
                gaps.push(format!(
                    "{member} was held to no {kind} law: no subject begins with `{beginning}`"
                ));
            }
        }
        gaps
    }

    fn cell(&self, kind: Kind, subject: &str) -> String {
        let Some(laws) = self.subjects.get(&(kind, subject.to_owned())) else {
            return "-".to_owned();
        };
        let held = laws.values().filter(|held| **held).count();
        let expected = self.expected.get(&kind).map_or_else(|| "?".to_owned(), ToString::to_string);
        format!("{held}/{expected}")
    }
}

/// Which crate must be held to which laws, and how the subjects' names begin: each backend to its
/// own, and each adapter over each backend to the requests'.
fn obligations(crates: &[Crate]) -> Vec<(&str, Kind, String)> {
    let backends: Vec<(&str, &str)> = crates.iter().filter_map(backend).collect();
    let mut all: Vec<_> = backends
        .iter()
        .map(|(member, backend)| (*member, Kind::Backend, (*backend).to_owned()))
        .collect();
    for adapter in crates.iter().filter(|member| member.role() == Some(Role::Adapter)) {
        let name = adapter.short_name();
        all.extend(backends.iter().map(|(_, backend)| {
            let beginning = format!("{name}{ADAPTER_AND_BACKEND}{backend}");
            (adapter.name.as_str(), Kind::Request, beginning)
        }));
    }
    all
}

/// A crate with a backend, and how that one is called.
fn backend(member: &Crate) -> Option<(&str, &str)> {
    match member.role()? {
        Role::Core => Some((&member.name, "memory")),
        Role::Backend => Some((&member.name, member.short_name())),
        _ => None,
    }
}

fn law_of(name: &str) -> Option<(Kind, &str, &str)> {
    let path = name.rsplit(' ').next()?;
    let segments: Vec<&str> = path.split("::").collect();
    let (at, kind) = segments.iter().enumerate().find_map(|(at, segment)| match *segment {
        "backend_laws" => Some((at, Kind::Backend)),
        "http_laws" => Some((at, Kind::Request)),
        _ => None,
    })?;
    match &segments[at + 1..] {
        [subject, .., law] => Some((kind, subject, law)),
        _ => None,
    }
}

fn parts(subject: &str) -> (&str, &str) {
    subject.split_once(ADAPTER_AND_BACKEND).unwrap_or((subject, "(unnamed)"))
}

/// A row for each backend; a column for its own laws and one for each adapter over it.
impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut backends = BTreeSet::new();
        let mut adapters = BTreeSet::new();
        for (kind, subject) in self.subjects.keys() {
            if *kind == Kind::Backend {
                backends.insert(subject.as_str());
            } else {
                let (adapter, backend) = parts(subject);
                adapters.insert(adapter);
                backends.insert(backend);
            }
        }
        if backends.is_empty() {
            return writeln!(formatter, "  none: no test is named like a law");
        }
        write!(formatter, "  {:<24}{:>14}", "backend", "backend laws")?;
        for adapter in &adapters {
            write!(formatter, "{:>20}", format!("requests, {adapter}"))?;
        }
        for backend in backends {
            write!(formatter, "\n  {backend:<24}{:>14}", self.cell(Kind::Backend, backend))?;
            for adapter in &adapters {
                // A subject that names no backend stands under its own name alone.
                let joined = format!("{adapter}{ADAPTER_AND_BACKEND}{backend}");
                let subject = if backend == "(unnamed)" { *adapter } else { &joined };
                write!(formatter, "{:>20}", self.cell(Kind::Request, subject))?;
            }
        }
        writeln!(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(kind: Kind, name: &str) -> Law {
        Law { kind, name: name.to_owned() }
    }

    fn member(name: &str) -> Crate {
        Crate { name: name.to_owned(), ..Crate::default() }
    }

    #[test]
    fn names_are_taken_apart() {
        let cases = [
            (
                "session-sqlite::it backend_laws::sqlite::cap_is_exact",
                Some((Kind::Backend, "sqlite", "cap_is_exact")),
            ),
            (
                "it::backend_laws::memory::cap_is_exact",
                Some((Kind::Backend, "memory", "cap_is_exact")),
            ),
            (
                "a http_laws::axum_over_memory::part::sign_out_wins",
                Some((Kind::Request, "axum_over_memory", "sign_out_wins")),
            ),
            ("a backend_laws::sqlite", None),
            ("a cookie::tests::backend", None),
        ];
        for (name, expected) in cases {
            assert_eq!(law_of(name), expected, "{name}");
        }
    }

    #[test]
    fn gaps_are_named() {
        let tests = [
            ("x backend_laws::sqlite::one", Ending::Passed),
            ("x backend_laws::sqlite::two", Ending::Skipped),
            ("x http_laws::axum_over_sqlite::three", Ending::Failed),
        ];
        let laws =
            [law(Kind::Backend, "one"), law(Kind::Backend, "two"), law(Kind::Request, "three")];
        let crates =
            ["session-core", "session-sqlite", "session-axum", "session-salvo", "session-demo"]
                .map(member);
        let gaps = Matrix::of(tests.into_iter()).gaps(&laws, &crates);
        let expected = [
            "sqlite was not held to the backend law two",
            "session-core was held to no backend law: no subject begins with `memory`",
            "session-axum was held to no request law: no subject begins with `axum_over_memory`",
            "session-salvo was held to no request law: no subject begins with `salvo_over_memory`",
            "session-salvo was held to no request law: no subject begins with `salvo_over_sqlite`",
        ];
        assert_eq!(gaps, expected);
    }

    #[test]
    fn the_table_counts_laws_that_held() {
        let tests = [
            ("x backend_laws::memory::one", Ending::Passed),
            ("x backend_laws::memory::two", Ending::Failed),
            ("x backend_laws::memory::helper_works", Ending::Passed),
            ("x http_laws::axum_over_memory::three", Ending::Passed),
            ("x http_laws::salvo_over_sqlite::three", Ending::Passed),
        ];
        let mut matrix = Matrix::of(tests.into_iter());
        matrix.expect(&[
            law(Kind::Backend, "one"),
            law(Kind::Backend, "two"),
            law(Kind::Request, "three"),
        ]);
        let rows: Vec<Vec<String>> = matrix
            .to_string()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        assert_eq!(rows[1], ["memory", "1/2", "1/1", "-"]);
        assert_eq!(rows[2], ["sqlite", "-", "-", "1/1"]);
    }
}
