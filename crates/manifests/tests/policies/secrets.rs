//! Secrets are nowhere in the repository, and each one that is asked for is told to operators.

use k8s_openapi::api::{core::v1::Volume, networking::v1::Ingress};
use manifests::{Manifests, Overlay, Value};
use std::collections::BTreeSet;

use crate::{overlay, overlays, read};

/// The names of all Secrets that an overlay asks for.
fn asked_for(manifests: &Manifests) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for pod in manifests.pods().unwrap() {
        let of_volume = |volume: &Volume| volume.secret.clone()?.secret_name;
        names.extend(pod.spec.volumes.iter().flatten().filter_map(of_volume));
        for container in pod.containers() {
            for value in manifests.environment(container).unwrap().into_values() {
                if let Value::Secret { name, .. } = value {
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
fn no_manifest_holds_a_secret() {
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
fn every_secret_of_production_is_named_to_operators_and_no_other() {
    let text = read("docs/operating.md");
    let rows = text.lines().filter_map(|line| {
        let cell = line.strip_prefix("| Secret `")?;
        cell.split('`').next().map(str::to_owned)
    });
    let told: BTreeSet<_> = rows.collect();
    assert_eq!(told, asked_for(&overlay(Overlay::Production)));
}
