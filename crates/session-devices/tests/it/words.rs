//! The page in German, and in the language that a request asks for.

use std::sync::Arc;

use http::Method;
use http::header::ACCEPT_LANGUAGE;
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_devices::{Ago, Date, DevicesApi, DevicesPage, Problem, Sentence, Words};

use crate::site::{FIREFOX, Framework, Site};

on_both! {
    in_german
    in_the_language_of_the_request
}

pub(crate) fn german() -> Words {
    Words {
        language: "de".into(),
        title: "Ihre Geräte".into(),
        lead: "Hier ist {user} angemeldet. Was Sie nicht kennen, beenden Sie.".into(),
        signed_in_here: "Hier angemeldet".into(),
        this_device: "Dieses Gerät".into(),
        impersonated: "Hier handelt {user} für Sie".into(),
        other_devices: "Andere Geräte".into(),
        none_elsewhere: "Sie sind sonst nirgends angemeldet.".into(),
        last_seen: "Zuletzt".into(),
        first_seen: "Zuerst".into(),
        ip_address: "IP-Adresse".into(),
        unknown_address: "unbekannt".into(),
        first_address: "zuerst {address}".into(),
        unknown_browser: "Unbekannter Browser".into(),
        computer: "Computer".into(),
        phone: "Telefon".into(),
        tablet: "Tablet".into(),
        robot: "Programm".into(),
        other_device: "Anderes Gerät".into(),
        sign_out: "Abmelden".into(),
        sign_out_here: "Abmelden, nur hier".into(),
        end: "Beenden".into(),
        end_session: "Beenden".into(),
        end_session_of: "Beenden: {device}, zuletzt {ago}".into(),
        end_all_others: "Alle anderen beenden".into(),
        lost_title: "Gerät verloren, oder unsicher?".into(),
        lost_hint: "Meldet überall ab, auch hier. Sie können sich gleich wieder anmelden.".into(),
        sign_out_everywhere: "Überall abmelden".into(),
        ago: german_ago,
        date: |Date { year, month, day, hour, minute }| {
            format!("{day}.{month}.{year}, {hour:02}:{minute:02} UTC")
        },
        problem: german_problem,
        to_first_page: "Zur Startseite".into(),
        ..Words::default()
    }
}

fn german_ago(ago: Ago) -> String {
    match ago {
        Ago::JustNow => "gerade eben".to_owned(),
        Ago::Minutes(1) => "vor einer Minute".to_owned(),
        Ago::Minutes(count) => format!("vor {count} Minuten"),
        Ago::Hours(1) => "vor einer Stunde".to_owned(),
        Ago::Hours(count) => format!("vor {count} Stunden"),
        Ago::Days(1) => "vor einem Tag".to_owned(),
        Ago::Days(count) => format!("vor {count} Tagen"),
    }
}

fn german_problem(problem: Problem) -> Sentence {
    let (title, text) = match problem {
        Problem::NotSignedIn => ("Nicht angemeldet", "Hier ist niemand angemeldet."),
        Problem::Unavailable => ("Gerade nicht", "Bitte versuchen Sie es gleich noch einmal."),
        _ => ("Das ging nicht", "Bitte versuchen Sie es noch einmal."),
    };
    Sentence { title: title.into(), text: text.into() }
}

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

async fn in_german(framework: Framework) {
    let site = Site::new(framework, store(), DevicesPage::new().words(german()), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let _there = site.signed_in_with("alice", FIREFOX).await;
    let page = here.get("/account/devices").await.page(200);
    for expected in [
        "<html lang=\"de\" dir=\"ltr\">",
        "<title>Ihre Geräte</title>",
        "Hier ist <strong class=\"name\">alice</strong> angemeldet.",
        "aria-label=\"Beenden: Firefox on Windows, zuletzt gerade eben\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // No English is left: only the devices' names, which are the core's.
    for english in ["Your", "device", "seen", "session", "Sign", "End", "unknown", "address", "ago"]
    {
        let text: String =
            page.split('<').map(|tag| tag.split_once('>').map_or("", |(_, text)| text)).collect();
        assert!(!text.contains(english), "{english}: {text}");
    }
    let page = site.browser().get("/account/devices").await.page(401);
    assert!(page.contains("<h1>Nicht angemeldet</h1>") && page.contains("Zur Startseite"));
}

async fn in_the_language_of_the_request(framework: Framework) {
    let (english, german) = (Arc::new(Words::default()), Arc::new(german()));
    let page = DevicesPage::new().words_for(move |head| {
        let asks = head.headers.get(ACCEPT_LANGUAGE);
        let is_german = asks.is_some_and(|asked| asked.as_bytes().starts_with(b"de"));
        if is_german { german.clone() } else { english.clone() }
    });
    let site = Site::new(framework, store(), page, DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    for (asked, title) in
        [("de-AT,de", "Ihre Geräte"), ("en", "Your devices"), ("", "Your devices")]
    {
        let headers = [("accept-language", asked)];
        let reply = alice.send(Method::GET, "/account/devices", &headers).await;
        assert!(reply.page(200).contains(&format!("<h1>{title}</h1>")), "{asked}");
    }
}
