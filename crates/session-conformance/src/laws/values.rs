//! Values and keys that databases get wrong, and what "equal" means for what comes back.

use std::sync::LazyLock;

use serde_json::{Map, Number, Value, json};
use session_core::MAX_DEPTH;

use crate::race::Random;

/// Keys that mean something in a path, a pattern, a query or an encoding.
pub(super) fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "",
        " ",
        ".",
        "a.b",
        "a",
        "$",
        "$.a",
        "$[0]",
        "a[0]",
        "[0]",
        "0",
        "-1",
        "#",
        "#-1",
        "'",
        "\"",
        "\"a\"",
        "\\",
        "\\\"",
        "\\u0041",
        "a\\",
        "a/b",
        "~0",
        "~1",
        "*",
        "%",
        "_",
        "?",
        ":a",
        "@",
        "{",
        "}",
        "{}",
        ",",
        "a,b",
        "null",
        "true",
        "1e3",
        "A",
        "é",
        "e\u{301}",
        "😀",
        "👩‍👩‍👧",
        "\n",
        "\t",
        "\r\n",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{202e}",
        "__proto__",
        "constructor",
        "id",
        "data",
        "--",
        "/*",
        "; DROP TABLE sessions",
        "*1\r\n$1\r\na\r\n",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.push("k".repeat(1024));
    keys.push("é\"'\\".repeat(200));
    keys
}

/// Values at every edge that JSON has.
pub(super) fn odd_values() -> Vec<Value> {
    let mut values = vec![
        Value::Null,
        true.into(),
        false.into(),
        json!([]),
        json!({}),
        json!([null]),
        json!([[], {}, [[]], {"": {"": []}}]),
        json!({"a": {"b": {"c": [1, {"d": null}]}}, "a.b": 1, "$": 2, "": 3}),
        json!("1"),
        json!("null"),
        json!("{\"a\":1}"),
    ];
    values.extend(odd_keys().into_iter().map(Value::from));
    values.push("long ".repeat(2000).into());
    for number in [0, 1, -1, 9, 10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
        values.push(number.into());
    }
    // Where floating-point numbers begin to skip integers, and where 32 bits end.
    for power in [31, 32, 53, 62, 63] {
        let power = 1_u64 << power;
        for number in [power - 1, power, power + 1] {
            values.push(number.into());
            if let Ok(signed) = i64::try_from(number) {
                values.push((-signed).into());
            }
        }
    }
    values.extend([u64::MAX, u64::MAX - 1].map(Value::from));
    let floats = [
        0.0,
        -0.0,
        0.1,
        -0.1,
        0.5,
        1.0,
        -1.0,
        1.5,
        1e15,
        1e16,
        1e17,
        1e21,
        1e22,
        1e23,
        1e100,
        5e-324,
        1e-7,
        1e-300,
        123_456_789.123_456_79,
        0.300_000_000_000_000_04,
        9_007_199_254_740_993.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        f64::EPSILON,
        // Known to be read wrongly by quick parsers: half-way cases and subnormals.
        2.225_073_858_507_201e-308,
        2.225_073_858_507_201_4e-308,
        8.41e21,
        9.5e-322,
        1.797_693_134_862_315_7e308,
        7.120_108_378_260_325e-307,
        6.631_236_846_766e-316,
        3.237_883_913_302_9e-319,
    ];
    values.extend(floats.iter().filter_map(|&float| Number::from_f64(float)).map(Value::Number));
    let mut random = Random::new(64);
    values.extend((0..200).map(|_| Value::Number(random_float(&mut random))));
    values
}

/// A value that nests as deep as it may.
pub(super) fn deep(objects: bool) -> Value {
    let mut value = if objects { json!({}) } else { json!([]) };
    for _ in 1..MAX_DEPTH {
        value = if objects { json!({ "d": value }) } else { json!([value]) };
    }
    value
}

/// Any finite `f64`, by its bits.
fn random_float(random: &mut Random) -> Number {
    loop {
        if let Some(number) = Number::from_f64(f64::from_bits(random.next())) {
            return number;
        }
    }
}

pub(super) fn random_value(random: &mut Random, depth: u32) -> Value {
    match random.below(if depth == 0 { 7 } else { 9 }) {
        0 => Value::Null,
        1 => (random.below(2) == 0).into(),
        2 => random.next().into(),
        3 => random.next().cast_signed().into(),
        4 => Value::Number(random_float(random)),
        5 => {
            static EDGES: LazyLock<Vec<Value>> = LazyLock::new(odd_values);
            let place = usize::try_from(random.below(u64::try_from(EDGES.len()).unwrap_or(1)));
            EDGES[place.unwrap_or(0)].clone()
        }
        6 => random_text(random).into(),
        7 => (0..random.below(4)).map(|_| random_value(random, depth - 1)).collect(),
        _ => {
            let entries = (0..random.below(4))
                .map(|_| (random_text(random), random_value(random, depth - 1)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// Any characters but U+0000, which the core refuses.
fn random_text(random: &mut Random) -> String {
    let length = random.below(12);
    let characters = (0..length).filter_map(|_| {
        let range = [0x7f, 0x7ff, 0xffff, 0x11_0000][usize::try_from(random.below(4)).unwrap_or(0)];
        char::from_u32(u32::try_from(1 + random.below(range - 1)).unwrap_or(1))
    });
    characters.collect()
}

/// Panics if `back` is not what `value` has to come back as.
pub(super) fn assert_same(value: &Value, back: &Value, place: &dyn Fn() -> String) {
    match (value, back) {
        (Value::Array(items), Value::Array(backs)) => {
            assert_eq!(items.len(), backs.len(), "{}: an array's length", place());
            for (item, back) in items.iter().zip(backs) {
                assert_same(item, back, place);
            }
        }
        (Value::Object(entries), Value::Object(backs)) => {
            assert_eq!(entries.len(), backs.len(), "{}: an object's keys", place());
            for (key, item) in entries {
                let back = backs.get(key);
                let back = back.unwrap_or_else(|| panic!("{}: the inner key {key:?}", place()));
                assert_same(item, back, place);
            }
        }
        (Value::Number(number), Value::Number(back)) => {
            assert!(same_number(number, back), "{}: {number} came back as {back}", place());
        }
        (value, back) => assert_eq!(value, back, "{}", place()),
    }
}

fn same_number(number: &Number, back: &Number) -> bool {
    if number.is_i64() || number.is_u64() {
        return (number.as_i64(), number.as_u64()) == (back.as_i64(), back.as_u64());
    }
    match (number.as_f64(), back.as_f64()) {
        // -0.0 may lose its sign, and nothing else may change.
        (Some(0.0), Some(back)) => back == 0.0,
        (Some(float), Some(back)) => float.to_bits() == back.to_bits(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_means_what_the_law_says() {
        let float = |float: f64| Value::Number(Number::from_f64(float).unwrap());
        for (name, value, back, same) in [
            ("an integer", json!(1), json!(1), true),
            ("an integer as a float", json!(1), json!(1.0), false),
            ("a large integer, rounded", json!(u64::MAX), json!(u64::MAX - 1), false),
            ("a whole float as an integer", json!(1e17), json!(100_000_000_000_000_000_u64), true),
            (
                "a float, one bit off",
                float(0.1),
                float(f64::from_bits(0.1_f64.to_bits() + 1)),
                false,
            ),
            ("minus zero", float(-0.0), float(0.0), true),
            ("zero as something", float(0.0), float(5e-324), false),
            ("null for absent", json!({"a": null}), json!({}), false),
            ("one more key", json!({}), json!({"a": null}), false),
        ] {
            let result = std::panic::catch_unwind(|| assert_same(&value, &back, &String::new));
            assert_eq!(result.is_ok(), same, "{name}");
        }
    }
}
