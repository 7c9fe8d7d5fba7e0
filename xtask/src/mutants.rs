//! `cargo xtask mutants`: defects that the handle once had, put back one by one, each of which the
//! exploration of interleavings must catch.
//!
//! A check that nothing can break proves nothing. Each mutant is an edit of a source file in a copy of
//! the two crates that it needs, with a target folder of its own; what is committed is never touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

/// A defect.
struct Mutant {
    name: &'static str,
    /// From which start the exploration meets it: the name of its test.
    caught_by: &'static str,
    /// File in `crates/session-core/src/session`, what stands there, and what takes its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
}

const TURN: &str = "        let mut turn = self.turn().await?;\n";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "nobody waits for a turn",
        caught_by: "from_a_signed_in_session",
        edits: &[("turn.rs", "        state.line.is_taken = true;\n", "")],
    },
    Mutant {
        name: "a save puts the token back that it began with",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "save.rs",
            "        let mut turn = self.turn().await?;\n        let (loaded, buffer, decided) = self.snapshot();\n",
            "        let (loaded, buffer, decided) = self.snapshot();\n        let mut turn = self.turn().await?;\n",
        )],
    },
    Mutant {
        name: "a visitor's save takes the place of a sign-in",
        caught_by: "from_a_visitor",
        edits: &[(
            "save.rs",
            "        let mut turn = self.turn().await?;\n        let (loaded, buffer, decided) = self.snapshot();\n",
            "        let (loaded, buffer, decided) = self.snapshot();\n        let mut turn = self.turn().await?;\n",
        )],
    },
    Mutant {
        name: "two updates of a visitor make two sessions",
        caught_by: "from_a_visitor",
        edits: &[
            (
                "update.rs",
                "        let again = if again { self.turn_again() } else { None };\n",
                "        let (loaded, buffer, decided) = self.snapshot();\n        let is_as_seen = self.state().value(key) == seen;\n        let again = if again { self.turn_again() } else { None };\n",
            ),
            (
                "update.rs",
                "        let (loaded, buffer, decided) = self.snapshot();\n        let is_as_seen = self.state().value(key) == seen;\n        let mut changed",
                "        let mut changed",
            ),
        ],
    },
    Mutant {
        name: "a re-authentication goes on from what it knew before its turn",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "renew.rs",
            "        let mut turn = self.turn().await?;\n        let (mut live, user) = self.signed_in()?;\n",
            "        let (mut live, user) = self.signed_in()?;\n        let mut turn = self.turn().await?;\n",
        )],
    },
    Mutant {
        name: "a rotation forgets what was saved meanwhile",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "renew.rs",
            "        let mut turn = self.turn().await?;\n        let mut live = match self.live() {\n",
            "        let live = self.live();\n        let mut turn = self.turn().await?;\n        let mut live = match live {\n",
        )],
    },
    Mutant {
        name: "a sign-in replaces what was there before its turn",
        caught_by: "from_an_anonymous_session",
        edits: &[
            ("authenticate.rs", TURN, ""),
            (
                "authenticate.rs",
                "            let _ = Box::pin(self.look_up_again(turn.told())).await;\n",
                "",
            ),
            (
                "authenticate.rs",
                "            Box::pin(self.end_presented(&mut turn, &presented, EndedBy::Replaced, false)).await?;\n",
                "",
            ),
            (
                "authenticate.rs",
                "        let (record, mut minted) = self.new_record(Some(user",
                "        let mut turn = self.turn().await?;\n        let (record, mut minted) = self.new_record(Some(user",
            ),
        ],
    },
    Mutant {
        name: "the response does not wait for an operation under way",
        caught_by: "from_a_visitor",
        edits: &[(
            "turn.rs",
            "        !self.is_taken && (matches!(who, Who::Response) || !self.response_waits)\n",
            "        matches!(who, Who::Response) || (!self.is_taken && !self.response_waits)\n",
        )],
    },
    Mutant {
        name: "a save that outlives the response makes a session",
        caught_by: "from_a_visitor",
        edits: &[(
            "make.rs",
            "            if !state.decided || turn.is_the_response() {\n",
            "            if !state.decided || !turn.is_the_response() {\n",
        )],
    },
    Mutant {
        name: "a save takes along what was written while it was under way",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "state.rs",
            "        self.buffer.subtract(saved);\n",
            "        self.buffer = Buffer::default();\n",
        )],
    },
    Mutant {
        name: "a lifetime that is chosen while a session is made is taken for stored",
        caught_by: "from_a_visitor",
        edits: &[(
            "buffer.rs",
            "        if self.lifetime == saved.lifetime {\n",
            "        if self.lifetime.is_some() {\n",
        )],
    },
    Mutant {
        name: "a response that only read does not wait",
        caught_by: "from_a_token_in_grace",
        edits: &[(
            "finish.rs",
            "        if !state.is_settled_for_response() {\n",
            "        if false {\n",
        )],
    },
    Mutant {
        name: "a clear beside a save is taken for saved",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "../patch.rs",
            "        if self.cleared != saved.cleared {\n",
            "        if self.clears() != saved.clears() {\n",
        )],
    },
    Mutant {
        name: "what a dropped future has done is never looked up",
        caught_by: "from_a_signed_in_session",
        edits: &[
            ("turn.rs", "        if turn.finds_unanswered {\n", "        if false {\n"),
            ("finish.rs", "        asks.then_some(", "        (asks && false).then_some("),
        ],
    },
    Mutant {
        name: "who waits behind a future that is held waits for ever",
        caught_by: "from_a_signed_in_session",
        edits: &[(
            "turn.rs",
            "self.inner.store.in_time(freed).await.is_some();",
            "{ freed.await; true };",
        )],
    },
];

/// What the exploration says if it finds something.
const COMPLAINTS: &[&str] = &[
    "it ends as no order one after the other would",
    "the request left a session that nobody can reach",
    "an operation waits for ever behind one that is held",
    "an operation did not come to its end",
];

const CRATES: [&str; 2] = ["session-core", "session-conformance"];

/// How many there are, and which of them nobody noticed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) caught: usize,
    pub(crate) unnoticed: Vec<String>,
}

pub(crate) fn run() -> Result<ExitCode> {
    let report = report()?;
    for name in &report.unnoticed {
        println!("FAILED: the mutant was not caught: {name}");
    }
    println!("{} passed, {} failed", report.caught, report.unnoticed.len());
    Ok(if report.unnoticed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts every defect back, one after the other.
pub(crate) fn report() -> Result<Report> {
    let tree = shell::root().join("target/mutants");
    lay(&tree)?;
    let mut report = Report::default();
    for mutant in MUTANTS {
        println!("\nmutant: {}", mutant.name);
        if mutant.is_caught(&tree)? {
            report.caught += 1;
        } else {
            report.unnoticed.push(mutant.name.to_owned());
        }
    }
    Ok(report)
}

impl Mutant {
    fn is_caught(&self, tree: &Path) -> Result<bool> {
        let before = self.apply(tree)?;
        let caught = self.explore(tree);
        for (file, text) in before.iter().rev() {
            fs::write(file, text)?;
        }
        caught
    }

    /// Makes the edits; the files as they were.
    fn apply(&self, tree: &Path) -> Result<Vec<(PathBuf, String)>> {
        let mut before = Vec::new();
        for (name, from, to) in self.edits {
            let file = tree.join("crates/session-core/src/session").join(name);
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            fs::write(
                &file,
                edited(&text, from, to).with_context(|| format!("{name}: {}", self.name))?,
            )?;
            before.push((file, text));
        }
        Ok(before)
    }

    fn explore(&self, tree: &Path) -> Result<bool> {
        // What does not compile is no defect, and would look like one that was caught.
        shell::succeed(cargo_test(tree).arg("--no-run"))?;
        let transcript = shell::stream(cargo_test(tree).args([self.caught_by, "--", "--exact"]))?;
        let complains = |line: &String| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
        Ok(!transcript.success && transcript.lines.iter().any(complains))
    }
}

fn cargo_test(tree: &Path) -> Command {
    let mut command = shell::cargo(["test", "--quiet", "--package", "session-conformance"]);
    command.args(["--test", "explore"]).current_dir(tree);
    command.env("CARGO_TARGET_DIR", tree.join("target")).env("RUST_BACKTRACE", "0");
    // Warnings of an edit are of no interest.
    command.env("RUSTFLAGS", "--cap-lints=allow");
    command
}

fn edited(text: &str, from: &str, to: &str) -> Result<String> {
    let found = text.matches(from).count();
    ensure!(found == 1, "what is to be changed stands there {found} times and not once: {from:?}");
    Ok(text.replacen(from, to, 1))
}

/// Copies what is needed. Files that are the same are left alone, so that cargo builds nothing twice.
fn lay(tree: &Path) -> Result<()> {
    let root = shell::root();
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let members = "members = [\"crates/*\", \"xtask\"]";
    write(
        &tree.join("Cargo.toml"),
        edited(&manifest, members, "members = [\"crates/*\"]")?.as_bytes(),
    )?;
    write(&tree.join("Cargo.lock"), &fs::read(root.join("Cargo.lock"))?)?;
    for name in CRATES {
        let folder = tree.join("crates").join(name);
        let kept = copy(&root.join("crates").join(name), &folder)?;
        remove_others(&folder, &kept)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(copy(&entry.path(), &target)?);
        } else {
            write(&target, &fs::read(entry.path())?)?;
            files.push(target);
        }
    }
    Ok(files)
}

/// A file that was renamed must not be compiled twice.
fn remove_others(folder: &Path, kept: &[PathBuf]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let Some(folder) = file.parent() else { bail!("{} is no file", file.display()) };
    fs::create_dir_all(folder)?;
    fs::write(file, bytes).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_fits_nowhere_or_twice_is_an_error() {
        assert_eq!(edited("a b c", "b", "x").unwrap(), "a x c");
        assert!(edited("a c", "b", "x").is_err());
        assert!(edited("b b", "b", "x").is_err());
    }

    /// So that a change of the code which moves an edit is noticed without building anything.
    #[test]
    fn every_edit_fits() {
        let folder = shell::root().join("crates/session-core/src/session");
        for mutant in MUTANTS {
            for (name, from, to) in mutant.edits {
                let text = fs::read_to_string(folder.join(name)).unwrap();
                let text = edited(&text, from, to);
                assert!(text.is_ok(), "{}, {name}: {:?}", mutant.name, text.err());
            }
        }
    }
}
