//! Conventions of all routes.

use crate::common::{Running, USER, error_message};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use httpkit::{
    Body, HandlerResult, HttpConfig, MaybeSession, RequestContext, Service, Session, Unready,
    client_address::TrustedProxies, error, etag::Rendered,
};
use std::{sync::Arc, time::Duration};

#[derive(serde::Deserialize)]
struct Text {
    #[serde(default)]
    text: api::Field<String>,
}

#[derive(serde::Deserialize)]
struct Page {
    limit: u32,
}

fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/samples")
            .route(web::get().to(list))
            .route(web::post().to(create)),
    )
    .service(web::resource("/api/samples/{id}").route(web::get().to(show)))
    .service(web::resource("/api/broken").route(web::get().to(broken)))
    .service(web::resource("/api/panics").route(web::get().to(panics)))
    .service(web::resource("/api/slow").route(web::get().to(slow)))
    .service(web::resource("/api/who").route(web::get().to(who)));
}

async fn list(req: HttpRequest, page: Option<web::Query<Page>>) -> HttpResponse {
    if req.query_string().is_empty() {
        return Rendered::new("[1,2,3]").respond(&req);
    }
    HttpResponse::Ok().json(page.map(|page| page.limit))
}

async fn create(session: Session, body: Body<Text>) -> HandlerResult {
    let Some(text) = body.value.text.given() else {
        return Err(error::field("text", "Text is required"));
    };
    Ok(HttpResponse::Created().json((session.user_id(), text)))
}

async fn show(id: web::Path<uuid::Uuid>, page: web::Query<Page>) -> HttpResponse {
    HttpResponse::Ok().json((*id, page.limit))
}

async fn broken() -> HandlerResult {
    Err(error::internal("the password of the database is hunter2"))
}

async fn panics() -> HttpResponse {
    panic!("on purpose")
}

async fn slow() -> HttpResponse {
    std::future::pending().await
}

async fn who(session: MaybeSession, req: HttpRequest) -> Option<HttpResponse> {
    let extensions = req.extensions();
    let id = extensions.get::<RequestContext>()?.id().as_str();
    Some(HttpResponse::Ok().json((session.0.map(|session| session.user_id()), id)))
}

#[tokio::test]
async fn unknown_routes_and_methods_return_the_error_envelope() {
    let server = Running::with(routes).await;
    for path in ["/", "/api", "/api/nothing", "/api/samples/1/2", "/x/../y"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(error_message(answer, 404).await, "Not Found");
    }
    let answer = server.client.delete(server.url("/api/samples"));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET, POST");
    assert_eq!(error_message(answer, 405).await, "Method Not Allowed");
}

#[tokio::test]
async fn malformed_ids_and_queries_are_client_errors() {
    let server = Running::with(routes).await;
    for id in ["x", "00000000", "%ff", "%00", "%2e%2e%2f"] {
        let path = format!("/api/samples/{id}?limit=1");
        let answer = server.get(&path).send().await.unwrap();
        assert_eq!(error_message(answer, 404).await, "Not Found", "{id}");
    }
    let path = format!("/api/samples/{USER}?limit=many");
    let answer = server.get(&path).send().await.unwrap();
    let message = error_message(answer, 400).await;
    assert!(message.starts_with("Query: "), "{message}");
}

#[tokio::test]
async fn the_session_is_checked_before_the_body() {
    let server = Running::with(routes).await;
    let oversized = "x".repeat(100_000);
    for body in ["", "nonsense", "[]", "{\"text\":\"a\"}", &oversized] {
        let request = server.post("/api/samples").body(body.to_owned());
        let answer = request.send().await.unwrap();
        assert_eq!(error_message(answer, 401).await, "Not authorized");
    }
}

#[tokio::test]
async fn bodies_are_read_as_documented() {
    let server = Running::with(routes).await;
    let oversized = format!("{{\"text\":\"{}\"}}", "x".repeat(65_536));
    let largest = format!("{{\"text\":\"{}\"}}", "x".repeat(65_536 - 11));
    let deep = "{\"text\":".repeat(8_000);
    for (body, status) in [
        ("{\"text\":\"a\"}", 201),
        (largest.as_str(), 201),
        ("", 400),
        ("{}", 400),
        ("{\"text\":1}", 400),
        ("[]", 400),
        ("nonsense", 400),
        ("{\"text\":1e999999}", 400),
        (deep.as_str(), 400),
        (oversized.as_str(), 413),
    ] {
        let answer = server
            .post("/api/samples")
            .header("cookie", server.cookie())
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        if status == 201 {
            assert_eq!(answer.status(), 201);
        } else {
            error_message(answer, status).await;
        }
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_limited() {
    let server = Running::with(routes).await;
    let head = format!(
        "POST /api/samples HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.cookie()
    );
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let answer = server.raw(&format!("{head}{}", chunk.repeat(65))).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("{\"errors\":[{\"message\":"), "{answer}");
}

#[tokio::test]
async fn an_invalid_session_is_no_session() {
    let server = Running::with(routes).await;
    let good = server.cookie();
    for (cookie, expected) in [
        (good.as_str(), Some(USER)),
        ("session=nonsense", None),
        (&good[..good.len() - 4], None),
        ("", None),
    ] {
        let request = server.get("/api/who").header("cookie", cookie);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let (user, _): (Option<uuid::Uuid>, String) = answer.json().await.unwrap();
        assert_eq!(user, expected, "{cookie}");
    }
}

#[tokio::test]
async fn handler_and_response_have_the_same_request_id() {
    let server = Running::with(routes).await;
    let request = server.get("/api/who").header("x-request-id", "mine-1");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    let (_, id): (Option<uuid::Uuid>, String) = answer.json().await.unwrap();
    assert_eq!(id, "mine-1");
    for path in ["/api/who", "/api/nothing", "/api/panics"] {
        let answer = server.get(path).send().await.unwrap();
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
    }
}

#[tokio::test]
async fn a_panic_is_reported_without_details() {
    let server = Running::with(routes).await;
    for path in ["/api/broken", "/api/panics"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(error_message(answer, 500).await, "Something went wrong");
    }
    let answer = server.get("/api/who").send().await.unwrap();
    assert_eq!(answer.status(), 200, "the others go on");
}

#[tokio::test]
async fn a_request_that_takes_too_long_returns_503() {
    let config = HttpConfig {
        request_timeout: Duration::from_millis(50),
        ..HttpConfig::default()
    };
    let server = Running::configured(routes, &config, |server| server).await;
    let answer = server.get("/api/slow").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert!(answer.headers().contains_key("x-request-id"));
    error_message(answer, 503).await;
}

#[tokio::test]
async fn while_a_dependency_is_down_only_the_api_is_unavailable() {
    let server = Running::with(routes).await;
    server.gate.down("NATS", "no route");
    for path in ["/api/samples", "/api/nothing"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        error_message(answer, 503).await;
    }
    for path in ["/healthz", "/metrics", "/api/docs", "/api/openapi.json"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let answer = server.get("/readyz").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let said: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(said["missing"][0]["name"], "NATS");
    server.gate.up("NATS");
    let answer = server.get("/api/samples").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = server.get("/readyz").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn readiness_names_missing_dependencies() {
    let server = Running::configured(routes, &HttpConfig::default(), |server| {
        let sample: Arc<dyn Service> = Arc::new(crate::common::Sample {
            routes: |_| {},
            missing: vec![Unready::new("read model", "is being built")],
            ended: Arc::default(),
        });
        server.services([sample])
    })
    .await;
    let answer = server.get("/readyz").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let said: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(said["missing"][0]["reason"], "is being built");
}

#[tokio::test]
async fn cross_site_requests_change_nothing() {
    let server = Running::with(routes).await;
    let send = |header: (&'static str, String)| {
        server
            .post("/api/samples")
            .header("cookie", server.cookie())
            .header(header.0, header.1)
            .body("{\"text\":\"a\"}")
            .send()
    };
    let refused = send(("sec-fetch-site", "cross-site".to_owned()))
        .await
        .unwrap();
    error_message(refused, 403).await;
    let refused = send(("origin", "https://evil.example".to_owned()))
        .await
        .unwrap();
    error_message(refused, 403).await;
    let own = send(("origin", server.base.clone())).await.unwrap();
    assert_eq!(own.status(), 201);
}

#[tokio::test]
async fn responses_have_security_headers() {
    let server = Running::with(routes).await;
    for path in ["/api/samples", "/api/nothing", "/api/docs", "/healthz"] {
        let answer = server.get(path).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(headers.contains_key("cache-control"), "{path}");
        assert!(headers.contains_key("referrer-policy"), "{path}");
        assert!(!headers.contains_key("server"), "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Running::with(routes).await;
    let answer = server
        .client
        .head(server.url("/api/samples"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], "7");
    assert!(answer.headers().contains_key("etag"));
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unchanged_response_is_not_sent_again() {
    let server = Running::with(routes).await;
    let first = server.get("/api/samples").send().await.unwrap();
    let etag = first.headers()["etag"].clone();
    let again = server.get("/api/samples").header("if-none-match", etag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn metrics_count_requests_by_route() {
    let server = Running::with(routes).await;
    for id in ["a", "b"] {
        server
            .get(&format!("/api/samples/{id}"))
            .send()
            .await
            .unwrap();
        server.get(&format!("/nothing/{id}")).send().await.unwrap();
    }
    let answer = server.get("/metrics").send().await.unwrap();
    let text = answer.text().await.unwrap();
    for expected in [
        "http_requests_total{method=\"GET\",route=\"/api/samples/{id}\",status=\"404\"} 2",
        "http_requests_total{method=\"GET\",route=\"(no route)\",status=\"404\"} 2",
        "http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/samples/{id}\",le=\"+Inf\"} 2",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[tokio::test]
async fn the_api_has_a_description_and_a_page() {
    let server = Running::with(routes).await;
    let answer = server.get("/api/openapi.json").send().await.unwrap();
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/samples"]["get"].is_object());
    let page = server.get("/api/docs").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.unwrap();
    assert!(page.contains("Lists &lt;samples&gt;"), "{page}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_origin_is_the_public_one() {
    let config = HttpConfig {
        trusted_proxies: TrustedProxies::parse("127.0.0.0/8").unwrap(),
        ..HttpConfig::default()
    };
    let server = Running::configured(routes, &config, |server| server).await;
    let send = |host: &'static str| {
        server
            .post("/api/samples")
            .header("cookie", server.cookie())
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", host)
            .header("origin", "https://tickets.example")
            .body("{\"text\":\"a\"}")
            .send()
    };
    let answer = send("tickets.example").await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.headers().contains_key("strict-transport-security"));
    error_message(send("other.example").await.unwrap(), 403).await;
}
