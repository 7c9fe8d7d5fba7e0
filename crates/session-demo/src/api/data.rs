//! What the session holds, key by key.

use std::time::Duration;

use serde_json::{Number, Value, json};
use session_core::{Session, parse_json};

use crate::answer::{Answer, Outcome};
use crate::problem::{Code, Problem};
use crate::request;

/// The longest that `slow` waits, in milliseconds.
const SLOWEST: u64 = 10_000;

/// `GET /api/data`
pub(crate) fn all(session: &Session) -> Answer {
    Answer::json(&session.data())
}

/// `DELETE /api/data`
pub(crate) fn clear(session: &Session) -> Outcome {
    session.clear()?;
    Ok(Answer::ok())
}

/// `GET /api/data/{key}`
pub(crate) fn read(session: &Session, segment: &str) -> Outcome {
    let key = request::key(segment)?;
    let value = session.data().get(&key).map(Answer::json);
    value.ok_or(Code::NoSuchKey.into())
}

/// `PUT /api/data/{key}`
pub(crate) fn write(session: &Session, segment: &str, body: &[u8]) -> Outcome {
    let key = request::key(segment)?;
    session.set(&*key, parse_json(body)?)?;
    Ok(Answer::ok())
}

/// `DELETE /api/data/{key}`
pub(crate) fn remove(session: &Session, segment: &str) -> Outcome {
    session.remove(&*request::key(segment)?)?;
    Ok(Answer::ok())
}

/// `POST /api/increment/{key}`
pub(crate) async fn increment(session: &Session, segment: &str) -> Outcome {
    let key = request::key(segment)?;
    let value = session.try_update(&*key, one_more).await??;
    Ok(Answer::json(&json!({ "value": value })))
}

/// `PUT /api/slow/{key}?ms=300`: loads the session, waits, and only then writes
pub(crate) async fn slow(session: &Session, segment: &str, query: &str, body: &[u8]) -> Outcome {
    let key = request::key(segment)?;
    let wait = request::number(query, "ms", 300)?;
    if wait > SLOWEST {
        let what = "The query takes one ms, from 0 to 10000.";
        return Err(Problem::from(Code::InvalidQuery).with_message(what));
    }
    let value = parse_json(body)?;
    tracing::debug!(wait, "the session is loaded; waiting");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    session.set(&*key, value)?;
    Ok(Answer::ok())
}

/// Counts up whole numbers within i64, whichever way a database spells them: `1e16` may come back as
/// `10000000000000000`.
fn one_more(value: Option<Value>) -> Result<Value, Code> {
    let number = match value {
        None => Some(0),
        Some(Value::Number(number)) => whole(&number),
        Some(_) => None,
    };
    number.and_then(|number| number.checked_add(1)).map(Value::from).ok_or(Code::NotANumber)
}

fn whole(number: &Number) -> Option<i64> {
    /// The first float above every i64.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if number.is_f64() {
        let float = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and between the ends of i64")]
        let exact = (float.fract() == 0.0 && (-END..END).contains(&float)).then_some(float as i64);
        return exact;
    }
    number.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_counted_up() {
        assert_eq!(one_more(None), Ok(json!(1)));
        for (text, expected) in [
            ("0", Some(1)),
            ("-1", Some(0)),
            ("41", Some(42)),
            ("1.0", Some(2)),
            ("-0.0", Some(1)),
            ("1e16", Some(10_000_000_000_000_001)),
            ("9223372036854775806", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN + 1)),
            ("9223372036854775807", None),
            ("9223372036854775808", None),
            ("18446744073709551615", None),
            ("9.3e18", None),
            ("-9.3e18", None),
            ("1e300", None),
            ("1.5", None),
            ("\"1\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let found = one_more(Some(serde_json::from_str(text).unwrap()));
            assert_eq!(found.ok(), expected.map(Value::from), "{text}");
        }
    }
}
