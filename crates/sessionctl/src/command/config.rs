//! `config check`: whether a file can be meant.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::ConfigCommand;
use crate::failure::Failure;
use crate::file;
use crate::output::Output;

pub(crate) fn run(command: &ConfigCommand, output: &Output) -> Result<ExitCode, Failure> {
    let ConfigCommand::Check { file } = command;
    file::read(file)?;
    let shown = file.display().to_string();
    output.answer(|| format!("{shown} can be meant"), &json!({"file": shown, "ok": true}))?;
    Ok(ExitCode::SUCCESS)
}
