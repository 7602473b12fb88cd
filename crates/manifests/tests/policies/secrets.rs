//! No secret is in the repository, and the pages for operators list each one that is needed.

use k8s_openapi::api::{core::v1::Volume, networking::v1::Ingress};
use manifests::{Manifests, Overlay, VariableValue};
use std::collections::{BTreeMap, BTreeSet};

use crate::{overlay, overlays, read};

/// The names of all Secrets that an overlay needs.
fn asked_for(manifests: &Manifests) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for pod in manifests.pods().unwrap() {
        let of_volume = |volume: &Volume| volume.secret.clone()?.secret_name;
        names.extend(pod.spec.volumes.iter().flatten().filter_map(of_volume));
        for container in pod.containers() {
            for value in manifests.environment(container).unwrap().into_values() {
                if let VariableValue::Secret { name, .. } = value {
                    names.insert(name);
                }
            }
        }
    }
    for ingress in manifests.all::<Ingress>("Ingress").unwrap() {
        let tls = ingress.spec.unwrap().tls.unwrap_or_default();
        names.extend(tls.into_iter().filter_map(|tls| tls.secret_name));
    }
    names
}

#[test]
fn no_manifest_contains_a_secret() {
    for (overlay, manifests) in overlays() {
        let held: Vec<_> = manifests
            .of_kind("Secret")
            .map(|secret| &secret.name)
            .collect();
        assert!(held.is_empty(), "{overlay:?} holds {held:?}");
    }
}

#[test]
fn development_needs_no_secret_at_all() {
    assert_eq!(asked_for(&overlay(Overlay::Dev)), BTreeSet::new());
}

#[test]
fn operators_get_exactly_the_secrets_of_production() {
    let text = read("docs/operating/secrets.md");
    let rows = text.lines().filter_map(|line| {
        let cell = line.strip_prefix("| Secret `")?;
        cell.split('`').next().map(str::to_owned)
    });
    let told: BTreeSet<_> = rows.collect();
    assert_eq!(told, asked_for(&overlay(Overlay::Production)));
}

/// The entry of a Secret for a variable; `None` if it isn't set.
fn entry<'a>(
    variables: &'a BTreeMap<String, VariableValue>,
    name: &str,
) -> Option<(&'a str, &'a str)> {
    match variables.get(name)? {
        VariableValue::Secret { name, key, .. } => Some((name, key)),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn in_production_every_service_has_its_own_identity() {
    let manifests = overlay(Overlay::Production);
    let mut seen = BTreeSet::new();
    for pod in manifests.pods().unwrap() {
        let variables = manifests.environment(pod.container().unwrap()).unwrap();
        // This job does the work of operators.
        let owner = match pod.owner.as_str() {
            "nats-init" => "operator",
            owner => owner,
        };
        let nobody = VariableValue::Text(String::new());
        if let Some(user) = variables.get("NATS_USER").filter(|user| **user != nobody) {
            assert_eq!(user, &VariableValue::Text(owner.to_owned()));
            let password = entry(&variables, "NATS_PASSWORD");
            assert_eq!(password, Some(("nats-passwords", owner)));
            // A service without a read model has no user there.
            let on_log = ["auth", "expiration", "analytics", "backup"].contains(&owner);
            if on_log {
                let uri = variables.get("MONGODB_URI");
                assert!(
                    !matches!(uri, Some(VariableValue::Secret { .. })),
                    "{owner}"
                );
            } else {
                let uri = entry(&variables, "MONGODB_URI");
                assert_eq!(uri, Some(("mongodb-uris", owner)));
            }
            seen.insert(owner.to_owned());
        }
    }
    let nats = manifests.pod("nats").unwrap();
    let variables = manifests.environment(nats.container().unwrap()).unwrap();
    let passwords = variables.keys();
    let mut known = BTreeSet::new();
    for name in passwords.filter_map(|name| name.strip_prefix("NATS_PASSWORD_")) {
        let user = name.to_lowercase();
        let password = entry(&variables, &format!("NATS_PASSWORD_{name}"));
        assert_eq!(password, Some(("nats-passwords", user.as_str())));
        known.insert(user);
    }
    assert_eq!(seen, known, "who signs in is who NATS knows");
}
