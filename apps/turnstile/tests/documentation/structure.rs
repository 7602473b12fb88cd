//! docs/architecture.md: the allowed dependencies.

use std::collections::BTreeSet;

use crate::{read, root};

const SERVICES: [&str; 6] = [
    "auth",
    "tickets",
    "orders",
    "payments",
    "expiration",
    "analytics",
];

/// A package of the workspace and its dependencies outside of its tests.
struct Package {
    name: String,
    needs: BTreeSet<String>,
}

impl Package {
    fn read(manifest: &str) -> Self {
        let text = read(manifest);
        let (mut section, mut name, mut needs) = ("", String::new(), BTreeSet::new());
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            } else if let Some((key, value)) = line.split_once('=') {
                let key = key.trim().split('.').next().unwrap_or_default();
                match section {
                    "[package]" if key == "name" => name = value.trim().trim_matches('"').into(),
                    "[dependencies]" => _ = needs.insert(key.to_owned()),
                    _ => {}
                }
            }
        }
        assert!(!name.is_empty(), "{manifest} has no name");
        Self { name, needs }
    }

    fn needs(&self, other: &str) -> bool {
        self.needs.contains(other)
    }
}

fn packages() -> Vec<Package> {
    let mut packages = Vec::new();
    for folder in ["crates", "apps"] {
        for entry in root().join(folder).read_dir().unwrap() {
            let manifest = entry.unwrap().path().join("Cargo.toml");
            if manifest.exists() {
                packages.push(Package::read(manifest.to_str().unwrap()));
            }
        }
    }
    assert!(packages.len() > 12, "{} packages", packages.len());
    packages
}

#[test]
fn the_domain_depends_on_no_store_and_no_server() {
    let domain = Package::read("crates/domain/Cargo.toml");
    // Besides the language and the framework, only tables of Unicode.
    let pure = [
        "chrono",
        "cqrs-es",
        "icu_normalizer",
        "icu_properties",
        "idna",
        "serde",
        "strum",
        "thiserror",
        "uuid",
    ];
    for need in &domain.needs {
        assert!(pure.contains(&need.as_str()), "domain depends on {need}");
    }
}

#[test]
fn the_api_depends_on_no_store_and_no_server() {
    let api = Package::read("crates/api/Cargo.toml");
    let shapes = ["chrono", "serde", "serde_json", "utoipa", "uuid"];
    for need in &api.needs {
        assert!(shapes.contains(&need.as_str()), "api depends on {need}");
    }
}

#[test]
fn the_web_app_shares_only_the_api_with_the_server() {
    let ours: Vec<_> = packages().into_iter().map(|package| package.name).collect();
    for manifest in [
        "frontend/Cargo.toml",
        "frontend/state/Cargo.toml",
        "frontend/pack/Cargo.toml",
    ] {
        for need in Package::read(manifest).needs {
            let shared = ours.contains(&need) && need != "api";
            assert!(!shared, "{manifest} depends on {need}");
        }
    }
}

#[test]
fn only_the_event_store_uses_nats_and_only_the_read_side_mongodb() {
    for (client, owner) in [
        ("async-nats", "turnstile-eventstore"),
        ("mongodb", "turnstile-projections"),
    ] {
        let with = packages()
            .into_iter()
            .filter(|package| package.needs(client));
        // The benchmark measures both of them separately, next to the marketplace.
        let names = with.map(|package| package.name);
        let names: Vec<_> = names.filter(|name| name != "bench").collect();
        assert_eq!(names, [owner], "{client}");
    }
}

#[test]
fn no_service_depends_on_another() {
    let mut seen = 0;
    for package in packages() {
        if SERVICES.contains(&package.name.as_str()) {
            seen += 1;
            for other in SERVICES {
                assert!(!package.needs(other), "{} depends on {other}", package.name);
            }
        }
    }
    assert_eq!(seen, SERVICES.len());
}

#[test]
fn httpkit_depends_on_no_store() {
    let httpkit = Package::read("crates/httpkit/Cargo.toml");
    for store in ["eventstore", "projections", "domain"] {
        assert!(!httpkit.needs(store), "httpkit depends on {store}");
    }
}

#[test]
fn workspaces_and_production_name_the_same_version() {
    let version = |manifest| {
        let text = read(manifest);
        let mut lines = text.lines();
        lines.find(|line| *line == "[workspace.package]");
        let line = lines.find_map(|line| line.strip_prefix("version = "));
        line.unwrap().trim_matches('"').to_owned()
    };
    let expected = version("Cargo.toml");
    assert_eq!(version("frontend/Cargo.toml"), expected);
    let production = read("k8s/overlays/production/kustomization.yaml");
    let tags: Vec<_> = production
        .lines()
        .filter_map(|line| line.trim().strip_prefix("newTag: "))
        .collect();
    assert_eq!(tags.len(), 1, "one image");
    assert_eq!(tags, vec![expected; tags.len()]);
}

#[test]
fn every_fuzz_target_has_a_corpus_that_a_test_replays() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = root().join(folder).read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .map(|name| name.trim_end_matches(".rs").to_owned())
            .collect()
    };
    let targets = names("fuzz/targets");
    assert_eq!(names("fuzz/corpus"), targets);
    let manifest = read("fuzz/Cargo.toml");
    let replayed = crate::pages::sources();
    for target in &targets {
        let line = format!("path = \"targets/{target}.rs\"");
        assert!(manifest.contains(&line), "{target} is no program");
        let call = format!("testkit::replay(\"{target}\", {target})");
        assert!(replayed.contains(&call), "{target} is replayed by no test");
    }
}
