//! Faulty adapters: each breaks one law that guards signing in, and no other. They ask the backend
//! behind the law's back, so that what they do is not counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use http::{HeaderValue, Request, Response, StatusCode, header};
use session_conformance::http::{LOOKS, UNTOUCHED, broken_request_laws};
use session_core::{
    CookieRules, EndedBy, Error, ErrorKind, Found, NewSession, Patch, Peer, SessionChange,
    SessionData, SessionId, SessionRef, SessionToken, TokenHash, Visit,
};

use crate::bare::{Bare, BareApp, error_answer};

macro_rules! each_breaks_its_own_law_only {
    ($($name:ident: $fault:ident, $law:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let make = || async { Bare::with(Fault::$fault) };
                assert_eq!(broken_request_laws(make), [$law], "the laws that this fault breaks");
            }
        )+
    };
}

each_breaks_its_own_law_only! {
    adopts_unknown_tokens: AdoptsUnknownTokens, "unknown_token_never_adopted";
    keeps_the_token_before: KeepsTheTokenBefore, "sign_in_rotates";
    carries_to_another_user: CarriesToAnotherUser, "sign_in_rotates";
    loses_the_cart_of_the_second_click: LosesTheCartOfTheSecondClick, "sign_in_rotates";
    slides_in_grace: SlidesInGrace, "rotation_has_grace";
    takes_another_browser_for_a_visitor: TakesAnotherBrowserForAVisitor, "refused_token_makes_no_session";
    refuses_whoever_was_revoked: RefusesWhoeverWasRevoked, "ended_elsewhere_starts_over";
    signs_out_only_of_what_it_uses: SignsOutOnlyOfWhatItUses, "logout_always_ends";
    starts_over_beside_the_planted: StartsOverBesideThePlanted, "tossed_cookie_loses";
    clears_ended_tokens: ClearsEndedTokens, "late_response_never_clobbers";
    revives_the_signed_out: RevivesTheSignedOut, "sign_out_wins";
    takes_an_outage_for_visitors: TakesAnOutageForVisitors, "outage_clears_nothing";
    clears_in_an_outage: ClearsInAnOutage, "outage_clears_nothing";
    loads_for_each_extractor: LoadsForEachExtractor, "handle_operations_serialise";
    acts_for_the_ended: ActsForTheEnded, "ended_session_has_no_power";
    saves_the_unchanged: SavesTheUnchanged, "unchanged_writes_nothing";
    takes_time_outs_for_answers: TakesTimeOutsForAnswers, "server_error_discards_data";
    believes_next: BelievesNext, "next_never_leaves";
}

#[test]
fn the_sound_one_breaks_none() {
    assert_eq!(broken_request_laws(|| async { Bare::sound() }), [""; 0]);
}

/// What an adapter's author may think a good idea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A visitor who brings a token gets their session under it.
    AdoptsUnknownTokens,
    /// The token before a re-authentication goes on to work, "for the requests under way".
    KeepsTheTokenBefore,
    /// A sign-in as somebody else takes the cart along.
    CarriesToAnotherUser,
    /// A session that was replaced already has nothing to carry.
    LosesTheCartOfTheSecondClick,
    /// The token before a rotation is good, so its cookie is sent anew like any other.
    SlidesInGrace,
    /// A token that another browser presents counts as none.
    TakesAnotherBrowserForAVisitor,
    /// Whose session was ended on another device may store nothing.
    RefusesWhoeverWasRevoked,
    /// A request without a session has nothing to sign out of.
    SignsOutOnlyOfWhatItUses,
    /// Whoever starts over is a visitor, and the sessions that were presented are left alone.
    StartsOverBesideThePlanted,
    /// A token that has ended is of no use, so the cookie is cleared.
    ClearsEndedTokens,
    /// What could not be saved because its user signed out goes into a new session of theirs.
    RevivesTheSignedOut,
    /// Rather a page than an error.
    TakesAnOutageForVisitors,
    /// A cookie that cannot be read is cleared.
    ClearsInAnOutage,
    /// Two extractors of one handler get handles that know nothing of each other.
    LoadsForEachExtractor,
    /// Who was signed in when the request began may sign out the other devices, whatever came since.
    ActsForTheEnded,
    /// What a handler wrote is saved, whatever it is.
    SavesTheUnchanged,
    /// A handler that was cut off has answered, and not with a server error.
    TakesTimeOutsForAnswers,
    /// Who is signed in goes where the link says.
    BelievesNext,
}

/// A request, as the faults see it.
struct Seen {
    token: Option<SessionToken>,
    found: Option<Found>,
    /// Whether the adapter found a session, where the fault looks.
    loaded: Option<bool>,
}

impl Fault {
    pub(crate) async fn serve(
        self,
        app: &BareApp,
        visit: Visit,
        mut request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Response<Vec<u8>> {
        let path = request.uri().path();
        if path.starts_with(UNTOUCHED) || path.starts_with(LOOKS) || app.is_misplaced() {
            return app.serve(&visit, request, peer).await;
        }
        let again = request.clone();
        let seen = match self.look(app, &visit, &request, peer).await {
            Ok(seen) => seen,
            Err(error) => return error_answer(&error),
        };
        let alias = seen.token.as_ref().and_then(|token| aliases(app).get(&token.hash()).cloned());
        if let Some(alias) = alias {
            let cookie = HeaderValue::try_from(alias).expect("a header value");
            request.headers_mut().insert(header::COOKIE, cookie);
        }
        if self.forgets_cookies_of(app, &request, &seen).await {
            request.headers_mut().remove(header::COOKIE);
        }
        let response = app.serve(&visit, request, peer).await;
        self.spoil(app, &visit, seen, response, again, peer).await
    }

    async fn look(
        self,
        app: &BareApp,
        visit: &Visit,
        request: &Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<Seen, Error> {
        let presented = rules(app).candidates(request.headers());
        let token = presented.iter().next().and_then(|text| SessionToken::parse(text));
        let found = find(app, token.as_ref()).await;
        // Looked at early only if that is the fault, so that laws that count reads see one.
        let looks = matches!(
            self,
            Self::ClearsEndedTokens | Self::RevivesTheSignedOut | Self::SignsOutOnlyOfWhatItUses
        );
        if looks {
            visit.attach(request.method(), request.uri(), request.headers(), peer, None);
            visit.load().await?;
        }
        let loaded = looks.then(|| current(visit).is_some());
        Ok(Seen { token, found, loaded })
    }

    /// Faults that make a visitor of a request before it is served.
    async fn forgets_cookies_of(
        self,
        app: &BareApp,
        request: &Request<Vec<u8>>,
        seen: &Seen,
    ) -> bool {
        let path = request.uri().path();
        match (self, &seen.found) {
            (
                Self::LosesTheCartOfTheSecondClick,
                Some(Found::Ended { how: EndedBy::Replaced, .. }),
            ) => path.starts_with("/login."),
            (Self::StartsOverBesideThePlanted, _) if path.starts_with("/start-over/set.") => {
                let mut users = HashSet::new();
                for text in &presented(app, request) {
                    let token = SessionToken::parse(text.as_bytes());
                    if let Some(Found::Live { session, .. }) = find(app, token.as_ref()).await {
                        users.insert(session.user_id.clone());
                    }
                }
                users.len() > 1
            }
            _ => false,
        }
    }

    async fn spoil(
        self,
        app: &BareApp,
        visit: &Visit,
        seen: Seen,
        mut response: Response<Vec<u8>>,
        mut request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Response<Vec<u8>> {
        let Some(token) = seen.token else { return response };
        let now_found = find(app, Some(&token)).await;
        let rules = rules(app);
        let current = current(visit);
        let status = response.status();
        match (self, seen.found, now_found) {
            (Self::AdoptsUnknownTokens, None, _) => {
                let is_new = response.headers().contains_key(header::SET_COOKIE)
                    && !request.uri().path().contains("/start-over");
                if let Some(session) = current.filter(|s| is_new && s.user_id.is_none()) {
                    copy(app, &session, &token).await;
                    set_cookie(&mut response, rules.set(&token.expose(), None));
                }
            }
            (Self::KeepsTheTokenBefore, Some(Found::Live { session: before, .. }), _) => {
                let again = current.filter(|now| {
                    now.id == before.id && now.authenticated_at != before.authenticated_at
                });
                if again.is_some() {
                    let now = rules.name().to_owned() + "=" + &new_token(&response);
                    aliases(app).insert(token.hash(), now);
                }
            }
            (Self::CarriesToAnotherUser, Some(Found::Live { session: before, .. }), _) => {
                let other = current.filter(|now| {
                    before.user_id.is_some()
                        && now.user_id.is_some()
                        && now.user_id != before.user_id
                });
                if let Some(session) = other {
                    let mut patch = Patch::new();
                    for (key, value) in before.data.iter() {
                        patch.set(key, value.clone());
                    }
                    let change = SessionChange::patch(patch);
                    let session = SessionRef::by_id(session.id);
                    app.backend.update(&session, &change, app.store.now()).await.expect("update");
                }
            }
            (Self::SlidesInGrace, Some(Found::Grace { .. }), Some(Found::Grace { .. }))
                if status == StatusCode::OK
                    && !response.headers().contains_key(header::SET_COOKIE)
                    && presented(app, &request).len() == 1 =>
            {
                set_cookie(&mut response, rules.set(&token.expose(), None));
            }
            (
                Self::TakesAnotherBrowserForAVisitor,
                Some(Found::Live { .. }),
                Some(Found::Live { .. }),
            ) if status == StatusCode::CONFLICT
                && current.is_none()
                && !request.headers().contains_key(header::AUTHORIZATION)
                && presented(app, &request).len() == 1 =>
            {
                request.headers_mut().remove(header::COOKIE);
                return app.serve(&app.store.begin(), request, peer).await;
            }
            (
                Self::RefusesWhoeverWasRevoked,
                Some(Found::Ended { how: EndedBy::Revoked, successor_seen: false, .. }),
                _,
            ) if request.uri().path().starts_with("/set.")
                && current.as_ref().is_some_and(|session| session.user_id.is_none()) =>
            {
                return error_answer(&Error::from_kind(ErrorKind::SessionEnded));
            }
            (Self::SignsOutOnlyOfWhatItUses, ..)
                if seen.loaded == Some(false)
                    && request.uri().path().ends_with("/logout")
                    && new_token(&response).is_empty() =>
            {
                response.headers_mut().remove(header::SET_COOKIE);
            }
            (
                Self::ClearsEndedTokens,
                _,
                Some(Found::Ended { how: EndedBy::Replaced | EndedBy::SignedOut, .. }),
            ) if seen.loaded == Some(false)
                && status == StatusCode::OK
                && !response.headers().contains_key(header::SET_COOKIE) =>
            {
                set_cookie(&mut response, rules.removal());
            }
            (
                Self::RevivesTheSignedOut,
                Some(Found::Live { session: before, .. }),
                Some(Found::Ended { how: EndedBy::SignedOut, .. }),
            ) if seen.loaded == Some(true)
                && status == StatusCode::CONFLICT
                && !request.uri().path().contains("/hold.") =>
            {
                let token = SessionToken::generate().expect("randomness");
                copy(app, &before, &token).await;
                *response.status_mut() = StatusCode::OK;
                set_cookie(&mut response, rules.set(&token.expose(), None));
            }
            (Self::ActsForTheEnded, Some(Found::Live { session: before, .. }), _)
                if status == StatusCode::CONFLICT
                    && request.uri().path().ends_with("/logout-others") =>
            {
                let user = before.user_id.as_ref().expect("somebody who signs others out");
                let (how, now) = (EndedBy::Revoked, app.store.now());
                let removal = app.backend.remove_user(user, None, Some(&before.id), how, now);
                removal.await.expect("remove_user");
                *response.status_mut() = StatusCode::OK;
            }
            (Self::TakesAnOutageForVisitors, ..) if visit.loaded().is_none() => {
                request.headers_mut().remove(header::COOKIE);
                return app.serve(&app.store.begin(), request, peer).await;
            }
            (Self::ClearsInAnOutage, ..) if visit.loaded().is_none() => {
                set_cookie(&mut response, rules.removal());
            }
            _ => {}
        }
        response
    }
}

fn rules(app: &BareApp) -> CookieRules {
    let config = app.store.config();
    CookieRules::new(&config.cookie_name, &config.cookie).expect("a configuration in use")
}

/// The different well-formed tokens of a request.
fn presented(app: &BareApp, request: &Request<Vec<u8>>) -> Vec<String> {
    let rules = rules(app);
    let presented = rules.candidates(request.headers());
    presented.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

fn current(visit: &Visit) -> Option<Arc<SessionData>> {
    visit.loaded()?.current()
}

async fn find(app: &BareApp, token: Option<&SessionToken>) -> Option<Found> {
    let token = token?.hash();
    app.backend.find(&token, app.store.now()).await.expect("find")
}

/// The same session once more, under another name and this token.
async fn copy(app: &BareApp, session: &SessionData, token: &SessionToken) {
    let now = app.store.now();
    let id = SessionId::generate(now).expect("randomness");
    let mut new = NewSession::new(SessionData { id, ..session.clone() }, token.hash());
    for (key, value) in session.data.iter() {
        new.patch.set(key, value.clone());
    }
    app.backend.create(new, now).await.expect("create");
}

/// What a token before stands for, as a Cookie header: for the fault that keeps it.
fn aliases(app: &BareApp) -> MutexGuard<'_, HashMap<TokenHash, String>> {
    app.aliases.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_token(response: &Response<Vec<u8>>) -> String {
    let cookie = response.headers().get(header::SET_COOKIE).and_then(|line| line.to_str().ok());
    let value = cookie.and_then(|line| line.split(['=', ';']).nth(1));
    value.unwrap_or_default().to_owned()
}

fn set_cookie(response: &mut Response<Vec<u8>>, cookie: HeaderValue) {
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}
