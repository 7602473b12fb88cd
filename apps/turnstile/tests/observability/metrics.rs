//! Every metric is described, and every one in an alert or the dashboard is exported.

use serde_json::Value;
use std::collections::BTreeSet;
use testkit::{LONG, eventually};

use crate::{
    read,
    scrape::{Scrape, pairs},
    support::Site,
};

/// Created by Prometheus itself.
const OF_PROMETHEUS: &str = "up";

/// Some traffic of every kind, so that every metric has a value.
async fn traffic(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer.order(&ticket).await;
    buyer.try_pay(&order).await.assert_status(201);
    buyer.wait_for_order(&order, "complete", LONG).await;
    let other = seller.sell("Matinee", 20).await;
    let order = buyer.order(&other).await;
    buyer.try_cancel(&order).await.assert_status(204);
}

#[tokio::test]
async fn metrics_are_documented_and_those_of_alerts_and_dashboard_exported() {
    let site = Site::start().await;
    traffic(&site).await;
    let exported = eventually("money was taken, and counted", LONG, || async {
        let text = site.anyone().get("/metrics").await.expect_status(200).text;
        let counted =
            text.contains(r#"call="capture",result="ok""#) && text.contains("dead_letters_waiting");
        counted.then(|| Scrape::parse(&text))
    })
    .await;

    for (name, metric) in &exported.0 {
        assert!(!metric.help.is_empty(), "{name} isn't described");
    }
    let table = exported.table();
    assert!(
        read("docs/observability.md").contains(&table),
        "put this into docs/observability.md:\n{table}"
    );

    let asked = expressions();
    assert!(asked.len() > 40, "{asked:?}");
    let mut used = BTreeSet::new();
    for expression in &asked {
        for (name, labels) in selectors(expression) {
            if name == OF_PROMETHEUS {
                continue;
            }
            let metric = exported.metric_of(&name);
            let metric = metric.unwrap_or_else(|| panic!("{name} isn't exported: {expression}"));
            for label in labels {
                assert!(
                    metric.labels.contains(&label) || label == "le",
                    "{name} has no label {label}: {expression}"
                );
            }
            used.insert(name);
        }
    }
    for (name, metric) in &exported.0 {
        let shown = used.iter().any(|used| used.starts_with(name.as_str()));
        assert!(shown, "nothing shows {name}: {metric:?}");
    }
}

/// The queries of the alerts and the dashboard.
fn expressions() -> Vec<String> {
    let alerts = read("k8s/observability/alerts.yaml");
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let dashboard: Value = serde_json::from_str(&read("k8s/observability/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    alerts
        .map(ToOwned::to_owned)
        .chain(targets.map(|target| target["expr"].as_str().unwrap().to_owned()))
        .collect()
}

/// The metrics of an expression, with their labels: in braces behind them, or in a `by` of the
/// whole.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    const WORDS: [&str; 12] = [
        "and", "bool", "by", "count", "ignoring", "max", "min", "offset", "on", "or", "sum",
        "unless",
    ];
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut grouped = BTreeSet::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || "{[_".contains(c)) {
        rest = &rest[start..];
        if let Some(range) = rest.strip_prefix('[') {
            rest = range.split_once(']').unwrap().1;
            continue;
        }
        if let Some(labels) = rest.strip_prefix('{') {
            let (labels, behind) = labels.split_once('}').unwrap();
            let labels = pairs(labels).map(|(label, _)| label);
            found.last_mut().unwrap().1.extend(labels);
            rest = behind;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        if word == "by" {
            let (labels, behind) = rest.split_once(')').unwrap();
            let labels = labels.trim().trim_start_matches('(').split(',');
            grouped.extend(labels.map(|label| label.trim().to_owned()));
            rest = behind;
        } else if !WORDS.contains(&word) && !rest.starts_with('(') {
            found.push((word.to_owned(), Vec::new()));
        }
    }
    for (_, labels) in &mut found {
        labels.extend(grouped.iter().cloned());
    }
    found
}

#[test]
fn the_metrics_of_an_expression_are_found_with_their_labels() {
    let found = selectors(
        r#"histogram_quantile(0.99, sum by (le, kind) (rate(a_bucket{x="1", y=~"2"}[5m]))) > 3 and b == bool 2"#,
    );
    let grouped = ["kind".to_owned(), "le".to_owned()];
    let asked = ["x".to_owned(), "y".to_owned()];
    assert_eq!(
        found[0],
        ("a_bucket".to_owned(), [asked, grouped.clone()].concat())
    );
    assert_eq!(found[1], ("b".to_owned(), grouped.to_vec()));
    assert_eq!(found.len(), 2);
}
