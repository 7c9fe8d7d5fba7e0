//! Signing in and out.

use serde_json::{Map, Value, json};
use session_core::{Data, Session, SignIn, UserId, parse_json};

use super::view;
use crate::answer::{Answer, Outcome};
use crate::problem::{Code, Problem};

/// `POST /api/login` `{"user": "alice", "data": {…}?}`
pub(crate) async fn login(session: &Session, body: &[u8]) -> Outcome {
    sign_in(session, body).await?;
    Ok(view::current(session))
}

/// `POST /api/fail-login` `{"user": "alice"}`: signs in, and then fails
pub(crate) async fn fail_login(session: &Session, body: &[u8]) -> Outcome {
    sign_in(session, body).await?;
    Err(Code::Requested(http::StatusCode::INTERNAL_SERVER_ERROR).into())
}

/// `POST /api/logout`
pub(crate) async fn logout(session: &Session) -> Outcome {
    Ok(ended(session.logout().await?))
}

/// `POST /api/goodbye`: signs out, and leaves a note for the visitor
pub(crate) async fn goodbye(session: &Session, body: &[u8]) -> Outcome {
    let note = parse_json(body)?;
    session.logout().await?;
    leave(session, note).await
}

/// `POST /api/start-over`: stores a note whatever dead or refused token came
pub(crate) async fn start_over(session: &Session, body: &[u8]) -> Outcome {
    let note = parse_json(body)?;
    session.start_over().await?;
    leave(session, note).await
}

async fn leave(session: &Session, note: Value) -> Outcome {
    session.set("note", note)?;
    // Now, and not with the response, because the answer shows the session that is made.
    session.save().await?;
    Ok(view::current(session))
}

/// `{"ended": N}`
pub(super) fn ended(count: usize) -> Answer {
    Answer::json(&json!({ "ended": count }))
}

async fn sign_in(session: &Session, body: &[u8]) -> Result<(), Problem> {
    Ok(session.authenticate_with(read(body)?).await?)
}

/// Who signs in, and with what.
pub(super) fn read(body: &[u8]) -> Result<SignIn, Problem> {
    let (user, data) = credentials(body)?;
    let mut sign_in = SignIn::new(user);
    for (key, value) in data {
        sign_in = sign_in.data(key, value)?;
    }
    Ok(sign_in)
}

fn credentials(body: &[u8]) -> Result<(UserId, Map<String, Value>), Problem> {
    let body = match parse_json(body) {
        Ok(body) => body,
        Err(error) => {
            // U+0000 in the user is the user's fault, and not the JSON's.
            let user = Data::from_json(body).ok().and_then(|mut body| body.remove("user"));
            return Err(match user {
                Some(Value::String(user)) if user.contains('\0') => Code::InvalidUser.into(),
                _ => error.into(),
            });
        }
    };
    let Value::Object(mut body) = body else { return Err(Code::InvalidUser.into()) };
    let user = match body.get("user") {
        Some(Value::String(user)) => UserId::new(user)?,
        _ => return Err(Code::InvalidUser.into()),
    };
    match body.remove("data") {
        None => Ok((user, Map::new())),
        Some(Value::Object(data)) => Ok((user, data)),
        Some(_) => {
            let what = "The first data of a session are an object.";
            Err(Problem::from(Code::InvalidJson).with_message(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_a_sign_in() {
        let code = |body: &str| credentials(body.as_bytes()).map_err(|problem| problem.code());
        assert_eq!(code(r#"{"user":"alice"}"#).unwrap().0.as_str(), "alice");
        assert_eq!(code(r#"{"user":"alice","data":{"a":1},"more":2}"#).unwrap().1.len(), 1);
        assert!(code(&json!({ "user": "a".repeat(255) }).to_string()).is_ok());
        for (body, expected) in [
            ("", Code::InvalidJson),
            ("{", Code::InvalidJson),
            (r#"{"user":"alice"} x"#, Code::InvalidJson),
            (r#"{"user":"alice","data":[]}"#, Code::InvalidJson),
            (r#"{"user":"alice","data":null}"#, Code::InvalidJson),
            (r#"{"user":"alice","data":{"a":"\u0000"}}"#, Code::InvalidJson),
            ("{}", Code::InvalidUser),
            ("[]", Code::InvalidUser),
            (r#""alice""#, Code::InvalidUser),
            (r#"{"user":1}"#, Code::InvalidUser),
            (r#"{"user":null}"#, Code::InvalidUser),
            (r#"{"user":""}"#, Code::InvalidUser),
            (r#"{"user":"a\u0000b"}"#, Code::InvalidUser),
            (&json!({ "user": "é".repeat(128) }).to_string(), Code::InvalidUser),
        ] {
            assert_eq!(code(body), Err(expected), "{body}");
        }
    }
}
