//! The alerts, checked by Prometheus's own tool.

use std::{collections::BTreeSet, process::Command};

use crate::{file, read};

fn promtool(args: &[&str]) {
    let promtool = devservers::tools::promtool().unwrap();
    let output = Command::new(promtool)
        .args(args)
        .current_dir(file("k8s/observability"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// The rest of each line with this prefix.
fn named<'a>(text: &'a str, start: &str) -> BTreeSet<&'a str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(start))
        .collect()
}

#[test]
fn every_alert_fires_only_when_it_should() {
    promtool(&["check", "rules", "alerts.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
    let (rules, tests) = (
        read("k8s/observability/alerts.yaml"),
        read("k8s/observability/alerts.test.yaml"),
    );
    let alerts = named(&rules, "- alert: ");
    assert!(alerts.len() >= 15, "{alerts:?}");
    let cases = named(&tests, "- name: ");
    for alert in alerts {
        for case in ["fires", "is quiet"] {
            let name = format!("{alert} {case}");
            assert!(cases.contains(name.as_str()), "no case says {name:?}");
        }
    }
}

#[test]
fn every_alert_is_documented() {
    let (rules, page) = (
        read("k8s/observability/alerts.yaml"),
        read("docs/observability.md"),
    );
    let rows: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    for alert in named(&rules, "- alert: ") {
        assert!(
            rows.contains(alert),
            "docs/observability.md has no row for {alert}"
        );
    }
}
