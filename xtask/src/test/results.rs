//! Reads what cargo-nextest and `cargo test` print: each test's name and how it ended.

use std::collections::BTreeMap;

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Passed,
    Failed,
    Skipped,
}

/// What some tests need, and say so in their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Postgres,
    Chromium,
}

impl Needs {
    fn is_named_by(self, part: &str) -> bool {
        match self {
            Self::Postgres => is_on_postgres(part),
            Self::Chromium => part.ends_with("_in_chromium"),
        }
    }
}

/// What a run's tests came to.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// By full name. One name may stand in several binaries; a failure in any of them counts.
    tests: BTreeMap<String, Ending>,
    passed: usize,
    failed: usize,
    skipped: usize,
    inconsistency: Option<String>,
}

impl Results {
    pub(crate) fn tests(&self) -> impl Iterator<Item = (&str, Ending)> {
        self.tests.iter().map(|(name, ending)| (name.as_str(), *ending))
    }

    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    pub(crate) fn skipped(&self) -> usize {
        self.skipped
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &str> {
        self.that(Ending::Failed)
    }

    pub(crate) fn skips(&self) -> impl Iterator<Item = &str> {
        self.that(Ending::Skipped)
    }

    fn that(&self, wanted: Ending) -> impl Iterator<Item = &str> {
        self.tests().filter(move |(_, ending)| *ending == wanted).map(|(name, _)| name)
    }

    /// Why the run's own summary and its lines do not agree, if they do not.
    pub(crate) fn inconsistency(&self) -> Option<&str> {
        self.inconsistency.as_deref()
    }

    /// Says in the names of the tests on PostgreSQL which generation of it they ran on, so that those
    /// of several are told apart.
    pub(crate) fn ran_on(&mut self, generation: Option<&str>) {
        let Some(generation) = generation else { return };
        let tests = std::mem::take(&mut self.tests);
        self.tests =
            tests.into_iter().map(|(name, ending)| (on(&name, generation), ending)).collect();
    }

    /// Says in the names of the laws on SQLite which version of the library they ran on.
    pub(crate) fn ran_with_sqlite(&mut self, version: &str) {
        let tests = std::mem::take(&mut self.tests);
        let part = |part: &str| match part.starts_with("sqlite") {
            true => format!("{part}@{version}"),
            false => part.to_owned(),
        };
        let named = |name: &str| name.split("::").map(part).collect::<Vec<_>>().join("::");
        self.tests = tests.into_iter().map(|(name, ending)| (named(&name), ending)).collect();
    }

    /// What these tests need was not there: they passed without a look at anything.
    pub(crate) fn did_not_run(&mut self, needs: Needs) {
        for (name, ending) in &mut self.tests {
            if *ending == Ending::Passed && name.split("::").any(|part| needs.is_named_by(part)) {
                *ending = Ending::Skipped;
                self.passed -= 1;
                self.skipped += 1;
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        for (name, ending) in other.tests {
            self.note(name, ending);
        }
    }

    fn note(&mut self, name: String, ending: Ending) {
        let known = self.tests.entry(name).or_insert(ending);
        if ending == Ending::Failed || *known == Ending::Skipped {
            *known = ending;
        }
    }
}

/// Whether a part of a test's path names PostgreSQL as what it ran on.
fn is_on_postgres(part: &str) -> bool {
    part == "postgres" || part.starts_with("postgres_") || part.contains("_over_postgres")
}

fn on(name: &str, generation: &str) -> String {
    let parts = name.split("::").map(|part| match is_on_postgres(part) {
        true => format!("{part}@{generation}"),
        false => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("::")
}

/// Lines such as `    PASS [   0.004s] ( 1/30) session-sqlite::it backend_laws::sqlite::create_then_find`.
pub(crate) fn of_nextest(lines: &[String]) -> Results {
    let mut results = Results::default();
    let mut summary = None;
    // A failed test is shown a second time at the end, so each name counts once.
    let mut endings = BTreeMap::new();
    for line in lines {
        if let Some((name, ending)) = nextest_line(line) {
            endings.insert(name, ending);
        }
        summary = tests_run(line).or(summary);
    }
    for (name, ending) in endings {
        match ending {
            Ending::Passed => results.passed += 1,
            Ending::Failed => results.failed += 1,
            Ending::Skipped => results.skipped += 1,
        }
        results.note(name, ending);
    }
    let seen = results.passed + results.failed;
    results.inconsistency = match summary {
        Some(run) if run == seen => None,
        Some(run) => Some(format!("its summary counts {run} tests, its lines {seen}")),
        None => Some("it came to no summary".to_owned()),
    };
    results
}

fn nextest_line(line: &str) -> Option<(String, Ending)> {
    let (status, rest) = line.trim_start().split_once(" [")?;
    let ending = match status {
        "PASS" | "LEAK" | "FLAKY" => Ending::Passed,
        "SKIP" => Ending::Skipped,
        "SLOW" | "TERMINATING" => return None,
        // FAIL, TIMEOUT, ABORT, SIGSEGV and every other way to go wrong.
        other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Ending::Failed
        }
        _ => return None,
    };
    let (time, rest) = rest.split_once(']')?;
    let is_time = time.trim().is_empty()
        || time.trim().strip_suffix('s').is_some_and(|time| time.parse::<f64>().is_ok());
    if !is_time {
        return None;
    }
    let rest = rest.trim_start();
    let rest =
        rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
    let mut words = rest.split_whitespace();
    let (binary, name) = (words.next()?, words.next()?);
    Some((format!("{binary} {name}"), ending))
}

/// The count in `Summary [   4.199s] 5 tests run: 2 passed, …` or in `… 3/5 tests run: …`.
fn tests_run(line: &str) -> Option<usize> {
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    rest.split_whitespace().next()?.split('/').next()?.parse().ok()
}

/// Lines such as `test backend_laws::sqlite::create_then_find ... ok`, counted by the `test result:` lines.
pub(crate) fn of_libtest(lines: &[String]) -> Results {
    let mut results = Results::default();
    for line in lines {
        if let Some(totals) = line.strip_prefix("test result: ") {
            results.passed += count(totals, "passed");
            results.failed += count(totals, "failed");
            results.skipped += count(totals, "ignored");
        } else if let Some((name, ending)) = libtest_line(line) {
            results.note(name, ending);
        }
    }
    results
}

fn libtest_line(line: &str) -> Option<(String, Ending)> {
    let (name, ending) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let ending = match ending.split([',', ' ']).next()? {
        "ok" => Ending::Passed,
        "FAILED" => Ending::Failed,
        "ignored" => Ending::Skipped,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic").to_owned(), ending))
}

/// The number before a word of `ok. 12 passed; 0 failed; 1 ignored; …`.
fn count(totals: &str, word: &str) -> usize {
    let words: Vec<&str> = totals.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn tests_on_postgres_say_on_which() {
        let text = "\
        PASS [   0.009s] (1/3) session-postgres::it backend_laws::postgres_pool::cap_is_exact
        PASS [   0.009s] (2/3) a::it http_laws::axum_over_postgres::sign_out_wins
        PASS [   0.009s] (3/3) a::it http_laws::axum_over_memory::sign_out_wins
     Summary [   4.199s] 3 tests run: 3 passed, 0 skipped";
        let mut results = of_nextest(&lines(text));
        results.ran_on(Some("18"));
        let names: Vec<&str> = results.tests().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "a::it http_laws::axum_over_memory::sign_out_wins",
                "a::it http_laws::axum_over_postgres@18::sign_out_wins",
                "session-postgres::it backend_laws::postgres_pool@18::cap_is_exact",
            ]
        );
        let mut results = of_nextest(&lines(text));
        results.did_not_run(Needs::Postgres);
        assert_eq!((results.passed(), results.skipped()), (1, 2));
    }

    #[test]
    fn tests_without_what_they_need_did_not_run() {
        let text = "\
        PASS [   0.009s] (1/4) a::it chromium::axum_in_chromium::one_ends_the_other
        PASS [   0.009s] (2/4) a::it chromium::axum_over_postgres_in_chromium::one_ends_the_other
        FAIL [   0.009s] (3/4) a::it chromium::salvo_in_chromium::one_ends_the_other
        PASS [   0.009s] (4/4) a::it chromium::driver::it_starts
     Summary [   4.199s] 4 tests run: 3 passed, 1 failed, 0 skipped";
        for (needs, skipped) in [
            (&[Needs::Postgres][..], 1),
            (&[Needs::Chromium], 2),
            (&[Needs::Chromium, Needs::Postgres], 2),
        ] {
            let mut results = of_nextest(&lines(text));
            needs.iter().for_each(|needs| results.did_not_run(*needs));
            assert_eq!((results.passed(), results.skipped()), (3 - skipped, skipped), "{needs:?}");
            assert_eq!(results.failed(), 1);
        }
    }

    const NEXTEST: &str = "\
    Starting 5 tests across 1 binary (1 test skipped)
        SKIP [         ] (───) nx t::c
        PASS [   0.009s] ( 1/5) nx::it t::a
        LEAK [   0.159s] (2/5) nx t::d
     SIGABRT [   0.026s] (3/5) nx t::e
        FAIL [   0.250s] (4/5) nx t::b
    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0.24s
    PASS [ x
        SLOW [>  2.000s] (───) nx t::s
 TERMINATING [>  4.000s] (───) nx t::s
     TIMEOUT [   4.003s] (5/5) nx t::s
     Summary [   4.199s] 5 tests run: 2 passed, 2 failed, 1 timed out, 1 skipped
     SIGABRT [   0.026s] (3/5) nx t::e
        FAIL [   0.250s] (4/5) nx t::b
     TIMEOUT [   4.003s] (5/5) nx t::s";

    #[test]
    fn nextest_is_read() {
        let results = of_nextest(&lines(NEXTEST));
        assert_eq!((results.passed(), results.failed(), results.skipped()), (2, 3, 1));
        assert_eq!(results.failures().collect::<Vec<_>>(), ["nx t::b", "nx t::e", "nx t::s"]);
        assert_eq!(results.skips().collect::<Vec<_>>(), ["nx t::c"]);
        assert_eq!(results.inconsistency(), None);
    }

    #[test]
    fn nextest_without_an_end_is_noticed() {
        let cut = lines(NEXTEST.split_once("     Summary").unwrap().0);
        assert!(of_nextest(&cut).inconsistency().is_some());
        let wrong = lines("PASS [ 0.1s] a b\nSummary [ 0.1s] 2 tests run: 2 passed, 0 skipped");
        assert!(of_nextest(&wrong).inconsistency().is_some());
    }

    #[test]
    fn libtest_is_read() {
        let text = "\
     Running tests/it.rs (target/debug/deps/it-1)
running 4 tests
test backend_laws::memory::create_then_find ... ok
test panics - should panic ... ok
test slow ... ignored, needs a server
test crates/session-core/src/lib.rs - Key (line 3) - compile ... ok
test broken ... FAILED
test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let results = of_libtest(&lines(text));
        assert_eq!((results.passed(), results.failed(), results.skipped()), (13, 1, 1));
        assert!(results.tests().any(|test| test == ("panics", Ending::Passed)));
        assert_eq!(results.failures().collect::<Vec<_>>(), ["broken"]);
        assert_eq!(results.skips().collect::<Vec<_>>(), ["slow"]);
    }

    #[test]
    fn a_failure_in_either_run_counts() {
        for (first, second) in [("ok", "FAILED"), ("FAILED", "ok")] {
            let mut results = of_libtest(&lines(&format!("test a ... {first}")));
            results.add(of_libtest(&lines(&format!("test a ... {second}"))));
            assert_eq!(results.failures().collect::<Vec<_>>(), ["a"]);
        }
    }
}
