//! Law `patch_is_exact`, hard: odd keys and odd values, in every statement that merges.

use serde_json::{Value, json};
use session_core::{Data, MAX_DEPTH, Patch, SessionBackend, SessionChange, Updated};

use super::support::{Fresh, NOW, Random, live, record, set, stored};

fn keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a",
        "\"a\"",
        "\\u0061",
        "\\\"a\\\"",
        "'a'",
        "a.b",
        "a[0]",
        "[0]",
        "[#-1]",
        "#",
        "$",
        "$.a",
        "$.\"a\"",
        "",
        " ",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "\"\"",
        ".",
        "..",
        "\n",
        "\\n",
        "\u{1}",
        "\\u0001",
        "\u{1f}",
        "\u{7f}",
        "\t",
        "\u{8}\u{c}\r",
        "é",
        "e\u{301}",
        "😀",
        "\u{d7ff}",
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{fffd}\"",
        "\u{fffe}\"",
        "\u{ffff}\"",
        "\u{10ffff}",
        "\u{10ffff}\"",
        "\u{2028}",
        "null",
        "1",
        "-",
        "a,b",
        "{}",
        "a:b",
        "A",
        "a ",
        "/",
        "\\/",
        "\u{80}",
        "\u{7ff}\\",
        "\u{800}\"",
        "x\u{fffe}",
        "__proto__",
        "%s",
        "?1",
        ":a",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(1024));
    keys.push("\"".repeat(1024));
    keys.push("😀".repeat(256));
    keys.push("k".repeat(1023) + "\\");
    keys
}

fn nested(depth: usize, inside: &str) -> Value {
    let text = "[".repeat(depth) + inside + &"]".repeat(depth);
    session_core::parse_json(text.as_bytes()).unwrap()
}

fn objects(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!({ "k": value }))
}

fn values() -> Vec<Value> {
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(9_007_199_254_740_993_u64),
        json!(0.1),
        json!(-0.0),
        json!(f64::MIN_POSITIVE),
        json!(5e-324),
        json!(f64::MAX),
        json!(f64::MIN),
        json!(1e16),
        json!(1e300),
        json!(0.300_000_000_000_000_04),
        json!(123_456_789.123_456_78),
        json!(""),
        json!("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}\u{2028}\u{fffe}\u{ffff}😀"),
        json!("null"),
        json!("{\"a\":1}"),
        json!("x".repeat(10_000)),
        json!([]),
        json!({}),
        json!([null, [null]]),
        json!({"a": {"b": null}, "": [1, 2.5, "c"], "\"": {"\\": "\\"}}),
        nested(MAX_DEPTH, ""),
        nested(MAX_DEPTH - 1, "{}"),
        objects(MAX_DEPTH),
    ];
    values.extend(keys().into_iter().map(|key| json!({ key.clone(): key })));
    values
}

/// Equal to the bit and to the order: the same text.
fn assert_same(stored: &Data, expected: &Data, what: &str) {
    assert_eq!(stored.to_json(), expected.to_json(), "{what}");
}

#[tokio::test]
async fn every_key_with_every_value() {
    let fresh = Fresh::new().await;
    let values = values();
    // All at once in one document, so that keys that might be taken for each other meet.
    let session = stored(&fresh.backend, record()).await;
    let mut expected = Data::new();
    for (round, value) in values.iter().enumerate() {
        for (n, key) in keys().into_iter().enumerate() {
            if (n + round) % 7 != 0 && round > 2 {
                continue;
            }
            expected.insert(key.clone(), value.clone());
            let done = fresh.backend.update(&session, &set(&key, value.clone()), NOW).await;
            assert!(matches!(done, Ok(Updated::Applied(_))), "{key:?}: {done:?}");
        }
        let data = live(&fresh.backend, &session.token.unwrap()).await.data;
        assert_same(&data, &expected, "after a round");
    }
    for key in keys() {
        expected.remove(&key);
        let mut patch = Patch::new();
        patch.remove(key.as_str());
        fresh.backend.update(&session, &SessionChange::patch(patch), NOW).await.unwrap();
        let data = live(&fresh.backend, &session.token.unwrap()).await.data;
        assert_same(&data, &expected, &key);
    }
    assert!(expected.is_empty());
}

#[tokio::test]
async fn random_patches_equal_the_model() {
    for seed in 0..4 {
        check_random(seed, 250).await;
    }
}

async fn check_random(seed: u64, rounds: usize) {
    let fresh = Fresh::new().await;
    let mut random = Random(seed);
    let (keys, values) = (keys(), values());
    let session = stored(&fresh.backend, record()).await;
    let mut expected = Data::new();
    for round in 0..rounds {
        let mut patch = Patch::new();
        if random.below(40) == 0 {
            patch.clear();
        }
        let count = *random.pick(&[1, 1, 1, 2, 3, 5, 9, 20, 40]);
        for _ in 0..count {
            let key = match random.below(4) {
                0 => random_key(&mut random),
                _ => random.pick(&keys).clone(),
            };
            match random.below(3) {
                0 => patch.remove(key),
                1 => patch.set(key, random.pick(&values).clone()),
                _ => patch.set(key, random_number(&mut random)),
            }
        }
        patch.apply(&mut expected);
        fresh.backend.update(&session, &SessionChange::patch(patch), NOW).await.unwrap();
        let data = live(&fresh.backend, &session.token.unwrap()).await.data;
        assert_same(&data, &expected, &format!("seed {seed}, round {round}"));
    }
}

/// Short, of few characters, so that keys that differ by little meet.
fn random_key(random: &mut Random) -> String {
    const PARTS: [&str; 16] = [
        "a", "\"", "\\", "u0061", ".", "[", "0", "]", "$", "#", "\u{1}", "😀", "\u{fffd}",
        "\u{fffe}", "\u{ffff}", "n",
    ];
    (0..random.below(5)).map(|_| *random.pick(&PARTS)).collect()
}

fn random_number(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!(random.next()),
        1 => json!(random.next().cast_signed()),
        // Not finite: no number in JSON, and null here.
        _ => json!(f64::from_bits(random.next())),
    }
}

#[tokio::test]
async fn thousands_of_keys_in_one_patch() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let mut expected = Data::new();
    let mut patch = Patch::new();
    for n in 0..5000 {
        patch.set(format!("key \"{n}\""), n.into());
    }
    patch.apply(&mut expected);
    fresh.backend.update(&session, &SessionChange::patch(patch), NOW).await.unwrap();
    let mut patch = Patch::new();
    for n in 0..4000 {
        patch.remove(format!("key \"{n}\""));
    }
    patch.apply(&mut expected);
    fresh.backend.update(&session, &SessionChange::patch(patch), NOW).await.unwrap();
    assert_same(&live(&fresh.backend, &session.token.unwrap()).await.data, &expected, "1000 left");
}

#[tokio::test]
async fn numbers_keep_their_text_in_the_file() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let value = json!([1e300, 0.1, 5e-324, u64::MAX, i64::MIN, -0.0]);
    fresh.backend.update(&session, &set("n", value.clone()), NOW).await.unwrap();
    // Written beside it, so that the first is copied from document to document; and after it too if
    // the core merges, which sorts the keys.
    fresh.backend.update(&session, &set("o", 1), NOW).await.unwrap();
    let text: String = sqlx::query_scalar("SELECT data FROM web_sessions")
        .fetch_one(&fresh.pool().await)
        .await
        .unwrap();
    assert_eq!(text, format!("{{\"n\":{value},\"o\":1}}"));
}

#[tokio::test]
async fn the_ceiling_holds_to_the_byte() {
    use session_core::BackendErrorKind::TooLarge;

    let fresh = Fresh::new().await;
    for (name, patch) in [
        ("one key", set("k", "é\"").patch),
        ("many keys", {
            let mut patch = Patch::new();
            (0..30).for_each(|n| patch.set(format!("k{n}"), n.into()));
            patch
        }),
        ("an escaped key", set("\u{1}\"\\", "x").patch),
        ("everything anew", {
            let mut patch = Patch::new();
            patch.clear();
            patch.set("k", json!([1, 2]));
            patch
        }),
        ("less than before", {
            let mut patch = Patch::new();
            patch.remove("before");
            patch.set("k", 1.into());
            patch
        }),
    ] {
        let session = stored(&fresh.backend, record()).await;
        fresh.backend.update(&session, &set("before", "x"), NOW).await.unwrap();
        let mut expected = live(&fresh.backend, &session.token.unwrap()).await.data;
        let before = expected.clone();
        patch.apply(&mut expected);
        let mut change = SessionChange::patch(patch);
        change.max_bytes = expected.json_len() as u64 - 1;
        let refused = fresh.backend.update(&session, &change, NOW).await.unwrap_err();
        assert_eq!(refused.kind(), TooLarge, "{name}");
        assert_same(&live(&fresh.backend, &session.token.unwrap()).await.data, &before, name);
        change.max_bytes += 1;
        fresh.backend.update(&session, &change, NOW).await.unwrap();
        assert_eq!(live(&fresh.backend, &session.token.unwrap()).await.data, expected, "{name}");
    }
}
