//! Every reference has a target.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::Service,
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use manifests::{Overlay, VariableValue};
use std::collections::BTreeSet;

use crate::{overlay, overlays};

#[test]
fn every_service_selects_one_workload_with_its_ports() {
    for (name, manifests) in overlays() {
        let pods = manifests.pods().unwrap();
        let mut selected = BTreeSet::new();
        for service in manifests.all::<Service>("Service").unwrap() {
            let (service_name, spec) = (service.metadata.name.unwrap(), service.spec.unwrap());
            let selector = spec.selector.unwrap_or_default();
            let mut behind = pods.iter().filter(|pod| pod.matches(&selector));
            let pod = behind.next();
            let pod = pod.unwrap_or_else(|| panic!("{name:?} {service_name} selects nothing"));
            assert!(
                behind.next().is_none(),
                "{name:?} {service_name} selects several"
            );
            assert!(pod.is_lasting(), "{name:?} {service_name}");
            let ports = pod.container().unwrap().ports.clone().unwrap_or_default();
            for port in spec.ports.unwrap() {
                let Some(IntOrString::String(target)) = port.target_port else {
                    panic!("{name:?} {service_name} has a port without a name");
                };
                let there = ports.iter().any(|port| port.name.as_ref() == Some(&target));
                assert!(
                    there,
                    "{name:?} {service_name}: no port {target} in {}",
                    pod.owner
                );
            }
            selected.insert(pod.owner.clone());
        }
        let lasting = pods.iter().filter(|pod| pod.is_lasting());
        let lasting: BTreeSet<_> = lasting.map(|pod| pod.owner.clone()).collect();
        assert_eq!(selected, lasting, "{name:?}: each of these has a Service");
    }
}

#[test]
fn a_service_listens_on_its_declared_port() {
    for (name, manifests) in overlays() {
        for pod in manifests.pods().unwrap() {
            if !pod.is_ours() || !pod.is_lasting() {
                continue;
            }
            let container = pod.container().unwrap();
            let variables = manifests.environment(container).unwrap();
            let port = container
                .ports
                .iter()
                .flatten()
                .find(|p| p.name.as_deref() == Some("http"));
            let port = port.unwrap().container_port.to_string();
            assert_eq!(
                variables["PORT"],
                VariableValue::Text(port),
                "{name:?} {}",
                pod.owner
            );
            assert_eq!(
                variables["HOST"],
                VariableValue::Text("0.0.0.0".into()),
                "{name:?} {}",
                pod.owner
            );
        }
    }
}

#[test]
fn every_server_address_names_a_pod_with_that_port() {
    for (name, manifests) in overlays() {
        let mut addresses = BTreeSet::new();
        for set in manifests.all::<StatefulSet>("StatefulSet").unwrap() {
            let (set_name, spec) = (set.metadata.name.unwrap(), set.spec);
            let service = spec.service_name.unwrap();
            let template = spec.template.spec.unwrap();
            for ordinal in 0..spec.replicas.unwrap() {
                for port in template.containers[0].ports.iter().flatten() {
                    let port = port.container_port;
                    addresses.insert(format!("{set_name}-{ordinal}.{service}:{port}"));
                }
            }
        }
        let settings = manifests.environment(manifests.pod("orders").unwrap().container().unwrap());
        let VariableValue::Text(nats) = &settings.unwrap()["NATS_URL"] else {
            panic!("{name:?}");
        };
        for url in nats.split(',') {
            let (_, address) = url.split_once("://").unwrap();
            assert!(
                addresses.contains(address),
                "{name:?} {address} of {addresses:?}"
            );
        }
        let init = manifests.pod("mongodb-init").unwrap();
        let settings = manifests.environment(init.container().unwrap()).unwrap();
        let VariableValue::Text(uri) = &settings["MONGODB_URI"] else {
            panic!("{name:?}");
        };
        let hosts = uri
            .trim_start_matches("mongodb://")
            .split('/')
            .next()
            .unwrap();
        for address in hosts.split(',') {
            assert!(
                addresses.contains(address),
                "{name:?} {address} of {addresses:?}"
            );
        }
    }
}

#[test]
fn production_scales_services_and_survives_a_drained_node() {
    let manifests = overlay(Overlay::Production);
    let deployments = manifests.all::<Deployment>("Deployment").unwrap();
    let scalers = "HorizontalPodAutoscaler";
    let scalers = manifests.all::<HorizontalPodAutoscaler>(scalers).unwrap();
    let mut scaled = BTreeSet::new();
    for scaler in scalers {
        let spec = scaler.spec;
        assert_eq!(spec.scale_target_ref.kind, "Deployment");
        assert!(
            spec.min_replicas >= Some(2),
            "{}",
            spec.scale_target_ref.name
        );
        assert!(Some(spec.max_replicas) > spec.min_replicas);
        scaled.insert(spec.scale_target_ref.name);
    }
    let names = deployments.iter().map(|d| d.metadata.name.clone().unwrap());
    assert_eq!(scaled, names.collect());
    for deployment in &deployments {
        // It would undo the scaler's changes at each `kubectl apply`.
        let replicas = deployment.spec.replicas;
        assert_eq!(replicas, None, "{:?}", deployment.metadata.name);
    }
    let budgets = manifests.all::<PodDisruptionBudget>("PodDisruptionBudget");
    let budgets = budgets.unwrap();
    for pod in manifests
        .pods()
        .unwrap()
        .iter()
        .filter(|pod| pod.is_lasting())
    {
        let mut own = budgets.iter().filter(|budget| {
            let selector = budget
                .spec
                .as_ref()
                .unwrap()
                .selector
                .clone()
                .unwrap_or_default();
            pod.matches(&selector.match_labels.unwrap_or_default())
        });
        let budget = own
            .next()
            .unwrap_or_else(|| panic!("{} has no budget", pod.owner));
        let allowed = budget.spec.as_ref().unwrap().max_unavailable.clone();
        assert_eq!(allowed, Some(IntOrString::Int(1)), "{}", pod.owner);
        assert!(own.next().is_none(), "{} has two budgets", pod.owner);
    }
}

#[test]
fn in_production_a_majority_of_servers_survives_a_lost_node() {
    let sets = overlay(Overlay::Production);
    for set in sets.all::<StatefulSet>("StatefulSet").unwrap() {
        let spec = set.spec;
        assert_eq!(spec.replicas, Some(3), "{:?}", set.metadata.name);
        let spread = spec
            .template
            .spec
            .unwrap()
            .topology_spread_constraints
            .unwrap();
        let by_node = spread
            .iter()
            .find(|rule| rule.topology_key == "kubernetes.io/hostname");
        assert_eq!(by_node.unwrap().when_unsatisfiable, "DoNotSchedule");
    }
}
