//! Requirements for every pod and every container.

use k8s_openapi::api::core::v1::{Container, SecurityContext};
use manifests::{Overlay, Pod, probes};

use crate::{overlay, overlays};

/// Calls `check` for each container of each overlay; the text names it.
fn each_container(mut check: impl FnMut(&str, &Pod, &Container)) {
    let mut seen = 0;
    for (overlay, manifests) in overlays() {
        for pod in manifests.pods().unwrap() {
            for container in pod.containers() {
                let name = format!("{overlay:?} {} {}", pod.owner, container.name);
                check(&name, &pod, container);
                seen += 1;
            }
        }
    }
    assert!(seen >= 18, "{seen} containers");
}

fn security(container: &Container) -> SecurityContext {
    container.security_context.clone().unwrap_or_default()
}

#[test]
fn no_container_runs_as_root_or_gains_privileges() {
    each_container(|name, pod, container| {
        let of_pod = pod.spec.security_context.clone().unwrap_or_default();
        assert_eq!(of_pod.run_as_non_root, Some(true), "{name}");
        // A number, since a name in an image can be any user.
        assert!(of_pod.run_as_user.is_some_and(|user| user > 0), "{name}");
        assert!(of_pod.run_as_group.is_some_and(|group| group > 0), "{name}");
        let seccomp = of_pod.seccomp_profile.map(|profile| profile.type_);
        assert_eq!(seccomp.as_deref(), Some("RuntimeDefault"), "{name}");

        let own = security(container);
        assert_eq!(own.allow_privilege_escalation, Some(false), "{name}");
        assert_eq!(own.privileged, None, "{name}");
        assert_eq!(
            (own.run_as_user, own.run_as_non_root),
            (None, None),
            "{name}"
        );
        let capabilities = own.capabilities.unwrap_or_default();
        assert_eq!(capabilities.drop, Some(vec!["ALL".to_owned()]), "{name}");
        assert_eq!(capabilities.add, None, "{name}");
        let spec = &pod.spec;
        let shared = (spec.host_network, spec.host_pid, spec.host_ipc);
        assert_eq!(shared, (None, None, None), "{name}");
    });
}

#[test]
fn every_root_file_system_is_read_only() {
    each_container(|name, pod, container| {
        let read_only = security(container).read_only_root_filesystem;
        assert_eq!(read_only, Some(true), "{name}");
        for volume in pod.spec.volumes.iter().flatten() {
            assert!(volume.host_path.is_none(), "{name} has {}", volume.name);
        }
    });
}

#[test]
fn no_pod_can_use_the_kubernetes_api() {
    each_container(|name, pod, _| {
        assert_eq!(
            pod.spec.automount_service_account_token,
            Some(false),
            "{name}"
        );
        let account = pod.spec.service_account_name.as_deref();
        assert_eq!(account, Some(pod.owner.as_str()), "{name}");
    });
    for (name, manifests) in overlays() {
        let accounts: Vec<_> = manifests.of_kind("ServiceAccount").collect();
        for pod in manifests.pods().unwrap() {
            let account = accounts.iter().find(|account| account.name == pod.owner);
            let account = account.unwrap_or_else(|| panic!("{name:?} {}", pod.owner));
            let mounts = &account.value["automountServiceAccountToken"];
            assert_eq!(mounts, false, "{name:?} {}", pod.owner);
        }
    }
}

#[test]
fn every_container_has_requests_and_limits() {
    each_container(|name, _, container| {
        let resources = container.resources.clone().unwrap_or_default();
        for (what, list) in [
            ("requests", resources.requests),
            ("limits", resources.limits),
        ] {
            let list = list.unwrap_or_default();
            for kind in ["cpu", "memory"] {
                assert!(list.contains_key(kind), "{name} has no {what} of {kind}");
            }
        }
    });
}

#[test]
fn every_long_running_container_has_probes() {
    each_container(|name, pod, container| {
        if !pod.is_lasting() || !pod.spec.containers.contains(container) {
            return;
        }
        let ports: Vec<_> = container
            .ports
            .iter()
            .flatten()
            .filter_map(|port| port.name.clone())
            .collect();
        for (kind, probe) in probes(container) {
            let probe = probe.unwrap_or_else(|| panic!("{name} has no {kind} probe"));
            let http = probe.http_get.as_ref().map(|get| &get.port);
            let tcp = probe.tcp_socket.as_ref().map(|tcp| &tcp.port);
            let port = http.or(tcp).unwrap_or_else(|| panic!("{name}: {kind}"));
            let port = match port {
                k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::String(name) => name,
                number @ k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(_) => {
                    panic!("{name}: {kind} probes {number:?}, not a name")
                }
            };
            assert!(ports.contains(port), "{name}: {kind} probes {port}");
            assert!(probe.period_seconds.is_some(), "{name}: {kind}");
            assert!(probe.timeout_seconds.is_some(), "{name}: {kind}");
        }
    });
}

#[test]
fn probes_use_readyz_and_healthz() {
    each_container(|name, pod, container| {
        if !pod.is_lasting() || !pod.is_ours() {
            return;
        }
        let path = |index: usize| {
            let (_, probe) = probes(container)[index];
            let get = probe.and_then(|probe| probe.http_get.clone());
            get.and_then(|get| get.path).unwrap_or_default()
        };
        // Startup and liveness check only the process: an outage of the database would restart
        // every pod otherwise.
        assert_eq!(
            [path(0), path(1), path(2)],
            ["/healthz", "/readyz", "/healthz"],
            "{name}"
        );
    });
}

#[test]
fn production_spreads_replicas_over_nodes_and_zones() {
    for pod in overlay(Overlay::Production).pods().unwrap() {
        if !pod.is_lasting() {
            continue;
        }
        let spread = pod
            .spec
            .topology_spread_constraints
            .clone()
            .unwrap_or_default();
        for key in ["kubernetes.io/hostname", "topology.kubernetes.io/zone"] {
            let rule = spread.iter().find(|rule| rule.topology_key == key);
            let rule = rule.unwrap_or_else(|| panic!("{} isn't spread by {key}", pod.owner));
            let selector = rule.label_selector.clone().unwrap_or_default();
            let own = "app.kubernetes.io/name";
            let by_name = selector
                .match_labels
                .clone()
                .unwrap_or_default()
                .contains_key(own)
                || rule
                    .match_label_keys
                    .clone()
                    .unwrap_or_default()
                    .contains(&own.to_owned());
            assert!(by_name, "{}: {key} counts pods of others, too", pod.owner);
            assert!(
                pod.matches(&selector.match_labels.unwrap_or_default()),
                "{}",
                pod.owner
            );
        }
    }
}
