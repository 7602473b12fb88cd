//! The Ingress has every route of the API.

use k8s_openapi::api::networking::v1::Ingress;
use manifests::Manifests;
use serde_json::Value;

use crate::overlays;

/// The paths of the Ingress with the Services behind them.
fn paths(manifests: &Manifests) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for ingress in manifests.all::<Ingress>("Ingress").unwrap() {
        for rule in ingress.spec.unwrap().rules.unwrap() {
            for path in rule.http.unwrap().paths {
                assert_eq!(path.path_type, "Prefix");
                let service = path.backend.service.unwrap();
                assert_eq!(service.port.unwrap().name.as_deref(), Some("http"));
                paths.push((path.path.unwrap(), service.name));
            }
        }
    }
    paths
}

/// The Service of a path: of the prefixes that match, by whole segments, the longest counts.
fn service<'a>(paths: &'a [(String, String)], path: &str) -> &'a str {
    let fits = |prefix: &str| {
        let prefix = prefix.trim_end_matches('/');
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let fitting = paths.iter().filter(|(prefix, _)| fits(prefix));
    let longest = fitting.max_by_key(|(prefix, _)| prefix.len());
    &longest.unwrap_or_else(|| panic!("nobody answers {path}")).1
}

#[test]
fn every_api_route_leads_to_its_service() {
    let documents = [
        ("auth", auth::openapi()),
        ("tickets", tickets::openapi()),
        ("orders", orders::openapi()),
        ("payments", payments::openapi()),
        ("analytics", analytics::openapi()),
    ];
    for (overlay, manifests) in overlays() {
        let paths = paths(&manifests);
        let mut seen = 0;
        for (owner, document) in &documents {
            let document = serde_json::to_value(document).unwrap();
            let routes = document["paths"].as_object().map(|paths| paths.keys());
            for route in routes.unwrap() {
                assert_eq!(service(&paths, route), *owner, "{overlay:?} {route}");
                seen += 1;
            }
        }
        assert!(seen >= 12, "{seen} routes");
        for page in [
            "/",
            "/tickets/1",
            "/api/docs",
            "/api/openapi.json",
            "/app-1a2b.js",
        ] {
            assert_eq!(service(&paths, page), "web", "{overlay:?} {page}");
        }
        assert_eq!(service(&paths, "/api/ticketsandmore"), "web", "{overlay:?}");
    }
}

#[test]
fn every_path_of_the_ingress_leads_to_an_existing_service() {
    for (overlay, manifests) in overlays() {
        for (path, service) in paths(&manifests) {
            let mut services = manifests.of_kind("Service");
            let there = services.any(|object| {
                let ports = object.value.pointer("/spec/ports");
                let ports = ports.and_then(Value::as_array).unwrap();
                object.name == service && ports.iter().any(|port| port["name"] == "http")
            });
            assert!(there, "{overlay:?} {path} leads to {service}");
        }
    }
}
