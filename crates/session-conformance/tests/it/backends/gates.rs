//! Where calls stop, and who lets them go on.

use super::*;

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
