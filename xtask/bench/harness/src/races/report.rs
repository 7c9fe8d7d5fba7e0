//! What was seen, as the tables of a document.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Races, Row, Trials, adoption, outage, rotation, sign_out, writes};

const BEGIN: &str = "<!-- races: begin; `cargo xtask bench --races` replaces what follows -->";
const END: &str = "<!-- races: end -->";

/// Replaces what stands between the document's markers.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let name = path.display();
    let document = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let (before, rest) =
        document.split_once(BEGIN).with_context(|| format!("{name} has no `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{name} has no `{END}`"))?;
    std::fs::write(path, format!("{before}{BEGIN}\n{text}{END}{after}"))
        .with_context(|| format!("cannot write {name}"))
}

/// The tables.
pub(crate) fn markdown(versions: &[String], rows: &[Row]) -> String {
    let mut text = format!("\nVersions: {}.\n", versions.join(", "));
    for row in rows {
        if let Err(reason) = &row.races {
            let _ = writeln!(text, "\nNOT RUN: {} over {}: {reason}.", row.label, row.database);
        }
    }
    table(
        &mut text,
        "Fifty parallel writes",
        &["at once", "with 50 ms", "with 50 ms, two servers"],
        rows,
        |races| {
            let two = races.two_servers.as_ref();
            Some([
                written(&races.writes),
                written(&races.spaced_writes),
                two.map_or_else(none, written),
            ])
        },
    );
    table(
        &mut text,
        "A slow write while its user signs out",
        &["the browser is signed in again", "the old cookie signs in", "late answer"],
        rows,
        |races| Some(signed_out(&races.sign_out)),
    );
    table(
        &mut text,
        "A late answer after a rotation",
        &[
            "signed out: it had begun before",
            "signed out: a read after",
            "signed out: a write after",
            "the old cookie signs in",
        ],
        rows,
        |races| Some(rotated(&races.rotation)),
    );
    table(
        &mut text,
        "A cookie that an attacker chose",
        &["invented, at a visitor", "invented, at a sign-in", "planted, at a sign-in"],
        rows,
        |races| Some(adopted(&races.adoption)),
    );
    table(
        &mut text,
        "The database cannot be reached",
        &["a read", "a write", "the cookie", "afterwards"],
        rows,
        |races| races.outage.as_ref().map(unreachable),
    );
    text
}

/// One table: `cells` of every row that has some.
fn table<const N: usize>(
    text: &mut String,
    title: &str,
    columns: &[&str; N],
    rows: &[Row],
    cells: impl Fn(&Races) -> Option<[String; N]>,
) {
    let _ = writeln!(text, "\n### {title}\n\n| Library | Sessions in | {} |", columns.join(" | "));
    let _ = writeln!(text, "| --- | --- |{}", " --- |".repeat(N));
    for row in rows {
        let Some(cells) = row.races.as_ref().ok().and_then(&cells) else { continue };
        let _ = writeln!(text, "| {} | {} | {} |", row.label, row.database, cells.join(" | "));
    }
}

fn none() -> String {
    "—".to_owned()
}

/// Where a race has no verdict, its reason in the first cell.
fn without<const N: usize>(reason: &str) -> [String; N] {
    let mut cells: [String; N] = std::array::from_fn(|_| none());
    if let Some(first) = cells.first_mut() {
        *first = format!("no verdict: {reason}");
    }
    cells
}

fn written(trials: &Trials<Option<writes::Writes>>) -> String {
    let trials = match trials {
        Ok(trials) => trials,
        Err(reason) => return format!("no verdict: {reason}"),
    };
    let counts: Option<Vec<_>> = trials.iter().copied().collect();
    let Some(counts) = counts else { return "stores no data".to_owned() };
    let survived: Vec<_> = counts.iter().map(|writes| writes.survived.to_string()).collect();
    let missing: usize = counts.iter().map(|writes| writes::WRITES - writes.survived).sum();
    let lost: usize = counts.iter().map(|writes| writes.lost).sum();
    let mut text = survived.join(", ");
    if missing > lost {
        let _ = write!(text, " ({} answered with an error)", missing - lost);
    }
    text
}

fn signed_out(trials: &Trials<sign_out::SignedOut>) -> [String; 3] {
    let trials = match trials {
        Ok(trials) => trials,
        Err(reason) => return without(reason),
    };
    let mut old = count(trials, |trial| trial.old_cookie_signs_in);
    if trials.iter().any(|trial| trial.old_cookie_signs_in_without_race) {
        let alone = count(trials, |trial| trial.old_cookie_signs_in_without_race);
        let _ = write!(old, " (with no write in flight: {alone})");
    }
    [
        count(trials, |trial| trial.browser_signed_in),
        old,
        statuses(trials.iter().map(|trial| trial.late_status)),
    ]
}

fn rotated(trials: &Trials<Option<rotation::Rotated>>) -> [String; 4] {
    let trials = match trials {
        Ok(trials) => trials,
        Err(reason) => return without(reason),
    };
    let rotated: Option<Vec<_>> = trials.iter().copied().collect();
    let Some(rotated) = rotated else {
        let mut cells = std::array::from_fn(|_| none());
        cells[0] = "does not rotate".to_owned();
        return cells;
    };
    let late = |of: fn(&rotation::Rotated) -> rotation::Late| {
        let out = count(&rotated, |trial| of(trial).signed_out);
        let answers = statuses(rotated.iter().map(|trial| of(trial).status));
        let back = if rotated.iter().any(|trial| of(trial).old_cookie_is_back) {
            format!(
                "; the old cookie is back: {}",
                count(&rotated, |trial| of(trial).old_cookie_is_back)
            )
        } else {
            String::new()
        };
        format!("{out} ({answers}{back})")
    };
    [
        late(|trial| trial.began_before),
        late(|trial| trial.read_after),
        late(|trial| trial.write_after),
        count(&rotated, |trial| trial.old_cookie_signs_in),
    ]
}

fn adopted(trials: &Trials<adoption::Adopted>) -> [String; 3] {
    match trials {
        Ok(trials) => [
            count(trials, |trial| trial.invented_as_visitor),
            count(trials, |trial| trial.invented_at_sign_in),
            count(trials, |trial| trial.planted_at_sign_in),
        ],
        Err(reason) => without(reason),
    }
}

fn unreachable(trials: &Trials<outage::Outage>) -> [String; 4] {
    let trial = match trials.as_deref() {
        Ok([trial]) => trial,
        Ok(_) => return without("not one trial"),
        Err(reason) => return without(reason),
    };
    let cookie = match (trial.cookie_cleared, trial.cookie_replaced) {
        (true, _) => "cleared",
        (false, true) => "replaced",
        (false, false) => "kept",
    };
    let written = if trial.written_after { ", the write is there" } else { "" };
    let after = match trial.status_after {
        200 => "signed in".to_owned(),
        401 => "signed out".to_owned(),
        other => format!("{} after a minute", answered(other)),
    };
    [
        answered(trial.read_status),
        answered(trial.write_status),
        cookie.to_owned(),
        format!("{after}{written}"),
    ]
}

fn count<T>(trials: &[T], holds: impl Fn(&T) -> bool) -> String {
    format!("{}/{}", trials.iter().filter(|trial| holds(trial)).count(), trials.len())
}

/// The statuses that were seen, each once.
fn statuses(seen: impl Iterator<Item = u16>) -> String {
    let mut seen: Vec<_> = seen.collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter().map(answered).collect::<Vec<_>>().join(", ")
}

fn answered(status: u16) -> String {
    if status == 0 { "no answer".to_owned() } else { status.to_string() }
}
