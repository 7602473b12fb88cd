//! Behavior of every route: envelope, limits, headers, probes.

use serde_json::json;
use testkit::{Method, Response};
use uuid::Uuid;

use crate::support::{Site, commands, on_both_deployments};

on_both_deployments!(
    an_unknown_route_is_404_in_the_envelope,
    a_body_that_is_not_json_is_a_client_error,
    a_body_of_more_than_64_kilobytes_is_refused,
    every_response_has_the_security_headers,
    another_sites_page_cannot_change_anything,
    long_lists_are_compressed_on_request,
    every_response_names_its_request,
    every_process_reports_health_readiness_and_metrics,
);

/// Checks that an error has the envelope and reveals no internals.
#[track_caller]
pub fn assert_envelope(answer: &Response) {
    assert!(!answer.errors().is_empty(), "{}", answer.describe());
    for word in [
        "serde", "panicked", "::", "mongodb", "nats", "src/", "unwrap",
    ] {
        let text = answer.text.to_ascii_lowercase();
        assert!(!text.contains(word), "{word} in\n{}", answer.describe());
    }
}

async fn an_unknown_route_is_404_in_the_envelope(site: &Site) {
    let person = site.person().await;
    for path in [
        "/api/nonsense",
        "/api/users/nonsense",
        "/api/users/signup/x",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let answer = person.call(method, path).await;
            answer.assert_status(404);
            assert_envelope(&answer);
        }
    }
    // A known path with an unsupported method.
    for (method, path) in [
        (Method::DELETE, "/api/tickets"),
        (Method::PATCH, "/api/orders"),
        (Method::PUT, "/api/payments"),
        (Method::GET, "/api/users/signup"),
    ] {
        let answer = person.call(method, path).await;
        assert!([404, 405].contains(&answer.status), "{}", answer.describe());
        assert_envelope(&answer);
    }
}

async fn a_body_that_is_not_json_is_a_client_error(site: &Site) {
    let person = site.person().await;
    let ticket = person.sell("Opening night", 20).await;
    let deep = "[".repeat(20_000);
    let bodies = [
        "{",
        "nonsense",
        "[]",
        "\"text\"",
        "null",
        "1",
        "{\"title\":\"a\",\"price\":1e999}",
        "{\"title\":\"\\ud800\",\"price\":1}",
        "{} trailing",
        deep.as_str(),
    ];
    for (method, path) in commands(&ticket) {
        for body in bodies {
            let answer = person.call(method.clone(), &path).raw_json(body).await;
            answer.assert_status(400);
            assert_envelope(&answer);
        }
        // Without a body every field is missing.
        let answer = person.call(method.clone(), &path).await;
        answer.assert_status(400);
        assert!(
            answer.errors().iter().all(|error| error.field.is_some()),
            "{}",
            answer.text
        );
    }
    for odd in [
        "a\u{0}b",
        "\u{202e}",
        "<script>alert(1)</script>",
        "'; DROP",
        "$where",
        "💥",
    ] {
        let body = json!({"title": odd, "price": 1});
        let answer = person.post("/api/tickets", &body).await;
        assert!([201, 400].contains(&answer.status), "{}", answer.describe());
        if answer.status == 201 {
            assert_eq!(answer.json["title"], odd);
        }
        let nested = json!({"email": {"$gt": odd}, "password": {"$ne": odd}});
        let answer = site.anyone().post("/api/users/signin", &nested).await;
        answer.assert_status(400);
    }
}

async fn a_body_of_more_than_64_kilobytes_is_refused(site: &Site) {
    let person = site.person().await;
    let body_of = |bytes: usize| {
        let frame = json!({"title": "", "price": 1}).to_string().len();
        json!({"title": "x".repeat(bytes - frame), "price": 1}).to_string()
    };
    let post = |body: String| person.call(Method::POST, "/api/tickets").raw_json(body);
    let answer = post(body_of(64 * 1024)).await;
    answer.assert_status(400);
    assert_eq!(answer.errors()[0].field.as_deref(), Some("title"));
    for bytes in [64 * 1024 + 1, 1_000_000] {
        let answer = post(body_of(bytes)).await;
        answer.assert_status(413);
        assert_envelope(&answer);
    }
    // A missing session is reported first.
    let nobody = site
        .anyone()
        .call(Method::POST, "/api/tickets")
        .raw_json(body_of(70_000))
        .await;
    assert!([401, 413].contains(&nobody.status), "{}", nobody.describe());
}

async fn every_response_has_the_security_headers(site: &Site) {
    let person = site.person().await;
    let ticket = person.sell("Opening night", 20).await;
    for answer in [
        person.get("/api/tickets").await,
        person.get(&format!("/api/tickets/{ticket}")).await,
        person.get("/api/users/currentuser").await,
        person.get("/api/orders").await,
        person.get("/api/nonsense").await,
        person.post("/api/orders", json!({})).await,
        person
            .call(Method::POST, "/api/tickets")
            .raw_json("{")
            .await,
        person.get("/healthz").await,
    ] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{}",
            answer.describe()
        );
        assert!(
            answer.header("referrer-policy").is_some(),
            "{}",
            answer.describe()
        );
        assert!(
            answer.header("cache-control").is_some(),
            "{}",
            answer.describe()
        );
        assert_eq!(
            answer.header("server"),
            None,
            "what runs here is nobody's business"
        );
    }
    // No cache on the way may keep private data.
    for path in ["/api/orders", "/api/users/currentuser"] {
        let answer = person.get(path).await;
        let kept = answer.header("cache-control").unwrap_or_default();
        assert!(
            kept.contains("no-store") || kept.contains("private"),
            "{}",
            answer.describe()
        );
    }
}

async fn another_sites_page_cannot_change_anything(site: &Site) {
    let person = site.person().await;
    let ticket = person.sell("Opening night", 20).await;
    let path = format!("/api/tickets/{ticket}");
    let body = json!({"title": "Stolen", "price": 1});
    let cross_site = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ];
    for (name, value) in cross_site {
        for answer in [
            person.put(&path, &body).header(name, value).await,
            person.post("/api/tickets", &body).header(name, value).await,
            person
                .post("/api/orders", json!({"ticketId": ticket}))
                .header(name, value)
                .await,
            person
                .post("/api/users/signout", json!({}))
                .header(name, value)
                .await,
        ] {
            answer.assert_status(403);
            assert_envelope(&answer);
        }
        person
            .get(&path)
            .header(name, value)
            .await
            .assert_status(200);
    }
    assert_eq!(person.get(&path).await.json["title"], "Opening night");
    // The site's own pages may.
    let own = person.base_url().to_owned();
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", own.as_str())] {
        person
            .put(&path, &body)
            .header(name, value)
            .await
            .assert_status(200);
    }
}

async fn long_lists_are_compressed_on_request(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    for number in 0..8 {
        seller.sell(&format!("Seat {number}"), 20).await;
        let taken = seller.sell(&format!("Box {number}"), 20).await;
        buyer.order(&taken).await;
    }
    for (person, path) in [
        (&seller, "/api/tickets"),
        (&seller, "/api/tickets/mine"),
        (&buyer, "/api/orders"),
        (&buyer, "/api/openapi.json"),
    ] {
        let plain = person.get(path).await.expect_status(200);
        let packed = person.get(path).header("accept-encoding", "br, gzip").await;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        let length = |answer: &Response| {
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}");
            answer.header("content-length").unwrap().parse::<u64>()
        };
        let (plain, packed) = (length(&plain).unwrap(), length(&packed).unwrap());
        assert!(packed * 4 < plain * 3, "{path}: {packed} of {plain} bytes");
    }
}

async fn every_response_names_its_request(site: &Site) {
    let person = site.person().await;
    let (first, second) = (
        person.get("/api/tickets").await,
        person.get("/api/nonsense").await,
    );
    let id = |answer: &Response| answer.header("x-request-id").map(str::to_owned);
    assert!(
        id(&first).is_some_and(|id| !id.is_empty()),
        "{}",
        first.describe()
    );
    assert_ne!(id(&first), id(&second));
    let own = Uuid::new_v4().to_string();
    let answer = person
        .get("/api/tickets")
        .header("x-request-id", &own)
        .await;
    assert_eq!(id(&answer), Some(own));
}

async fn every_process_reports_health_readiness_and_metrics(site: &Site) {
    site.person().await.sell("Opening night", 20).await;
    for app in &site.apps {
        let client = app.client();
        for probe in ["/healthz", "/readyz"] {
            client.get(probe).await.assert_status(200);
        }
        let metrics = client.get("/metrics").await.expect_status(200);
        assert!(
            metrics
                .header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
        let lines = metrics.text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.filter(|line| !line.is_empty()) {
            let value = line
                .rsplit_once(' ')
                .and_then(|(_, value)| value.parse::<f64>().ok());
            assert!(value.is_some(), "{line}");
        }
        assert!(
            metrics.text.contains("# TYPE http_requests_total counter"),
            "{}",
            metrics.text
        );
    }
}
