//! The page: the tables, and what a reader has to know to believe them.

use std::fmt::Write as _;

use crate::programs::Store;
use crate::results::{Results, Route};

use super::{many, pictures, tables};

pub(super) fn page(results: &Results) -> String {
    let mut page = HEAD.to_owned();
    page.push_str(&machine(results));
    if !results.full {
        page.push_str(QUICK);
    }
    page.push_str("\n## The eleven points\n\n");
    page.push_str(&tables::points(results));
    page.push_str("\n## Where a peer is ahead\n\n");
    page.push_str(BEHIND);
    page.push_str(&tables::behind(results));
    page.push_str("\n## Instructions per request\n\n");
    page.push_str(INSTRUCTIONS);
    for database in [Store::Memory, Store::Sqlite, Store::Postgres, Store::Redis] {
        let table = tables::instructions(results, database);
        let _ = write!(
            page,
            "\n### In {}\n\n{}{table}",
            database.name(),
            picture(results, "instructions", database)
        );
    }
    page.push_str("\n## Under load\n\n");
    page.push_str(&load(results));
    for database in [Store::Memory, Store::Sqlite, Store::Postgres, Store::Redis] {
        let _ = write!(
            page,
            "\n### In {}\n\n{}",
            database.name(),
            picture(results, "throughput", database)
        );
        let mut is_empty = true;
        for route in [Route::Untouched, Route::Me, Route::Set, Route::SignIn] {
            if let Some(table) = tables::loads(results, database, route) {
                let _ = write!(page, "{}:\n\n{table}\n", route.title());
                is_empty = false;
            }
        }
        if is_empty {
            page.push_str("Not run.\n");
        }
    }
    page.push_str("\n## Statements\n\n");
    page.push_str(STATEMENTS);
    page.push_str(&tables::statements(results));
    page.push_str("\n## Many sessions\n\n");
    page.push_str(&many::sections(results));
    page.push_str("\n## The pure parts\n\n");
    page.push_str(PURE);
    page.push_str(&tables::pure(results));
    page.push_str("\n## Size and build time\n\n");
    page.push_str(WEIGHTS);
    page.push_str(&tables::weights(results));
    page.push_str(LIMITS);
    if !results.not_run.is_empty() {
        page.push_str("\n## What was not run\n\n");
        for missed in &results.not_run {
            let _ = writeln!(page, "- {missed}");
        }
    }
    // Paragraphs and tables are parted by one empty line, wherever they come from.
    while page.contains("\n\n\n") {
        page = page.replace("\n\n\n", "\n\n");
    }
    page
}

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, and not by hand. Speed is judged as a ratio within one run on one machine, and as
instruction counts, which do not drift. What others can and cannot do, and what their sessions lose in a race, is in
[comparison.md](comparison.md).

";

const QUICK: &str = "
These are quick runs, part by part: few rounds, and fifty thousand sessions in points 6 to 10 where
`cargo xtask bench --full` takes a million and more. What was measured by no part says so.
";

const BEHIND: &str = "\
Every place where another library needs fewer instructions or answers more requests than this one on the same
framework, caches in front of a database included. A cache answers what was true before; ours asks the database at
each request, so that a session that was ended anywhere is ended everywhere.

";

const INSTRUCTIONS: &str = "\
Counted with `valgrind --tool=callgrind` in the program itself, with no socket between: 200 requests and 1,200, and the
difference divided by 1,000, so that starting and signing in fall out. All threads count, SQLite's work included;
PostgreSQL's and Redis' servers do not. The request carries a browser's headers and one cookie, its body is read to
the end.

Valgrind's processor has no instructions for SHA-256, so the token's hash is counted as software; a processor of the
last years does the same in a small part of that. The column says what it is, and it is in the other columns. \"By hand\"
hashes too over a database; in memory it has no sessions at all: that is the application without a layer. On salvo it
has the framework's jar of cookies, which is on by default and which every session library on salvo needs.
";

const STATEMENTS: &str = "\
What one request sends to PostgreSQL, read on the wire between program and server after 20 requests, averaged over 50.
Statements in SQLite are counted under callgrind, where SQLite ends each of them: they are in the eleven points.

";

const PURE: &str = "\
What the core decides without a database, measured with criterion: medians, in nanoseconds. A user agent is parsed only
where it has changed (`agent/…`), a fingerprint that is the stored one is compared (`fingerprint/check/…`).

";

const WEIGHTS: &str = "\
The same small application (axum, SQLite, sign-in and `/me`) with each library: `cargo build --jobs 2` into an empty
folder, downloads not counted, binaries without symbols. Of ours, the regular expressions that the parser of user agents
brings are 0.7 MB of code, and the crates of this project 0.5 MB (`nm --size-sort --demangle` on a build with symbols).

";

const LIMITS: &str = "
## What this does not show

- A request here does nothing but use its session. In an application that renders a page or asks its own tables, all
  of these differences are smaller.
- Database and client are on the same machine. Over a network each round trip costs more than everything else here, so
  the number of statements says more than their instructions.
- PostgreSQL runs with `fsync=off`, and SQLite with `synchronous=NORMAL` in every program: what is compared is the
  libraries' work and not the disk's.
- By hand is one table and three statements. It has no cap, no touch, no rotation, no device list, no fingerprint, and a
  late write of it could revive a session. It is the price of the database, not another library.
- Rows mapped by SeaORM is no library for sessions, but a program of this repository: an entity with all the columns that
  the system behind this project's first founding document keeps, looked up by the token's hash, its data written back
  whole.
- The peers are set up as their documentation says. Somebody who knows one well may make it faster.
";

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "On {}: {}, {} cores, {}, rustc {}, {}",
        machine.day,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.valgrind.replace('-', " "),
    );
    if let Some(postgres) = &results.postgres {
        let _ = write!(text, ", {postgres}");
    }
    text.push_str("; release builds, thin LTO, one codegen unit.\n\nVersions: ");
    let versions = results.versions.iter().map(|(name, version)| format!("{name} {version}"));
    text.push_str(&versions.collect::<Vec<_>>().join(", "));
    text.push_str(
        ".\ntower-sessions is not at its newest where its newest works with none of its published \
         stores.\n",
    );
    text
}

fn load(results: &Results) -> String {
    let cores = if results.pinned {
        "The program has a core of its own and one worker thread; the client and the database's \
         processes have the others"
    } else {
        "Nothing was bound to a core (there is no `taskset`, or one core only)"
    };
    format!(
        "{} connections that are kept, each with a session, each sending its next request when the \
         last is answered. {cores}. Programs take turns within a round of {:.1} s, in an order that \
         turns too; {} rounds. A figure is the middle of the rounds, with the least and the most; a \
         ratio is taken within each round, beside \"by hand\" on the same framework. The program's \
         CPU is what all its threads ran, so SQLite is in it; the database's is what PostgreSQL's \
         processes ran.\n",
        results.connections,
        results.round_ms as f64 / 1_000.0,
        results.rounds,
    )
}

fn picture(results: &Results, what: &str, database: Store) -> String {
    let name = match database {
        Store::Memory => "memory",
        Store::Sqlite => "sqlite",
        Store::Postgres => "postgres",
        _ => return String::new(),
    };
    let wanted = format!("{what}-{name}");
    let all = pictures(results);
    let found = all.iter().find(|(name, ..)| *name == wanted);
    found.map_or(String::new(), |(name, title, _)| format!("![{title}](benchmarks/{name}.svg)\n\n"))
}
