//! The guide, the dashboard and the alert rules name metrics that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;
use shard_orm::metrics::{Kind, METRICS};

fn docs(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(docs(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The guide's table as it has to be.
fn table() -> String {
    let mut table = String::from("| metric | kind | labels | |\n|---|---|---|---|\n");
    for metric in METRICS {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, labels) = (metric.name, labels.join(", "));
        table.push_str(&format!(
            "| `{name}` | {} | {labels} | {} |\n",
            metric.kind, metric.help
        ));
    }
    table
}

#[test]
fn the_table_of_the_guide_is_that_of_the_code() {
    let table = table();
    assert!(
        read("src/metrics.md").contains(&table),
        "replace the table of docs/src/metrics.md by\n{table}"
    );
}

/// The series that a metric has in Prometheus.
fn series() -> BTreeSet<String> {
    let parts = |kind: Kind| match kind {
        Kind::Histogram => &["_bucket", "_sum", "_count"][..],
        _ => &[""][..],
    };
    let all = METRICS
        .iter()
        .flat_map(|metric| parts(metric.kind).iter().map(move |part| (metric, part)));
    all.map(|(metric, part)| format!("{}{part}", metric.name))
        .collect()
}

/// The names of the library's metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter: char| !is_part(letter));
    words
        .filter(|word| word.starts_with("shard_orm_"))
        .map(str::to_owned)
        .collect()
}

/// All texts with this key, anywhere in a document.
fn texts<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == key => found.push(text),
                    other => texts(other, key, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&read("operations/dashboard.json")).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    texts(&dashboard["templating"], "query", &mut queries);
    // That of the variable for the data source.
    queries.retain(|query| *query != "prometheus");
    assert!(queries.len() > 15, "{} queries", queries.len());
    let series = series();
    for query in queries {
        let names = named(query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            assert!(series.contains(&name), "`{name}` does not exist: {query}");
        }
    }
}

#[test]
fn panels_of_the_dashboard_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read("operations/dashboard.json")).unwrap();
    let place = |panel: &Value| {
        let side = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        (side("x"), side("y"), side("w"), side("h"))
    };
    let panels: Vec<_> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .map(place)
        .collect();
    for (at, one) in panels.iter().enumerate() {
        assert!(one.0 + one.2 <= 24, "{one:?}");
        for other in &panels[at + 1..] {
            let apart = one.0 + one.2 <= other.0
                || other.0 + other.2 <= one.0
                || one.1 + one.3 <= other.1
                || other.1 + other.3 <= one.1;
            assert!(apart, "{one:?} and {other:?}");
        }
    }
}

#[test]
fn the_rules_ask_for_metrics_that_exist() {
    let series = series();
    let names = named(&read("operations/rules.yaml"));
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(series.contains(&name), "`{name}` does not exist");
    }
}

/// Prometheus reads the rules, and they fire when they should: see `operations/rules.test.yaml`.
#[test]
fn prometheus_accepts_the_rules_and_they_fire() {
    let promtool = |arguments: &[&str]| {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(docs("operations"))
            .output();
        let output =
            output.expect("promtool is installed by scripts/test, with the package `prometheus`");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    };
    promtool(&["check", "rules", "rules.yaml"]);
    promtool(&["test", "rules", "rules.test.yaml"]);
}
