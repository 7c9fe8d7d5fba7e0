//! Handles whose session ended while their request ran.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::{BackendErrorKind, UserId};

use crate::backends::{Calls, Fault, Method};
use crate::http::browser::Browser;
use crate::http::exchange::Pending;
use crate::http::lab::Lab;
use crate::http::site::Site;
use crate::run::rounds;

/// What acts on the user's sessions (`list`, `revoke`, `logout_others`, `logout_all`) is `SessionEnded` if
/// the acting session is no longer live or the handle's token is neither its current one nor in grace;
/// data writes through such a token are 409 too, and it does not renew itself by signing in with its own
/// user. Only `logout` may still end its own session.
pub async fn ended_session_has_no_power(lab: &Lab) {
    let scene = Scene::open(lab).await;
    acts_no_more(&scene).await;
    writes_no_more(&scene).await;
    works_in_grace(lab).await;
    both_at_once(lab).await;
    does_not_renew_itself(lab, &scene).await;
    is_ambiguous_no_more(lab).await;
    proves_again_and_ends_others(lab).await;
}

/// How the session of a slow request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    RevokedByItsOwner,
    OneOfTheOthers,
    AllAtOnce,
    ByAnAdministrator,
    Evicted,
    SignedOut,
    SignedInAnew,
    /// Its session lives on under another token.
    ProvedAgain,
}

const ENDS: [End; 8] = [
    End::RevokedByItsOwner,
    End::OneOfTheOthers,
    End::AllAtOnce,
    End::ByAnAdministrator,
    End::Evicted,
    End::SignedOut,
    End::SignedInAnew,
    End::ProvedAgain,
];

impl End {
    async fn happens(self, site: &Site, user: &str, slow: &Browser, owner: &Browser) {
        match self {
            Self::RevokedByItsOwner => {
                let id = site.live(&slow.present_token()).await.expect("a live session").id;
                assert_eq!(owner.go(&format!("/revoke.{id}")).await.ok().results()[0], true);
            }
            Self::OneOfTheOthers => drop(owner.go("/logout-others").await.ok()),
            Self::AllAtOnce => drop(owner.go("/logout-all").await.ok()),
            Self::ByAnAdministrator => {
                let user = UserId::new(user).expect("a user id");
                site.store.revoke_all(&user).await.expect("a revocation");
            }
            Self::Evicted => {
                // Looked at before, so that the slow one is the least recently active.
                owner.go("/get.a").await.ok();
                site.signed_in(user).await;
                let token = slow.present_token();
                assert!(site.is_dead(&token).await, "the least recently active is evicted");
            }
            Self::SignedOut => drop(slow.go("/logout").await.ok()),
            Self::SignedInAnew => {
                drop(slow.go(&format!("/login.{user}")).await.ok());
            }
            Self::ProvedAgain => drop(slow.go("/reauthenticate").await.ok()),
        }
    }
}

/// Applications for slow requests: one for all, and one that allows two sessions, with a user for
/// each, because a database server has so many connections and no more.
struct Scene {
    roomy: Site,
    for_two: Site,
    users: AtomicUsize,
}

/// A request whose session ended while it was held: what it does then.
struct Slow {
    site: Site,
    user: String,
    slow: Browser,
    /// The token that it began with.
    token: String,
    pending: Pending,
    /// How many sessions its user has now.
    left: usize,
}

impl Scene {
    async fn open(lab: &Lab) -> Self {
        let roomy = Site::open(lab).await;
        let for_two = Site::with(lab, |config| config.max_sessions_per_user = 2).await;
        Self { roomy, for_two, users: AtomicUsize::default() }
    }

    /// In `after`, `ID` is the other session's, and `USER` who both are.
    async fn slow(&self, end: End, before: &str, after: &str) -> Slow {
        let site = if end == End::Evicted { &self.for_two } else { &self.roomy };
        let user = format!("ann-{}", self.users.fetch_add(1, Ordering::Relaxed));
        let slow = site.signed_in(&user).await;
        site.advance(1);
        let owner = site.signed_in(&user).await;
        let token = slow.present_token();
        let id = site.live(&owner.present_token()).await.expect("a live session").id;
        let after = after.replace("ID", &id.to_string()).replace("USER", &user);
        let pending = slow.begin(&format!("{before}/hold.late{after}"));
        site.gate("late").arrival().await;
        site.advance(1);
        end.happens(site, &user, &slow, &owner).await;
        let left = site.sessions_of(&user).await;
        site.gate("late").open();
        Slow { site: site.clone(), user, slow, token, pending, left }
    }
}

async fn acts_no_more(scene: &Scene) {
    for end in ENDS {
        for act in ["/list", "/revoke.ID", "/logout-others", "/logout-all", "/end-others"] {
            let Slow { site, user, pending, left, .. } = scene.slow(end, "", act).await;
            pending.answer().await.refused_as_ended().no_cookie();
            assert_eq!(site.sessions_of(&user).await, left, "{end:?}: {act} ended a session");
        }
        // What was refused stays refused, whatever it tries next.
        let tries = "/try.list/try.set.a.1/try.logout-others/may-store";
        let Slow { site, user, pending, left, .. } = scene.slow(end, "", tries).await;
        let results = pending.answer().await.ok().no_cookie().results();
        let expected = r#"[null,"session_ended","session_ended","unauthenticated",false]"#;
        assert_eq!(results.to_string(), expected, "{end:?}: one after the other");
        assert_eq!(site.sessions_of(&user).await, left, "{end:?}: ended a session");
    }
    // Only `logout` may still end its own session, which goes on under another token.
    let Slow { site, user, slow: browser, pending, left, .. } =
        scene.slow(End::ProvedAgain, "", "/logout").await;
    pending.answer().await.ok().no_token();
    assert_eq!(site.sessions_of(&user).await, left - 1, "a sign-out ends its own session");
    assert!(site.is_dead(&browser.present_token()).await, "a sign-out ends its own session");
}

async fn writes_no_more(scene: &Scene) {
    for end in ENDS {
        for (before, after) in [
            ("/set.a.1", ""),
            ("", "/set.a.1"),
            ("/set.a.1", "/save"),
            ("/set.a.1", "/try.save"),
            ("", "/update.n"),
            ("/lifetime.for.60", ""),
            ("/lifetime.for.60", "/try.save"),
            ("", "/lifetime.for.60"),
            ("", "/rotate"),
            ("", "/reauthenticate"),
        ] {
            let name = format!("{end:?}: {before}, ended, {after}");
            let Slow { site, slow: browser, token, pending, .. } =
                scene.slow(end, before, after).await;
            pending.answer().await.refused_as_ended().no_cookie();
            assert!(site.is_dead(&token).await, "{name}: the token lives");
            if let Some(session) = match browser.token() {
                Some(token) => site.live(&token).await,
                None => None,
            } {
                assert_eq!(session.data.to_json(), "{}", "{name}: it wrote all the same");
                assert_eq!(session.idle_ttl_secs, None, "{name}: it wrote all the same");
            }
        }
        let Slow { user, pending, .. } = scene.slow(end, "", "/get.a").await;
        let answer = pending.answer().await.signed_in(&user).no_cookie();
        assert_eq!(answer.results()[1], serde_json::Value::Null, "{end:?}: reading goes on");
    }
}

/// A token that was rotated away and is in its grace is as good as the current one.
async fn works_in_grace(lab: &Lab) {
    let site = Site::open(lab).await;
    let cases = [
        ("/set.a.1", "", 2),
        ("/set.a.1", "/save", 2),
        ("", "/set.a.1/update.n", 2),
        ("/set.a.1", "/list", 2),
        ("/set.a.1", "/revoke.ID", 1),
        ("/set.a.1", "/logout-others", 1),
        ("", "/end-others", 1),
        ("", "/reauthenticate", 2),
        ("", "/logout-all", 0),
        ("", "/logout", 1),
    ];
    for (number, (before, after, left)) in cases.into_iter().enumerate() {
        let user = format!("ann-{number}");
        let (browser, other) = (site.signed_in(&user).await, site.signed_in(&user).await);
        let id = site.live(&other.present_token()).await.expect("a live session").id;
        let after = after.replace("ID", &id.to_string());
        let late = browser.begin(&format!("{before}/hold.late{after}"));
        site.gate("late").arrival().await;
        browser.go("/rotate").await.ok();
        site.advance(29);
        site.gate("late").open();
        late.answer().await.ok();
        assert_eq!(site.sessions_of(&user).await, left, "{before}, {after}: the user's sessions");
        if before == "/set.a.1" || after.contains("set") {
            let data = browser.go("/get.a").await.signed_in(&user).data();
            assert_eq!(data["a"], 1, "{before}, {after}: stored");
        }
    }
}

/// Two devices, each to end the other, with requests that both began while both were live.
async fn both_at_once(lab: &Lab) {
    let site = Site::open(lab).await;
    for act in ["/logout-others", "/logout-all", "/end-others"] {
        for round in 0..rounds(8) {
            let user = format!("ann-{round}-{}", act.len());
            let both = [site.signed_in(&user).await, site.signed_in(&user).await];
            let mut pending = Vec::new();
            for browser in &both {
                pending.push(browser.begin(&format!("/hold.both{act}")));
                site.gate("both").arrival().await;
            }
            pending.iter().for_each(|_| site.gate("both").open());
            let mut done = 0;
            for pending in pending {
                let answer = pending.answer().await;
                if answer.status.is_success() {
                    done += 1;
                } else {
                    answer.refused_as_ended().no_cookie();
                }
            }
            assert_eq!(done, 1, "{act}: of two that end each other exactly one succeeds");
            let left = usize::from(act != "/logout-all");
            assert_eq!(site.sessions_of(&user).await, left, "{act}: sessions that are left");
        }
    }
}

async fn does_not_renew_itself(lab: &Lab, scene: &Scene) {
    for end in ENDS {
        for renew in [
            "/login.USER",
            "/try.list/login.USER",
            "/try.update.n/login.USER",
            "/start-over/login.USER",
            "/try.list/start-over/login.USER",
            "/logout/login.USER",
        ] {
            // A sign-in of its own that took the place is the same form sent twice; and who signs out
            // what goes on has ended it themselves.
            let is_its_own = end == End::SignedInAnew;
            let ends_it = end == End::ProvedAgain && renew == "/logout/login.USER";
            if is_its_own || ends_it {
                continue;
            }
            let Slow { site, user, slow: browser, pending, left, .. } =
                scene.slow(end, "", renew).await;
            pending.answer().await.refused_as_ended().no_token();
            assert_eq!(site.sessions_of(&user).await, left, "{end:?}: {renew} renewed itself");
            // The next request may: its user has proved again who they are.
            browser.go(&format!("/login.{user}")).await.signed_in(&user);
        }
        let Slow { site, pending, .. } = scene.slow(end, "", "/login.bob").await;
        let token = pending.answer().await.signed_in("bob").token();
        assert!(site.live(&token).await.is_some(), "{end:?}: another user signs in");
    }
    // What had merely expired is not ended by anybody.
    let site = Site::with(lab, |config| config.session_ttl_secs = 600).await;
    let browser = site.signed_in("ann").await;
    let late = browser.begin("/hold.late/login.ann");
    site.gate("late").arrival().await;
    site.advance(601);
    site.gate("late").open();
    late.answer().await.signed_in("ann");
}

async fn is_ambiguous_no_more(lab: &Lab) {
    let site = Site::open(lab).await;
    for sign_in in ["/login.zoe", "/login.ann", "/start-over/login.zoe"] {
        let tokens = [site.signed_in("ann").await, site.signed_in("eve").await];
        let [ann, eve] = tokens.map(|browser| browser.present_token());
        let user = sign_in.rsplit('.').next().expect("a user");
        let answer = site.ask(sign_in).token(&ann).token(&eve).send().await.signed_in(user);
        assert!(site.is_dead(&ann).await && site.is_dead(&eve).await, "{sign_in}: both ended");
        // One of them may stay under another path, and is dead.
        let next = site.ask("/set.a.1").token(&eve).token(answer.token()).send().await;
        assert_eq!(next.signed_in(user).data()["a"], 1, "{sign_in}: it is not ambiguous any more");
    }
}

async fn proves_again_and_ends_others(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in_at("/login.ann/set.a.1").await;
    let (other, stranger) = (site.signed_in("ann").await, site.signed_in("bob").await);
    let before = site.live(&browser.present_token()).await.expect("a live session");
    let others = site.live(&other.present_token()).await.expect("a live session").id;
    site.advance(60);
    let token = browser.present_token();
    site.probe.take_calls();
    let answer = browser.go("/end-others").await.signed_in("ann");
    let expected = Calls { find: 1, update: 1, ..Calls::NONE };
    assert_eq!(site.probe.take_calls(), expected, "it is one step");
    assert_eq!(answer.results()[0].to_string(), format!("[\"{others}\"]"), "which ones ended");
    let after = site.live(&answer.token()).await.expect("a live session");
    assert_eq!((after.id, &after.data), (before.id, &before.data), "the session stays");
    assert_eq!(after.authenticated_at, Some(site.now()), "who it is was proved");
    assert!(site.is_dead(&token).await, "the token before is dead at once");
    assert!(site.is_dead(&other.present_token()).await, "the other device is signed out");
    assert!(site.live(&stranger.present_token()).await.is_some(), "another user's is not");
    assert_eq!(site.sessions_of("ann").await, 1, "one is left");
    site.browser().go("/end-others").await.is(401);
    site.visitor().await.go("/end-others").await.is(401);

    // Either both have happened or neither.
    let down = Fault::new(BackendErrorKind::Unavailable).only(Method::Update).times(1);
    for (name, fault, happened) in [("down", down, false), ("unheard", down.answer_lost(), true)] {
        let other = site.signed_in("ann").await;
        browser.go("/get.a").await.signed_in("ann");
        let token = browser.present_token();
        site.probe.fail(fault);
        let answer = browser.go("/end-others").await.refused_as_outage();
        site.probe.recover();
        assert_eq!(answer.new_token().is_some(), happened, "{name}: a new token");
        assert_eq!(site.is_dead(&token).await, happened, "{name}: the token before");
        assert_eq!(site.is_dead(&other.present_token()).await, happened, "{name}: the other");
        browser.go("/get.a").await.signed_in("ann");
        browser.go("/logout-others").await.ok();
    }
}
