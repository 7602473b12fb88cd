//! A container's command exists in its image, and every image has a version.

use manifests::Overlay;
use std::collections::BTreeSet;

use crate::{overlay, overlays, read};

/// The name of an image without registry and tag: `tickets` of `registry/turnstile/tickets:1`.
fn short(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

#[test]
fn every_image_is_a_target_with_the_started_program() {
    let dockerfile = read("Dockerfile");
    let targets: BTreeSet<_> = dockerfile
        .lines()
        .filter(|line| line.starts_with("FROM runtime AS "))
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    let mut used = BTreeSet::new();
    for (overlay, manifests) in overlays() {
        for pod in manifests.pods().unwrap().iter().filter(|pod| pod.is_ours()) {
            let container = pod.container().unwrap();
            let image = short(container.image.as_deref().unwrap()).to_owned();
            assert!(
                targets.contains(image.as_str()),
                "{overlay:?} {}: {image}",
                pod.owner
            );
            let program = &container.command.as_ref().unwrap()[0];
            let name = short(program);
            assert_eq!(*program, format!("/usr/local/bin/{name}"));
            let stage = dockerfile
                .split("\nFROM ")
                .find(|stage| stage.starts_with(&format!("runtime AS {image}\n")));
            let copied = format!("/out/{name} /usr/local/bin/");
            assert!(stage.unwrap().contains(&copied), "{image} has no {name}");
            used.insert(image);
        }
    }
    let used: BTreeSet<_> = used.iter().map(String::as_str).collect();
    assert_eq!(used, targets, "no image is built for nothing");
}

#[test]
fn production_pins_every_image() {
    for pod in overlay(Overlay::Production).pods().unwrap() {
        for container in pod.containers() {
            let image = container.image.as_deref().unwrap();
            let tag = image
                .rsplit('/')
                .next()
                .unwrap()
                .split_once(':')
                .map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest"), "{image}");
        }
    }
}
