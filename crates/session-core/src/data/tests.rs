//! What a map holds, and what may go into it.

use serde_json::json;

use super::*;

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[test]
fn bodies_are_checked() {
    for (name, text, fine) in [
        ("a number", "1", true),
        ("as deep as allowed", &nested(MAX_DEPTH), true),
        ("one too deep", &nested(MAX_DEPTH + 1), false),
        ("far too deep", &nested(1_000_000), false),
        ("never closed", &"[".repeat(1_000_000), false),
        ("brackets in a string", &format!("\"{}\"", "[".repeat(500)), true),
        ("brackets behind an escaped quote", &format!("\"\\\"{}\"", "[".repeat(500)), true),
        ("U+0000 in a value", r#"{"a":"\u0000"}"#, false),
        ("U+0000 in an inner key", r#"{"\u0000":1}"#, false),
        ("nothing", "", false),
        ("two values", "1 2", false),
        ("a number that no f64 holds", "1e400", false),
    ] {
        assert_eq!(parse_json(text.as_bytes()).is_ok(), fine, "{name}");
    }
}

#[test]
fn what_was_accepted_can_be_loaded() {
    let deepest = parse_json(nested(MAX_DEPTH).as_bytes()).unwrap();
    let mut data = Data::new();
    data.insert("k", deepest);
    assert_eq!(Data::from_json(data.to_json().as_bytes()).unwrap(), data);
    assert_eq!(data.json_len(), data.to_json().len());
}

#[test]
fn size_is_the_length_of_the_json() {
    let mut data = Data::new();
    let mut size = Size::of(&data);
    for (key, value) in [("a", Value::from(1)), ("\"é\n", "\u{1}x".into()), ("a", Value::Null)] {
        if let Some(before) = data.insert(key, value.clone()) {
            size.subtract(key, &before);
        }
        size.add(key, &value);
        assert_eq!(size.json_len(), data.to_json().len(), "{key}");
        assert_eq!(size, Size::of(&data), "{key}");
    }
}

#[test]
fn a_length_is_that_of_the_text() {
    let mut values: Vec<Value> = vec![
        Value::Null,
        true.into(),
        false.into(),
        u64::MAX.into(),
        i64::MIN.into(),
        (-1).into(),
        0.5.into(),
        (-0.0).into(),
        1e300.into(),
        f64::MIN_POSITIVE.into(),
        json!([]),
        json!({}),
        json!([[], {}, [1, [2, "\""]], {"a\n": {"b": null}, "c": [true]}]),
    ];
    values.extend((0..20).flat_map(|power| {
        let ten = 10_u64.saturating_pow(power);
        [ten.into(), (ten - 1).into(), (-(ten.min(1 << 60) as i64)).into()]
    }));
    // Whatever JSON escapes, and what it does not.
    values.extend((1..0x2100).filter_map(char::from_u32).map(|c| format!("{c}x{c}").into()));
    for value in values {
        assert_eq!(value_len(&value), to_json(&value).len(), "{value}");
    }
}

#[test]
fn debug_shows_keys_only() {
    let data = Data::from_iter([("card".to_owned(), Value::from("4111"))]);
    assert_eq!(format!("{data:?}"), r#"{"card"}"#);
}
