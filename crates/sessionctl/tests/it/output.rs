//! Where an answer goes: to somebody who has gone, to a full disk, to a terminal, to a program.

use std::process::{Command, Stdio};

use serde_json::json;
use session_core::{SignIn, UserId};

use crate::support::{Place, everywhere, sign_in, sqlite};

const ESCAPES: &str = "eve\u{1b}[2J\u{7f}\u{9b}31m\u{202e}";

fn program(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionctl"));
    command.args(["--backend", &place.url]).args(arguments);
    if let Some(schema) = &place.schema {
        command.args(["--schema", schema]);
    }
    command
}

/// As `sessionctl completions bash | head -1`, where head is done first.
#[tokio::test]
async fn a_reader_that_has_gone() {
    let place = sqlite().await;
    sign_in(&place.store(), "alice").await;
    for arguments in [&["completions", "bash"][..], &["list", "alice"], &["stats", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(&place, arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// A report that was cut off by a full disk must not look whole.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_answer_that_cannot_be_written() {
    let place = sqlite().await;
    sign_in(&place.store(), "alice").await;
    for arguments in
        [&["completions", "bash"][..], &["list", "alice"], &["stats", "--json"], &["doctor"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program(&place, arguments).stdout(full).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {said}");
        assert!(said.contains("cannot be written"), "{arguments:?}: {said}");
    }
}

/// A user's id is what somebody chose when they signed up.
#[tokio::test]
async fn a_user_who_speaks_to_terminals() {
    for place in everywhere().await {
        let store = place.store();
        for arguments in [&["list", ESCAPES][..], &["end-user", ESCAPES]] {
            sign_in(&store, ESCAPES).await;
            for json in [false, true] {
                // As if it were a terminal: else escapes are left out of text anyway.
                let mut command = program(&place, arguments);
                command.env("CLICOLOR_FORCE", "1").args(json.then_some("--json"));
                let output = command.output().unwrap();
                let said = String::from_utf8(output.stdout).unwrap();
                let is_odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
                assert!(!said.contains(is_odd), "{}: {arguments:?}: {said:?}", place.name);
                sign_in(&store, ESCAPES).await;
            }
        }
    }
}

/// JSON is for programs, which want what was stored.
#[tokio::test]
async fn json_leaves_nothing_out() {
    let place = sqlite().await;
    let store = place.store();
    let visit = store.begin();
    let (method, uri) = (http::Method::POST, http::Uri::from_static("/"));
    visit.attach(&method, &uri, &http::HeaderMap::new(), session_core::Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    let user = UserId::new(ESCAPES).unwrap();
    session.authenticate_with(SignIn::new(user).data("odd", ESCAPES).unwrap()).await.unwrap();
    let id = session.id().unwrap().to_string();
    let shown = place.run(&["show", &id, "--data", "--json"]).ended_with(0).json();
    assert_eq!(shown["user"], ESCAPES);
    assert_eq!(shown["data"], json!({ "odd": ESCAPES }));
}
