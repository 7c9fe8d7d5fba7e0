//! Runs other programs: streamed, captured, or both.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    // At run time first: a workspace that was moved after it was built still finds itself.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), Path::to_path_buf)
}

/// A `cargo` command in the workspace's root.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// Whether `cargo <name>` is there.
pub(crate) fn has_cargo_command(name: &str) -> bool {
    cargo([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command with its output going where ours goes; its failure is an error.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| spelled(command))?;
    if !status.success() {
        bail!("`{}`: {status}", spelled(command));
    }
    Ok(())
}

/// What a command prints to its standard output; its failure is an error.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| spelled(command))?;
    if !output.status.success() {
        bail!("`{}`: {}", spelled(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed no UTF-8", spelled(command)))
}

/// What a streamed command said.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) success: bool,
    /// Every line of both streams, without colours; the order holds within each stream only.
    pub(crate) lines: Vec<String>,
}

/// Runs a command, shows its output as it comes, and keeps it.
pub(crate) fn stream(command: &mut Command) -> Result<Transcript> {
    announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| spelled(command))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let lines = thread::scope(|scope| {
        let out = scope.spawn(|| out.map_or_else(Vec::new, |from| copy(from, std::io::stdout())));
        let err = scope.spawn(|| err.map_or_else(Vec::new, |from| copy(from, std::io::stderr())));
        let mut lines = out.join().unwrap_or_default();
        lines.extend(err.join().unwrap_or_default());
        lines
    });
    let success = child.wait().with_context(|| spelled(command))?.success();
    Ok(Transcript { success, lines })
}

/// A command as one would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn announce(command: &Command) {
    println!("$ {}", spelled(command));
}

fn copy(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut from = BufReader::new(from);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A reader that went away (`| head`) must not stop the tests or their count.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        lines.push(without_colours(String::from_utf8_lossy(&line).trim_end()));
        line.clear();
    }
    lines
}

/// Drops the terminal's `ESC [ … letter` sequences.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_dropped() {
        assert_eq!(without_colours("\u{1b}[32;1m   PASS\u{1b}[0m [x] a"), "   PASS [x] a");
        assert_eq!(without_colours("plain [x]"), "plain [x]");
    }

    #[test]
    fn both_streams_are_kept() {
        let transcript = stream(&mut cargo(["--version"])).unwrap();
        assert!(transcript.success);
        assert!(transcript.lines.iter().any(|line| line.starts_with("cargo ")));
    }
}
