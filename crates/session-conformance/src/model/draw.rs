//! Random histories: what may come next, drawn with the reference at hand, so that most steps find
//! something to do.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;
use session_core::{CARRY_LIFETIME, EndedBy, MAX_GRACES, PurgeReport, Timestamp};

use super::reference::{Model, Open, Stored};
use super::step::{
    Again, Carried, Change, Content, Jump, Lives, Name, New, Rotated, Step, Target, Token, Touched,
    USERS, Write,
};

/// When histories begin: not at a whole second.
const START: Timestamp = Timestamp::from_micros(1_795_348_800_123_457);

/// What a history has more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taste {
    Everything,
    /// Few sessions that rotate again and again, at about the same moment.
    Rotations,
    /// Sessions that expire.
    ShortLives,
}

/// A history so far.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) taste: Taste,
    pub(super) model: Model,
}

pub(super) struct Histories;

impl ReferenceStateMachine for Histories {
    type State = History;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<History> {
        let tastes = select(&[Taste::Everything, Taste::Rotations, Taste::ShortLives]);
        tastes.prop_map(|taste| History { taste, model: Model::new(START) }).boxed()
    }

    fn transitions(history: &History) -> BoxedStrategy<Step> {
        let mut weights = match history.taste {
            Taste::Everything => [4, 8, 12, 2, 1, 1, 1],
            Taste::Rotations => [2, 2, 40, 1, 1, 1, 1],
            Taste::ShortLives => [6, 8, 8, 2, 1, 3, 1],
        };
        // Where nobody lives there is little to ask.
        let model = &history.model;
        let live = model.sessions.keys().filter(|name| model.live(**name).is_some()).count();
        if live < if history.taste == Taste::Rotations { 1 } else { 3 } {
            weights[1] *= 4;
        }
        let steps = [
            jump().prop_map(Step::Clock).boxed(),
            create(history),
            update(history),
            remove(&history.model),
            remove_user(&history.model),
            purge(),
            others(&history.model),
        ];
        Union::new_weighted(weights.into_iter().zip(steps).collect()).boxed()
    }

    fn apply(mut history: History, step: &Step) -> History {
        history.model.apply(step, Open::StillThere);
        history
    }

    fn preconditions(history: &History, step: &Step) -> bool {
        makes_sense(&history.model, step)
    }
}

/// Whether the reference knows what must come of it. Nowhere is said whether the id of a session that ended
/// may be used once more, which the core never does; nor whether a grace of no length takes a place among
/// those that may last.
pub(super) fn makes_sense(model: &Model, step: &Step) -> bool {
    match step {
        Step::Create(new) => {
            let namesake = model.sessions.get(&new.name);
            new.name.0 >= model.names || namesake.is_some_and(|stored| !stored.may_be_gone)
        }
        Step::Update(target, change) if change.rotation.is_some_and(|to| to.grace == Some(0)) => {
            let of_it = model.tombstones.values().filter(|ended| ended.session == target.session);
            let lasts = |until: Timestamp| until > model.now;
            of_it.filter(|ended| ended.grace_until.is_some_and(lasts)).count() < MAX_GRACES
        }
        _ => true,
    }
}

fn jump() -> BoxedStrategy<Jump> {
    prop_oneof![
        4 => select(&[0, 1, 2, 5, 30]).prop_map(Jump::Ahead),
        1 => select(&[60, 60, 299, 301, 301, 4000]).prop_map(Jump::Ahead),
        1 => (1_u32..4).prop_map(Jump::Back),
        3 => (0_usize..3).prop_map(Jump::ToAnEnd),
        2 => (0_usize..3).prop_map(Jump::JustBeforeAnEnd),
    ]
    .boxed()
}

fn create(history: &History) -> BoxedStrategy<Step> {
    let model = &history.model;
    let who = (user(), one_in(10), any::<bool>());
    let times = (
        lives(history.taste),
        rarely(lives(history.taste)),
        rarely(lives(history.taste)),
        0_u32..9,
    );
    let data = (writes(), one_in(5));
    let caps = prop_oneof![2 => Just(None), 3 => (1_u32..4).prop_map(NonZeroU32::new)];
    let replaces = option(1, 2, (target(model, true), carried()));
    // By the user whose sign-in replaced it, if one did, or whose it is.
    let of_the_same = proptest::bool::weighted(0.7);
    let ended = model.tombstones.iter();
    let replaced = ended.filter(|(_, ended)| ended.how == EndedBy::Replaced);
    let heirs: BTreeMap<Token, &'static str> = replaced
        .filter_map(|(token, ended)| Some((*token, *model.users.get(&ended.successor?)?)))
        .collect();
    let presented = proptest::collection::vec(token(model), 0..3);
    let names = (name(model), new_token(model));
    (who, times, data, caps, (replaces, of_the_same), presented, names)
        .prop_map(
            move |(who, times, data, cap, (replaces, of_the_same), presented, (name, token))| {
                let old = replaces.as_ref().map(|(target, _)| *target).filter(|_| of_the_same);
                let heir = old.and_then(|old| heirs.get(&old.token?).copied().or(old.user));
                let user = heir.or(who.0);
                let is_impersonated = who.1 && user.is_some();
                Step::Create(Box::new(New {
                    name,
                    token,
                    user,
                    is_impersonated,
                    is_full: who.2,
                    lives: times.0,
                    absolute: times.1,
                    not_after: times.2,
                    active: times.3,
                    writes: data.0,
                    has_ceiling: data.1,
                    // Whoever acts in another's place takes none of theirs.
                    cap: cap.filter(|_| !is_impersonated),
                    replaces,
                    presented,
                }))
            },
        )
        .boxed()
}

fn update(history: &History) -> BoxedStrategy<Step> {
    let (model, taste) = (&history.model, history.taste);
    let touch = (select(&[0_u32, 0, 1, 30]), lives(taste), any::<bool>(), one_in(3));
    let touch = touch.prop_map(|(due, lives, has_address, has_agent)| Touched {
        due,
        lives,
        has_address,
        has_agent,
    });
    let own = (rarely(Just(60_u64)), rarely(any::<bool>()), rarely(lives(taste)), lives(taste));
    let own = own.prop_map(|(idle, persistent, not_after, lives)| Lives {
        idle,
        persistent,
        not_after,
        lives,
    });
    let rotates_much = taste == Taste::Rotations;
    let grace = prop_oneof![
        2 => Just(None),
        if rotates_much { 50 } else { 4 } => Just(Some(60)),
        8 => select(&[20_u32, 5, 1, 0]).prop_map(Some),
    ];
    let rotation = (new_token(model), grace).prop_map(|(token, grace)| Rotated { token, grace });
    let again = (lives(taste), rarely(lives(taste)), any::<bool>(), any::<bool>());
    let again = again.prop_map(|(lives, absolute, has_address, end_others)| Again {
        lives,
        absolute,
        has_address,
        end_others,
    });
    let rotates = if rotates_much { (9, 10) } else { (1, 4) };
    let change = (
        writes(),
        (option(1, 7, 1_u64..4), one_in(5), any::<bool>()),
        option(1, 2, touch),
        option(1, 6, own),
        option(rotates.0, rotates.1, rotation),
        option(1, 8, again),
    );
    let change = change.prop_map(
        |(writes, (if_version, has_ceiling, presented), touch, lifetime, rotation, again)| Change {
            writes,
            if_version,
            has_ceiling,
            touch,
            presented,
            lifetime,
            rotation,
            again,
        },
    );
    (target(model, false), change)
        .prop_map(|(target, change)| Step::Update(target, Box::new(change)))
        .boxed()
}

fn remove(model: &Model) -> BoxedStrategy<Step> {
    (target(model, false), user(), option(1, 2, target(model, true)), how())
        .prop_map(|(target, owner, acting, how)| Step::Remove { target, owner, acting, how })
        .boxed()
}

fn remove_user(model: &Model) -> BoxedStrategy<Step> {
    (select(&USERS), option(1, 2, target(model, true)), option(1, 2, target(model, true)), how())
        .prop_map(|(user, acting, except, how)| {
            let except = except.map(|target| target.session);
            Step::RemoveUser { user, acting, except, how }
        })
        .boxed()
}

fn purge() -> BoxedStrategy<Step> {
    let reports = select(&[PurgeReport::Count, PurgeReport::Sessions]);
    (select(&[0, 1, 2, 5, 1000]), reports, any::<bool>())
        .prop_map(|(limit, report, to_the_end)| Step::Purge { limit, report, to_the_end })
        .boxed()
}

fn others(model: &Model) -> BoxedStrategy<Step> {
    let names = (0..model.names + 2).prop_map(Name);
    prop_oneof![
        4 => proptest::collection::vec(names, 0..6).prop_map(Step::Live),
        1 => (how(), select(&[0, 1, 2, 3, 1000])).prop_map(|(how, limit)| Step::EndAll { how, limit }),
        1 => Just(Step::Ping),
    ]
    .boxed()
}

fn how() -> impl Strategy<Value = EndedBy> {
    select(&[EndedBy::Revoked, EndedBy::SignedOut])
}

fn user() -> impl Strategy<Value = Option<&'static str>> {
    option(2, 3, select(&USERS))
}

/// How a session may be named. `by_right`: by one of its tokens, good or not.
fn target(model: &Model, by_right: bool) -> BoxedStrategy<Target> {
    let (mut current, mut grace, mut others) = (Vec::new(), Vec::new(), Vec::new());
    // What a sign-in may still carry from.
    let mut carried = Vec::new();
    for (name, Stored { token, .. }) in &model.sessions {
        let is_live = model.live(*name).is_some();
        let of_its_kind = if is_live { &mut current } else { &mut others };
        of_its_kind.push((*name, Some(*token)));
    }
    for (token, tombstone) in &model.tombstones {
        let has_grace = tombstone.grace_until.is_some_and(|until| until > model.now);
        let of_its_kind = if has_grace { &mut grace } else { &mut others };
        of_its_kind.push((tombstone.session, Some(*token)));
        if tombstone.how == EndedBy::Replaced && tombstone.at.plus(CARRY_LIFETIME) > model.now {
            carried.push((tombstone.session, Some(*token)));
        }
    }
    // Never made.
    others.push((Name(model.names + 1), Some(Token(model.tokens + 1))));
    let mut all = Vec::new();
    if !current.is_empty() {
        // The last few are those of which most is known.
        let latest = current.iter().max_by_key(|(name, _)| name.0).copied();
        all.push((6, select(current.clone()).boxed()));
        all.push((6, select(latest.into_iter().collect::<Vec<_>>()).boxed()));
        let anothers = (select(current.clone()), token(model));
        all.push((1, anothers.prop_map(|((name, _), token)| (name, Some(token))).boxed()));
        if !by_right {
            all.push((1, select(current).prop_map(|(name, _)| (name, None)).boxed()));
        }
    }
    if !grace.is_empty() {
        all.push((3, select(grace).boxed()));
    }
    if !carried.is_empty() && by_right {
        all.push((10, select(carried).boxed()));
    }
    all.push((3, select(others).boxed()));
    let users = model.users.clone();
    (Union::new_weighted(all), option(2, 3, Just(())))
        .prop_map(move |((session, token), told)| {
            let user = told.and_then(|()| users.get(&session).copied());
            Target { session, token, user }
        })
        .boxed()
}

/// Any token that was issued, and some that were not.
fn token(model: &Model) -> impl Strategy<Value = Token> + use<> {
    (0..model.tokens + 2).prop_map(Token)
}

/// Nearly always one that nobody has had.
fn new_token(model: &Model) -> impl Strategy<Value = Token> + use<> {
    prop_oneof![12 => Just(Token(model.tokens)), 1 => token(model)]
}

fn name(model: &Model) -> impl Strategy<Value = Name> + use<> {
    let known: Vec<_> = model.sessions.iter().filter(|(_, stored)| !stored.may_be_gone).collect();
    let known: Vec<_> =
        known.into_iter().map(|(name, _)| *name).chain([Name(model.names)]).collect();
    prop_oneof![30 => Just(Name(model.names)), 1 => select(known)]
}

fn lives(taste: Taste) -> impl Strategy<Value = u32> {
    let (short, long): (&[u32], &[u32]) = (&[1, 2, 5, 10], &[30, 60, 600, 3600]);
    let weights = if taste == Taste::ShortLives { (6, 1) } else { (1, 12) };
    prop_oneof![weights.0 => select(short), weights.1 => select(long)]
}

fn carried() -> impl Strategy<Value = Carried> {
    prop_oneof![
        3 => Just(Carried::All),
        1 => Just(Carried::Keys(vec!["a", "a.b", "nobody's"])),
        1 => Just(Carried::Nothing),
    ]
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let key = || select(&["a", "b", "a.b", "\"$[0]", ""]);
    let content = prop_oneof![
        1 => Just(Content::Null),
        4 => select(&[1, 0, -1, i64::MAX, i64::MIN]).prop_map(Content::Number),
        2 => select(&["x", "", "é\u{1F600}\"\\", "null"]).prop_map(Content::Text),
        2 => (0_i64..3).prop_map(Content::Nested),
        1 => Just(Content::Large),
    ];
    let write = prop_oneof![
        6 => (key(), content).prop_map(|(key, content)| Write::Set(key, content)),
        2 => key().prop_map(Write::Remove),
        1 => Just(Write::Clear),
    ];
    option(1, 2, proptest::collection::vec(write, 1..4)).prop_map(Option::unwrap_or_default)
}

fn option<S: Strategy>(some: u32, of: u32, strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    let odds = f64::from(some) / f64::from(of);
    proptest::option::weighted(odds, strategy)
}

fn rarely<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    option(1, 4, strategy)
}

fn one_in(count: u32) -> impl Strategy<Value = bool> {
    proptest::bool::weighted(1.0 / f64::from(count))
}
