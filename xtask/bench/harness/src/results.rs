//! What is measured of which application, and everything that a run found: a report is made of this and
//! of nothing else.

use crate::database::Store;
use crate::machine::Machine;
use crate::measure::Depth;
use crate::programs::Program;
use crate::purge::Purge;
use crate::stats::Spread;

/// Why an application is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sessions written by hand, or none.
    Floor,
    /// This project.
    Ours,
    /// Another library.
    Peer,
}

/// One application.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) program: Program,
    pub(crate) name: &'static str,
    /// How tables call it.
    pub(crate) label: &'static str,
    pub(crate) framework: &'static str,
    pub(crate) role: Role,
    pub(crate) stores: &'static [Store],
    /// The package whose version a reader wants to know.
    pub(crate) package: &'static str,
}

impl Subject {
    /// Whether a case can be asked of it.
    pub(crate) fn has(&self, store: Store, case: Case) -> bool {
        let is_plain = self.role == Role::Floor && store == Store::Memory;
        match case {
            // The layer alone: no store has a part in it.
            Case::Untouched => store == Store::Memory,
            Case::Me => true,
            // By hand there is no session in memory, and session-guard's hold no data.
            Case::Set => !is_plain && self.name != "session-guard",
            Case::SignIn | Case::SignInAtCap => !is_plain,
        }
    }
}

const fn subject(
    program: Program,
    name: &'static str,
    label: &'static str,
    framework: &'static str,
    role: Role,
    package: &'static str,
) -> Subject {
    let stores = &[Store::Memory, Store::Sqlite, Store::Postgres];
    Subject { program, name, label, framework, role, stores, package }
}

use Program::{Current, OldDrivers};
use Role::{Floor, Ours, Peer};

pub(crate) const SUBJECTS: [Subject; 8] = [
    subject(Current, "floor-axum", "by hand", "axum", Floor, "axum"),
    subject(Current, "ours-axum", "session-axum", "axum", Ours, "session-axum"),
    Subject {
        stores: &[
            Store::Memory,
            Store::Sqlite,
            Store::MokaSqlite,
            Store::Postgres,
            Store::MokaPostgres,
        ],
        ..subject(OldDrivers, "tower-sessions", "tower-sessions", "axum", Peer, "tower-sessions")
    },
    subject(Current, "axum-session", "axum_session", "axum", Peer, "axum_session"),
    Subject {
        stores: &[Store::Memory, Store::Postgres],
        ..subject(Current, "session-guard", "session-guard", "axum", Peer, "session-guard")
    },
    subject(Current, "floor-salvo", "by hand", "salvo", Floor, "salvo_core"),
    subject(Current, "ours-salvo", "session-salvo", "salvo", Ours, "session-salvo"),
    subject(OldDrivers, "salvo-session", "salvo's session", "salvo", Peer, "salvo-session"),
];

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Untouched,
    Me,
    Set,
    SignIn,
    SignInAtCap,
}

impl Case {
    pub(crate) const ALL: [Self; 5] =
        [Self::Untouched, Self::Me, Self::Set, Self::SignIn, Self::SignInAtCap];

    /// As tables call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Untouched => "A page that does not ask for its session",
            Self::Me => "A page that asks who is signed in",
            Self::Set => "One key is stored",
            Self::SignIn => "A sign-in, the first of its user",
            Self::SignInAtCap => "A sign-in, ten sessions before it",
        }
    }

    /// As the programs' command line calls it, where it is counted.
    pub(crate) const fn route(self) -> Option<&'static str> {
        match self {
            Self::Untouched => Some("untouched"),
            Self::Me => Some("me"),
            Self::Set => Some("set"),
            Self::SignIn => Some("sign-in"),
            Self::SignInAtCap => None,
        }
    }

    /// What a client sends: a method, and the path as an expression of Lua.
    pub(crate) const fn request(self) -> (&'static str, &'static str) {
        match self {
            Self::Untouched => ("GET", "'/untouched'"),
            Self::Me => ("GET", "'/me'"),
            Self::Set => ("POST", "string.format('/set?key=color&value=%08d', nth)"),
            Self::SignIn => {
                ("POST", "string.format('/sign-in?user=u%d-%d-%d', round, number, nth)")
            }
            Self::SignInAtCap => {
                ("POST", "string.format('/sign-in?user=cap%d', math.random(0, USERS - 1))")
            }
        }
    }

    /// Whether the client has sessions before it begins.
    pub(crate) const fn has_sessions(self) -> bool {
        matches!(self, Self::Untouched | Self::Me | Self::Set)
    }
}

/// Where something was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) case: Case,
}

/// One value for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads {
    /// Requests per second.
    pub(crate) throughput: Vec<f64>,
    /// Microseconds of processor time per request: the program's, and the database's processes'.
    pub(crate) server: Vec<f64>,
    pub(crate) database: Vec<f64>,
}

pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// Whether server and client had cores of their own.
    pub(crate) pinned: bool,
    pub(crate) depth: Depth,
    pub(crate) versions: Vec<String>,
    pub(crate) counted: Vec<(Place, f64)>,
    pub(crate) loads: Vec<(Place, Loads)>,
    pub(crate) purges: Vec<Purge>,
    pub(crate) not_run: Vec<String>,
}

impl Results {
    pub(crate) fn cost(&self, place: Place) -> Option<f64> {
        let found = self.counted.iter().find(|(its, _)| *its == place);
        found.map(|(_, instructions)| *instructions)
    }

    pub(crate) fn loads(&self, place: Place) -> Option<&Loads> {
        self.loads.iter().find(|(its, _)| *its == place).map(|(_, loads)| loads)
    }

    /// Says loudly what was not run, and remembers it.
    pub(crate) fn miss(&mut self, what: String) {
        println!("NOT RUN: {what}");
        self.not_run.push(what);
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Throughput,
    Instructions,
}

impl Measure {
    fn value(self, results: &Results, place: Place) -> Option<f64> {
        match self {
            Self::Throughput => Some(Spread::of(&results.loads(place)?.throughput).median),
            Self::Instructions => results.cost(place),
        }
    }

    /// How many times as good one is as the other: above 1 it is ahead.
    fn ratio(self, results: &Results, this: Place, that: Place) -> Option<f64> {
        match self {
            // Round by round: whatever the machine did meanwhile it did to both.
            Self::Throughput => {
                let (this, that) = (results.loads(this)?, results.loads(that)?);
                Some(Spread::of_ratios(&this.throughput, &that.throughput).median)
            }
            Self::Instructions => Some(results.cost(that)? / results.cost(this)?),
        }
    }
}

/// Ours beside another one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beside {
    pub(crate) label: &'static str,
    pub(crate) value: f64,
    /// Above 1 ours is ahead.
    pub(crate) ratio: f64,
}

/// A line of a table of comparisons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) case: Case,
    pub(crate) framework: &'static str,
    /// The others'; ours is without a cache.
    pub(crate) store: Store,
    pub(crate) ours: f64,
    pub(crate) hand: Option<Beside>,
    /// The best other library.
    pub(crate) other: Option<Beside>,
}

impl Comparison {
    pub(crate) fn is_behind(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.ratio < 1.0)
    }
}

/// Every comparison: those in which others are ahead first, the furthest ahead at the top.
pub(crate) fn comparisons(results: &Results, measure: Measure) -> Vec<Comparison> {
    let mut all = Vec::new();
    for case in Case::ALL {
        for store in
            [Store::Memory, Store::Sqlite, Store::MokaSqlite, Store::Postgres, Store::MokaPostgres]
        {
            for ours in SUBJECTS.iter().filter(|subject| subject.role == Role::Ours) {
                let own = Place { name: ours.name, store: store.database(), case };
                let Some(value) = measure.value(results, own) else { continue };
                let beside = |role, store| {
                    let its = SUBJECTS
                        .iter()
                        .filter(move |its| its.role == role && its.framework == ours.framework);
                    let its = its.filter_map(|its| {
                        let place = Place { name: its.name, store, case };
                        let ratio = measure.ratio(results, own, place)?;
                        let value = measure.value(results, place)?;
                        Some(Beside { label: its.label, value, ratio })
                    });
                    its.min_by(|left, right| left.ratio.total_cmp(&right.ratio))
                };
                let hand = beside(Role::Floor, store.database());
                let other = beside(Role::Peer, store);
                if other.is_some() || (store == store.database() && hand.is_some()) {
                    let framework = ours.framework;
                    all.push(Comparison { case, framework, store, ours: value, hand, other });
                }
            }
        }
    }
    let rank = |line: &Comparison| match &line.other {
        Some(other) if line.is_behind() => other.ratio,
        _ => 1.0,
    };
    all.sort_by(|left, right| rank(left).total_cmp(&rank(right)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn results(loads: &[(&'static str, Store, Case, &[f64])]) -> Results {
        let of = |(name, store, case, throughput): &(&'static str, Store, Case, &[f64])| {
            let place = Place { name, store: *store, case: *case };
            (place, Loads { throughput: throughput.to_vec(), ..Loads::default() })
        };
        Results {
            machine: Machine::here(),
            pinned: true,
            depth: crate::measure::FULL,
            versions: Vec::new(),
            counted: Vec::new(),
            loads: loads.iter().map(of).collect(),
            purges: Vec::new(),
            not_run: Vec::new(),
        }
    }

    #[test]
    fn where_others_are_ahead_comes_first() {
        let results = results(&[
            ("ours-axum", Store::Sqlite, Case::Me, &[100.0, 200.0, 300.0]),
            ("floor-axum", Store::Sqlite, Case::Me, &[200.0, 200.0, 200.0]),
            ("tower-sessions", Store::Sqlite, Case::Me, &[50.0, 100.0, 600.0]),
            ("axum-session", Store::Sqlite, Case::Me, &[10.0, 10.0, 10.0]),
            ("tower-sessions", Store::MokaSqlite, Case::Me, &[400.0, 400.0, 400.0]),
            ("ours-axum", Store::Sqlite, Case::SignIn, &[10.0, 10.0, 10.0]),
            ("axum-session", Store::Sqlite, Case::SignIn, &[40.0, 40.0, 40.0]),
            // On another framework, and so beside nobody.
            ("salvo-session", Store::Sqlite, Case::SignIn, &[90.0, 90.0, 90.0]),
        ]);
        let lines = comparisons(&results, Measure::Throughput);
        let told: Vec<_> = lines
            .iter()
            .map(|line| {
                let other = line.other.as_ref().unwrap();
                (line.case, line.store, other.label, other.ratio, line.is_behind())
            })
            .collect();
        assert_eq!(
            told,
            [
                (Case::SignIn, Store::Sqlite, "axum_session", 0.25, true),
                (Case::Me, Store::MokaSqlite, "tower-sessions", 0.5, true),
                // The middle of 2, 2 and 0.5, and not the ratio of the middles.
                (Case::Me, Store::Sqlite, "tower-sessions", 2.0, false),
            ]
        );
        assert_eq!(lines[2].hand, Some(Beside { label: "by hand", value: 200.0, ratio: 1.0 }));
        assert_eq!(lines[1].hand, lines[2].hand);
    }

    #[test]
    fn fewer_instructions_are_ahead() {
        let mut results = results(&[]);
        for (name, instructions) in [("ours-salvo", 100.0), ("salvo-session", 50.0)] {
            let place = Place { name, store: Store::Memory, case: Case::Me };
            results.counted.push((place, instructions));
        }
        let lines = comparisons(&results, Measure::Instructions);
        assert!(lines[0].is_behind());
        assert_eq!(lines[0].other.as_ref().unwrap().ratio, 0.5);
    }
}
