//! A real server that is shut down, killed, frozen and started again: what a backend sees of it.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use session_core::{
    BackendError, BackendErrorKind as Kind, EndedBy, NewSession, SessionBackend, SessionRef,
};
use session_postgres::PostgresBackend;
use session_test_servers::{Postgres, given};
use tokio::task::JoinSet;

use super::support::{
    ACQUIRE, NOW, Place, STATEMENT, chain, live, record, record_of, set, stored, token, until,
    user_id,
};

/// One test on a server of its own, if there are programs to start one.
macro_rules! with_own_server {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: Postgres) $body:block)+) => {
        $(
            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                #[allow(unused_mut, reason = "not everybody restarts it")]
                if let Some(mut $server) = given::own_postgres() $body
            }
        )+
    };
}

type Call = for<'a> fn(&'a PostgresBackend, &'a SessionRef) -> Calling<'a>;
type Calling<'a> = Pin<Box<dyn Future<Output = Result<(), BackendError>> + Send + 'a>>;

/// Everything that a backend does.
const CALLS: [(&str, Call); 8] = [
    ("find", |backend, session| {
        Box::pin(async move {
            let found = backend.find(&session.token.unwrap(), NOW).await?;
            assert!(found.is_some());
            Ok(())
        })
    }),
    ("list", |backend, _| Box::pin(async { backend.list(&user_id("a"), NOW).await.map(drop) })),
    ("ping", |backend, _| Box::pin(async { backend.ping().await })),
    ("update", |backend, session| {
        Box::pin(async move { backend.update(session, &set("k", 1), NOW).await.map(drop) })
    }),
    ("create", |backend, _| {
        Box::pin(async {
            backend.create(NewSession::new(record_of("b"), token()), NOW).await.map(drop)
        })
    }),
    ("remove", |backend, session| {
        Box::pin(async move {
            backend.remove(session, None, None, EndedBy::SignedOut, NOW).await.map(drop)
        })
    }),
    ("remove_user", |backend, _| {
        Box::pin(async {
            backend.remove_user(&user_id("c"), None, None, EndedBy::SignedOut, NOW).await.map(drop)
        })
    }),
    ("purge_expired", |backend, _| {
        Box::pin(async { backend.purge_expired(NOW, 1, Default::default()).await.map(drop) })
    }),
];

/// A backend with several idle connections, and a session.
async fn warm(server: &Postgres) -> (PostgresBackend, SessionRef) {
    let place = Place { url: server.url.clone(), schema: given::fresh_name() };
    let backend = place.backend().await;
    let session = stored(&backend, record()).await;
    read_at_once(&backend, &session).await;
    (backend, session)
}

/// More readers than there are connections.
async fn read_at_once(backend: &PostgresBackend, session: &SessionRef) {
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let (backend, token) = (backend.clone(), session.token.unwrap());
        readers.spawn(async move { live(&backend, &token).await });
    }
    readers.join_all().await;
}

/// Every call, all at once: nobody answers, which is an error in time.
async fn check_unavailable(backend: &PostgresBackend, session: &SessionRef) {
    let mut calls = JoinSet::new();
    for (name, call) in CALLS {
        let (backend, session) = (backend.clone(), session.clone());
        calls.spawn(async move {
            let begun = Instant::now();
            let error = call(&backend, &session).await.expect_err(name);
            let took = begun.elapsed();
            assert_eq!(error.kind(), Kind::Unavailable, "{name}: {}", chain(&error));
            assert!(took < ACQUIRE + STATEMENT + Duration::from_millis(1500), "{name}: {took:?}");
        });
    }
    calls.join_all().await;
}

with_own_server! {
    /// Nobody asked for anything while the server was away. Then no call fails, changes included: a
    /// read is sent again, and a change asks its connection first.
    async fn the_first_call_after_a_restart_succeeds(server: Postgres) {
        for restart in [Postgres::shut_down, Postgres::kill] {
            let mut backends = Vec::new();
            for (name, call) in CALLS {
                let (backend, session) = warm(&server).await;
                backends.push((name, call, backend, session));
            }
            restart(&mut server).unwrap();
            server.start_again().unwrap();
            for (name, call, backend, session) in backends {
                let answer = call(&backend, &session).await;
                assert!(answer.is_ok(), "{name}: {}", chain(&answer.unwrap_err()));
            }
        }
    }

    /// The same for what comes at once: as many calls as there are connections.
    async fn the_first_calls_after_a_restart_succeed_together(server: Postgres) {
        let (readers, session) = warm(&server).await;
        let (writers, changed) = warm(&server).await;
        server.kill().unwrap();
        server.start_again().unwrap();
        read_at_once(&readers, &session).await;
        let mut writing = JoinSet::new();
        for n in 0..5 {
            let (writers, changed) = (writers.clone(), changed.clone());
            writing.spawn(async move { writers.update(&changed, &set("k", n), NOW).await });
        }
        for answer in writing.join_all().await {
            answer.unwrap_or_else(|error| panic!("{}", chain(&error)));
        }
    }

    async fn a_killed_server_is_unavailable_and_comes_back(server: Postgres) {
        let (backend, session) = warm(&server).await;
        backend.update(&session, &set("before", 1), NOW).await.unwrap();
        server.kill().unwrap();
        check_unavailable(&backend, &session).await;
        check_unavailable(&backend, &session).await;
        server.start_again().unwrap();
        read_at_once(&backend, &session).await;
        backend.update(&session, &set("after", 1), NOW).await.unwrap();
        let data = live(&backend, &session.token.unwrap()).await.data;
        assert!(data.get("before").is_some() && data.get("after").is_some(), "{data:?}");
    }

    async fn a_frozen_server_is_unavailable_and_goes_on(server: Postgres) {
        let (backend, session) = warm(&server).await;
        server.freeze().unwrap();
        check_unavailable(&backend, &session).await;
        // Those that find no connection idle.
        check_unavailable(&backend, &session).await;
        server.thaw().unwrap();
        // What was sent before may still happen, the removal of this session among it.
        let backend = &backend;
        until("an answer", || async move { backend.ping().await.ok() }).await;
        let session = stored(backend, record()).await;
        read_at_once(backend, &session).await;
        backend.update(&session, &set("after", 1), NOW).await.unwrap();
    }
}
