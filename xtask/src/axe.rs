//! axe-core, whose rules of accessibility the tests in the browser hold every page to.

use std::path::PathBuf;
use std::process::Command;

use crate::services::fetched;

/// Where the tests look for its script. Set to nothing, they know that there is none.
const SCRIPT: &str = "SESSION_TEST_AXE";

/// The package in `xtask/axe.txt`; axe-core 4.12 is in it.
const PACKAGE: &str = "axe-playwright-python-0.1.8";

/// What to do on a machine where it could not be fetched.
pub(crate) const HELP: &str = "axe-core could not be fetched: give the path of an axe.min.js in \
     SESSION_TEST_AXE";

/// The script that the environment names, else the pinned one, which is kept under `target/services`.
pub(crate) fn find() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(SCRIPT) {
        return (!given.is_empty()).then(|| given.into());
    }
    match fetched::package("xtask/axe.txt", PACKAGE, |_| Ok(())) {
        Ok(folder) => Some(folder.join("axe_playwright_python/axe.min.js")),
        Err(error) => {
            println!("axe-core: {PACKAGE} cannot be had: {error:#}");
            None
        }
    }
}

/// Tells the tests of a command where it is, so that they look no further.
pub(crate) fn tell(found: Option<&PathBuf>, command: &mut Command) {
    command.env(SCRIPT, found.cloned().unwrap_or_default());
}
