//! That the histories come by everything: a reference that is never asked proves nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};
use proptest_state_machine::ReferenceStateMachine;
use session_core::MAX_GRACES;

use super::answer::{Answer, Seen};
use super::draw::{Histories, makes_sense};
use super::reference::{Model, Open};
use super::step::{Step, Token};

/// As many as the backend in memory is held to on every run.
const HISTORIES: u32 = 40;
const STEPS: usize = 80;

/// What has to be met, and more than once.
const MET: [&str; 43] = [
    "create: made",
    "create: evicted one",
    "create: evicted several",
    "create: replaced",
    "create: carried once more",
    "create: refused ActingEnded",
    "create: refused Conflict",
    "create: refused TooLarge",
    "update: applied to the current token",
    "update: applied to one in grace",
    "update: applied without a token",
    "update: touched",
    "update: touched, and seen first",
    "update: ended others",
    "update: Missing",
    "update: Conflict",
    "update: Superseded",
    "update: refused Conflict",
    "update: refused TooLarge",
    "remove: true",
    "remove: false",
    "remove: refused ActingEnded",
    "remove_user: some",
    "remove_user: none",
    "remove_user: refused ActingEnded",
    "end_all: some",
    "purge: some were due",
    "live: some",
    "clock: back",
    "clock: at the very end of a life",
    "find: nothing, expired",
    "find: nothing, forgotten",
    "find: live, seen",
    "find: live, not seen",
    "find: in grace",
    "find: in grace, eight of one session",
    "find: rotated, followed",
    "find: rotated, not followed",
    "find: replaced, followed",
    "find: replaced, not followed",
    "find: signed_out",
    "find: revoked",
    "find: evicted",
];

#[test]
fn histories_come_by_everything() {
    let met = RefCell::new(BTreeMap::<String, u32>::new());
    let config = Config {
        cases: HISTORIES,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        rng_seed: RngSeed::Fixed(0),
        ..Config::default()
    };
    let histories = Histories::sequential_strategy(STEPS.div_ceil(2)..=STEPS);
    let drawn = TestRunner::new(config).run(&histories, |(history, steps, _)| {
        let mut model = history.model;
        for step in steps.iter().filter(|step| !matches!(step, Step::Ping)) {
            assert!(makes_sense(&model, step), "drawn, and not for the reference: {step:?}");
            let before = model.clone();
            let answer = model.apply(step, Open::StillThere);
            let mut met = met.borrow_mut();
            for what in in_step(&before, step, &answer, &model).into_iter().chain(seen(&model)) {
                *met.entry(what).or_default() += 1;
            }
        }
        Ok(())
    });
    drawn.expect("histories");
    let met = met.into_inner();
    let seldom: Vec<_> = MET.iter().filter(|what| met.get(**what).is_none_or(|n| *n < 2)).collect();
    assert!(seldom.is_empty(), "never or once: {seldom:?}\nmet: {met:#?}");
}

fn in_step(before: &Model, step: &Step, answer: &Answer, after: &Model) -> Vec<String> {
    let call = match step {
        Step::Clock(_) => "clock",
        Step::Create(_) => "create",
        Step::Update(..) => "update",
        Step::Remove { .. } => "remove",
        Step::RemoveUser { .. } => "remove_user",
        Step::EndAll { .. } => "end_all",
        Step::Purge { .. } => "purge",
        Step::Live(_) => "live",
        Step::Ping => "ping",
    };
    let mut met = Vec::new();
    match answer {
        Answer::Created { session, evicted, replaced } => {
            met.push("made");
            met.extend(match evicted.len() {
                0 => None,
                1 => Some("evicted one"),
                _ => Some("evicted several"),
            });
            met.extend(replaced.then_some("replaced"));
            let Step::Create(new) = step else { unreachable!("only a create makes a session") };
            let carries = !replaced && new.writes.is_empty() && !session.data.is_empty();
            met.extend(carries.then_some("carried once more"));
        }
        Answer::Ending(applied, ended) => {
            let Step::Update(target, _) = step else { unreachable!("only an update applies") };
            let stored = before.live(target.session).expect("a session to change");
            met.push(match target.token {
                None => "applied without a token",
                Some(token) if token == stored.token => "applied to the current token",
                Some(_) => "applied to one in grace",
            });
            let now_seen = after.live(target.session).is_some_and(|stored| stored.is_seen);
            met.extend(applied.touched.then_some("touched"));
            let is_first = applied.touched && now_seen && !stored.is_seen;
            met.extend(is_first.then_some("touched, and seen first"));
            met.extend((!ended.is_empty()).then_some("ended others"));
        }
        Answer::Removed(removed) => met.push(if *removed { "true" } else { "false" }),
        Answer::Sessions(names) => met.push(if names.is_empty() { "none" } else { "some" }),
        Answer::Updated(updated) => return vec![format!("{call}: {updated:?}")],
        Answer::Refused(kinds) => {
            return kinds.iter().map(|kind| format!("{call}: refused {kind:?}")).collect();
        }
        Answer::Done => {
            let is_back = after.now < before.now;
            met.extend(is_back.then_some("back"));
            let ends = |model: &Model| {
                let mut stored = model.sessions.values();
                stored.any(|stored| stored.record.expires_at == model.now)
            };
            met.extend(ends(after).then_some("at the very end of a life"));
            let mut all = before.sessions.values();
            let is_due = call == "purge" && all.any(|stored| stored.longest <= before.now);
            met.extend(is_due.then_some("some were due"));
        }
    }
    met.into_iter().map(|what| format!("{call}: {what}")).collect()
}

fn seen(model: &Model) -> Vec<String> {
    let what = |token: Token| match model.find(token) {
        Seen::Nothing if model.sessions.values().any(|stored| stored.token == token) => {
            "nothing, expired".to_owned()
        }
        Seen::Nothing if model.tombstones.contains_key(&token) => "nothing, forgotten".to_owned(),
        Seen::Nothing => "nothing, never issued".to_owned(),
        Seen::Live { token_seen: true, .. } => "live, seen".to_owned(),
        Seen::Live { .. } => "live, not seen".to_owned(),
        Seen::Grace { session, .. } => {
            let of_it = |token: u32| matches!(model.find(Token(token)), Seen::Grace { session: other, .. } if other.record.id == session.record.id);
            let count = (0..model.tokens).filter(|token| of_it(*token)).count();
            assert!(count <= MAX_GRACES, "{count} tokens of a session in grace");
            let all = if count == MAX_GRACES { ", eight of one session" } else { "" };
            format!("in grace{all}")
        }
        Seen::Ended { how, successor_seen, .. } => match (how.as_str(), successor_seen) {
            (how @ ("rotated" | "replaced"), true) => format!("{how}, followed"),
            (how @ ("rotated" | "replaced"), false) => format!("{how}, not followed"),
            (how, _) => how.to_owned(),
        },
    };
    (0..model.tokens).map(|number| format!("find: {}", what(Token(number)))).collect()
}
