//! `docs/benchmarks.md` and its pictures, written from what was measured.

mod many;
mod prose;
mod tables;

use std::fs;

use anyhow::Result;

use crate::plot::{self, Bar, Group, Kind};
use crate::programs::{Program, Role, Store, root};
use crate::results::{Results, Route};
use crate::stats::Spread;

/// The pages' folder of pictures, beside the page.
const PICTURES: &str = "docs/benchmarks";

pub(crate) fn write(results: &Results) -> Result<()> {
    let folder = root().join(PICTURES);
    fs::create_dir_all(&folder)?;
    for (name, _, picture) in pictures(results) {
        fs::write(folder.join(format!("{name}.svg")), picture)?;
    }
    let page = root().join("docs/benchmarks.md");
    fs::write(&page, prose::page(results))?;
    println!("wrote docs/benchmarks.md and the pictures in {PICTURES}");
    Ok(())
}

/// Name, what it shows, and the picture itself. One that would be empty is left out.
fn pictures(results: &Results) -> Vec<(&'static str, &'static str, String)> {
    let routes = [Route::Untouched, Route::Me, Route::Set];
    let drawn = [
        (
            "instructions-memory",
            "Instructions per request, sessions in memory",
            instructions(results, Store::Memory, &routes),
        ),
        (
            "instructions-sqlite",
            "Instructions per request, sessions in SQLite",
            instructions(results, Store::Sqlite, &routes),
        ),
        (
            "instructions-postgres",
            "Instructions per request of the program, sessions in PostgreSQL",
            instructions(results, Store::Postgres, &routes),
        ),
        (
            "throughput-sqlite",
            "Requests per second on one core, sessions in SQLite",
            throughput(results, Store::Sqlite),
        ),
        (
            "throughput-postgres",
            "Requests per second on one core, sessions in PostgreSQL",
            throughput(results, Store::Postgres),
        ),
    ];
    let whole = drawn.into_iter().filter(|(.., groups)| !groups.is_empty());
    whole.map(|(name, title, groups)| (name, title, plot::bars(title, &groups))).collect()
}

/// A program's name where it stands beside programs of other frameworks.
fn label(program: &Program, store: Store) -> String {
    let cache = if store == store.database() { "" } else { ", cached" };
    match program.role {
        Role::Peer => format!("{}{cache}", program.label),
        Role::Floor | Role::Ours => format!("{} ({})", program.label, program.framework),
    }
}

const fn kind(role: Role) -> Kind {
    match role {
        Role::Floor => Kind::Floor,
        Role::Ours => Kind::Ours,
        Role::Peer => Kind::Peer,
    }
}

/// Every program with every store that stands in this database's table.
fn beside(results: &Results, database: Store) -> Vec<(&'static Program, Store)> {
    let all = results
        .programs()
        .flat_map(|program| program.stores.iter().map(move |store| (program, *store)));
    all.filter(|(_, store)| store.database() == database).collect()
}

fn groups(
    results: &Results,
    database: Store,
    routes: &[Route],
    bar: impl Fn(&'static Program, Store, Route) -> Option<(f64, Option<(f64, f64)>)>,
) -> Vec<Group> {
    let group = |route: &Route| {
        let bars = beside(results, database).into_iter().filter_map(|(program, store)| {
            let (value, ends) = bar(program, store, *route)?;
            Some(Bar { label: label(program, store), value, ends, kind: kind(program.role) })
        });
        Group { title: route.title().to_owned(), bars: bars.collect() }
    };
    routes.iter().map(group).filter(|group| !group.bars.is_empty()).collect()
}

fn instructions(results: &Results, database: Store, routes: &[Route]) -> Vec<Group> {
    groups(results, database, routes, |program, store, route| {
        Some((results.cost(program.package, store, route)?.instructions, None))
    })
}

fn throughput(results: &Results, database: Store) -> Vec<Group> {
    let routes = [Route::Me, Route::Set, Route::SignIn];
    groups(results, database, &routes, |program, store, route| {
        let spread = Spread::of(&results.loads(program.package, store, route)?.throughput);
        Some((spread.median, Some((spread.least, spread.most))))
    })
}
