//! The eleven points: what was aimed at, what came out, and whether it is reached.

use serde_json::{Value, json};

use crate::plot::grouped;
use crate::programs::{Program, Role, Store};
use crate::results::{Point, Results, Route};
use crate::statements::PerRequest;
use crate::weigh::{APPLICATIONS, Weight};

/// Ours and the floor beside it.
const PAIRS: [(&str, &str, &str); 2] =
    [("axum", "ours-axum", "floor-axum"), ("salvo", "ours-salvo", "floor-salvo")];

/// The databases whose floor is written by hand.
const DATABASES: [Store; 2] = [Store::Sqlite, Store::Postgres];

/// Points 1 and 2: instructions above the application without sessions.
const ABOVE_NOTHING: [(&str, Route, f64); 2] =
    [("1", Route::Untouched, 1_000.0), ("2", Route::Me, 6_000.0)];

/// What a detail is called that says so: valgrind counts the hash as software.
const WITHOUT_HASH: &str = "without the token's hash";

/// Point 3 and 4: as close to a handler that is written by hand.
const ABOVE_HAND: f64 = 1.10;

/// Every line, in the order of the points.
pub(crate) fn all(results: &Results) -> Vec<Point> {
    let mut points = above_nothing(results);
    for route in [Route::Me, Route::Set, Route::SetMany] {
        points.extend(beside_hand(results, route));
    }
    points.extend(beside_peers(results));
    points.extend(scale(results));
    points.extend(weights(results));
    points
}

fn line(point: &str, what: String, database: Store) -> Point {
    Point {
        point: point.to_owned(),
        what,
        database: database.name().to_owned(),
        value: Value::Null,
        unit: String::new(),
        target: String::new(),
        reached: None,
        detail: Value::Null,
    }
}

fn round(value: f64, digits: i32) -> Value {
    let factor = 10_f64.powi(digits);
    json!((value * factor).round() / factor)
}

fn at_most(mut point: Point, value: Option<f64>, bound: f64, unit: &str) -> Point {
    let digits = if bound < 10.0 { 3 } else { 0 };
    point.value = value.map_or(Value::Null, |value| round(value, digits));
    point.unit = unit.to_owned();
    point.target = format!("<= {bound}");
    point.reached = value.map(|value| value <= bound);
    point
}

fn above_nothing(results: &Results) -> Vec<Point> {
    let mut points = Vec::new();
    for (number, route, bound) in ABOVE_NOTHING {
        for (framework, ours, floor) in PAIRS {
            let ours = results.cost(ours, Store::Memory, route);
            let floor = results.cost(floor, Store::Memory, route);
            let both = ours.zip(floor);
            let above = both.map(|(ours, floor)| ours.instructions - floor.instructions);
            let what = format!("{} on {framework}, above no layer", route.title());
            let mut point =
                at_most(line(number, what, Store::Memory), above, bound, "instructions");
            if let Some((ours, _)) = both.filter(|(ours, _)| ours.hash > 0.0) {
                let without = above.map(|above| (above - ours.hash).round());
                point.detail = json!({ WITHOUT_HASH: without });
            }
            points.push(point);
        }
    }
    points
}

/// Points 3 and 4: instructions, processor time, throughput and statements beside the handler that is
/// written by hand.
fn beside_hand(results: &Results, route: Route) -> Vec<Point> {
    let number = if route == Route::Me { "3" } else { "4" };
    let mut points = Vec::new();
    for store in DATABASES {
        for (framework, ours, floor) in PAIRS {
            let title = format!("{} on {framework}", route.title());
            let new = |what: &str| line(number, format!("{title}: {what}"), store);
            let both = results.cost(ours, store, route).zip(results.cost(floor, store, route));
            let ratio = both.map(|(ours, floor)| ours.instructions / floor.instructions);
            let mut counted = at_most(new("instructions"), ratio, ABOVE_HAND, "times by hand");
            counted.detail = both.map_or(Value::Null, |(ours, floor)| {
                json!({
                    "instructions": [ours.instructions.round(), floor.instructions.round()],
                    WITHOUT_HASH: round(
                        (ours.instructions - ours.hash) / (floor.instructions - floor.hash), 3),
                })
            });
            points.push(counted);
            // Ten keys are counted, not loaded: the load would show what one key shows.
            if route != Route::SetMany {
                points.extend(loaded(results, (ours, floor), store, route, new));
            }
            points.push(statements(results, (ours, floor), store, route, new("statements")));
        }
    }
    points
}

fn loaded(
    results: &Results,
    (ours, floor): (&str, &str),
    store: Store,
    route: Route,
    new: impl Fn(&str) -> Point,
) -> [Point; 2] {
    use crate::stats::Spread;
    let both = results.loads(ours, store, route).zip(results.loads(floor, store, route));
    let spread = both.map(|(ours, floor)| Spread::of_ratios(&ours.server, &floor.server));
    let median = spread.map(|spread| spread.median);
    let mut processor = at_most(new("server CPU"), median, ABOVE_HAND, "times by hand");
    processor.detail = spread.map_or(Value::Null, |spread| json!(spread));
    // The same bound from the other side: a tenth more time for each request.
    let speed = results.speed((ours, floor), (store, store), route);
    let mut throughput = new("throughput");
    let bound = 1.0 / ABOVE_HAND;
    throughput.value = speed.map_or(Value::Null, |speed| round(speed.median, 3));
    throughput.unit = "times by hand".to_owned();
    throughput.target = format!(">= {bound:.3}");
    throughput.reached = speed.map(|speed| speed.median >= bound);
    throughput.detail = speed.map_or(Value::Null, |speed| json!(speed));
    [processor, throughput]
}

/// One statement to read, and one more to write: no transaction, and no ping before either. The
/// driver's pool pings when a connection is given back, by hand too: that is the measure.
fn statements(
    results: &Results,
    (ours, floor): (&str, &str),
    store: Store,
    route: Route,
    mut point: Point,
) -> Point {
    let expected = if route == Route::Me { 1.0 } else { 2.0 };
    point.unit = "statements".to_owned();
    point.target = format!("= {expected}, no BEGIN, no ping first");
    if store == Store::Sqlite {
        let counted = results.cost(ours, store, route).map(|cost| cost.statements);
        point.value = counted.map_or(Value::Null, |counted| round(counted, 2));
        // A purge or a look at the clock may fall into one of a thousand requests.
        point.reached = counted.map(|counted| (counted - expected).abs() < 0.05);
    } else if let Some(asked) = results.asked(ours, store, route) {
        point.value = round(asked.statements, 2);
        point.reached = results
            .asked(floor, store, route)
            .map(|by_hand| is_lean(asked, expected) && asked.pings < by_hand.pings + 0.2);
        point.detail = json!(asked);
    }
    point
}

fn is_lean(asked: &PerRequest, expected: f64) -> bool {
    (asked.statements - expected).abs() < 0.05 && asked.transaction < 0.05
}

/// Point 5: the fastest peer without a cache in each route, and twice axum_session and SeaORM.
fn beside_peers(results: &Results) -> Vec<Point> {
    let mut points = Vec::new();
    let routes = [Route::Untouched, Route::Me, Route::Set, Route::SignIn];
    for store in [Store::Memory, Store::Sqlite, Store::Postgres] {
        for route in routes {
            points.extend(fastest_peer(results, store, route));
        }
    }
    for store in DATABASES {
        for route in [Route::Me, Route::Set] {
            for (peer, label) in TWICE {
                points.push(twice(results, store, route, peer, label));
            }
        }
    }
    points
}

/// Ours on axum, where the peers are; one on salvo is compared with ours there.
fn fastest_peer(results: &Results, store: Store, route: Route) -> Vec<Point> {
    let mut points = Vec::new();
    for (framework, ours, _) in PAIRS {
        let peers = results.programs().filter(|peer| {
            peer.role == Role::Peer && peer.framework == framework && peer.stores.contains(&store)
        });
        let peers: Vec<&Program> = peers.collect();
        let by_speed = peers.iter().filter_map(|peer| {
            let speed = results.speed((ours, peer.package), (store, store), route)?;
            Some((speed, peer.label))
        });
        let slowest = by_speed.min_by(|left, right| left.0.median.total_cmp(&right.0.median));
        if let Some((speed, peer)) = slowest {
            let what = format!("{} on {framework}: throughput beside {peer}", route.title());
            let mut point = line("5", what, store);
            point.value = round(speed.median, 2);
            point.unit = "times".to_owned();
            point.target = ">= 1".to_owned();
            point.reached = Some(speed.median >= 1.0);
            point.detail = json!(speed);
            points.push(point);
        }
        let by_count = peers.iter().filter_map(|peer| {
            Some((results.cost(peer.package, store, route)?.instructions, peer.label))
        });
        let least = by_count.min_by(|left, right| left.0.total_cmp(&right.0));
        if let Some((ours, (count, peer))) = results.cost(ours, store, route).zip(least) {
            let what = format!("{} on {framework}: instructions beside {peer}", route.title());
            let ratio = Some(ours.instructions / count);
            let mut point = at_most(line("5", what, store), ratio, 1.0, "times");
            point.detail = json!({ "instructions": [ours.instructions.round(), count.round()] });
            points.push(point);
        }
    }
    points
}

/// Programs that ours is to be twice as fast as.
const TWICE: [(&str, &str); 2] =
    [("axum-session", "axum_session without its cache"), ("sea-orm", "rows mapped by SeaORM")];

fn twice(results: &Results, store: Store, route: Route, peer: &str, label: &str) -> Point {
    let speed = results.speed(("ours-axum", peer), (store, store), route);
    let what = format!("{}: throughput beside {label}", route.title());
    let mut point = line("5", what, store);
    point.value = speed.map_or(Value::Null, |speed| round(speed.median, 2));
    point.unit = "times".to_owned();
    point.target = ">= 2".to_owned();
    point.reached = speed.map(|speed| speed.median >= 2.0);
    point.detail = speed.map_or(Value::Null, |speed| json!(speed));
    point
}

/// What the other program said, and a line for each point that it said nothing of.
fn scale(results: &Results) -> Vec<Point> {
    let mut points = results.scale.clone();
    for (number, what) in [
        ("6", "sign-in: round trips"),
        ("7", "touch: share of HOT updates"),
        ("8", "purge"),
        ("9", "size of a session"),
        ("10", "growth"),
    ] {
        if !points.iter().any(|point| point.point == number) {
            let mut missing = line(number, what.to_owned(), Store::Postgres);
            missing.database = String::new();
            points.push(missing);
        }
    }
    points.sort_by_key(|point| point.point.parse::<u32>().unwrap_or(u32::MAX));
    points
}

fn weights(results: &Results) -> Vec<Point> {
    let find = |application: &str, profile: &str| {
        results
            .weights
            .iter()
            .find(|weight| weight.application == application && weight.profile == profile)
    };
    let mut points = Vec::new();
    for profile in ["release", "dev"] {
        let both = find(APPLICATIONS[0], profile).zip(find(APPLICATIONS[1], profile));
        let mut add = |what: &str, of: fn(&Weight) -> f64| {
            let what = format!("{what} ({profile}) beside tower-sessions'");
            let ratio = both.map(|(ours, theirs)| of(ours) / of(theirs));
            let mut point = at_most(line("11", what, Store::Sqlite), ratio, 1.0, "times");
            point.detail = both.map_or(Value::Null, |(ours, theirs)| json!([of(ours), of(theirs)]));
            points.push(point);
        };
        add("cold build, seconds", |weight| weight.seconds);
        add("binary, bytes", |weight| weight.bytes as f64);
    }
    points
}

impl Point {
    /// The value, and beside it what it is without the token's hash, where that is a part of it.
    pub(crate) fn measured(&self) -> String {
        let text = |value: &Value| match value.as_f64() {
            Some(value) if value.abs() >= 1_000.0 => grouped(value),
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        };
        match self.detail.get(WITHOUT_HASH) {
            Some(without) => format!("{} ({} {WITHOUT_HASH})", text(&self.value), text(without)),
            None => text(&self.value),
        }
    }
}

/// The table that a run ends with.
pub(crate) fn print(points: &[Point]) {
    println!("\npoint  {:11} {:23} {:63} measured", "reached?", "on", "what");
    for point in points {
        let reached = match point.reached {
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
            None => "NOT RUN",
        };
        let Point { point: number, what, database, unit, target, .. } = point;
        let value = point.measured();
        println!("{number:>5}  {reached:11} {database:23} {what:63} {value} {unit}, aim {target}");
    }
}
