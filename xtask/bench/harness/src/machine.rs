//! What the numbers were made on: processor, system, compiler. No names of machines.

use std::fs;
use std::process::Command;

/// What stands at the head of the report.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) valgrind: String,
    pub(crate) day: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        Self {
            processor: processor().unwrap_or_else(|| "an unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel(&said("uname", &["-s", "-r"])),
            rustc: rustc(),
            valgrind: crate::callgrind::version().unwrap_or_else(|| "none".to_owned()),
            day: said("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

/// `Linux 6.18`: what follows is a build of it.
fn kernel(said: &str) -> String {
    said.split('.').take(2).collect::<Vec<_>>().join(".")
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

/// Such as `1.95.0`.
pub(crate) fn rustc() -> String {
    let version = said("rustc", &["--version"]);
    version.split(' ').nth(1).map(str::to_owned).unwrap_or(version)
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}
