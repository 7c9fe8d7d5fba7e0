//! `docs/benchmarks.md`, written from what was measured.

mod prose;

use std::fmt::Write as _;

use anyhow::Result;

use crate::database::Store;
use crate::programs::root;
use crate::results::{Beside, Case, Measure, Place, Results, Role, SUBJECTS, Subject, comparisons};
use crate::stats::Spread;

pub(crate) use prose::page;

pub(crate) fn write(results: &Results) -> Result<()> {
    std::fs::write(root().join("docs/benchmarks.md"), page(results))?;
    println!("wrote docs/benchmarks.md");
    Ok(())
}

const DATABASES: [Store; 3] = [Store::Memory, Store::Sqlite, Store::Postgres];

/// Ours beside by hand and the best other library, those in which others are ahead first.
fn compared(results: &Results, measure: Measure) -> String {
    let mut text = "| What | On | Ours | By hand | The best other library | Ratio |\n\
                    | --- | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let lines = comparisons(results, measure);
    for line in &lines {
        let hand = line.hand.as_ref().map_or("-".to_owned(), |hand| grouped(hand.value));
        let other =
            line.other.as_ref().map_or("-".to_owned(), |Beside { label, value, .. }| {
                format!("{label}: {}", grouped(*value))
            });
        let ratio = match &line.other {
            Some(other) if line.is_behind() => format!("**{:.2}**", other.ratio),
            Some(other) => format!("{:.2}", other.ratio),
            None => "-".to_owned(),
        };
        let cached = if line.store == line.store.database() { "" } else { ", theirs cached" };
        let _ = writeln!(
            text,
            "| {} | {}, {}{cached} | {} | {hand} | {other} | {ratio} |",
            line.case.title(),
            line.framework,
            line.store.database().name(),
            grouped(line.ours),
        );
    }
    if lines.is_empty() { "Not run.\n".to_owned() } else { text }
}

/// An application's name where it stands beside those on other frameworks.
fn label(subject: &Subject, store: Store) -> String {
    let cache = if store == store.database() { "" } else { ", cached" };
    match subject.role {
        Role::Peer => format!("{}{cache}", subject.label),
        Role::Floor => format!("{}, {}", subject.label, subject.framework),
        Role::Ours => format!("**{}**", subject.label),
    }
}

/// Every application with every store that stands in this database's table.
fn beside(database: Store) -> impl Iterator<Item = (&'static Subject, Store)> {
    let all =
        SUBJECTS.iter().flat_map(|subject| subject.stores.iter().map(move |at| (subject, *at)));
    all.filter(move |(_, store)| store.database() == database)
}

/// Instructions of every case over one database.
fn instructions(results: &Results, database: Store) -> String {
    let cost =
        |subject: &Subject, store, case| results.cost(Place { name: subject.name, store, case });
    let is_counted =
        |case: &Case| beside(database).any(|(its, store)| cost(its, store, *case).is_some());
    let cases: Vec<_> = Case::ALL.into_iter().filter(is_counted).collect();
    if cases.is_empty() {
        return "Not run.\n".to_owned();
    }
    let titles: Vec<_> = cases.iter().map(|case| case.title()).collect();
    let mut text =
        format!("| | {} |\n| --- |{}\n", titles.join(" | "), " ---: |".repeat(cases.len()));
    for (subject, store) in beside(database) {
        let costs: Vec<_> = cases.iter().map(|case| cost(subject, store, *case)).collect();
        if costs.iter().any(Option::is_some) {
            let cells = costs.into_iter().map(|cost| cost.map_or("-".to_owned(), grouped));
            let cells: Vec<_> = cells.collect();
            let _ = writeln!(text, "| {} | {} |", label(subject, store), cells.join(" | "));
        }
    }
    text
}

/// Throughput and processor time of one case over one database.
fn loads(results: &Results, database: Store, case: Case) -> Option<String> {
    let find = |name, store| results.loads(Place { name, store, case });
    let mut text = "| | requests/s | beside by hand | program's CPU, µs | database's CPU, µs |\n\
                    | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let mut is_empty = true;
    for (subject, store) in beside(database) {
        let Some(loads) = find(subject.name, store) else { continue };
        is_empty = false;
        let floor = SUBJECTS
            .iter()
            .find(|its| its.role == Role::Floor && its.framework == subject.framework)
            .and_then(|floor| find(floor.name, database));
        let ratio = floor.map(|floor| Spread::of_ratios(&loads.throughput, &floor.throughput));
        let ratio = ratio.map_or("-".to_owned(), |ratio| {
            format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.least, ratio.most)
        });
        let (speed, server) = (Spread::of(&loads.throughput), Spread::of(&loads.server));
        let database = Spread::of(&loads.database).median;
        let database = if database > 0.0 { format!("{database:.1}") } else { "-".to_owned() };
        let _ = writeln!(
            text,
            "| {} | {} ({} to {}) | {ratio} | {:.1} ({:.1} to {:.1}) | {database} |",
            label(subject, store),
            grouped(speed.median),
            grouped(speed.least),
            grouped(speed.most),
            server.median,
            server.least,
            server.most,
        );
    }
    (!is_empty).then_some(text)
}

/// Every round of every database.
fn purges(results: &Results) -> String {
    let mut text = "| On | Rows | One DELETE, s | The job, s | Ratio | A look-up meanwhile, \
                    p99 and most, ms | A change meanwhile, p99 and most, ms |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for purge in &results.purges {
        for round in &purge.rounds {
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {:.2} | {:.2} | {:.1}, {:.1} | {:.1}, {:.1} |",
                purge.store.name(),
                grouped(purge.rows as f64),
                round.bare,
                round.job,
                round.job / round.bare,
                round.finds.p99,
                round.finds.most,
                round.updates.p99,
                round.updates.most,
            );
        }
    }
    if results.purges.is_empty() { "Not run.\n".to_owned() } else { text }
}

/// A whole number with a comma between its thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_readers() {
        for (value, text) in
            [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(grouped(value), text);
        }
    }
}
