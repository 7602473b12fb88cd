//! Starting and stopping.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{HttpResponse, web};
use httpkit::{Gate, HttpConfig, Server, SessionVerifier};

use crate::common::Running;

static AT_WORK: AtomicUsize = AtomicUsize::new(0);

fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/work").route(web::get().to(work)));
}

/// Takes as long as the test blocks it.
async fn work() -> HttpResponse {
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    while AT_WORK.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    HttpResponse::Ok().body("done")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} never happened");
}

#[tokio::test]
async fn shutdown_finishes_requests_before_it_stops_services() {
    let server = Running::with(routes).await;
    let idle = reqwest::Client::new(); // keeps its connection open, which must not hold it up
    assert!(idle.get(server.url("/healthz")).send().await.is_ok());
    let request = tokio::spawn(server.get("/api/work").send());
    until("the request", || AT_WORK.load(Ordering::SeqCst) == 1).await;

    server.stop.cancel();
    let base = server.base.clone();
    let address = base.strip_prefix("http://").unwrap();
    until("refusing connections", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    assert!(
        !server.ended.load(Ordering::SeqCst),
        "the request still runs"
    );

    AT_WORK.store(0, Ordering::SeqCst);
    let answer = request.await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "done");
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.served);
    stopped.await.unwrap().unwrap().unwrap();
    assert!(server.ended.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = HttpConfig {
        port,
        ..HttpConfig::default()
    };
    let bound = Server::new(&config, Gate::new(), SessionVerifier::default()).bind();
    let error = bound.err().unwrap().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn probes_and_metrics_are_served_only_to_direct_requests() {
    let server = Running::configured(routes, &HttpConfig::default(), |server| {
        server.fallback(|cfg| {
            cfg.default_service(web::to(|| async {
                HttpResponse::Ok().content_type("text/html").body("<p>app")
            }));
        })
    })
    .await;
    for path in ["/healthz", "/readyz", "/metrics", "/%6detrics"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_ne!(answer.text().await.unwrap(), "<p>app", "{path}");
        for (header, of) in [
            ("X-Forwarded-For", "192.0.2.1"),
            ("Forwarded", "for=192.0.2.1"),
        ] {
            let answer = server.get(path).header(header, of).send().await.unwrap();
            crate::common::error_message(answer, 404).await;
        }
    }
}

#[tokio::test]
async fn unknown_paths_outside_the_api_go_to_the_fallback() {
    let server = Running::configured(routes, &HttpConfig::default(), |server| {
        server.fallback(|cfg| {
            cfg.default_service(web::to(|| async {
                HttpResponse::Ok().content_type("text/html").body("<p>app")
            }));
        })
    })
    .await;
    for path in ["/", "/tickets/1"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self'"), "{policy}");
        assert_eq!(answer.text().await.unwrap(), "<p>app");
    }
    let answer = server.get("/api/nothing").send().await.unwrap();
    crate::common::error_message(answer, 404).await;
}
