//! The page's tables.

use std::fmt::Write as _;

use crate::plot::grouped;
use crate::points;
use crate::programs::{Role, Store};
use crate::results::{Point, Results, Route};
use crate::stats::Spread;

use super::{beside, label};

/// The eleven points, each line with its verdict.
pub(super) fn points(results: &Results) -> String {
    let mut text =
        "| | What | On | Measured | Aim | |\n| --- | --- | --- | ---: | --- | --- |\n".to_owned();
    for line in points::all(results) {
        let value = line.measured();
        let Point { point, what, database, unit, target, reached, .. } = line;
        let reached = match reached {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "not run",
        };
        let target = target.replace("<=", "≤").replace(">=", "≥");
        let _ = writeln!(
            text,
            "| {point} | {what} | {database} | {value} {unit} | {target} | {reached} |"
        );
    }
    text
}

/// Instructions of every route over one database, those of the token's hash in a column of their own.
pub(super) fn instructions(results: &Results, database: Store) -> String {
    let all = [Route::Untouched, Route::Me, Route::Set, Route::SetMany, Route::SignIn];
    let rows = beside(results, database);
    let is_counted = |route: &Route| {
        rows.iter().any(|(program, store)| results.cost(program.package, *store, *route).is_some())
    };
    let routes: Vec<Route> = all.into_iter().filter(is_counted).collect();
    if routes.is_empty() {
        return "Not run.\n".to_owned();
    }
    let mut text = "| |".to_owned();
    for route in &routes {
        let _ = write!(text, " {} |", route.title());
    }
    let _ = writeln!(text, " token's hash |\n| --- |{} ---: |", " ---: |".repeat(routes.len()));
    for (program, store) in rows {
        let costs: Vec<_> =
            routes.iter().map(|route| results.cost(program.package, store, *route)).collect();
        if costs.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "| {} |", label(program, store));
        for cost in &costs {
            let cell = cost.map_or("-".to_owned(), |cost| grouped(cost.instructions));
            let _ = write!(text, " {cell} |");
        }
        let at_me = results.cost(program.package, store, Route::Me).map_or(0.0, |cost| cost.hash);
        let _ = writeln!(text, " {} |", if at_me > 0.0 { grouped(at_me) } else { "-".to_owned() });
    }
    text
}

/// Throughput and processor time of one route over one database.
pub(super) fn loads(results: &Results, database: Store, route: Route) -> Option<String> {
    let rows: Vec<_> = beside(results, database)
        .into_iter()
        .filter_map(|(program, store)| {
            Some((program, store, results.loads(program.package, store, route)?))
        })
        .collect();
    let floors = |framework: &str| {
        let mut floors = rows.iter().filter(|(program, ..)| program.role == Role::Floor);
        floors.find(|(program, ..)| program.framework == framework).map(|(.., loads)| *loads)
    };
    let mut text = "| | requests/s | beside by hand | program's CPU µs | database's CPU µs |\n\
                    | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for (program, store, loads) in &rows {
        let ratio = floors(program.framework).map(|floor| {
            let spread = Spread::of_ratios(&loads.throughput, &floor.throughput);
            format!("{:.2} ({:.2} to {:.2})", spread.median, spread.least, spread.most)
        });
        let speed = Spread::of(&loads.throughput);
        let (server, beside) = (Spread::of(&loads.server), Spread::of(&loads.database));
        let _ = writeln!(
            text,
            "| {} | {} ({} to {}) | {} | {:.1} ({:.1} to {:.1}) | {} |",
            label(program, *store),
            grouped(speed.median),
            grouped(speed.least),
            grouped(speed.most),
            ratio.unwrap_or_else(|| "-".to_owned()),
            server.median,
            server.least,
            server.most,
            if beside.median > 0.0 { format!("{:.1}", beside.median) } else { "-".to_owned() },
        );
    }
    (!rows.is_empty()).then_some(text)
}

/// What each program sends to PostgreSQL for one request.
pub(super) fn statements(results: &Results) -> String {
    if results.asked.is_empty() {
        return "Not run.\n".to_owned();
    }
    let mut text = "| | | statements | BEGIN, COMMIT | pings | round trips | begins with |\n\
                    | --- | --- | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for asked in &results.asked {
        let program = crate::programs::Program::find(&asked.package);
        let name = program.map_or(asked.package.clone(), |program| label(program, asked.store));
        let each = &asked.per_request;
        let texts = each.texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            asked.route.title(),
            each.statements,
            each.transaction,
            each.pings,
            each.round_trips,
            texts.join(", "),
        );
    }
    text
}

/// The pure parts.
pub(super) fn pure(results: &Results) -> String {
    if results.pure.is_empty() {
        return "Not run.\n".to_owned();
    }
    let mut text = "| | ns | 95 % confidence |\n| --- | ---: | ---: |\n".to_owned();
    for pure in &results.pure {
        let digits = usize::from(pure.median < 100.0);
        let _ = writeln!(
            text,
            "| {} | {:.digits$} | {:.digits$} to {:.digits$} |",
            pure.what, pure.median, pure.least, pure.most
        );
    }
    text
}

/// Cold builds.
pub(super) fn weights(results: &Results) -> String {
    if results.weights.is_empty() {
        return "Not run.\n".to_owned();
    }
    let mut text = "| Application | Profile | cold build, s | binary, bytes | packages |\n\
                    | --- | --- | ---: | ---: | ---: |\n"
        .to_owned();
    for weight in &results.weights {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} | {} |",
            weight.application,
            weight.profile,
            weight.seconds,
            grouped(weight.bytes as f64),
            weight.packages
        );
    }
    text
}

/// Where anybody else's library is ahead of ours: every place, caches included.
pub(super) fn behind(results: &Results) -> String {
    let mut lines = Vec::new();
    for database in [Store::Memory, Store::Sqlite, Store::Postgres] {
        for (peer, store) in beside(results, database) {
            let ours = results
                .programs()
                .find(|ours| ours.role == Role::Ours && ours.framework == peer.framework);
            let (Role::Peer, Some(ours)) = (peer.role, ours) else { continue };
            for route in [Route::Untouched, Route::Me, Route::Set, Route::SetMany, Route::SignIn] {
                let place = format!("{}, {}", database.name(), route.title());
                let costs = results.cost(peer.package, store, route).zip(results.cost(
                    ours.package,
                    database,
                    route,
                ));
                if let Some((its, own)) =
                    costs.filter(|(its, own)| its.instructions < own.instructions)
                {
                    lines.push(format!(
                        "- {place}: {} takes {} instructions, {} {}.",
                        label(peer, store),
                        grouped(its.instructions),
                        ours.label,
                        grouped(own.instructions)
                    ));
                }
                let pair = (peer.package, ours.package);
                let speed = results.speed(pair, (store, database), route);
                if let Some(speed) = speed.filter(|speed| speed.median > 1.0) {
                    lines.push(format!(
                        "- {place}: {} answers {:.2} times as many requests per second as {} \
                         ({:.2} to {:.2}).",
                        label(peer, store),
                        speed.median,
                        ours.label,
                        speed.least,
                        speed.most
                    ));
                }
            }
        }
    }
    if lines.is_empty() {
        return "In nothing that was measured here.\n".to_owned();
    }
    lines.join("\n") + "\n"
}
