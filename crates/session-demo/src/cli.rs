//! The command line.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// A small web application that shows database-backed sessions: pages for people, JSON for scripts.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Options {
    /// The web framework that serves it.
    #[arg(long, env = "DEMO_FRAMEWORK", default_value = "axum")]
    pub(crate) framework: Framework,

    /// Where the sessions are: memory:, sqlite:PATH or postgres://…
    // Hidden in the help's text, where it would show a password.
    #[arg(
        long,
        value_name = "URL",
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:target/session-demo.db"
    )]
    pub(crate) backend: String,

    /// The address to listen at.
    #[arg(long, env = "DEMO_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// The port to listen at; 0 picks one.
    #[arg(long, env = "DEMO_PORT", default_value_t = 3000)]
    pub(crate) port: u16,

    /// A file with the configuration of the sessions: TOML if its name ends in .toml, else YAML.
    #[arg(long, value_name = "FILE", env = "DEMO_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Serves GET /metrics for Prometheus. Whoever reaches the demo reads it.
    #[arg(long, env = "DEMO_METRICS")]
    pub(crate) metrics: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Framework {
    Axum,
    Salvo,
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Axum => "axum",
            Self::Salvo => "salvo",
        })
    }
}

impl Options {
    /// The host as the operating system takes it: an IPv6 address may come in the brackets that it
    /// has in a URL.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// Whether only this machine gets at it, so that plain http is no risk.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.bare_host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
    }
}

/// Answers a command line that starts no server: with the help that it asked for, or with one line
/// that says what is wrong with it.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if !error.use_stderr() {
        let _ = write!(std::io::stdout(), "{text}");
        return ExitCode::SUCCESS;
    }
    // What follows the first paragraph is the usage.
    let what = text.split("\n\n").next().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "{} (see --help)", one_line(what));
    ExitCode::from(2)
}

/// A message on one line, whatever a driver or a parser put into it.
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.split(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}');
    lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_hosts_are_local() {
        for (host, local) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("localhost", true),
            ("LocalHost", true),
            ("::1", true),
            ("[::1]", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.0.2.1", false),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
            ("", false),
        ] {
            let options = Options::try_parse_from(["demo", "--host", host]).unwrap();
            assert_eq!(options.is_local(), local, "{host:?}");
        }
    }

    #[test]
    fn messages_have_one_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("two\nlines", "two lines"),
            ("a\n\n  b\r\n\tc\u{1b}[1m\n", "a b c [1m"),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }
}
