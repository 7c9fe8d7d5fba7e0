//! Everything that a run found, in a form that can be kept: a report is made of this and of nothing
//! else.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::callgrind::Cost;
use crate::machine::Machine;
use crate::programs::{Program, Store, bench};
use crate::pure::Pure;
use crate::statements::PerRequest;
use crate::stats::Spread;
use crate::weigh::Weight;

/// What was asked of every program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Route {
    Untouched,
    Me,
    Set,
    SetMany,
    SignIn,
}

impl Route {
    /// As the programs' command line calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Me => "me",
            Self::Set => "set",
            Self::SetMany => "set-many",
            Self::SignIn => "sign-in",
        }
    }

    /// As tables call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Untouched => "GET, session not asked for",
            Self::Me => "GET /me",
            Self::Set => "POST /set",
            Self::SetMany => "POST /set, ten keys",
            Self::SignIn => "POST /sign-in",
        }
    }

    /// What a client sends, with `{n}` for the number of the request.
    pub(crate) const fn request(self) -> &'static str {
        match self {
            Self::Untouched => "GET /untouched",
            Self::Me => "GET /me",
            Self::Set => "POST /set?key=color&value={n}",
            Self::SetMany => "POST /set-many?n=10",
            Self::SignIn => "POST /sign-in?user=user{n}",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) package: String,
    pub(crate) store: Store,
    pub(crate) route: Route,
    pub(crate) cost: Cost,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) package: String,
    pub(crate) store: Store,
    pub(crate) route: Route,
    pub(crate) per_request: PerRequest,
}

/// One value for each round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loads {
    pub(crate) package: String,
    pub(crate) store: Store,
    pub(crate) route: Route,
    /// Requests per second.
    pub(crate) throughput: Vec<f64>,
    /// Microseconds of processor time per request: the program's, and the database's processes'.
    pub(crate) server: Vec<f64>,
    pub(crate) database: Vec<f64>,
}

/// One line about one of the eleven points.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) point: String,
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) database: String,
    pub(crate) value: Value,
    #[serde(default)]
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) target: String,
    /// `None`: nobody knows, because it was not run.
    pub(crate) reached: Option<bool>,
    #[serde(default)]
    pub(crate) detail: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) full: bool,
    pub(crate) machine: Machine,
    /// Whether server and client had cores of their own.
    pub(crate) pinned: bool,
    pub(crate) rounds: u32,
    pub(crate) round_ms: u64,
    pub(crate) connections: u32,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) postgres: Option<String>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) loads: Vec<Loads>,
    pub(crate) weights: Vec<Weight>,
    /// Points that other programs measured.
    pub(crate) scale: Vec<Point>,
    #[serde(default)]
    pub(crate) pure: Vec<Pure>,
    pub(crate) not_run: Vec<String>,
}

impl Results {
    pub(crate) fn cost(&self, package: &str, store: Store, route: Route) -> Option<Cost> {
        let found = self.counted.iter().find(|counted| {
            counted.package == package && counted.store == store && counted.route == route
        });
        found.map(|counted| counted.cost)
    }

    pub(crate) fn asked(&self, package: &str, store: Store, route: Route) -> Option<&PerRequest> {
        let found = self
            .asked
            .iter()
            .find(|asked| asked.package == package && asked.store == store && asked.route == route);
        found.map(|asked| &asked.per_request)
    }

    pub(crate) fn loads(&self, package: &str, store: Store, route: Route) -> Option<&Loads> {
        self.loads
            .iter()
            .find(|loads| loads.package == package && loads.store == store && loads.route == route)
    }

    /// How many times as fast one is as the other, round by round.
    pub(crate) fn speed(
        &self,
        (package, beside): (&str, &str),
        (store, other): (Store, Store),
        route: Route,
    ) -> Option<Spread> {
        let this = self.loads(package, store, route)?;
        let that = self.loads(beside, other, route)?;
        Some(Spread::of_ratios(&this.throughput, &that.throughput))
    }

    /// Says loudly what was not run, and remembers it.
    pub(crate) fn miss(&mut self, what: String) {
        println!("NOT RUN: {what}");
        self.not_run.push(what);
    }

    /// Takes from an earlier run the parts that this one has not measured.
    pub(crate) fn complete_with(&mut self, before: Self, has: impl Fn(&str) -> bool) {
        if !has("counts") {
            self.counted = before.counted;
        }
        if !has("statements") {
            self.asked = before.asked;
        }
        if !has("loads") {
            self.loads = before.loads;
            (self.full, self.rounds, self.round_ms) = (before.full, before.rounds, before.round_ms);
        }
        if !has("scale") {
            self.scale = before.scale;
        }
        if !has("pure") {
            self.pure = before.pure;
        }
        if !has("weigh") {
            self.weights = before.weights;
        }
        for (package, version) in before.versions {
            self.versions.entry(package).or_insert(version);
        }
    }

    /// Where it is kept between measuring and reporting.
    pub(crate) fn keep(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        Ok(std::fs::write(bench().join("target/results.json"), text)?)
    }

    pub(crate) fn kept() -> Result<Self> {
        let path = bench().join("target/results.json");
        let text = std::fs::read_to_string(&path).context("nothing was measured yet")?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The programs that anything was measured of, in their order.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &'static Program> + '_ {
        let measured = |package: &str| {
            self.counted.iter().any(|counted| counted.package == package)
                || self.loads.iter().any(|loads| loads.package == package)
        };
        crate::programs::PROGRAMS.iter().filter(move |program| measured(program.package))
    }
}
