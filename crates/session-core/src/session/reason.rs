//! Why a stored value is not of a type, without the value: serde's messages repeat it.
//!
//! 1. Only messages that serde itself makes are understood. What an application's own `Deserialize`
//!    says may hold anything, and is not passed on.
//! 2. Of those, only what cannot be the value is taken: the kind of thing that was found, what was
//!    expected instead, the name of a missing field.
//! 3. What is left is dropped if anything of the value shows in it all the same, such as from a message
//!    that looks like serde's.

use std::collections::HashSet;

use serde_json::Value;

/// How long a string or a number must be for its showing to count: shorter ones are in any text.
const SHOWS: usize = 4;

/// How long a piece of a string must be for its showing to count.
const PIECE: usize = 8;

/// A reason that is longer tells nobody anything.
const MAX_LEN: usize = 400;

/// What `message`, which is serde's about `value`, says without the value.
pub(super) fn reason(message: &str, value: &Value) -> Option<String> {
    let reason = safe_part(message)?;
    let is_fine = reason.len() <= MAX_LEN && !reason.contains(char::is_control);
    (is_fine && !Shown::new(&reason).has(value)).then_some(reason)
}

fn safe_part(message: &str) -> Option<String> {
    let expected = || {
        let (_, expected) = message.rsplit_once(", expected ")?;
        is_known(expected).then_some(expected)
    };
    for what in ["invalid type", "invalid value"] {
        if let Some(found) = message.strip_prefix(what).and_then(|rest| rest.strip_prefix(": ")) {
            return Some(format!("{what}: {}, expected {}", kind(found)?, expected()?));
        }
    }
    for (beginning, what) in [
        ("invalid length ", "invalid length"),
        ("unknown variant `", "unknown variant"),
        ("unknown field `", "unknown field"),
    ] {
        if message.starts_with(beginning) {
            return Some(format!("{what}, expected {}", expected()?));
        }
    }
    for what in ["missing field", "duplicate field"] {
        if let Some(field) = message.strip_prefix(what).and_then(|rest| rest.strip_prefix(" `")) {
            let name = field.strip_suffix('`').filter(|name| !name.contains('`'))?;
            return Some(format!("{what} `{name}`"));
        }
    }
    None
}

/// Whether what is expected is said in serde's own words or is a name of the type's, as its derive
/// writes them. An application's own words may be made of the value.
fn is_known(expected: &str) -> bool {
    const KNOWN: [&str; 36] = [
        "a boolean",
        "a string",
        "a borrowed string",
        "a character",
        "a sequence",
        "a map",
        "unit",
        "any value",
        "an option",
        "an array",
        "a tuple",
        "a byte array",
        "a borrowed byte array",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "f32",
        "f64",
        "variant identifier",
        "field identifier",
        "string or map",
        "there are no fields",
        "there are no variants",
        "a nonzero u8",
        "a nonzero u32",
        "a nonzero u64",
        "a nonzero i64",
    ];
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-:<>,() ".contains(c))
    };
    // `one of `a`, `b``, or a single name; names of fields and variants of the type.
    let names = expected.strip_prefix("one of ").unwrap_or(expected);
    let are_names = names.split(", ").all(|name| {
        let inner = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        inner.is_some_and(|name| !name.contains('`'))
    });
    let two = expected.split_once(" or ").is_some_and(|(first, second)| {
        [first, second].iter().all(|name| name.starts_with('`') && name.ends_with('`'))
    });
    let typed = [
        "struct ",
        "enum ",
        "tuple struct ",
        "unit struct ",
        "struct variant ",
        "tuple variant ",
        "a tuple of size ",
        "an array of length ",
    ];
    KNOWN.contains(&expected)
        || are_names
        || two
        || typed.iter().any(|kind| expected.strip_prefix(kind).is_some_and(is_name))
}

/// The kind of thing that was found, by how serde begins to describe it.
fn kind(found: &str) -> Option<&'static str> {
    // Each followed by the thing itself, or by nothing of it.
    const KINDS: [(&str, &str); 10] = [
        ("boolean `", "boolean"),
        ("integer `", "integer"),
        ("floating point `", "floating point"),
        ("character `", "character"),
        ("string \"", "string"),
        ("null,", "null"),
        ("unit value,", "null"),
        ("sequence,", "sequence"),
        ("map,", "map"),
        ("unit variant,", "unit variant"),
    ];
    KINDS.iter().find(|(beginning, _)| found.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// A text in which nothing of a value may show.
struct Shown<'a> {
    text: &'a str,
    pieces: HashSet<&'a [u8]>,
}

impl<'a> Shown<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, pieces: text.as_bytes().windows(PIECE).collect() }
    }

    /// Whether anything of `value` shows: values nest at most [`MAX_DEPTH`](crate::MAX_DEPTH) deep.
    fn has(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => self.has_text(&number.to_string()),
            Value::String(text) => self.has_text(text),
            Value::Array(items) => items.iter().any(|item| self.has(item)),
            Value::Object(map) => {
                map.iter().any(|(key, item)| self.has_text(key) || self.has(item))
            }
        }
    }

    fn has_text(&self, text: &str) -> bool {
        (text.chars().nth(SHOWS - 1).is_some() && self.text.contains(text))
            || text.as_bytes().windows(PIECE).any(|piece| self.pieces.contains(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::{DeserializeOwned, Deserializer, Error as _};
    use serde_json::json;

    use super::super::read::read;
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Item {
        name: String,
        quantity: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Theme {
        Dark,
        Light(#[expect(dead_code, reason = "only read")] u8),
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only read")]
    enum Tagged {
        A { n: u64 },
        B { item: Item },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only read")]
    enum Untagged {
        A(u64),
        B(Item),
    }

    /// An application's own, each of which says more than it should.
    macro_rules! telltale {
        ($($name:ident: |$text:ident| $message:expr;)+) => {$(
            #[derive(Debug)]
            struct $name;
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let $text = Value::deserialize(deserializer)?.to_string();
                    Err(D::Error::custom($message))
                }
            }
        )+};
    }
    telltale! {
        Says: |text| format!("no good: {text}");
        LooksLikeSerde: |text| format!("invalid type: string \"x\", expected {text}");
        LooksLikeAField: |text| format!("missing field `{}`", text.trim_matches('"'));
        HasAPiece: |text| {
            let pieces: String = text.chars().skip(2).take(30).collect();
            format!("invalid value: map, expected not {pieces}")
        };
        SaysItLoud: |text| format!("unknown variant `x`, expected {text:?}");
    }

    fn message<T: DeserializeOwned>(value: &Value) -> Option<String> {
        read::<T>("k", value).err().map(|error| error.to_string())
    }

    #[test]
    fn reasons() {
        fn check<T: DeserializeOwned>(value: &Value, expected: Option<&str>) {
            let message = message::<T>(value).unwrap();
            let name = std::any::type_name::<T>();
            let plain = format!("the value under \"k\" is not a {name}");
            let expected = expected.map_or(plain.clone(), |reason| format!("{plain}: {reason}"));
            assert_eq!(message, expected, "{value}");
        }
        check::<u64>(&json!("secret"), Some("invalid type: string, expected u64"));
        check::<u64>(&json!(-12345), Some("invalid value: integer, expected u64"));
        check::<u64>(&json!(1.5), Some("invalid type: floating point, expected u64"));
        check::<u64>(&json!(null), Some("invalid type: null, expected u64"));
        check::<String>(&json!(true), Some("invalid type: boolean, expected a string"));
        check::<String>(&json!([1]), Some("invalid type: sequence, expected a string"));
        check::<Vec<u8>>(&json!({}), Some("invalid type: map, expected a sequence"));
        check::<(u8, u8)>(&json!([1]), Some("invalid length, expected a tuple of size 2"));
        check::<Item>(&json!({ "name": "x" }), Some("missing field `quantity`"));
        check::<Item>(
            &json!({ "hidden": "x" }),
            Some("unknown field, expected `name` or `quantity`"),
        );
        check::<Theme>(&json!("secret"), Some("unknown variant, expected `dark` or `light`"));
        check::<Theme>(&json!("dark mode"), Some("unknown variant, expected `dark` or `light`"));
        check::<Untagged>(&json!("secret"), None);
        check::<Says>(&json!("secret"), None);
        check::<LooksLikeSerde>(&json!("secret"), None);
        check::<LooksLikeAField>(&json!("secret"), None);
        // What is expected is in the value as well: better too little is said.
        check::<Item>(&json!({ "name": "x", "secret": 1 }), None);
        check::<Vec<Item>>(&json!([{ "name": "x", "quantity": 1 }, { "name": "y" }]), None);
        check::<u64>(&json!("x, expected secret"), None);
    }

    #[test]
    fn the_words_of_an_application_are_not_passed_on() {
        for expected in [
            "a PIN other than 123",
            "a card unlike 4111 2222 3333 4444",
            "a plan other than HUNTER2-SECRET",
            "[68, 75, 6e, 74, 65, 72]",
        ] {
            let message = format!("invalid value: string \"x\", expected {expected}");
            assert_eq!(reason(&message, &json!("x")), None, "{expected}");
        }
    }

    #[test]
    fn pieces_of_a_value_do_not_show() {
        let value = json!({ "a": ["correct horse"], "b": 31_337 });
        for (text, expected) in [
            ("a horse", false),
            ("correct horse", true),
            ("a correct hors", true),
            ("31337", true),
            ("3133", false),
        ] {
            assert_eq!(Shown::new(text).has(&value), expected, "{text}");
        }
    }

    const MARKER: &str = "Zq7-marker-9Xw";

    /// Any value, the marker somewhere in each of its strings.
    fn marked() -> impl Strategy<Value = Value> {
        let text = || {
            let around = prop_oneof![
                Just(String::new()),
                Just("`, expected ".to_owned()),
                Just("\", expected ".to_owned()),
                "[ -~]{0,12}",
                "\\PC{0,6}",
            ];
            (around.clone(), around).prop_map(|(before, after)| format!("{before}{MARKER}{after}"))
        };
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            let key = prop_oneof![
                text(),
                Just("name".to_owned()),
                Just("quantity".to_owned()),
                Just("kind".to_owned()),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_message_shows_a_string_of_the_value(value in marked()) {
            let messages = [
                message::<u64>(&value),
                message::<bool>(&value),
                message::<char>(&value),
                message::<String>(&value),
                message::<(u8, String)>(&value),
                message::<Vec<u64>>(&value),
                message::<Option<Vec<String>>>(&value),
                message::<BTreeMap<String, u64>>(&value),
                message::<BTreeMap<u64, String>>(&value),
                message::<Item>(&value),
                message::<Vec<Item>>(&value),
                message::<Theme>(&value),
                message::<Tagged>(&value),
                message::<Untagged>(&value),
                message::<std::net::IpAddr>(&value),
                message::<crate::SessionId>(&value),
                message::<Says>(&value),
                message::<LooksLikeSerde>(&value),
                message::<LooksLikeAField>(&value),
                message::<HasAPiece>(&value),
                message::<SaysItLoud>(&value),
            ];
            for message in messages.into_iter().flatten() {
                prop_assert!(!message.contains(MARKER), "{message}");
                prop_assert!(!message.contains(char::is_control), "{message}");
            }
        }
    }
}
