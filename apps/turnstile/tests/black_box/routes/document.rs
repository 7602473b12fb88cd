//! The API's description, compared with the possible responses of the routes.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::support::Site;

/// Responses of every route below `/api/`: a defect, and an unavailable dependency.
const ANY: &[u16] = &[500, 503];

/// Each route, and the other statuses of its own code.
const ROUTES: &[(&str, &str, &[u16])] = &[
    (
        "post",
        "/api/users/signup",
        &[201, 400, 403, 409, 413, 422, 429],
    ),
    ("post", "/api/users/signin", &[200, 400, 403, 413, 429]),
    ("post", "/api/users/signout", &[200, 400, 403]),
    ("get", "/api/users/currentuser", &[200]),
    ("get", "/api/users/keys", &[200]),
    ("get", "/api/tickets", &[200, 304, 400]),
    ("post", "/api/tickets", &[201, 400, 401, 403, 409, 413, 422]),
    ("get", "/api/tickets/{id}", &[200, 304, 404]),
    (
        "put",
        "/api/tickets/{id}",
        &[200, 400, 401, 403, 404, 409, 412, 413],
    ),
    (
        "delete",
        "/api/tickets/{id}",
        &[204, 400, 401, 403, 404, 409],
    ),
    ("get", "/api/tickets/mine", &[200, 400, 401]),
    ("get", "/api/tickets/events", &[200]),
    ("get", "/api/orders", &[200, 400, 401]),
    (
        "post",
        "/api/orders",
        &[201, 400, 401, 403, 404, 409, 413, 422, 429],
    ),
    ("get", "/api/orders/{id}", &[200, 401, 404]),
    (
        "delete",
        "/api/orders/{id}",
        &[204, 400, 401, 403, 404, 409],
    ),
    (
        "post",
        "/api/payments",
        &[201, 400, 401, 402, 403, 404, 409, 413, 422, 429],
    ),
    ("get", "/api/payments/config", &[200]),
    ("get", "/api/analytics", &[200, 401, 403]),
    ("get", "/api/analytics/events", &[200, 401, 403]),
    (
        "post",
        "/api/payments/webhook",
        &[200, 400, 403, 404, 409, 413],
    ),
];

/// Optional headers of requests, by route.
const TAKES: &[(&str, &str, &str)] = &[
    ("post", "/api/users/signup", "Idempotency-Key"),
    ("post", "/api/tickets", "Idempotency-Key"),
    ("post", "/api/orders", "Idempotency-Key"),
    ("post", "/api/payments", "Idempotency-Key"),
    ("post", "/api/tickets", "Prefer"),
    ("put", "/api/tickets/{id}", "Prefer"),
    ("put", "/api/tickets/{id}", "If-Match"),
    ("delete", "/api/tickets/{id}", "Prefer"),
    ("post", "/api/orders", "Prefer"),
    ("delete", "/api/orders/{id}", "Prefer"),
    ("get", "/api/tickets", "If-None-Match"),
    ("get", "/api/tickets/{id}", "If-None-Match"),
    ("get", "/api/tickets/events", "Last-Event-ID"),
];

/// Optional headers of responses, by route and status.
const GIVES: &[(&str, &str, &str, &str)] = &[
    ("get", "/api/tickets", "200", "ETag"),
    ("get", "/api/tickets", "304", "ETag"),
    ("get", "/api/tickets", "200", "Link"),
    ("get", "/api/tickets/mine", "200", "Link"),
    ("get", "/api/orders", "200", "Link"),
    ("post", "/api/orders", "400", "Location"),
    ("get", "/api/tickets/{id}", "200", "ETag"),
    ("post", "/api/tickets", "201", "Idempotency-Replayed"),
    ("post", "/api/orders", "201", "Idempotency-Replayed"),
    ("post", "/api/payments", "201", "Idempotency-Replayed"),
    ("post", "/api/orders", "201", "Preference-Applied"),
    ("delete", "/api/orders/{id}", "204", "Preference-Applied"),
    ("post", "/api/orders", "429", "Retry-After"),
    ("post", "/api/orders", "409", "Retry-After"),
    ("get", "/api/tickets/events", "503", "Retry-After"),
    ("get", "/api/analytics", "503", "Retry-After"),
    ("get", "/api/analytics/events", "503", "Retry-After"),
];

async fn document(site: &Site) -> Value {
    let document = site.anyone().get("/api/openapi.json").await;
    document.expect_status(200).json
}

#[tokio::test]
async fn every_status_and_header_of_every_route_is_described() {
    let document = document(&Site::start().await).await;
    for (method, path, own) in ROUTES {
        let responses = document["paths"][path][method]["responses"].as_object();
        let described: BTreeSet<u16> = responses
            .unwrap_or_else(|| panic!("{method} {path} isn't described"))
            .keys()
            .map(|status| status.parse().unwrap())
            .collect();
        let expected: BTreeSet<u16> = own.iter().chain(ANY).copied().collect();
        assert_eq!(described, expected, "{method} {path}");
    }
    let operations = document["paths"].as_object().unwrap().values();
    let count: usize = operations.map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(count, ROUTES.len(), "a route is missing in this table");
    for (method, path, name) in TAKES {
        let parameters = &document["paths"][path][method]["parameters"];
        let named = |parameter: &Value| parameter["name"] == *name && parameter["in"] == "header";
        let parameters = parameters.as_array().unwrap();
        assert!(parameters.iter().any(named), "{name} of {method} {path}");
    }
    for (method, path, status, name) in GIVES {
        let response = &document["paths"][path][method]["responses"][status];
        assert!(
            response["headers"][name].is_object(),
            "{name} of {status} of {method} {path}"
        );
    }
}

#[tokio::test]
async fn a_response_that_did_not_wait_has_a_header() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let body = serde_json::json!({"ticketId": ticket});
    let early = buyer.post("/api/orders", &body).respond_async().await;
    early.assert_status(201);
    assert_eq!(early.header("preference-applied"), Some("respond-async"));
    let path = format!("/api/orders/{}", early.id());
    let waited = buyer.delete(&path).await.expect_status(204);
    assert_eq!(waited.header("preference-applied"), None);
    // A refusal waits for nothing.
    let refused = seller.delete(&path).respond_async().await;
    assert_eq!(
        (refused.status, refused.header("preference-applied")),
        (401, None)
    );
}

#[tokio::test]
async fn a_malformed_key_is_refused_on_every_route() {
    let site = Site::start().await;
    let person = site.person().await;
    let credentials =
        serde_json::json!({"email": person.user.email, "password": person.user.password});
    for path in ["/api/users/signin", "/api/users/signout"] {
        let long = "x".repeat(256);
        let answer = person.post(path, &credentials).idempotency_key(&long).await;
        answer.assert_status(400);
        for _ in 0..2 {
            let answer = person
                .post(path, &credentials)
                .idempotency_key("again")
                .await;
            answer.assert_status(200);
            assert!(answer.header("set-cookie").is_some());
            assert_eq!(answer.header("idempotency-replayed"), None);
        }
    }
}
