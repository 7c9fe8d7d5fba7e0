//! `cargo xtask outside`: what the documentation shows as whole applications builds outside of this
//! workspace, unchanged, and two of them share their sessions.
//!
//! What compiles inside may lean on what the workspace gives: features that another member turns
//! on, dependencies that nobody declared. A newcomer has only the documentation.

mod shared;
mod tutorial;
mod visitor;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;

/// Where the documentation supposes this repository to lie, seen from an application.
const BESIDE: &str = "../session/";

/// An application as a page has it.
struct Application {
    name: &'static str,
    page: &'static str,
    /// The heading that its dependencies and its source follow.
    heading: &'static str,
}

const README: Application =
    Application { name: "outside-readme", page: "README.md", heading: "## A complete application" };

/// Everything. Returns what was not run, and why, if something was not.
pub(crate) fn run() -> Result<Option<&'static str>> {
    let folder = README.lay_out()?;
    let mut check = shell::cargo(["check"]);
    check.current_dir(&folder).env("CARGO_TARGET_DIR", shell::root().join("target"));
    shell::succeed(&mut check)?;
    tutorial::run()?;
    shared::run()
}

impl Application {
    /// Writes it where the workspace does not reach; returns the folder.
    fn lay_out(&self) -> Result<PathBuf> {
        self.lay_out_with(|dependencies| dependencies.replace(BESIDE, "../../../"))
    }

    /// The same with its dependencies from elsewhere.
    fn lay_out_with(&self, found: impl FnOnce(&str) -> String) -> Result<PathBuf> {
        let root = shell::root();
        let page = fs::read_to_string(root.join(self.page)).context(self.page)?;
        let text = after(&page, self.heading)
            .with_context(|| format!("no {:?} in {}", self.heading, self.page))?;
        let missing = |what| format!("no {what} after {:?} in {}", self.heading, self.page);
        let source = block(text, "```rust").with_context(|| missing("source"))?;
        let dependencies = block(text, "```toml").with_context(|| missing("dependencies"))?;

        let folder = root.join("target/outside").join(self.name);
        fs::create_dir_all(folder.join("src"))?;
        // An empty `[workspace]` of its own: cargo must not find ours above it.
        let manifest = format!(
            "[package]\nname = \"{}\"\nedition = \"2024\"\npublish = false\n\n{}\n[workspace]\n",
            self.name,
            found(&dependencies),
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src").join("main.rs"), source)?;
        // The versions that were tested; cargo takes out what the application does not need.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(folder)
    }

    /// Builds it; returns the program.
    fn build(&self) -> Result<PathBuf> {
        let folder = self.lay_out()?;
        let target = shell::root().join("target");
        let mut build = shell::cargo(["build"]);
        build.current_dir(&folder).env("CARGO_TARGET_DIR", &target);
        shell::succeed(&mut build)?;
        Ok(target.join("debug").join(self.name))
    }
}

/// What follows a line.
fn after<'a>(text: &'a str, line: &str) -> Option<&'a str> {
    let at = format!("\n{text}").find(&format!("\n{line}\n"))?;
    text.get(at..)
}

/// The first fenced block whose opening line begins so.
fn block(text: &str, opening: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(opening)).skip(1);
    let mut block = String::new();
    loop {
        match lines.next()? {
            "```" => return Some(block),
            line => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found() {
        let text =
            "x\n```toml\na = 1\n```\n```rust,no_run\nfn main() {}\n\n```\n```rust\nnever ends";
        for (opening, expected) in
            [("```rust", Some("fn main() {}\n\n")), ("```toml", Some("a = 1\n")), ("```yaml", None)]
        {
            assert_eq!(block(text, opening).as_deref(), expected, "{opening}");
        }
        assert_eq!(block("```rust\nnever ends", "```rust"), None);
    }

    #[test]
    fn headings_are_found() {
        let text = "# a\n## b\n1\n## c\n2\n";
        assert_eq!(after(text, "## c"), Some("## c\n2\n"));
        assert_eq!(after(text, "# a"), Some(text));
        assert_eq!(after(text, "## d"), None);
        assert_eq!(after(text, "b"), None);
    }
}
