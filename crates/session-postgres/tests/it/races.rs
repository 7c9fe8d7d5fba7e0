//! Calls that want the same rows: what PostgreSQL takes back is sent again, and nothing waits in a
//! circle.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use session_core::{BackendErrorKind, EndedBy, NewSession, Replace, SessionBackend};
use sqlx::{Connection, query};
use tokio::task::JoinSet;

use super::support::{
    Fresh, NOW, STATEMENT, after, chain, record, record_of, set, stored, token, touch, user_id,
    with_server,
};

with_server! {
    async fn users_who_become_each_other() {
        let fresh = Fresh::new().await;
        let beside = fresh.place.backend().await;
        let mut racers = JoinSet::new();
        for n in 0..24_usize {
            let backend = if n % 2 == 0 { fresh.backend.clone() } else { beside.clone() };
            racers.spawn(async move {
                let (mine, theirs) = if n % 2 == 0 { ("a", "b") } else { ("b", "a") };
                for round in 0..8 {
                    // A switch of user locks rows of both.
                    let old = stored(&backend, record_of(mine)).await;
                    let mut new = NewSession::new(record_of(theirs), token());
                    new.cap = NonZeroU32::new(3);
                    new.replaces = Some(Replace { session: old.clone(), carry: Default::default() });
                    backend.create(new, NOW).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
                    let change = touch(after(round));
                    backend.update(&old, &change, after(round)).await.unwrap();
                    if n == 0 {
                        let how = EndedBy::SignedOut;
                        backend.remove_user(&user_id(theirs), None, None, how, NOW).await.unwrap();
                        backend.purge_expired(after(100), 5, Default::default()).await.unwrap();
                    }
                }
            });
        }
        racers.join_all().await;
    }

    async fn a_deadlock_with_somebody_else_is_tried_again() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record()).await;
        let mut connection = fresh.place.connection().await;
        // The first two tries fail as a deadlock would.
        sqlx::raw_sql(
            "CREATE SEQUENCE tries; \
             CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             CASE nextval('tries') WHEN 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '40P01'; \
             WHEN 2 THEN RAISE EXCEPTION 'twice' USING ERRCODE = '40001'; ELSE RETURN new; END CASE; \
             END $$; \
             CREATE TRIGGER fail BEFORE UPDATE ON web_sessions \
             FOR EACH ROW EXECUTE FUNCTION fail_twice()",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        fresh.backend.update(&session, &set("k", 1), NOW).await.unwrap();
        let tries: i64 = sqlx::query_scalar("SELECT last_value FROM tries")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(tries, 3);
    }

    /// What waits in one schema holds nobody up in another, whatever the users are called.
    async fn users_of_two_schemas_are_two_users() {
        let (one, two) = (Fresh::new().await, Fresh::new().await);
        stored(&one.backend, record_of("alice")).await;
        let mut other = one.place.connection().await;
        let mut transaction = other.begin().await.unwrap();
        query("SELECT web_session_lock_user_v1('alice')").execute(&mut *transaction).await.unwrap();
        stored(&two.backend, record_of("alice")).await;
        let new = NewSession::new(record_of("alice"), token());
        let error = one.backend.create(new, NOW).await.unwrap_err();
        assert!(error.to_string().contains("lock_timeout"), "{}", chain(&error));
    }

    async fn a_lock_that_is_never_given_back() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record_of("alice")).await;
        let mut other = fresh.place.connection().await;
        let mut transaction = other.begin().await.unwrap();
        query("SELECT 1 FROM web_sessions FOR UPDATE").execute(&mut *transaction).await.unwrap();
        let how = EndedBy::SignedOut;
        for (name, started, error) in [
            ("update", Instant::now(), fresh.backend.update(&session, &set("k", 1), NOW).await.err()),
            (
                "remove",
                Instant::now(),
                fresh.backend.remove(&session, None, None, how, NOW).await.err(),
            ),
            (
                "remove_user",
                Instant::now(),
                fresh.backend.remove_user(&user_id("alice"), None, None, how, NOW).await.err(),
            ),
        ] {
            let error = error.unwrap_or_else(|| panic!("{name} succeeded"));
            assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{name}");
            assert!(error.to_string().contains("lock_timeout"), "{name}: {}", chain(&error));
            assert!(started.elapsed() < STATEMENT * 4 + Duration::from_secs(1), "{name}");
        }
        // Readers do not wait for anybody.
        super::support::live(&fresh.backend, &session.token.unwrap()).await;
        transaction.rollback().await.unwrap();
        fresh.backend.update(&session, &set("k", 1), NOW).await.unwrap();
    }
}

with_server! {
    /// A sign-in that is on its way when its session expires is not refused because another device signed in
    /// meanwhile: the session expired, and was not ended.
    async fn a_sign_in_sees_that_its_session_expired_beside_another() {
        let fresh = Fresh::new().await;
        let user = user_id("ann");
        let mut old = stored(&fresh.backend, record_of("ann")).await;
        old.user = Some(user.clone());
        let late = after(3601);
        let fresh_record = || {
            let mut record = record_of("ann");
            record.expires_at = after(7200);
            record
        };
        fresh.backend.create(NewSession::new(fresh_record(), token()), late).await.unwrap();
        let mut new = NewSession::new(fresh_record(), token());
        new.replaces = Some(Replace { session: old, carry: Default::default() });
        let made = fresh.backend.create(new, late).await;
        assert!(made.is_ok(), "{}", chain(&made.unwrap_err()));
    }
}
