//! What came of a case, in words that do not depend on chance: ids and tokens are told by what they
//! stand for.

use std::fmt::Write as _;

use session_core::{Conclusion, ErrorKind, Found, SessionData, SessionToken};

use crate::place::{Place, cookie_of, live};

/// Everything that the two operations and their request left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What each operation returned; `None` if it was dropped, or is the request's end.
    pub(crate) results: [Option<String>; 2],
    /// What the response was told; `None` if its future was dropped.
    pub(crate) response: Option<Response>,
    /// What the backend holds, and what the request's tokens stand for there.
    pub(crate) stored: String,
    /// What a later read on the handle shows.
    pub(crate) read: String,
    /// How many live sessions the request made.
    pub(crate) made: usize,
    /// Of these, how many are not the one whose token the response carries.
    pub(crate) unreachable: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) error: Option<ErrorKind>,
    pub(crate) cookie: String,
}

impl Outcome {
    pub(crate) async fn of(
        place: &Place,
        results: [Option<String>; 2],
        conclusion: Option<Conclusion>,
    ) -> Self {
        let now = place.store.now();
        let mut token: Option<SessionToken> = None;
        let response = match conclusion {
            None => None,
            Some(mut conclusion) => {
                let error = conclusion.take_error().map(|error| error.kind());
                let cookie = match cookie_of(conclusion) {
                    None => "none".to_owned(),
                    Some(value) if value.is_empty() => "removed".to_owned(),
                    Some(value) => {
                        let issued: SessionToken = value.parse().unwrap();
                        let is_new = !place.presented.contains(&issued);
                        let stands = stands_for(place, &issued).await;
                        token = Some(issued);
                        format!(
                            "{} {stands}",
                            if is_new { "a new token:" } else { "the same token:" }
                        )
                    }
                };
                Some(Response { error, cookie })
            }
        };
        let live = live(&place.backend, now).await;
        let mut lines: Vec<String> = live.iter().map(|(_, s)| session(place, s)).collect();
        lines.sort();
        for token in &place.presented {
            lines.push(format!("presented: {}", stands_for(place, token).await));
        }
        let made = live.iter().filter(|(_, s)| !place.known.contains(&s.id));
        let carried = token.map(|token| token.hash());
        let unreachable = made.clone().filter(|(hash, _)| Some(*hash) != carried).count();
        Self {
            results,
            response,
            stored: lines.join("; "),
            read: read(place),
            made: made.count(),
            unreachable,
        }
    }
}

async fn stands_for(place: &Place, token: &SessionToken) -> String {
    let found = place.backend.unwatched().find(&token.hash(), place.store.now()).await.unwrap();
    match found {
        None => "nothing".to_owned(),
        Some(Found::Live { session: data, token_seen }) => {
            let seen = if token_seen { "seen" } else { "unseen" };
            format!("live {seen} {}", session(place, &data))
        }
        Some(Found::Grace { session: data, .. }) => format!("in grace {}", session(place, &data)),
        Some(Found::Ended { how, .. }) => format!("ended {how}"),
    }
}

fn session(place: &Place, data: &SessionData) -> String {
    let mut text = match place.known.iter().position(|id| *id == data.id) {
        Some(at) => format!("known {at}"),
        None => "new".to_owned(),
    };
    let user = data.user_id.as_ref().map_or("nobody", |user| user.as_str());
    let since = |at: session_core::Timestamp| at.as_micros() / 1_000_000 % 100_000_000;
    write!(
        text,
        " of {user} v{} {} active {} until {} authenticated {:?} lives {:?}",
        data.version,
        data.data.to_json(),
        since(data.last_active_at),
        since(data.expires_at),
        data.authenticated_at.map(since),
        data.lifetime(),
    )
    .unwrap();
    text
}

fn read(place: &Place) -> String {
    let handle = &place.session;
    let known = handle.id().map(|id| place.known.iter().position(|known| *known == id));
    let user = handle.user_id();
    let version = handle.current().map(|session| session.version);
    format!("{known:?} of {user:?} v{version:?} {}", handle.data().to_json())
}
