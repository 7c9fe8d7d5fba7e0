//! Rules about lines: what may not be written, and why.

use super::Hit;
use super::tree::SourceFile;

/// A folder of somebody's machine says nothing to anybody else.
pub(crate) fn machine_path(file: &SourceFile) -> Vec<Hit> {
    const FOLDERS: [&str; 4] = ["/home/", "/root/", "/Users/", "/work/"];
    if file.is_tidy_itself() {
        return Vec::new();
    }
    // After a letter or a dot it is the middle of an address or of a relative path.
    let begins_path = |before: &str| {
        !before.ends_with(|last: char| last.is_alphanumeric() || "._-~/})>".contains(last))
    };
    let hits = file.lines().flat_map(|(number, line)| {
        FOLDERS.into_iter().filter_map(move |folder| {
            let found = line.match_indices(folder).any(|(at, _)| begins_path(&line[..at]));
            found.then(|| (number, format!("`{folder}…` is a path on one machine")))
        })
    });
    hits.collect()
}

/// What is left to do belongs in an issue, where somebody looks for it.
pub(crate) fn unfinished_note(file: &SourceFile) -> Vec<Hit> {
    const NOTES: [&str; 3] = ["TODO", "FIXME", "XXX"];
    if file.is_tidy_itself() || !(file.is_our_rust() || file.path.ends_with(".sql")) {
        return Vec::new();
    }
    let hits = file.lines().filter_map(|(number, line)| {
        let note = NOTES.into_iter().find(|note| has_word(line, note))?;
        Some((number, format!("`{note}`: file an issue instead")))
    });
    hits.collect()
}

/// These panic or print where a user is waiting for an answer.
pub(crate) fn unfinished_code(file: &SourceFile) -> Vec<Hit> {
    calls(file, &["todo!", "unimplemented!", "dbg!"], "is not fit to be committed")
}

/// A test that does not run holds nothing.
pub(crate) fn ignored_test(file: &SourceFile) -> Vec<Hit> {
    if file.is_tidy_itself() || !file.is_our_rust() {
        return Vec::new();
    }
    let ignored = file.code_lines().filter(|(_, line)| line.contains("#[ignore"));
    ignored
        .map(|(number, _)| {
            (number, "an ignored test holds nothing: mend it or remove it".to_owned())
        })
        .collect()
}

/// A test that sleeps is slow when it passes and wrong on a busy machine.
pub(crate) fn sleep_in_test(file: &SourceFile) -> Vec<Hit> {
    let from = first_line_of_tests(file);
    let hits =
        calls(file, &["sleep"], "in a test: move the manual clock, or wait for what is awaited");
    hits.into_iter().filter(|(line, _)| from.is_some_and(|from| *line >= from)).collect()
}

/// The line from which on a file holds tests. The suite that tests every backend is a test throughout.
pub(crate) fn first_line_of_tests(file: &SourceFile) -> Option<usize> {
    let is_test =
        file.path.contains("/tests/") || file.path.starts_with("crates/session-conformance/src/");
    if is_test || file.path.ends_with("/tests.rs") {
        return Some(1);
    }
    file.first_line_of_unit_tests()
}

/// The lines of code that call one of these.
fn calls(file: &SourceFile, names: &[&str], why: &str) -> Vec<Hit> {
    if file.is_tidy_itself() || !file.is_our_rust() {
        return Vec::new();
    }
    let hits = file.code_lines().filter_map(|(number, line)| {
        let name = names.iter().find(|name| has_word(line, &format!("{name}(")))?;
        Some((number, format!("`{name}(` {why}")))
    });
    hits.collect()
}

/// Whether a line holds a word that is not the end of a longer one.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let after = &line[at + word.len()..];
        let ends_open = word.ends_with(|last: char| !is_part(last));
        !line[..at].ends_with(is_part) && (ends_open || !after.starts_with(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&SourceFile) -> Vec<Hit>, path: &str, cases: &[(&str, bool)]) {
        for (line, is_bad) in cases {
            let hits = rule(&SourceFile::new(path, &format!("//! Docs.\n{line}\n")));
            assert_eq!(
                hits.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
                if *is_bad { vec![2] } else { vec![] },
                "{path}: {line}"
            );
        }
    }

    #[test]
    fn machine_paths() {
        let cases = [
            ("see /home/ann/x", true),
            ("\"/root/.cargo\"", true),
            ("file:///Users/ann", false),
            ("(/work/main)", true),
            ("https://example.com/home/page", false),
            ("crates/root/x and ./work/y", false),
        ];
        check(machine_path, "docs/a.md", &cases);
    }

    #[test]
    fn unfinished_notes() {
        check(
            unfinished_note,
            "crates/a/src/lib.rs",
            &[("// TODO: more", true), ("/* FIXME */", true), ("let TODOS = 1;", false)],
        );
        check(unfinished_note, "docs/a.md", &[("TODO", false)]);
        check(unfinished_note, "crates/a/migrations/1.sql", &[("-- TODO", true)]);
    }

    #[test]
    fn unfinished_codes() {
        let cases = [
            ("todo!()", true),
            ("x(dbg!(y))", true),
            ("unimplemented!(\"a\")", true),
            ("// todo!()", false),
            ("my_todo!()", false),
        ];
        check(unfinished_code, "crates/a/src/lib.rs", &cases);
    }

    #[test]
    fn ignored_tests() {
        check(
            ignored_test,
            "crates/a/tests/it.rs",
            &[("#[ignore]", true), ("  #[ignore = \"slow\"]", true), ("// #[ignore]", false)],
        );
    }

    #[test]
    fn sleeps_in_tests() {
        let cases = [
            ("tokio::time::sleep(d).await;", true),
            ("thread::sleep(d);", true),
            ("sleep_until(t)", false),
            ("// sleep(1)", false),
        ];
        check(sleep_in_test, "crates/a/tests/it/laws.rs", &cases);
        check(sleep_in_test, "crates/session-conformance/src/laws.rs", &[("sleep(d)", true)]);
        check(sleep_in_test, "crates/a/src/job.rs", &[("sleep(d)", false)]);
        let mixed = SourceFile::new(
            "crates/a/src/job.rs",
            "sleep(a);\n#[cfg(test)]\nmod tests {\n    sleep(b);\n}\n",
        );
        assert_eq!(sleep_in_test(&mixed).len(), 1);
    }
}
