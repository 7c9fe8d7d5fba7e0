//! `completions`: for a shell.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::written;

pub(crate) fn run(shell: Shell) -> Result<(), Failure> {
    // First into memory: what it writes to must not fail.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sessionctl", &mut script);
    written(std::io::stdout().write_all(&script))
}
