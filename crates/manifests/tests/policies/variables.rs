//! Manifests and program agree on the environment.

use httpkit::config::{Config, PaymentsMode, VARS};
use manifests::{Manifests, Overlay, Pod, VariableValue};
use std::collections::{BTreeMap, BTreeSet};

use crate::{overlays, read};

/// The variables of each pod that runs a program of this project.
fn ours() -> Vec<(Overlay, Pod, BTreeMap<String, VariableValue>)> {
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

fn of_pod(manifests: &Manifests, pod: &Pod) -> BTreeMap<String, VariableValue> {
    let container = pod.container().unwrap();
    let variables = manifests.environment(container);
    variables.unwrap_or_else(|error| panic!("{}: {error:#}", pod.owner))
}

#[test]
fn manifests_set_exactly_the_variables_of_the_program() {
    let known: BTreeSet<_> = VARS.iter().map(|var| var.name.to_owned()).collect();
    let mut set = BTreeSet::new();
    for (overlay, pod, variables) in ours() {
        for name in variables.into_keys() {
            // Variables of every client of an object store; its source is the only list of them.
            let operates = ["backup", "operator"].contains(&pod.owner.as_str());
            if operates && name.starts_with("AWS_") {
                let source = read("apps/turnstile/src/commands/backup/destination.rs");
                assert!(source.contains(&format!("{name:?}")), "{name}");
                continue;
            }
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
    // Secrets come from outside; these stand-ins are valid for the program.
    let stand_in = |name: &str| match name {
        "STRIPE_SECRET_KEY" => "sk_live_1",
        "STRIPE_PUBLISHABLE_KEY" => "pk_live_1",
        "STRIPE_WEBHOOK_SECRET" => "whsec_1",
        "MONGODB_URI" => "mongodb://user:password@mongodb-0.mongodb",
        "OTEL_EXPORTER_OTLP_HEADERS" => "key=value",
        "SESSION_PRIVATE_KEY" => "-----BEGIN PRIVATE KEY-----",
        _ => "secret",
    };
    for (overlay, pod, variables) in ours() {
        let config = Config::from_lookup(&|name| match variables.get(name)? {
            VariableValue::Text(text) => Some(text.clone()),
            VariableValue::Secret { .. } => Some(stand_in(name).to_owned()),
            VariableValue::Field(_) => Some("orders-0".to_owned()),
        });
        let mode = config.and_then(|config| match pod.owner.as_str() {
            "payments" => config.payments_to_serve().map(Some),
            "operator" => config.payments_to_read().map(Some),
            _ => Ok(None),
        });
        let mode = mode.unwrap_or_else(|error| panic!("{overlay:?} {}: {error}", pod.owner));
        let expected = match overlay {
            Overlay::Production => PaymentsMode::Stripe,
            Overlay::Dev => PaymentsMode::Sandbox,
        };
        assert!(
            mode.is_none_or(|mode| mode == expected),
            "{overlay:?} {}",
            pod.owner
        );
    }
}

#[test]
fn secrets_reach_only_the_pods_that_need_them() {
    for (overlay, pod, variables) in ours() {
        for var in VARS.iter().filter(|var| var.secret) {
            match variables.get(var.name) {
                None => {}
                Some(VariableValue::Secret { optional, .. }) => {
                    let owners: &[&str] = match var.name {
                        "SESSION_PRIVATE_KEY" => &["auth"],
                        // Operators compare the provider's records with the log.
                        "STRIPE_SECRET_KEY" => &["payments", "operator"],
                        "STRIPE_WEBHOOK_SECRET" => &["payments"],
                        _ => &[&pod.owner],
                    };
                    assert!(
                        owners.contains(&pod.owner.as_str()),
                        "{overlay:?} {}: {}",
                        pod.owner,
                        var.name
                    );
                    // A key that is generated at the first start would differ between pods. Traces
                    // may do without theirs.
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
fn in_production_no_pod_keeps_local_state() {
    for (overlay, pod, variables) in ours() {
        if overlay != Overlay::Production {
            continue;
        }
        // A key or records in a pod's own folder: two pods of a service would disagree.
        let needed: &[&str] = match pod.owner.as_str() {
            "auth" => &["SESSION_PRIVATE_KEY"],
            // Without it, an operator would compare the log with the sandbox's records.
            "payments" => &[
                "STRIPE_SECRET_KEY",
                "STRIPE_PUBLISHABLE_KEY",
                "STRIPE_WEBHOOK_SECRET",
            ],
            "operator" => &["STRIPE_SECRET_KEY"],
            _ => &[],
        };
        for name in needed {
            let found = variables.get(*name);
            assert!(
                matches!(found, Some(VariableValue::Secret { .. })),
                "{}: {name}",
                pod.owner
            );
        }
        // Real money, whatever else is missing. The web app's pod derives its policy from it, too.
        assert_eq!(variables["PAYMENTS"], VariableValue::Text("stripe".into()));
        assert_eq!(
            variables["SANDBOX_ALLOWED"],
            VariableValue::Text("no".into())
        );
        assert_eq!(
            variables["COOKIE_SECURE"],
            VariableValue::Text("always".into())
        );
        assert_eq!(
            variables["STREAM_REPLICAS"],
            VariableValue::Text("3".into())
        );
    }
}

#[test]
fn every_variable_of_a_configuration_file_is_set_in_its_pod() {
    let mut seen = 0;
    for (overlay, manifests) in overlays() {
        let pod = manifests.pod("nats").unwrap();
        let variables = of_pod(&manifests, &pod);
        let volumes = pod.spec.volumes.iter().flatten();
        let maps = volumes.filter_map(|volume| volume.config_map.clone());
        for map in maps {
            for (file, text) in manifests.config_map(&map.name).unwrap() {
                let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
                // Subjects of JetStream begin with a dollar, too, but in quotes.
                let used = lines.filter_map(|line| line.split_once(": $"));
                for (_, name) in used {
                    let name = name.trim();
                    assert!(
                        variables.contains_key(name),
                        "{overlay:?} {file} needs {name}"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 8, "{seen} variables");
}
