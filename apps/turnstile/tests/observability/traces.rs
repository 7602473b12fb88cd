//! One request is followed through everything that it causes, in every process.

use serde_json::Value;
use testkit::{LONG, eventually};

use crate::{
    collector::{Collector, Span},
    support::Site,
};

/// The caller's trace, and its own span in it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Each step of an order: service, name, and the step that caused it.
const STEPS: [(&str, &str, Option<usize>); 9] = [
    ("orders", "POST /api/orders", None),
    ("orders", "commit ORDERS", Some(0)),
    ("orders", "fold orders", Some(1)),
    ("payments", "fold payable_orders", Some(1)),
    ("payments", "react payments-on-orders", Some(1)),
    ("expiration", "react expiration-on-orders", Some(1)),
    ("tickets", "react tickets-on-orders", Some(1)),
    ("tickets", "commit TICKETS", Some(6)),
    ("tickets", "fold tickets", Some(7)),
];

/// The spans of the steps, if all of them arrived.
fn steps(spans: &[Span]) -> Result<Vec<Span>, String> {
    let mut found: Vec<Span> = Vec::new();
    for (service, name, follows) in STEPS {
        let parent = follows.map_or(CALLER, |step| found[step].id.as_str());
        let is_meant = |span: &&Span| span.service == service && span.name == name;
        let span = spans
            .iter()
            .filter(is_meant)
            .find(|span| span.parent == parent);
        match span {
            Some(span) => found.push(span.clone()),
            None => {
                return Err(format!(
                    "no {name} of {service} below {parent} in {spans:#?}"
                ));
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_trace_spans_commit_read_models_and_other_services() {
    let collector = Collector::start();
    let site = Site::builder()
        .separate()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("LOG_FORMAT", "json")
        .env("ORDER_HOLD_SECONDS", "2")
        .start()
        .await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer
        .try_order(&ticket)
        .header("traceparent", &format!("00-{TRACE}-{CALLER}-01"))
        .header("x-request-id", "followed")
        .await;
    order.assert_status(201);

    let of_trace = || collector.spans(|span| span.trace == TRACE);
    eventually("all steps are in the trace", LONG, || async {
        steps(&of_trace())
    })
    .await;
    // The expiry is a separate trace that links to this one.
    eventually("the expiry points to the order", LONG, || async {
        let expiry = |span: &Span| span.name == "react orders-on-expiry";
        let found = collector.spans(expiry);
        let points = |span: &Span| span.links == [TRACE] && span.trace != TRACE;
        found.iter().any(points).then_some(()).ok_or(found)
    })
    .await;
    // Those of other requests are in other traces.
    let requests = collector.spans(|span| span.name.starts_with("POST "));
    assert!(
        requests.iter().any(|span| span.trace != TRACE),
        "{requests:#?}"
    );

    let lines: Vec<Value> = site
        .apps
        .iter()
        .flat_map(|app| {
            let text = app.log_text();
            let lines = text.lines().filter(|line| line.starts_with('{'));
            let lines = lines.map(|line| serde_json::from_str(line).unwrap());
            lines.collect::<Vec<Value>>()
        })
        .filter(|line: &Value| line["request_id"] == "followed")
        .collect();
    assert!(!lines.is_empty());
    let answered = lines.iter().find(|line| line["message"] == "answered");
    assert_eq!(answered.unwrap()["trace_id"], TRACE, "{lines:#?}");
    for line in &lines {
        assert!(line["trace_id"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn an_unsampled_trace_is_propagated_and_not_recorded() {
    let collector = Collector::start();
    let site = Site::builder()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .start()
        .await;
    let seller = site.person().await;
    let quiet = format!("00-{TRACE}-{CALLER}-00");
    let ticket = seller.try_sell("Opening night", 20);
    let ticket = ticket.header("traceparent", &quiet).await;
    let ticket = ticket.expect_status(201).id();
    // Later in the same process, so it would have arrived before.
    let _ = seller.try_order(&ticket).await;
    eventually("a later request is recorded", LONG, || async {
        let of_orders = collector.spans(|span| span.name == "POST /api/orders");
        !of_orders.is_empty()
    })
    .await;
    let quiet = collector.spans(|span| span.trace == TRACE);
    assert!(quiet.is_empty(), "{quiet:#?}");
}
