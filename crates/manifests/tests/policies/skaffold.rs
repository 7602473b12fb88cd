//! skaffold.yaml, which builds the images and applies an overlay.

use manifests::Overlay;
use serde_json::Value;
use std::{collections::BTreeSet, env, fs, path::PathBuf};

use crate::{overlay, read};

/// The location of skaffold's schema, relative to the workspace; it is not part of the repository.
const SCHEMA: &str = "../shared/schemas/skaffold-v4beta13.json";

fn configuration() -> Value {
    serde_saphyr::from_str(&read("skaffold.yaml")).unwrap()
}

/// The file in `SKAFFOLD_SCHEMA`, otherwise the one next to the workspace.
fn schema() -> Option<Value> {
    let beside = || devservers::tools::workspace().join(SCHEMA);
    let named = env::var_os("SKAFFOLD_SCHEMA").map(PathBuf::from);
    let path = match named {
        Some(path) => path,
        None if beside().exists() => beside(),
        None => return None,
    };
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn skaffold_yaml_is_valid_against_its_schema() {
    let Some(schema) = schema() else {
        eprintln!("no schema at {SCHEMA}, and SKAFFOLD_SCHEMA names none");
        return;
    };
    let validator = jsonschema::validator_for(&schema).unwrap();
    let configuration = configuration();
    let problems: Vec<_> = validator
        .iter_errors(&configuration)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    // It really rejects errors.
    let mut wrong = configuration;
    wrong["build"]["artifacts"][0]["dockre"] = Value::Null;
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn skaffold_builds_exactly_the_images_of_the_overlays() {
    let configuration = configuration();
    let mut lists = vec![&configuration["build"]["artifacts"]];
    let profiles = configuration["profiles"].as_array().unwrap();
    lists.extend(
        profiles
            .iter()
            .filter_map(|profile| profile.pointer("/build/artifacts")),
    );
    let pods = overlay(Overlay::Dev).pods().unwrap();
    let used: BTreeSet<_> = pods
        .iter()
        .filter(|pod| pod.is_ours())
        .map(|pod| pod.container().unwrap().image.clone().unwrap())
        .collect();
    assert_eq!(lists.len(), 2);
    for list in lists {
        let mut built = BTreeSet::new();
        for artifact in list.as_array().unwrap() {
            let image = artifact["image"].as_str().unwrap();
            let target = artifact["docker"]["target"].as_str().unwrap();
            assert_eq!(image, format!("turnstile/{target}"));
            built.insert(image.to_owned());
        }
        assert_eq!(built, used);
    }
}

#[test]
fn each_profile_applies_the_overlay_of_its_name() {
    let configuration = configuration();
    for profile in configuration["profiles"].as_array().unwrap() {
        let name = profile["name"].as_str().unwrap();
        let path = &profile["manifests"]["kustomize"]["paths"][0];
        assert_eq!(path, &format!("k8s/overlays/{name}"));
        assert!(
            devservers::tools::workspace()
                .join(path.as_str().unwrap())
                .is_dir()
        );
    }
}

#[test]
fn forwarded_ports_are_ports_of_services() {
    let manifests = overlay(Overlay::Dev);
    let configuration = configuration();
    let forwards = configuration.pointer("/profiles/0/portForward").unwrap();
    let mut seen = 0;
    for forward in forwards.as_array().unwrap() {
        // The ingress controller belongs to the cluster.
        if forward["namespace"] != "turnstile-dev" {
            continue;
        }
        let name = forward["resourceName"].as_str().unwrap();
        let service = manifests
            .of_kind("Service")
            .find(|service| service.name == name);
        let ports = service.unwrap().value["spec"]["ports"]
            .as_array()
            .unwrap()
            .clone();
        assert!(
            ports.iter().any(|port| port["port"] == forward["port"]),
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 2);
}
