//! The backend for the tests of applications: what it counts, what fails, and where calls stop.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use session_conformance::backends::{Calls, Fault, Gate, Method, Waiting, Watched};
use session_core::{
    BackendError, BackendErrorKind, EndedBy, MemoryBackend, NewSession, Rotation, SessionBackend,
    SessionChange, SessionData, SessionId, SessionRef, SessionToken, Timestamp, UserId,
};

use session_core::BackendErrorKind::{Conflict, Corrupt, Other, Unavailable};

const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

fn session() -> NewSession {
    let id = SessionId::generate(NOW).unwrap();
    let record = SessionData {
        user_id: Some(ann()),
        authenticated_at: Some(NOW),
        ..SessionData::new(id, NOW, Duration::from_secs(3600))
    };
    NewSession::new(record, SessionToken::generate().unwrap().hash())
}

fn ann() -> UserId {
    UserId::new("ann").unwrap()
}

fn watched() -> Watched {
    Watched::new(MemoryBackend::new())
}

type Call = Pin<Box<dyn Future<Output = Result<(), BackendError>> + Send>>;

/// A call of this method that owns what it is made with. `create` makes a session of ann's.
fn call(backend: &Watched, method: Method) -> Call {
    let backend = backend.clone();
    Box::pin(async move {
        let named = SessionRef::by_id(SessionId::generate(NOW).unwrap());
        let how = EndedBy::SignedOut;
        match method {
            Method::Create => backend.create(session(), NOW).await.map(drop),
            Method::Find => {
                let token = SessionToken::generate().unwrap().hash();
                backend.find(&token, NOW).await.map(drop)
            }
            Method::Update => {
                backend.update(&named, &SessionChange::default(), NOW).await.map(drop)
            }
            Method::Remove => backend.remove(&named, None, None, how, NOW).await.map(drop),
            Method::RemoveUser => backend.remove_user(&ann(), None, None, how, NOW).await.map(drop),
            Method::List => backend.list(&ann(), NOW).await.map(drop),
            Method::Get => backend.get(&named.id, NOW).await.map(drop),
            Method::Live => backend.live(&[named.id], NOW).await.map(drop),
            Method::Count => backend.count(NOW).await.map(drop),
            Method::EndAll => backend.end_all(how, None, NOW, 10).await.map(drop),
            Method::PurgeExpired => {
                backend.purge_expired(NOW, 10, Default::default()).await.map(drop)
            }
            Method::Ping => backend.ping().await,
        }
    })
}

/// Polls once, with nobody to wake.
fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn is_waiting(name: &str, call: &mut Call) {
    assert!(poll(call).is_pending(), "{name}: it did not stop");
}

/// What a call that does not wait says.
#[track_caller]
fn said(name: &str, call: &mut Call) -> Result<(), BackendErrorKind> {
    match poll(call) {
        Poll::Ready(answer) => answer.map_err(|error| error.kind()),
        Poll::Pending => panic!("{name}: it waits"),
    }
}

/// How many sessions ann has.
fn sessions(backend: &Watched) -> usize {
    let ann = ann();
    let mut listing = backend.unwatched().list(&ann, NOW);
    match poll(&mut listing) {
        Poll::Ready(listed) => listed.unwrap().len(),
        Poll::Pending => panic!("memory does not wait"),
    }
}

#[test]
fn calls_are_counted_by_method() {
    let backend = watched();
    for (place, method) in (1..).zip(Method::ALL) {
        for _ in 0..place {
            assert_eq!(said("counted", &mut call(&backend, method)), Ok(()), "{method}");
        }
        assert_eq!(backend.calls().of(method), place, "{method}");
    }
    let all = Calls {
        create: 1,
        find: 2,
        update: 3,
        remove: 4,
        remove_user: 5,
        list: 6,
        get: 7,
        live: 8,
        count: 9,
        end_all: 10,
        purge_expired: 11,
        ping: 12,
    };
    assert_eq!((backend.calls(), backend.calls().total()), (all, 78));
    assert_eq!((backend.take_calls(), backend.calls()), (all, Calls::NONE));

    // Nobody has polled this one.
    drop(call(&backend, Method::Ping));
    assert_eq!(sessions(&backend), 0, "the one that was made was signed out");
    assert_eq!(backend.calls(), Calls::NONE, "what the test itself asks is not counted");

    backend.fail(Unavailable);
    assert!(said("failing", &mut call(&backend, Method::Ping)).is_err());
    assert_eq!(backend.calls(), Calls { ping: 1, ..Calls::NONE }, "one that failed is counted");
}

#[tokio::test]
async fn tokens_are_remembered_in_their_order() {
    let backend = watched();
    let new = session();
    let made = new.token;
    let [looked_for, rotated_to, refused] =
        std::array::from_fn(|_| SessionToken::generate().unwrap().hash());
    let named = SessionRef::by_id(new.record.id);
    backend.find(&looked_for, NOW).await.unwrap();
    backend.create(new, NOW).await.unwrap();
    backend.find(&made, NOW).await.unwrap();
    let change = SessionChange::rotation(Rotation::Immediate { token: rotated_to });
    backend.update(&named, &change, NOW).await.unwrap();
    backend.fail(Unavailable);
    let mut never_made = session();
    never_made.token = refused;
    backend.create(never_made, NOW).await.unwrap_err();
    assert_eq!(backend.tokens(), [looked_for, made, rotated_to, refused]);
}

#[test]
fn faults_meet_the_calls_that_they_name() {
    use Method::{Create, List, Ping};

    const GONE: Fault = Fault::new(Unavailable);
    let ok = Ok(());
    for (name, faults, calls) in [
        ("none", vec![], vec![(Ping, ok)]),
        ("every call", vec![GONE], vec![(Ping, Err(Unavailable)), (List, Err(Unavailable))]),
        ("a kind", vec![Corrupt.into()], vec![(Ping, Err(Corrupt))]),
        ("one method", vec![GONE.only(Ping)], vec![(Ping, Err(Unavailable)), (List, ok)]),
        (
            "the first is spared",
            vec![GONE.only(Ping).sparing(1)],
            vec![(List, ok), (Ping, ok), (Ping, Err(Unavailable)), (Ping, Err(Unavailable))],
        ),
        (
            "twice, then well",
            vec![GONE.times(2)],
            vec![(Ping, Err(Unavailable)), (List, Err(Unavailable)), (Ping, ok)],
        ),
        ("never", vec![GONE.times(0)], vec![(Ping, ok)]),
        (
            "one after another",
            vec![Fault::new(Conflict).only(Create).times(1), Fault::new(Other).only(Create)],
            vec![(Create, Err(Conflict)), (Create, Err(Other)), (Ping, ok)],
        ),
        (
            "the first that names it decides",
            vec![Fault::new(Corrupt).only(Ping), GONE],
            vec![(Ping, Err(Corrupt)), (List, Err(Unavailable))],
        ),
    ] {
        let backend = watched();
        for fault in faults {
            backend.fail(fault);
        }
        for (place, (method, expected)) in calls.into_iter().enumerate() {
            let name = format!("{name}: call {place}");
            assert_eq!(said(&name, &mut call(&backend, method)), expected, "{name}");
        }
        backend.recover();
        assert_eq!(said(name, &mut call(&backend, Create)), ok, "{name}: recovered");
    }
}

#[test]
fn a_lost_answer_has_happened_and_a_lost_question_has_not() {
    let fault = Fault::new(Unavailable);
    for (name, fault, made) in [("question", fault, 0), ("answer", fault.answer_lost(), 1)] {
        let backend = watched();
        backend.fail(fault);
        assert_eq!(said(name, &mut call(&backend, Method::Create)), Err(Unavailable), "{name}");
        assert_eq!(sessions(&backend), made, "{name}");
    }

    // What the backend itself refuses was not done, so its own error is the truth.
    let memory = watched();
    memory.fail(Conflict);
    let outer = Watched::new(memory);
    outer.fail(fault.answer_lost());
    assert_eq!(said("refused", &mut call(&outer, Method::Create)), Err(Conflict));
}

#[test]
fn a_database_that_is_down_recovers_empty() {
    let backend = Watched::down();
    for method in Method::ALL {
        assert_eq!(said("down", &mut call(&backend, method)), Err(Unavailable), "{method}");
    }
    backend.recover();
    assert_eq!(said("up", &mut call(&backend, Method::Create)), Ok(()));
    assert_eq!(sessions(&backend), 1);
}

/// What a test does with a call that waits.
#[derive(Debug, Clone, Copy)]
enum End {
    Pass,
    Refuse,
    Drop,
    /// Lets everything go on.
    Open,
    /// Loses the handle of the stop.
    Forget,
}

#[test]
fn a_call_at_a_gate_has_happened_or_not() {
    let (passed, refused, dropped) = (Some(Ok(())), Some(Err(Other)), None);
    for (gate, end, answer, before, after) in [
        (Gate::Before, End::Pass, passed, 0, 1),
        (Gate::Before, End::Open, passed, 0, 1),
        (Gate::Before, End::Forget, passed, 0, 1),
        (Gate::Before, End::Refuse, refused, 0, 0),
        (Gate::Before, End::Drop, dropped, 0, 0),
        (Gate::After, End::Pass, passed, 1, 1),
        (Gate::After, End::Open, passed, 1, 1),
        (Gate::After, End::Forget, passed, 1, 1),
        (Gate::After, End::Refuse, refused, 1, 1),
        (Gate::After, End::Drop, dropped, 1, 1),
    ] {
        let name = format!("{gate:?}, {end:?}");
        let backend = watched();
        let stop = backend.stop(Method::Create, gate);
        assert!(poll(&mut Box::pin(stop.arrived())).is_pending(), "{name}: nobody is there");
        let mut create = call(&backend, Method::Create);
        is_waiting(&name, &mut create);
        is_waiting(&name, &mut create);
        assert_eq!(poll(&mut Box::pin(stop.arrived())), Poll::Ready(1), "{name}");
        assert_eq!(backend.waiting(), [Waiting { number: 1, method: Method::Create, gate }]);
        assert_eq!(sessions(&backend), before, "{name}: while it waits");
        let mut stop = Some(stop);
        match (end, &stop) {
            (End::Pass, Some(stop)) => stop.pass(),
            (End::Refuse, Some(stop)) => stop.refuse(Other),
            (End::Drop, _) => drop(std::mem::replace(&mut create, call(&backend, Method::Ping))),
            (End::Open, _) => backend.open(),
            _ => stop = None,
        }
        assert_eq!(backend.waiting(), [], "{name}: it goes on");
        if let Some(answer) = answer {
            assert_eq!(said(&name, &mut create), answer, "{name}");
        }
        assert_eq!(sessions(&backend), after, "{name}: in the end");
        // It was one call that was to stop.
        assert_eq!(said(&name, &mut call(&backend, Method::Create)), Ok(()), "{name}: the next");
        drop(stop);
    }
}

#[test]
fn stops_take_the_calls_of_their_method_in_turn() {
    let backend = watched();
    let (first, second) =
        (backend.stop(Method::Ping, Gate::Before), backend.stop(Method::Ping, Gate::Before));
    assert_eq!(said("another", &mut call(&backend, Method::List)), Ok(()));
    let mut pings = [(); 2].map(|()| call(&backend, Method::Ping));
    pings.iter_mut().for_each(|ping| is_waiting("ping", ping));
    assert_eq!(said("a third", &mut call(&backend, Method::Ping)), Ok(()));
    assert_eq!(poll(&mut Box::pin(second.arrived())), Poll::Ready(3));
    second.pass();
    is_waiting("the first", &mut pings[0]);
    assert_eq!(said("the second", &mut pings[1]), Ok(()));
    first.pass();
    assert_eq!(said("the first", &mut pings[0]), Ok(()));
}

#[test]
fn what_is_decided_before_the_call_comes_holds() {
    let backend = watched();
    let (pass, refuse) =
        (backend.stop(Method::Ping, Gate::Before), backend.stop(Method::List, Gate::Before));
    pass.pass();
    refuse.refuse(Other);
    backend.open();
    assert_eq!(said("pass", &mut call(&backend, Method::Ping)), Ok(()));
    assert_eq!(said("refuse", &mut call(&backend, Method::List)), Err(Other));
    assert_eq!(poll(&mut Box::pin(pass.arrived())), Poll::Ready(1), "it came all the same");

    // A stop decides nothing at the other gate.
    let before = backend.stop(Method::Ping, Gate::Before);
    let _after = backend.stop(Method::Ping, Gate::After);
    let mut ping = call(&backend, Method::Ping);
    is_waiting("before", &mut ping);
    before.pass();
    is_waiting("after", &mut ping);
    before.pass();
    drop(before);
    is_waiting("still", &mut ping);
    assert!(backend.pass(3), "by its number");
    assert_eq!(said("passed", &mut ping), Ok(()));
}

#[test]
fn faults_are_met_between_the_gates() {
    let backend = watched();
    let stop = backend.stop(Method::Create, Gate::Before);
    let mut create = call(&backend, Method::Create);
    is_waiting("before", &mut create);
    backend.fail(Fault::new(Unavailable).answer_lost());
    stop.pass();
    let stop = backend.stop(Method::Create, Gate::After);
    is_waiting("after", &mut create);
    assert_eq!(sessions(&backend), 1, "its answer will be lost");
    backend.recover();
    stop.pass();
    assert_eq!(said("lost", &mut create), Err(Unavailable));
}

/// Two calls in every order in which they can begin, happen and end, and dropped after each step:
/// what an exploration does.
#[test]
fn every_order_of_two_calls_is_told_apart() {
    let mut orders = Vec::new();
    explore(&mut Vec::new(), &mut orders);
    // Six steps, three of each call: 6! / (3! × 3!).
    assert_eq!(orders.len(), 20);
    let distinct: std::collections::BTreeSet<_> = orders.iter().collect();
    assert_eq!(distinct.len(), 20);
}

/// Runs the calls in the order of `chosen`, and goes on with each choice that is left.
fn explore(chosen: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
    let backend = watched();
    backend.stop_every(Gate::Before);
    backend.stop_every(Gate::After);
    let mut calls = [call(&backend, Method::Create), call(&backend, Method::RemoveUser)];
    let mut numbers = [None; 2];
    let mut done = [false; 2];
    let (mut begun, mut made) = (0, 0);
    for &which in &*chosen {
        match numbers[which] {
            None => {
                begun += 1;
                numbers[which] = Some(begun);
            }
            Some(number) => {
                let waiting = backend.waiting().into_iter().find(|call| call.number == number);
                if waiting.unwrap().gate == Gate::Before {
                    made = usize::from(which == 0);
                }
                assert!(backend.pass(number) && !backend.pass(number), "{chosen:?}: once");
            }
        }
        done[which] = poll(&mut calls[which]).is_ready();
        assert_eq!(sessions(&backend), made, "{chosen:?}");
    }
    for which in (0..2).filter(|which| !done[*which]) {
        chosen.push(which);
        explore(chosen, orders);
        chosen.pop();
    }
    if done == [true; 2] {
        orders.push(chosen.clone());
    }
    // Dropped where they are; what is left is sound.
    drop(calls);
    assert_eq!((backend.waiting(), sessions(&backend)), (vec![], made), "{chosen:?}");
    assert!(!backend.pass(1) && !backend.refuse(2, Other), "{chosen:?}: nobody waits");
    backend.open();
    assert_eq!(said("afterwards", &mut call(&backend, Method::Ping)), Ok(()), "{chosen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_woken() {
    let backend = watched();
    for gate in [Gate::Before, Gate::After] {
        let stop = backend.stop(Method::Ping, gate);
        let pinging = async { backend.ping().await };
        let passing = async {
            let number = stop.arrived().await;
            assert!(backend.pass(number));
        };
        // Passing first, so that it waits for the arrival.
        let ((), pinged) = tokio::join!(passing, pinging);
        pinged.unwrap();
    }

    let stops = [(); 8].map(|()| backend.stop(Method::List, Gate::Before));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in &stops {
        tasks.spawn(call(&backend, Method::List));
    }
    for stop in &stops {
        stop.arrived().await;
    }
    assert_eq!(backend.waiting().len(), stops.len());
    backend.open();
    while let Some(listed) = tasks.join_next().await {
        listed.unwrap().unwrap();
    }
}
