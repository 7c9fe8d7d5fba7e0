//! Calls that end several sessions at once, each other's among them: what is asked is decided under the
//! locks, and nobody waits in a circle.

use std::num::NonZeroU32;

use session_core::{
    BackendErrorKind, EndedBy, NewSession, Reauthentication, Replace, Rotation, SessionBackend,
    SessionChange, SessionRef, Updated,
};
use session_postgres::PostgresBackend;
use sqlx::{Connection, query};
use tokio::task::JoinSet;

use super::support::{
    Fresh, NOW, after, chain, record, record_of, set, stored, token, touch, until, user_id,
    with_server,
};

/// The session under its second token, the first in grace and the second not seen.
async fn with_tombstones(backend: &PostgresBackend, session: SessionRef) -> SessionRef {
    let rotation = Rotation::Graceful { token: token(), grace_until: after(60) };
    let new = SessionRef { token: Some(*rotation.token()), ..session.clone() };
    let rotated = backend.update(&session, &SessionChange::rotation(rotation), NOW).await.unwrap();
    assert!(matches!(rotated, Updated::Applied(_)), "{rotated:?}");
    new
}

/// A re-authentication with a new token that ends the user's other sessions.
fn change_of_password() -> SessionChange {
    let mut change = SessionChange::rotation(Rotation::Immediate { token: token() });
    change.presented = true;
    change.reauthentication = Some(Reauthentication {
        expires_at: after(3600),
        absolute_expires_at: None,
        ip_address: None,
        end_others: true,
    });
    change
}

/// Until so many of the backend's connections wait for a lock.
async fn waiting(fresh: &Fresh, count: i64) {
    let place = &fresh.place;
    until("a wait for a lock", || async move {
        let mut connection = place.connection().await;
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE application_name = $1 AND wait_event_type = 'Lock'",
        )
        .bind(place.schema.clone())
        .fetch_one(&mut connection)
        .await
        .unwrap();
        (waiting == count).then_some(())
    })
    .await;
}

with_server! {
    /// A wait in a circle would be an error here: the locks' time is over before the server looks for one.
    async fn of_two_sessions_that_end_each_other_one_succeeds() {
        let fresh = Fresh::new().await;
        let beside = fresh.place.backend().await;
        for round in 0..80_u64 {
            let user = user_id(&format!("user {round}"));
            let mut both = Vec::new();
            for _ in 0..2 {
                let session = stored(&fresh.backend, record_of(user.as_str())).await;
                both.push(with_tombstones(&fresh.backend, session).await);
            }
            // Each of the two ways to end the other, against each.
            let mut racers = JoinSet::new();
            for (n, backend) in [(0, &fresh.backend), (1, &beside)] {
                let (backend, user) = (backend.clone(), user.clone());
                let (me, other) = (both[n].clone(), both[1 - n].clone());
                let one_by_one = (round >> n) & 1 == 0;
                racers.spawn(async move {
                    let (acting, how) = (Some(&me), EndedBy::Revoked);
                    if one_by_one {
                        return backend.remove(&other, Some(&user), acting, how, NOW).await;
                    }
                    let ended = backend.remove_user(&user, acting, Some(&me.id), how, NOW).await?;
                    Ok(ended == [other.id])
                });
            }
            let answers = racers.join_all().await;
            let succeeded = answers.iter().filter(|answer| matches!(answer, Ok(true))).count();
            assert_eq!(succeeded, 1, "round {round}: {answers:?}");
            for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
                assert_eq!(error.kind(), BackendErrorKind::ActingEnded, "{}", chain(error));
            }
            assert_eq!(fresh.backend.list(&user, NOW).await.unwrap().len(), 1, "round {round}");
        }
    }

    async fn a_change_of_password_races_with_sign_ins() {
        let fresh = Fresh::new().await;
        let beside = fresh.place.backend().await;
        for round in 0..30_u64 {
            let user = user_id(&format!("user {round}"));
            let mine = stored(&fresh.backend, record_of(user.as_str())).await;
            let mine = with_tombstones(&fresh.backend, mine).await;
            let before = stored(&fresh.backend, record_of(user.as_str())).await;
            let mut racers = JoinSet::new();
            for n in 0..6_usize {
                let backend = if n % 2 == 0 { fresh.backend.clone() } else { beside.clone() };
                let (user, mine, before) = (user.clone(), mine.clone(), before.clone());
                racers.spawn(async move {
                    let mut new = NewSession::new(record_of(user.as_str()), token());
                    new.presented = [mine.token, before.token].into_iter().flatten().collect();
                    backend.create(new, NOW).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
                });
            }
            // Others of the user are at work meanwhile.
            let (writer, other) = (beside.clone(), before.clone());
            racers.spawn(async move {
                let mut change = touch(after(1));
                change.presented = true;
                writer.update(&other, &change, after(1)).await.unwrap();
            });
            let change = change_of_password();
            let changed = fresh.backend.update(&mine, &change, NOW).await;
            let changed = changed.unwrap_or_else(|error| panic!("{}", chain(&error)));
            let Updated::Applied(applied) = changed else { panic!("{changed:?}") };
            racers.join_all().await;

            assert!(applied.ended.contains(&before.id), "what was there before is gone");
            assert!(applied.ended.is_sorted() && !applied.ended.contains(&mine.id));
            let live: Vec<_> = fresh.backend.list(&user, NOW).await.unwrap();
            assert_eq!(live.len() + applied.ended.len(), 8, "each sign-in before it or after it");
            assert!(live.iter().all(|session| !applied.ended.contains(&session.id)));
            assert!(live.iter().any(|session| session.id == mine.id));
        }
    }

    /// Each sign-in ends one session, and names itself on the tombstones of the other's. The users are
    /// different, so that nothing but the tombstones' order keeps them apart.
    async fn tombstones_of_others_are_no_circle() {
        let fresh = Fresh::new().await;
        let beside = fresh.place.backend().await;
        for round in 0..20_u64 {
            let mut racers = JoinSet::new();
            let mut sessions = Vec::new();
            let mut tokens = Vec::new();
            for _ in 0..4 {
                let mut session = stored(&fresh.backend, record()).await;
                for _ in 0..6 {
                    tokens.extend(session.token);
                    session = with_tombstones(&fresh.backend, session).await;
                }
                sessions.push(session);
            }
            for (n, session) in sessions.into_iter().enumerate() {
                let backend = if n % 2 == 0 { fresh.backend.clone() } else { beside.clone() };
                let mut new = NewSession::new(record_of(&format!("user {n}")), token());
                new.presented.clone_from(&tokens);
                new.cap = NonZeroU32::new(1);
                let mut seen = touch(after(round + 1));
                seen.presented = true;
                racers.spawn(async move {
                    let made =
                        SessionRef { token: Some(new.token), ..SessionRef::by_id(new.record.id) };
                    new.replaces = Some(Replace { session, carry: Default::default() });
                    backend.create(new, NOW).await?;
                    backend.update(&made, &seen, after(round + 1)).await?;
                    backend.update(&made, &change_of_password(), NOW).await
                });
            }
            for answer in racers.join_all().await {
                answer.unwrap_or_else(|error| panic!("round {round}: {}", chain(&error)));
            }
        }
    }

    /// A data write that waits for a re-authentication goes on under a token that has ended.
    async fn a_write_that_waited_looks_again_at_its_token() {
        let fresh = Fresh::new().await;
        for grace in [false, true] {
            let current = stored(&fresh.backend, record_of(&format!("user {grace}"))).await;
            // The session's row is taken; then first the re-authentication waits for it, then the
            // write through the token that it ends.
            let mut again = current.clone();
            if grace {
                again = with_tombstones(&fresh.backend, again).await;
            }
            let mut other = fresh.place.connection().await;
            let mut transaction = other.begin().await.unwrap();
            query("SELECT 1 FROM web_sessions FOR UPDATE").execute(&mut *transaction).await.unwrap();
            let change = change_of_password();
            let first = fresh.backend.update(&again, &change, NOW);
            let second = async {
                waiting(&fresh, 1).await;
                fresh.backend.update(&current, &set("k", 1), NOW).await
            };
            let free = async {
                waiting(&fresh, 2).await;
                transaction.rollback().await
            };
            let (first, second, freed) = tokio::join!(first, second, free);
            freed.unwrap();
            let (first, second) = (first.unwrap(), second.unwrap());
            assert!(matches!(first, Updated::Applied(_)), "{first:?}");
            assert!(matches!(second, Updated::Missing), "in grace {grace}: {second:?}");
        }
    }
}
