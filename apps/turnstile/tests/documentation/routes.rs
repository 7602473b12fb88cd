//! docs/api.md

use std::collections::BTreeSet;
use testkit::{Mongo, Nats, TestApp};

use crate::read;

/// Served next to the API, and so not in its description.
const BESIDE: [&str; 5] = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /api/openapi.json",
    "GET /api/docs",
];

#[tokio::test]
async fn every_route_has_its_section_and_every_section_its_route() {
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let app = TestApp::builder(env!("CARGO_BIN_EXE_turnstile"))
        .arg("serve")
        .nats(nats.url())
        .mongo(&mongo)
        .start()
        .await;
    let document = app.client().get("/api/openapi.json").await;
    let document = document.expect_status(200).json;
    let mut served = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            served.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert!(served.contains("POST /api/orders"), "{served:?}");

    let text = read("docs/api.md");
    let headings = text.lines().filter_map(|line| {
        let route = line.strip_prefix("### `")?.strip_suffix('`')?;
        Some(route.to_owned())
    });
    assert_eq!(headings.collect::<BTreeSet<_>>(), served);

    for route in BESIDE {
        assert!(text.contains(&format!("| `{route}` |")), "{route}");
        let path = route.trim_start_matches("GET ");
        app.client().get(path).await.assert_status(200);
    }
}
