//! `cargo xtask laws`: docs/laws.md is what the conformance suite says, and nothing else.

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Where the laws are written down for people.
pub(crate) const PAGE: &str = "docs/laws.md";

#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct Arguments {
    /// Write nothing; fail if the page is stale.
    #[arg(long)]
    check: bool,
}

/// Who has to keep a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Backend,
    Request,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Backend => "backend",
            Self::Request => "request",
        })
    }
}

/// One law of the suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Law {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    if arguments.check { check() } else { write() }
}

/// Fails if the page is not what the suite would write.
pub(crate) fn check() -> Result<()> {
    let written = fs::read_to_string(shell::root().join(PAGE)).with_context(|| PAGE.to_owned())?;
    if let Some(line) = first_difference(&written, &generate()?) {
        bail!("{PAGE} is stale from line {line} on: run `cargo xtask laws`");
    }
    println!("{PAGE} is up to date");
    Ok(())
}

/// The laws, as the suite itself lists them.
pub(crate) fn list() -> Result<Vec<Law>> {
    let mut command = shell::cargo(GENERATOR);
    parse(&shell::stdout_of(command.args(["--", "--names"])).context("the list of laws")?)
}

const GENERATOR: [&str; 6] =
    ["run", "--quiet", "--package", "session-conformance", "--example", "laws-md"];

fn write() -> Result<()> {
    let page = shell::root().join(PAGE);
    if let Some(folder) = page.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&page, generate()?).with_context(|| PAGE.to_owned())?;
    println!("wrote {PAGE}");
    Ok(())
}

fn generate() -> Result<String> {
    let text = shell::stdout_of(&mut shell::cargo(GENERATOR)).context("the page of laws")?;
    // One line end at the end, however it was printed.
    Ok(format!("{}\n", text.trim_end()))
}

/// The first line that differs, counted from 1.
fn first_difference(written: &str, generated: &str) -> Option<usize> {
    if written == generated {
        return None;
    }
    let same = written.lines().zip(generated.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

fn parse(text: &str) -> Result<Vec<Law>> {
    let laws = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["backend", name] => Ok(Law { kind: Kind::Backend, name: (*name).to_owned() }),
            ["request", name] => Ok(Law { kind: Kind::Request, name: (*name).to_owned() }),
            _ => bail!("`{line}` is neither `backend <law>` nor `request <law>`"),
        })
        .collect::<Result<Vec<_>>>()?;
    if laws.is_empty() {
        bail!("the suite lists no law");
    }
    Ok(laws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        let laws = parse("backend create_then_find\nrequest sign_out_wins\n").unwrap();
        assert_eq!(laws[0], Law { kind: Kind::Backend, name: "create_then_find".to_owned() });
        assert_eq!(laws[1].kind, Kind::Request);
    }

    #[test]
    fn odd_lists_are_refused() {
        for odd in ["", "\n", "backend", "backend a b", "other a"] {
            assert!(parse(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn stale_pages_name_their_line() {
        let cases = [
            ("a\nb\n", "a\nb\n", None),
            ("a\nb\n", "a\nc\n", Some(2)),
            ("a\n", "a\nb\n", Some(2)),
            ("", "a\n", Some(1)),
        ];
        for (written, generated, line) in cases {
            assert_eq!(first_difference(written, generated), line, "{written:?} {generated:?}");
        }
    }
}
