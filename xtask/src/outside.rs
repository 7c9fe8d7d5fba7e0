//! `cargo xtask outside`: the README's application builds outside of this workspace, unchanged.
//!
//! What compiles inside may lean on what the workspace gives: features that another member turns
//! on, dependencies that nobody declared. A newcomer has only the README.

use std::fs;

use anyhow::{Context, Result};

use crate::shell;

/// Where the README supposes this repository to lie, seen from the application.
const BESIDE: &str = "../session/";

pub(crate) fn run() -> Result<()> {
    let root = shell::root();
    let readme = fs::read_to_string(root.join("README.md")).context("README.md")?;
    let application = block(&readme, "```rust").context("no application in README.md")?;
    let dependencies = block(&readme, "```toml").context("no dependencies in README.md")?;

    let folder = root.join("target").join("outside");
    fs::create_dir_all(folder.join("src"))?;
    // An empty `[workspace]` of its own: cargo must not find ours above it.
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\npublish = false\n\n{}\n[workspace]\n",
        dependencies.replace(BESIDE, "../../"),
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src").join("main.rs"), application)?;
    // The versions that were tested; cargo takes out what the application does not need.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;

    let mut check = shell::cargo(["check"]);
    check.current_dir(&folder).env("CARGO_TARGET_DIR", root.join("target"));
    shell::succeed(&mut check)
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
}
