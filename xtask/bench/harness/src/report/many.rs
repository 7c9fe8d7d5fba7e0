//! What the single figures of points 8 to 10 are made of.

use std::fmt::Write as _;

use serde_json::Value;

use crate::plot::grouped;
use crate::results::{Point, Results};

const DATABASES: [(&str, &str); 3] =
    [("sqlite", "SQLite"), ("postgres", "PostgreSQL"), ("memory", "memory")];
const CONTENTS: [&str; 2] = ["no data", "200 bytes of data"];

const PURGE: &str = "\
### Purge

Half of the rows have expired. One `DELETE` on a copy that nobody else uses, then the cleanup job as it is shipped on
another one, with a hundred look-ups and a hundred changes a second that come by the clock; a figure is from when a
request should have begun. SQLite's times have its last checkpoint in them.

";

const SIZE: &str = "
### Bytes per session

On disk, tables and indexes; in memory, what was asked of the allocator. Every session of ours has a browser's user agent
of 111 bytes, two addresses, a device's name and a fingerprint. Of the peers, the published schemas were filled, once with
what they keep by themselves, once with the same content.

";

const GROWTH: &str = "
### Growth

Medians in microseconds, the 99th percentile in brackets; one call after the other.

";

pub(super) fn sections(results: &Results) -> String {
    if results.scale.is_empty() {
        return "Not run.\n".to_owned();
    }
    let mut text = String::new();
    for (head, table) in [(PURGE, purge(results)), (SIZE, size(results)), (GROWTH, growth(results))]
    {
        text.push_str(head);
        text.push_str(&table);
    }
    text
}

fn of<'a>(results: &'a Results, point: &'a str) -> impl Iterator<Item = &'a Point> {
    results.scale.iter().filter(move |line| line.point == point)
}

fn name(database: &str) -> &str {
    DATABASES.iter().find(|(id, _)| *id == database).map_or(database, |(_, name)| name)
}

fn number(value: &Value, path: &str) -> Option<f64> {
    value.pointer(path)?.as_f64()
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Every round of every database.
fn purge(results: &Results) -> String {
    let mut text = "| | rows | round | one DELETE, s | the job, s | batches | their median, ms | \
                    find, p99 and most, ms | update, p99 and most, ms |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for line in of(results, "8").filter(|line| line.what.starts_with("job's")) {
        let rounds = line.detail["rounds"].as_array().map_or(&[][..], Vec::as_slice);
        for (nth, round) in rounds.iter().enumerate() {
            let both = |of: &str| {
                let p99 = cell(number(round, &format!("/{of}/p99_ms")), 1);
                let most = cell(number(round, &format!("/{of}/max_ms")), 1);
                format!("{p99}, {most}")
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                name(&line.database),
                number(&line.detail, "/rows").map_or_else(|| "-".to_owned(), grouped),
                nth + 1,
                cell(number(round, "/bare_delete_s"), 2),
                cell(number(round, "/job_s"), 2),
                cell(number(round, "/batches/took/count"), 0),
                cell(number(round, "/batches/took/median_ms"), 1),
                both("find"),
                both("update"),
            );
        }
    }
    text
}

/// Ours, what it consists of, and the peers'.
fn size(results: &Results) -> String {
    let mut text = "| | | no data | 200 bytes of data |\n| --- | --- | ---: | ---: |\n".to_owned();
    for (id, database) in DATABASES {
        let lines = CONTENTS.map(|content| {
            of(results, "9").find(|line| line.database == id && line.what.ends_with(content))
        });
        let mut row = |what: &str, find: &dyn Fn(&Point) -> Option<f64>| {
            let [small, large] = lines.map(|line| cell(line.and_then(find), 0));
            let _ = writeln!(text, "| {database} | {what} | {small} | {large} |");
        };
        let Some(first) = lines[0] else { continue };
        row("**this project**", &|line| line.value.as_f64());
        for (kind, before) in [("parts", "of it "), ("peers", "")] {
            let keys = first.detail[kind].as_object().into_iter().flat_map(|map| map.keys());
            for key in keys {
                row(&format!("{before}{key}"), &|line| line.detail[kind][key].as_f64());
            }
        }
    }
    text
}

/// Every size of every table.
fn growth(results: &Results) -> String {
    let sizes = ["10000", "50000", "1000000", "10000000"];
    let is_there = |size: &&str| of(results, "10").any(|line| line.detail.get(*size).is_some());
    let sizes: Vec<_> = sizes.into_iter().filter(is_there).collect();
    let mut text = "| | |".to_owned();
    for size in &sizes {
        let _ = write!(text, " {} |", size.parse().map_or_else(|_| String::new(), grouped));
    }
    let _ = writeln!(text, "\n| --- | --- |{}", " ---: |".repeat(sizes.len()));
    for line in of(results, "10") {
        let call = line.what.split(':').next().unwrap_or_default();
        let _ = write!(text, "| {} | {call} |", name(&line.database));
        for size in &sizes {
            let of = |part: &str| number(&line.detail[size], part).map(|ms| ms * 1000.0);
            let (median, p99) = (of("/median_of_medians_ms"), of("/median_of_p99s_ms"));
            let digits = usize::from(median.is_some_and(|median| median < 10.0));
            let _ = write!(text, " {} ({}) |", cell(median, digits), cell(p99, digits));
        }
        text.push('\n');
    }
    text
}
