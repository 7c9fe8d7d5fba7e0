//! `doctor` and `migrate --check`: what is wrong, and what to do.

use std::process::ExitCode;

use serde_json::{Value, json};
use session_core::{Finding, FindingLevel};

use crate::arguments::Place;
use crate::database::Database;
use crate::failure::Failure;
use crate::file;
use crate::output::{GREEN, Output, RED, YELLOW, plain};

pub(crate) async fn run(
    database: &Database,
    place: &Place,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut findings = database.diagnose().await?;
    if let Some(path) = &place.config {
        findings.push(match file::read(path) {
            Ok(_) => Finding::ok("config", format!("{} can be meant", path.display())),
            Err(failure) => Finding::error("config", failure.message),
        });
    }
    tell(&findings, output)
}

pub(crate) async fn check_schema(
    database: &Database,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut findings = database.diagnose().await?;
    findings.retain(|finding| finding.name == "schema");
    tell(&findings, output)
}

fn tell(findings: &[Finding], output: &Output) -> Result<ExitCode, Failure> {
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(FindingLevel::Ok);
    let text = || {
        let lines = findings.iter().map(|finding| {
            let style = match finding.level {
                FindingLevel::Ok => GREEN,
                FindingLevel::Warning => YELLOW,
                FindingLevel::Error => RED,
            };
            let level = format!("{:<8}", finding.level.as_str());
            format!("{style}{level}{style:#}{:<12} {}", finding.name, plain(&finding.message))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let list: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "level": finding.level.as_str(),
                "message": finding.message,
            })
        })
        .collect();
    output.answer(text, &json!({"level": worst.as_str(), "findings": list}))?;
    Ok(if worst == FindingLevel::Error { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
