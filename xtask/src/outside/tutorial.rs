//! The tutorial's applications outside of this workspace: they build, and their tests pass.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::{Application, after};
use crate::shell;

const PAGE: &str = "docs/tutorial.md";
const WHOLE: [Application; 2] = [
    Application {
        name: "outside-tutorial-axum",
        page: PAGE,
        heading: "## The whole application on axum",
    },
    Application {
        name: "outside-tutorial-salvo",
        page: PAGE,
        heading: "## The whole application on salvo",
    },
];

pub(super) fn run() -> Result<()> {
    steps_are_of_the_whole()?;
    for application in WHOLE {
        let folder = application.lay_out()?;
        let mut test = shell::cargo(["test", "--quiet"]);
        test.current_dir(&folder).env("CARGO_TARGET_DIR", shell::root().join("target"));
        shell::succeed(&mut test)?;
    }
    Ok(())
}

/// What a step shows is in one of the whole applications, word for word.
fn steps_are_of_the_whole() -> Result<()> {
    let page = fs::read_to_string(shell::root().join(PAGE)).context(PAGE)?;
    let wholes = after(&page, WHOLE[0].heading).context("no whole application in the tutorial")?;
    let steps = page.len() - wholes.len();
    let steps = page.get(..steps).context("the tutorial has no steps")?;
    for step in steps.split("```rust\n").skip(1) {
        let (code, _) = step.split_once("```").context("a step's code has an end")?;
        ensure!(wholes.contains(code), "the tutorial's application has no such lines:\n{code}");
    }
    Ok(())
}
