//! Requirements for every object of every overlay. One binary, because linking costs more than
//! running.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod images;
mod network;
mod pods;
mod routes;
mod schemas;
mod secrets;
mod services;
mod shutdown;
mod skaffold;
mod sources;
mod variables;

use manifests::{Manifests, Overlay};

/// Each overlay with its objects.
fn overlays() -> Vec<(Overlay, Manifests)> {
    let read = |overlay: Overlay| match overlay.read() {
        Ok(manifests) => (overlay, manifests),
        Err(error) => panic!("{error:#}"),
    };
    Overlay::ALL.into_iter().map(read).collect()
}

fn overlay(overlay: Overlay) -> Manifests {
    overlay.read().unwrap_or_else(|error| panic!("{error:#}"))
}

/// A file of the repository.
fn read(path: &str) -> String {
    let path = devservers::tools::workspace().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
