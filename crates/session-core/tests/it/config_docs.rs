//! The table in the documentation of `SessionConfig` has every key, with its real default.

use std::collections::BTreeMap;

use serde_json::Value;
use session_core::{CookieConfig, SessionConfig};

const SOURCE: &str = include_str!("../../src/config.rs");

/// Every key that is accepted: what is refused is told the others.
fn keys<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_str::<T>(r#"{"no such key": 0}"#).err().unwrap().to_string();
    let spans = error.split('`').skip(1).step_by(2);
    spans.filter(|name| *name != "no such key").map(str::to_owned).collect()
}

/// Each key with its default, as the table writes it; `None` if there is no value.
fn defaults() -> BTreeMap<String, Option<String>> {
    let config = serde_json::to_value(SessionConfig::default()).unwrap();
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word.clone()),
        Some(other) => Some(other.to_string()),
    };
    let of_session = keys::<SessionConfig>().into_iter().filter(|key| key != "cookie");
    let mut all: BTreeMap<_, _> =
        of_session.map(|key| (key.clone(), text(config.get(&key)))).collect();
    let of_cookie = keys::<CookieConfig>().into_iter();
    all.extend(of_cookie.map(|key| (format!("cookie.{key}"), text(config["cookie"].get(&key)))));
    all
}

#[test]
fn the_table_has_the_real_defaults() {
    let rows = SOURCE.lines().filter_map(|line| line.strip_prefix("/// | [`"));
    let said: BTreeMap<_, _> = rows
        .map(|row| {
            let (key, rest) = row.split_once('`').unwrap();
            let default = rest.split('|').nth(1).unwrap().trim();
            // A value is code and nothing else; what has none is said in words.
            let value = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            (key.to_owned(), value.filter(|value| !value.contains('`')).map(str::to_owned))
        })
        .collect();
    assert!(said.len() > 20, "the table is there");
    assert_eq!(said, defaults());
}
