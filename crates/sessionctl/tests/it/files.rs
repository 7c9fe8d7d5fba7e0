//! Configurations, and what is written for a shell.

use crate::support::{run, sqlite};

#[test]
fn configurations_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, code, says) in [
        ("a.yaml", "session_ttl_secs: 60\n", 0, ""),
        ("empty.yaml", "# nothing\n", 0, ""),
        ("a.toml", "session_ttl_secs = 60\n", 0, ""),
        ("a.json", r#"{"session_ttl_secs": 60}"#, 0, ""),
        ("b.yaml", "session_ttl_sec: 60\n", 1, "session_ttl_sec"),
        ("b.toml", "\nsession_ttl_sec = 60\n", 1, "line 2"),
        ("c.yaml", "max_sessions_per_user: 0\n", 1, "max_sessions_per_user"),
        ("d.yaml", "secrets: [hunter2]\n", 1, "secrets"),
        ("d.toml", "secrets = [\"hunter2\", 3]\n", 1, ""),
        ("e.yaml", "session_ttl_secs: [", 1, "e.yaml"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let said = run(&["config", "check", file.to_str().unwrap()]).ended_with(code);
        assert!(format!("{}{}", said.out, said.err).contains(says), "{name}: {said:?}");
        assert!(!said.err.contains("hunter2"), "{name}: {said:?}");
    }
    let said = run(&["config", "check", "nowhere.yaml"]).ended_with(5);
    assert!(said.err.contains("nowhere.yaml"), "{said:?}");
}

#[tokio::test]
async fn doctor_looks_at_the_configuration_too() {
    let place = sqlite().await;
    let file = place.folder.path().join("sessions.yaml");
    std::fs::write(&file, "max_sessions_per_user: 0\n").unwrap();
    let file = file.to_str().unwrap();
    let said = place.run(&["doctor", "--config", file]).ended_with(1);
    assert!(said.out.contains("max_sessions_per_user"), "{said:?}");
    let said = place.run(&["stats", "--config", file]).ended_with(1);
    assert!(said.err.contains("max_sessions_per_user"), "{said:?}");
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = run(&["completions", shell]).ended_with(0);
        for command in ["end-user", "doctor", "migrate"] {
            assert!(said.out.contains(command), "{shell}: {command}");
        }
    }
    run(&["completions", "tcsh"]).ended_with(2);
}

/// A password in the environment is not shown by the help.
#[test]
fn help_shows_the_exit_codes_and_no_url() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sessionctl"));
    let url = "postgres://ops:hunter2@db.example/shop";
    let help = command.arg("--help").env("SESSION_BACKEND", url).output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("Exit codes") && text.contains("SESSION_BACKEND"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
