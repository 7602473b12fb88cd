//! `turnstile verify`: a consistent log passes, and each fault is found at its place.

use domain::{
    PaymentId,
    payment::PaymentEvent,
    ticket_orders::{CancelReason, TicketOrdersEvent},
};
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Draft, Season, event, moment, tool};

/// Verifies the log; returns the findings.
async fn findings(season: &Season) -> Vec<Value> {
    let verified = tool(season.archive.url(), &["verify", "--log-only"])
        .await
        .with_code(1);
    let mut lines = verified.json();
    let summary = lines.pop().unwrap();
    assert_eq!(summary["findings"], lines.len(), "{summary}");
    lines
}

/// A commit on the orders of a ticket with these events.
fn draft(stream: eventstore::StreamName, aggregate: Uuid, events: Vec<Value>) -> Draft {
    Draft {
        stream,
        aggregate,
        time: moment(5, 12, 0),
        actor: "somebody".to_owned(),
        request: "forged".to_owned(),
        cause: None,
        events,
        version: None,
    }
}

#[tokio::test]
async fn verify_accepts_a_sound_log() {
    let season = Season::write().await;
    let verified = tool(season.archive.url(), &["verify", "--log-only"])
        .await
        .well();
    let expected = json!({"kind": "log", "commits": 37, "events": 37, "findings": 0});
    assert_eq!(verified.json(), [expected]);
    tool(season.archive.url(), &["verify", "--log-only", "--table"])
        .await
        .well()
        .says("the log: 37 commits, 37 events, 0 findings");
}

#[tokio::test]
async fn a_duplicate_id_is_reported_with_both_positions() {
    let mut season = Season::write().await;
    let placed = tool(season.archive.url(), &["events", "show", "ORDERS:12"])
        .await
        .well();
    // The order of ticket 4 is placed on ticket 2 as well, which is free.
    let mut data = placed.json()[0]["data"].clone();
    assert_eq!(data["order_id"], Season::order(5).to_string());
    data["ticket"]["id"] = Season::ticket(2).to_string().into();
    let second = json!({"type": "OrderPlaced", "version": "1.0", "data": data});
    let archive = &mut season.archive;
    archive
        .commit(&draft(ORDERS, Season::ticket(2).0, vec![second]))
        .await;
    // And the payment of one order is declined for another.
    let declined = PaymentEvent::PaymentDeclined {
        order_id: Season::order(5),
        reason: "no".to_owned(),
        declined_at: None,
    };
    let payment = PaymentId::of(Season::order(1));
    archive
        .commit(&draft(PAYMENTS, payment.0, vec![event(&declined)]))
        .await;
    let found = findings(&season).await;
    let found: Vec<_> = found
        .iter()
        .map(|finding| {
            format!(
                "{}#{} {}: {}",
                finding["stream"].as_str().unwrap(),
                finding["sequence"],
                finding["rule"].as_str().unwrap(),
                finding["what"].as_str().unwrap()
            )
        })
        .collect();
    let order = Season::order(5);
    assert_eq!(
        found,
        [
            format!(
                "ORDERS#13 unique_ids: order {order} is of ticket {} here, and of ticket {} by \
                 ORDERS#12",
                Season::ticket(2),
                Season::ticket(4)
            ),
            format!(
                "PAYMENTS#8 unique_ids: payment {payment} is for order {order} here, and for \
                 order {} by PAYMENTS#1",
                Season::order(1)
            ),
        ]
    );
}

#[tokio::test]
async fn each_fault_of_a_log_is_reported_with_its_position() {
    let mut season = Season::write().await;
    let unknown = json!({"type": "TicketEaten", "version": "1.0", "data": {}});
    let archive = &mut season.archive;
    archive
        .commit(&draft(TICKETS, Season::ticket(2).0, vec![unknown]))
        .await;
    archive.garbage(TICKETS).await;
    let revised = domain::ticket::TicketEvent::TicketRevised {
        title: domain::Title::parse("Seat").unwrap(),
        price: domain::Price::from_cents(1).unwrap(),
    };
    let skipped = Draft {
        version: Some(9),
        ..draft(TICKETS, Season::ticket(4).0, vec![event(&revised)])
    };
    archive.commit(&skipped).await;
    let orphan = Draft {
        cause: Some(Uuid::from_u128(77)),
        ..draft(TICKETS, Season::ticket(3).0, vec![event(&revised)])
    };
    archive.commit(&orphan).await;
    let again = TicketOrdersEvent::OrderCompleted {
        order_id: Season::order(5),
        payment_id: PaymentId::of(Season::order(2)),
        version: 3,
    };
    let gone = TicketOrdersEvent::OrderCancelled {
        order_id: Season::order(2),
        reason: CancelReason::Buyer,
        version: 3,
    };
    archive
        .commit(&draft(ORDERS, Season::ticket(2).0, vec![event(&gone)]))
        .await;
    archive
        .commit(&draft(ORDERS, Season::ticket(4).0, vec![event(&again)]))
        .await;
    let placed = tool(season.archive.url(), &["events", "show", "ORDERS:12"])
        .await
        .well();
    let mut second =
        json!({"type": "OrderPlaced", "version": "1.0", "data": placed.json()[0]["data"]});
    second["data"]["order_id"] = Season::order(6).to_string().into();
    season
        .archive
        .commit(&draft(ORDERS, Season::ticket(4).0, vec![second]))
        .await;
    let captured = PaymentEvent::PaymentCaptured {
        order_id: Season::order(4),
        amount: domain::Price::from_cents(12_500).unwrap(),
    };
    let payment = PaymentId::of(Season::order(4)).0;
    season
        .archive
        .commit(&draft(PAYMENTS, payment, vec![event(&captured)]))
        .await;

    let mut found: Vec<_> = findings(&season)
        .await
        .iter()
        .map(|f| {
            format!(
                "{}#{} {}",
                f["stream"].as_str().unwrap(),
                f["sequence"],
                f["rule"].as_str().unwrap()
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "ORDERS#13 live_order_ends",
            "ORDERS#15 one_live_order",
            "PAYMENTS#8 captured_is_complete",
            "TICKETS#15 known_types",
            "TICKETS#16 known_types",
            "TICKETS#17 dense_versions",
            "TICKETS#18 causation_present",
        ]
    );

    // With a limit of five keys in memory, it takes many passes, and finds the same.
    let config = eventstore::LogConfig {
        url: season.archive.url().to_owned(),
        ..event_streams::config()
    };
    let log = eventstore::Log::connect(config).await.unwrap();
    log.connection().wait_for(|is| *is).await.unwrap();
    let mut in_parts = Vec::new();
    let note = |finding: analysis::Finding| {
        let rule = serde_json::to_value(finding.rule).unwrap();
        let rule = rule.as_str().unwrap();
        in_parts.push(format!("{}#{} {rule}", finding.stream, finding.sequence));
    };
    let checked = analysis::check_with(&log, 5, note, |_, _| {})
        .await
        .unwrap();
    in_parts.sort();
    assert_eq!(in_parts, found);
    assert!(checked.passes > 8, "{checked:?}");
}

#[tokio::test]
async fn a_hole_is_reported_until_it_is_acknowledged() {
    let season = Season::write().await;
    let url = season.archive.url();
    let order = Season::order(2).0.to_string();
    season.archive.nats.damage("ORDERS", &order).await;
    let holes = |lines: &[Value]| {
        let rule = |line: &&Value| line["rule"] == "dense_sequences";
        lines.iter().filter(rule).cloned().collect::<Vec<_>>()
    };
    let lines = findings(&season).await;
    let [hole] = &holes(&lines)[..] else {
        panic!("{lines:#?}");
    };
    let (sequence, what) = (hole["sequence"].to_string(), hole["what"].as_str().unwrap());
    assert!(
        what.starts_with(&format!("ORDERS#{sequence} is missing")),
        "{what}"
    );
    // Readers stop there, with the exit code for a damaged log.
    tool(url, &["events", "ls", "--stream", "ORDERS"])
        .await
        .with_code(3)
        .says(&format!("ORDERS#{sequence} is missing"));

    let acknowledge = ["streams", "acknowledge", "orders", &sequence];
    let by = ["--by", "ann", "--reason", "the disk of nats-0"];
    for (args, why) in [
        (&acknowledge[..], "--by <NAME>"),
        (
            &[&acknowledge[..], &["--by", "ann", "--reason", " "]].concat(),
            "one line of text",
        ),
        (
            &[&["streams", "acknowledge", "REQUESTS", "1"][..], &by].concat(),
            "no stream of events",
        ),
        (
            &[&["streams", "acknowledge", "ORDERS", "1"][..], &by].concat(),
            "#1 can be read",
        ),
        (
            &[&["streams", "acknowledge", "ORDERS", "999"][..], &by].concat(),
            "the stream has #1 to #",
        ),
    ] {
        tool(url, args).await.with_code(2).says(why);
    }
    tool(url, &[&acknowledge[..], &by].concat())
        .await
        .well()
        .says(&format!("ORDERS#{sequence}: lost, acknowledged by ann at "));

    tool(url, &["events", "ls", "--stream", "ORDERS"])
        .await
        .well();
    let verified = tool(url, &["verify", "--log-only"]).await.with_code(1);
    let lines = verified.json();
    assert!(holes(&lines).is_empty(), "{lines:#?}");
    // Its consequences stay findings, and are listed next to it.
    assert!(lines.iter().any(|line| line["rule"] == "dense_versions"));
    let listed = lines
        .iter()
        .find_map(|line| line.get("acknowledged"))
        .unwrap();
    assert_eq!(
        (
            &listed["stream"],
            listed["first"].to_string(),
            &listed["by"],
            &listed["reason"]
        ),
        (
            &json!("ORDERS"),
            sequence.clone(),
            &json!("ann"),
            &json!("the disk of nats-0")
        )
    );
    tool(url, &["verify", "--log-only", "--table"])
        .await
        .with_code(1)
        .says(&format!("ORDERS#{sequence}: lost, acknowledged by ann"));
}
