//! The contents of the log.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{HttpResponse, web};
use httpkit::{HandlerResult, Session, config::LoggingConfig, error, telemetry};
use serde_json::Value;

use crate::common::{Running, USER};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Waits for the first line with this message on a request.
    async fn line(&self, message: &str, request_id: &str) -> Value {
        for _ in 0..5_000 {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let found = text
                .lines()
                .filter(|line| line.contains(request_id))
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find(|line| line["message"] == message);
            if let Some(line) = found {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no line says {message:?} about {request_id}");
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/things/{id}").post(change).get(broken))
        .service(web::resource("/api/away").get(away))
        .service(web::resource("/api/full").get(full));
}

async fn away() -> HandlerResult {
    Err(error::unavailable("The store", 1).with_source("10.0.0.7 refused"))
}

async fn full() -> HandlerResult {
    Err(error::bad_request("Ticket is already reserved"))
}

async fn change(session: Session) -> HttpResponse {
    tracing::info!("changing");
    HttpResponse::Ok().json(session.user_id())
}

async fn broken() -> HandlerResult {
    Err(error::internal("disk is full"))
}

/// One test, because a process has one log.
#[tokio::test]
async fn log_lines_have_the_request_id_and_no_secrets() {
    let lines = Lines::default();
    let writer = lines.clone();
    let config = LoggingConfig {
        json: true,
        filter: "trace".to_owned(),
    };
    let subscriber = telemetry::subscriber(&config, move || writer.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = Running::with(routes).await;
    let cookie = server.cookie();

    let request = server.post("/api/things/1?q=hunter2");
    let request = request
        .header("cookie", &cookie)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .header("x-request-id", "first");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let request = server.get("/api/things/2").header("x-request-id", "second");
    assert_eq!(request.send().await.unwrap().status(), 500);

    let inside = lines.line("changing", "first").await;
    assert_eq!(inside["request_id"], "first", "{inside}");
    assert_eq!(inside["trace_id"], TRACE, "{inside}");
    let access = lines.line("answered", "first").await;
    assert_eq!(access["request_id"], "first");
    assert_eq!(access["trace_id"], TRACE);
    assert_eq!(access["level"], "INFO");
    assert_eq!(access["method"], "POST");
    assert_eq!(access["route"], "/api/things/{id}");
    assert_eq!(access["status"], 200);
    assert_eq!(access["user_id"], USER.to_string());
    assert!(access["ms"].as_f64().unwrap() > 0.0, "{access}");

    let failure = lines.line("failed", "second").await;
    assert_eq!(failure["level"], "ERROR");
    assert_eq!(failure["error"], "disk is full");

    an_outage_logs_one_line_and_each_refusal_its_reason(&server, &lines).await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let token = cookie.strip_prefix("session=").unwrap();
    let ours = text
        .lines()
        .filter(|line| line.contains("\"target\":\"httpkit"));
    for line in ours {
        assert!(!line.contains(token) && !line.contains("hunter2"), "{line}");
    }
}

async fn an_outage_logs_one_line_and_each_refusal_its_reason(server: &Running, lines: &Lines) {
    let ask = async |path: &str, id: &str, status: u16| {
        let request = server.get(path).header("x-request-id", id);
        assert_eq!(request.send().await.unwrap().status(), status, "{path}");
    };
    ask("/api/full", "third", 400).await;
    let refused = lines.line("refused", "third").await;
    assert_eq!(refused["error"], "Ticket is already reserved");
    ask("/api/nowhere", "fourth", 404).await;
    let refused = lines.line("refused", "fourth").await;
    assert_eq!(refused["error"], "Not Found");

    for n in 0..200 {
        ask("/api/away", &format!("away-{n}"), 503).await;
    }
    let told = lines.line("unavailable", "away-0").await;
    assert_eq!(
        (&told["level"], &told["error"]),
        (&"WARN".into(), &"10.0.0.7 refused".into())
    );

    // While a dependency is known to be down, only that is logged; the requests are counted.
    server.gate.down("MongoDB", "does not answer");
    for n in 0..200 {
        ask("/api/full", &format!("gate-{n}"), 503).await;
    }
    ask("/readyz", "ready", 503).await;
    let readiness = lines.line("unavailable", "ready").await;
    assert_eq!(readiness["error"], "MongoDB does not answer");
    server.gate.up("MongoDB");
    let last = lines.line("unavailable", "gate-199").await;
    assert_eq!(last["error"], "MongoDB does not answer");
    let up = lines.line("a dependency is up again", "MongoDB").await;
    assert_eq!(up["refused"], 200);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let warnings = text
        .lines()
        .filter(|line| line.contains("\"level\":\"WARN\""));
    let ours: Vec<_> = warnings.filter(|line| line.contains("httpkit")).collect();
    // The outage of a route, the missing dependency, and the probe.
    assert_eq!(ours.len(), 3, "{ours:#?}");
    assert!(
        !text.contains("\"error\":\"\""),
        "an error that says nothing"
    );
}

#[test]
fn the_nats_client_logs_only_if_configured() {
    for (filter, is_heard) in [
        ("info", false),
        ("trace", false),
        ("info,async_nats=error", true),
    ] {
        let lines = Lines::default();
        let writer = lines.clone();
        let config = LoggingConfig {
            json: true,
            filter: filter.to_owned(),
        };
        let subscriber = telemetry::subscriber(&config, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "async_nats::connector", "max reconnection attempts reached");
            tracing::warn!("lost the connection to NATS");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("lost the connection"), "{filter}: {text}");
        assert_eq!(
            text.contains("max reconnection"),
            is_heard,
            "{filter}: {text}"
        );
    }
}
