//! What a whole run came to, weighed and told: what ran, which laws held, and the totals.

use super::Report;
use crate::chromium;
use crate::services;

impl Report {
    pub(super) fn weigh_totals(&mut self, in_ci: bool) {
        if self.explored == 0 {
            self.problems.push("no interleaving was explored".to_owned());
        }
        if self.results.passed() + self.results.failed() == 0 {
            self.problems.push("no test ran".to_owned());
        }
        if in_ci && !self.has_server {
            self.problems.push(format!("CI needs PostgreSQL: {}", services::HELP));
        }
        if in_ci && self.browser.is_none() {
            self.problems.push(format!("CI needs a browser: {}", chromium::HELP));
        }
        let skipped = self.results.skipped();
        if skipped > 0 && in_ci {
            self.problems.push(format!("{skipped} tests were skipped, which CI does not accept"));
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        self.results.failed() + self.problems.len()
    }

    /// Everything but the totals, which are the last line of whatever command this is part of.
    pub(crate) fn print(&self) {
        println!("\nWhat ran");
        for (command, success) in &self.ran {
            println!("  {:6}  {command}", if *success { "ok" } else { "FAILED" });
        }
        println!("\nLaws that held, of those there are\n{}", self.matrix);
        println!(
            "{} interleavings of two operations on one handle, and {} mutants that it caught\n",
            self.explored, self.mutants
        );
        for name in self.results.failures() {
            println!("FAILED: {name}");
        }
        for problem in &self.problems {
            println!("FAILED: {problem}");
        }
        if self.results.skipped() > 0 {
            println!(
                "\n*** {} TESTS WERE SKIPPED, so nobody knows whether they hold: ***",
                self.results.skipped()
            );
            for name in self.results.skips() {
                println!("SKIPPED: {name}");
            }
        }
        println!();
    }

    /// The closing line. A run that broke outside of any test is a failure too, so it is counted.
    pub(crate) fn totals(&self, failed_elsewhere: usize) -> String {
        let (passed, failed) = (self.results.passed(), self.failed() + failed_elsewhere);
        match self.results.skipped() {
            0 => format!("{passed} passed, {failed} failed"),
            skipped => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chromium::Chromium;
    use crate::test::results;

    fn report_of(lines: &[&str]) -> Report {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let results = results::of_libtest(&lines);
        let browser = Some(Chromium::default());
        Report { results, has_server: true, browser, explored: 1, ..Report::default() }
    }

    #[test]
    fn totals_read_as_promised() {
        let passed = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let mixed =
            "test result: FAILED. 2 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out";
        let cases = [
            (passed, 0, "2 passed, 0 failed"),
            (passed, 1, "2 passed, 1 failed"),
            (mixed, 0, "2 passed, 1 failed, 3 skipped"),
        ];
        for (line, elsewhere, totals) in cases {
            assert_eq!(report_of(&[line]).totals(elsewhere), totals);
        }
    }

    #[test]
    fn nothing_ran_is_a_failure() {
        let mut report = report_of(&[]);
        report.weigh_totals(false);
        assert!(!report.is_good());
        assert_eq!(report.totals(0), "0 passed, 1 failed");
    }

    #[test]
    fn skipped_tests_fail_in_ci_only() {
        for (in_ci, good) in [(false, true), (true, false)] {
            let mut report = report_of(&[
                "test a ... ok",
                "test b ... ignored",
                "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured",
            ]);
            report.weigh_totals(in_ci);
            assert_eq!(report.is_good(), good, "in CI: {in_ci}");
        }
    }
}
