//! The tutorial's applications outside of this workspace: they build from the crates as they would be published,
//! and their tests pass.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::{Application, BESIDE, after};
use crate::packed::Packages;
use crate::shell;
use crate::workspace::{self, Crate};

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
    let crates = workspace::crates()?.into_iter();
    let published: Vec<_> = crates.filter(|member| member.published).collect();
    let packages = Packages::unpack(&published, &shell::root().join("target/outside"))?;
    for application in WHOLE {
        let folder = application
            .lay_out_with(|dependencies| of_packages(dependencies, &published, &packages))?;
        let mut test = shell::cargo(["test", "--quiet"]);
        test.current_dir(&folder).env("CARGO_TARGET_DIR", shell::root().join("target"));
        shell::succeed(&mut test)?;
    }
    Ok(())
}

/// An application's dependencies, with our crates as they would be published: those that it names, and those that
/// these need.
fn of_packages(dependencies: &str, published: &[Crate], packages: &Packages) -> String {
    let mut text = dependencies.to_owned();
    let mut patches = "\n[patch.crates-io]\n".to_owned();
    for member in published {
        let folder = packages.folder(member).display().to_string();
        let beside = format!("\"{BESIDE}{}\"", member.folder);
        text = text.replace(&beside, &format!("{folder:?}"));
        patches.push_str(&format!("{} = {{ path = {folder:?} }}\n", member.name));
    }
    text + &patches
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
