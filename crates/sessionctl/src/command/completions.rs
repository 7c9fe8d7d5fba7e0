//! `completions`: for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;

pub(crate) fn run(shell: Shell) {
    clap_complete::generate(shell, &mut Arguments::command(), "sessionctl", &mut std::io::stdout());
}
