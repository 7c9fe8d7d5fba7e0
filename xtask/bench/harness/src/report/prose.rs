//! The page: the tables, and what a reader has to know to believe them.

use std::fmt::Write as _;

use crate::measure::{CAP, CLIENTS};
use crate::results::{Case, Measure, Results};

use super::{DATABASES, compared, instructions, loads, purges};

/// All of it.
pub(crate) fn page(results: &Results) -> String {
    let mut page = HEAD.to_owned();
    page.push_str(&machine(results));
    if !results.not_run.is_empty() {
        page.push_str("\n## What was not run\n\n");
        for missed in &results.not_run {
            let _ = writeln!(page, "- {missed}");
        }
    }
    page.push_str(COMPARED);
    page.push_str("\n### Requests a second\n\n");
    page.push_str(&compared(results, Measure::Throughput));
    page.push_str("\n### Instructions of a request\n\n");
    page.push_str(&compared(results, Measure::Instructions));
    page.push_str("\n## Under load\n\n");
    page.push_str(&load(results));
    for database in DATABASES {
        for case in Case::ALL {
            if let Some(table) = loads(results, database, case) {
                let _ = write!(page, "\n### {}: {}\n\n{table}", database.name(), case.title());
            }
        }
    }
    page.push_str(INSTRUCTIONS);
    for database in DATABASES {
        let table = instructions(results, database);
        let _ = write!(page, "\n### Instructions: {}\n\n{table}", database.name());
    }
    page.push_str(PURGE);
    page.push_str(&purges(results));
    page.push_str(LIMITS);
    page
}

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, and not by hand. Speed is judged as a ratio within one run on one machine, and as
instruction counts, which do not drift. What others can and cannot do, and what their sessions lose in a race, is in
[comparison.md](comparison.md).

";

const COMPARED: &str = "
## Beside others

Each line is one kind of request. \"By hand\" is the same handler over one table with three statements: the price of the
database, and in memory no session at all. Beside it stands the best of the other libraries on the same framework. The
ratio says how many times as good ours is as theirs: **where others are ahead it is below 1, and those lines are first**.
\"Theirs cached\" has a cache in the server's memory in front of their database. It answers what was true before; ours asks
the database at each request, so that a session that was ended anywhere is ended everywhere.

A sign-in here ends the session before it for good, keeps the cap of ten sessions a user exact, and carries a visitor's
data, in one step. Others insert a row.
";

const INSTRUCTIONS: &str = "
## Instructions

Counted with `valgrind --tool=callgrind` in the program itself, with no socket between: 200 requests and 1,200, and the
difference divided by 1,000, so that starting and signing in fall out. All threads count, SQLite's work included;
PostgreSQL's server does not. The request carries a browser's headers and one cookie, its body is read to the end; a
sign-in comes with the cookie of the sign-in before it.

Valgrind's processor has no instructions for SHA-256, so the token's hash is counted as software, with some thousands; a
processor of the last years does the same in a small part of that. \"By hand\" hashes too over a database. On salvo it has the framework's jar of cookies, which is on by default and which every
session library on salvo needs.
";

const PURGE: &str = "
## Purge

Half of the rows have expired. One `DELETE` on a copy that nobody else uses, then the cleanup job as it is shipped on
another one, with a hundred look-ups and a hundred changes a second that come by the clock; a figure is from when a
request should have begun. SQLite's times have its last checkpoint in them.

";

const LIMITS: &str = "
## What this does not show

- A request here does nothing but use its session. In an application that renders a page or asks its own tables, all
  of these differences are smaller.
- Database and client are on the same machine. Over a network each round trip costs more than everything else here.
  Ours has one to read and one more to write, as by hand; a sign-in has one, besides the look-up of the cookie it comes with.
- PostgreSQL runs with `fsync=off`, and SQLite with `synchronous=NORMAL` in every program: what is compared is the
  libraries' work and not the disk's.
- By hand has no cap, no touch, no rotation, no device list, no fingerprint, and a late write of it could revive a
  session.
- The peers are set up as their documentation says. Somebody who knows one well may make it faster.
";

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "On {}: {}, {} cores, {}, rustc {}, {}; release builds, thin LTO, one codegen unit.\n",
        machine.day,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.valgrind.replace('-', " "),
    );
    let _ = writeln!(text, "\nVersions: {}.", results.versions.join(", "));
    text.push_str(
        "tower-sessions is not at its newest where its newest works with none of its published \
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
    let depth = results.depth;
    format!(
        "[wrk](https://github.com/wg/wrk) with {CLIENTS} connections that are kept, each sending its next request when the last is \
         answered; each has a session, but at a sign-in, which comes without a cookie. \
         {cores}. All programs are up at once and take turns within a round of {:.1} s each, in an \
         order that turns too; {} rounds, after one that is not counted. A figure is the middle of \
         the rounds, with the least and the most; a ratio is taken within each round. The \
         program's CPU is what all its threads ran, so SQLite is in it; the database's is what \
         PostgreSQL's processes ran. \"{}\": {} users have {} sessions each, and sign in anew, at \
         random.\n",
        depth.round.as_secs_f64(),
        depth.rounds,
        Case::SignInAtCap.title(),
        depth.users,
        CAP,
    )
}
