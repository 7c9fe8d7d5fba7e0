//! `GET /metrics`, and what reads it: the alert rules and the dashboard in `docs/deploy` name metrics and labels
//! that the demo serves, and `docs/operating.md` says what each alert means.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::demo::{Demo, Framework};

const RULES: &str = include_str!("../../../../docs/deploy/prometheus-rules.yml");
const DASHBOARD: &str = include_str!("../../../../docs/deploy/grafana-dashboard.json");
const PAGE: &str = include_str!("../../../../docs/operating.md");
/// Every metric, as the core documents it.
const SOURCE: &str = include_str!("../../../session-core/src/metrics.rs");
/// Where the calls to the backend have their labels.
const CALLS: &str = include_str!("../../../session-core/src/metrics/backend.rs");

on_every_framework! {
    it_serves_what_happened
    nobody_is_told_unless_asked
}

async fn launched(framework: Framework) -> Demo {
    let options = ["--backend", "memory:", "--metrics"];
    Demo::start(framework, tempfile::tempdir().unwrap(), &options).await
}

async fn it_serves_what_happened(framework: Framework) {
    let demo = launched(framework).await;
    let mut browser = demo.signed_in("ann").await;
    browser.post("/api/logout", &json!({})).await.check(200);
    browser.post("/api/purge", &json!({})).await.check(200);
    let reply = browser.get("/metrics").await;
    reply.check(200);
    let kind = reply.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    // It reads no session.
    assert!(!reply.headers.contains_key("set-cookie") && !reply.headers.contains_key("vary"));
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    for line in [
        "# TYPE web_session_sign_ins_total counter",
        "web_session_sign_ins_total 1",
        "web_session_created_total{kind=\"signed_in\"} 1",
        "web_session_ended_total{reason=\"signed_out\"} 1",
        "# TYPE web_session_backend_call_duration_seconds histogram",
        "web_session_backend_call_duration_seconds_count{operation=\"create\",outcome=\"ok\"} 1",
        "# TYPE web_session_purge_completed_seconds gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("_bucket{operation=\"create\",outcome=\"ok\",le=\"0.005\"}"), "{text}");
    // Each that is there is one of the table's, under the name that an exporter makes of it.
    let known = exported();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(known.contains(name), "{name}");
    }
}

async fn nobody_is_told_unless_asked(framework: Framework) {
    let demo = Demo::memory(framework).await;
    demo.browser().get("/metrics").await.check(404);
}

/// The names that Prometheus knows: of each row of the table in the core's documentation.
fn exported() -> BTreeSet<String> {
    let rows = SOURCE.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.map(|row| {
        let cells: Vec<_> = row.split(" | ").collect();
        let name = cells[0].split('`').next().unwrap().replace('.', "_");
        let unit = if cells[2] == "`s`" { "_seconds" } else { "" };
        let total = if cells[1] == "counter" { "_total" } else { "" };
        format!("{name}{unit}{total}")
    })
    .collect()
}

/// The metrics that an expression names.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("web_session_"));
    ours.map(|word| {
        ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|suffix| word.strip_suffix(suffix))
            .filter(|word| word.ends_with("_seconds"))
            .unwrap_or(word)
            .to_owned()
    })
    .collect()
}

/// The values that an expression asks of a label with `=` or `=~`.
fn asked(expression: &str) -> Vec<(String, String)> {
    let mut asked = Vec::new();
    for inside in expression.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        for matcher in inside.split(", ") {
            let (label, value) = matcher.split_once(['=', '!']).expect(matcher);
            let value = value.trim_start_matches(['=', '~']).trim_matches('"');
            asked.extend(value.split('|').map(|value| (label.to_owned(), value.to_owned())));
        }
    }
    asked
}

fn check_expression(expression: &str) -> BTreeSet<String> {
    let (known, named) = (exported(), named(expression));
    assert!(!named.is_empty(), "{expression} names none");
    for name in &named {
        assert!(known.contains(name), "{name} does not exist: {expression}");
    }
    for (label, value) in asked(expression) {
        if label != "job" {
            let written = format!("\"{value}\"");
            let exists = [SOURCE, CALLS].iter().any(|source| source.contains(&written));
            assert!(exists, "{label}={value}: {expression}");
        }
    }
    named
}

#[test]
fn the_alert_rules_name_what_exists_and_the_page_says_what_they_mean() {
    let rules: Value = serde_saphyr::from_str(RULES).unwrap();
    let mut alerts = BTreeSet::new();
    for rule in
        rules["groups"].as_array().unwrap().iter().flat_map(|g| g["rules"].as_array().unwrap())
    {
        check_expression(rule["expr"].as_str().unwrap());
        assert!(rule["annotations"]["summary"].is_string(), "{rule}");
        assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()));
        alerts.insert(rule["alert"].as_str().unwrap().to_owned());
    }
    assert!(alerts.len() >= 10);
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `Session"));
    let told = rows.map(|row| format!("Session{}", row.split('`').next().unwrap())).collect();
    assert_eq!(alerts, told, "the table in operating.md");
}

#[test]
fn the_dashboard_shows_each_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown = targets.flat_map(|target| check_expression(target["expr"].as_str().unwrap()));
    assert_eq!(shown.collect::<BTreeSet<_>>(), exported());
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}
