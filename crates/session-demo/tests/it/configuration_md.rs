//! `docs/configuration.md` is true: its YAML says the real defaults, of every key, and each word that
//! it lists is accepted. So is the YAML in `docs/asvs.md`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use session_core::{CookieConfig, SessionConfig, SessionStore};

const PAGE: &str = include_str!("../../../../docs/configuration.md");
const REVIEW: &str = include_str!("../../../../docs/asvs.md");

fn yaml() -> &'static str {
    block(PAGE)
}

/// The first YAML on a page.
fn block(page: &'static str) -> &'static str {
    let (_, rest) = page.split_once("\n```yaml\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

/// A line of the block: a key, with the one that it is inside of, and the comment behind it.
struct Line {
    key: String,
    /// Whether it is commented out, because it has no default.
    is_out: bool,
    comment: String,
}

fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for line in yaml().lines() {
        let inside = if line.starts_with("  ") { "cookie." } else { "" };
        let (is_out, line) = match line.trim().strip_prefix("# ") {
            Some(rest) => (true, rest),
            None => (false, line.trim()),
        };
        let (key, rest) = line.split_once(':').unwrap();
        let comment = rest.split_once('#').map_or("", |(_, comment)| comment.trim());
        lines.push(Line { key: format!("{inside}{key}"), is_out, comment: comment.to_owned() });
    }
    lines
}

/// Every key that is accepted: what is refused is told the others.
fn accepted<T: DeserializeOwned>(inside: &str) -> Vec<String> {
    let error = serde_json::from_str::<T>(r#"{"no such key": 0}"#).err().unwrap().to_string();
    let spans = error.split('`').skip(1).step_by(2).filter(|name| *name != "no such key");
    spans.map(|name| format!("{inside}{name}")).collect()
}

fn default_of(key: &str) -> Option<Value> {
    let config = serde_json::to_value(SessionConfig::default()).unwrap();
    let pointer = format!("/{}", key.replace('.', "/"));
    config.pointer(&pointer).filter(|value| !value.is_null()).cloned()
}

#[test]
fn configuration_md_has_the_real_defaults() {
    let read: SessionConfig = serde_saphyr::from_str(yaml()).unwrap();
    assert_eq!(read, SessionConfig::default());
    let written: Value = serde_saphyr::from_str(yaml()).unwrap();
    let mut keys = BTreeMap::new();
    for line in lines() {
        let default = default_of(&line.key);
        assert_eq!(line.is_out, default.is_none(), "{}", line.key);
        let pointer = format!("/{}", line.key.replace('.', "/"));
        // What is inside of `cookie` is compared key by key.
        if line.key != "cookie" {
            assert_eq!(written.pointer(&pointer), default.as_ref(), "{}", line.key);
        }
        keys.insert(line.key, ());
    }
    let mut all = accepted::<SessionConfig>("");
    all.extend(accepted::<CookieConfig>("cookie."));
    all.sort();
    assert_eq!(keys.into_keys().collect::<Vec<_>>(), all, "every key, and no other");
}

#[test]
fn configuration_md_lists_words_that_are_accepted() {
    let mut listed = 0;
    for line in lines() {
        let words = line.comment.rsplit(": ").next().unwrap();
        let words: Vec<&str> = words.split(", ").collect();
        let is_list =
            |word: &&str| word.chars().all(|one| one.is_alphabetic() || "-_".contains(one));
        if words.len() < 2 || !words.iter().all(is_list) {
            continue;
        }
        for word in &words {
            let yaml = match line.key.split_once('.') {
                Some((outer, key)) => format!("{outer}: {{{key}: {word}}}"),
                None => format!("{}: {word}", line.key),
            };
            assert!(serde_saphyr::from_str::<SessionConfig>(&yaml).is_ok(), "{yaml}");
        }
        if let Some(default) = default_of(&line.key) {
            assert!(words.contains(&default.as_str().unwrap()), "{}: {default}", line.key);
        }
        listed += 1;
    }
    assert_eq!(listed, 9, "keys with a list of words");
}

#[test]
fn configuration_md_has_the_presets() {
    for (name, config) in [("aal2", SessionConfig::aal2()), ("aal3", SessionConfig::aal3())] {
        let row =
            PAGE.lines().find(|line| line.starts_with(&format!("| `SessionConfig::{name}()`")));
        let cells: Vec<&str> = row.unwrap().split('|').map(str::trim).collect();
        let seconds = |words: &str| match words {
            "a day" => 86_400,
            "twelve hours" => 43_200,
            "an hour" => 3600,
            "fifteen minutes" => 900,
            other => panic!("{other}"),
        };
        assert_eq!(config.absolute_ttl_secs, Some(seconds(cells[2])), "{name}");
        assert_eq!(config.session_ttl_secs, seconds(cells[3]), "{name}");
        assert_eq!(config.cookie_name, "__Host-session", "{name}");
        assert!(PAGE.contains("cookie name `__Host-session`"));
        SessionStore::new(session_core::MemoryBackend::new(), config).unwrap();
    }
}

/// Its settings are the preset's, and the one that the preset leaves out.
#[test]
fn asvs_md_has_the_settings_for_aal2() {
    let read: SessionConfig = serde_saphyr::from_str(block(REVIEW)).unwrap();
    let mut expected = SessionConfig::aal2();
    expected.cookie.persistent = false;
    assert_eq!(read, expected);
}
