//! Manifests and program agree on the environment.

use httpkit::config::{Config, VARS};
use manifests::{Manifests, Overlay, Pod, Value};
use std::collections::{BTreeMap, BTreeSet};

use crate::overlays;

/// The variables of each pod that runs a program of this project.
fn ours() -> Vec<(Overlay, Pod, BTreeMap<String, Value>)> {
    let mut found = Vec::new();
    for (overlay, manifests) in overlays() {
        for pod in manifests.pods().unwrap() {
            if pod.is_ours() {
                let variables = of_pod(&manifests, &pod);
                found.push((overlay, pod, variables));
            }
        }
    }
    found
}

fn of_pod(manifests: &Manifests, pod: &Pod) -> BTreeMap<String, Value> {
    let container = pod.container().unwrap();
    let variables = manifests.environment(container);
    variables.unwrap_or_else(|error| panic!("{}: {error:#}", pod.owner))
}

#[test]
fn every_variable_that_a_manifest_sets_is_one_of_the_program_and_the_other_way_round() {
    let known: BTreeSet<_> = VARS.iter().map(|var| var.name.to_owned()).collect();
    let mut set = BTreeSet::new();
    for (overlay, pod, variables) in ours() {
        for name in variables.into_keys() {
            assert!(
                known.contains(&name),
                "{overlay:?} {} sets {name}",
                pod.owner
            );
            set.insert(name);
        }
    }
    let missing: Vec<_> = known.difference(&set).collect();
    assert!(
        missing.is_empty(),
        "no manifest sets {missing:?}: add it to k8s/base/settings.env"
    );
}

#[test]
fn every_value_that_a_manifest_sets_is_allowed() {
    // Secrets come from outside; here they are what the program would take.
    let stand_in = |name: &str| match name {
        "MONGODB_URI" => "mongodb://user:password@mongodb-0.mongodb",
        "OTEL_EXPORTER_OTLP_HEADERS" => "key=value",
        "SESSION_PRIVATE_KEY" => "-----BEGIN PRIVATE KEY-----",
        _ => "secret",
    };
    for (overlay, pod, variables) in ours() {
        let config = Config::from_lookup(&|name| match variables.get(name)? {
            Value::Text(text) => Some(text.clone()),
            Value::Secret { .. } => Some(stand_in(name).to_owned()),
            Value::Field(_) => Some("orders-0".to_owned()),
        });
        if let Err(error) = config {
            panic!("{overlay:?} {}: {error}", pod.owner);
        }
    }
}

#[test]
fn what_is_secret_comes_from_a_secret_and_only_to_whom_needs_it() {
    for (overlay, pod, variables) in ours() {
        for var in VARS.iter().filter(|var| var.secret) {
            match variables.get(var.name) {
                None => {}
                Some(Value::Secret { optional, .. }) => {
                    let owner = match var.name {
                        "OTEL_EXPORTER_OTLP_HEADERS" => "key=value",
                        "SESSION_PRIVATE_KEY" => "auth",
                        name if name.starts_with("STRIPE_") => "payments",
                        _ => pod.owner.as_str(),
                    };
                    assert_eq!(pod.owner, owner, "{overlay:?} {}", var.name);
                    // A key that is made on first start would be another in each pod. Traces may
                    // do without theirs.
                    let may_be_missing = var.name == "OTEL_EXPORTER_OTLP_HEADERS";
                    assert!(
                        !optional || may_be_missing,
                        "{overlay:?} {} {}",
                        pod.owner,
                        var.name
                    );
                }
                Some(other) => panic!("{overlay:?} {}: {} is {other:?}", pod.owner, var.name),
            }
        }
    }
}

#[test]
fn in_production_no_pod_keeps_what_the_others_lack() {
    for (overlay, pod, variables) in ours() {
        if overlay != Overlay::Production {
            continue;
        }
        // A key or books in a pod's own folder: two pods of a service would disagree.
        let needed: &[&str] = match pod.owner.as_str() {
            "auth" => &["SESSION_PRIVATE_KEY"],
            "payments" => &["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
            _ => &[],
        };
        for name in needed {
            let found = variables.get(*name);
            assert!(
                matches!(found, Some(Value::Secret { .. })),
                "{}: {name}",
                pod.owner
            );
        }
        assert_eq!(variables["COOKIE_SECURE"], Value::Text("always".into()));
        assert_eq!(variables["STREAM_REPLICAS"], Value::Text("3".into()));
    }
}
